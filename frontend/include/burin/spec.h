// Spec: what an input signature says of one tensor: its dtype and sizes, numbers or names.
#pragma once
#include <burin/dim.h>

namespace burin {

/// The type that an input signature asks of one tensor. A name stands for any size, the same wherever it stands.
struct Spec {
  TensorType type;
};
/// Example: `function(f, {.signature = {spec<f32>({"batch", 128})}})`: f32 matrices with 128 columns, one trace for all.
template <Dtype dtype> Spec spec(std::initializer_list<Dim> sizes) { return {{dtype, Shape(sizes)}}; }
template <Dtype dtype> Spec spec() { return {{dtype, Shape{}}}; }

}  // namespace burin
