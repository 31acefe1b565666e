// Spec: what an input signature says of one tensor: its dtype and sizes, numbers or names, and which one where it says so.
#pragma once
#include <burin/dim.h>

#include <string>

namespace burin {

/// The type that an input signature asks of one tensor. A name stands for any size, the same wherever it stands.
struct Spec {
  TensorType type;
  std::string
      path{};  ///< of the tensor among the arguments, as errors and `explain` call it: `arg1`, `arg0.w`; or none
};
/// Example: `function(f, {.signature = {spec<f32>({"batch", 128})}})`: f32 matrices with 128 columns, one trace for all.
template <Dtype dtype> Spec spec(std::initializer_list<Dim> sizes) { return {{dtype, Shape(sizes)}}; }
template <Dtype dtype> Spec spec() { return {{dtype, Shape{}}}; }
/// The same for one tensor; what a signature of such specs does not name is left to each call.
/// Example: `function(f, {.signature = {spec<f32>("arg1", {"batch", 128})}})`: the second argument's batch has a name.
template <Dtype dtype> Spec spec(std::string path, std::initializer_list<Dim> sizes) {
  return {{dtype, Shape(sizes)}, std::move(path)};
}

}  // namespace burin
