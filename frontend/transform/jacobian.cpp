// What jacobian's templates need of shapes and checks.
#include <burin/jacobian.h>

#include "frontend/record/eager.h"
#include "frontend/record/recorder.h"
#include "frontend/transform/gradient.h"

namespace burin::detail {

Tensor unit_vectors(const Tensor& like) {
  const DeviceOf device(like);
  const TensorType type = like.type();
  const Dim n = type.shape.num_elements();
  Shape shape{n};
  for (Dim d : type.shape) shape.push_back(d);
  return reshape(cast(equal(iota({n, n}, 0), iota({n, n}, 1)), type.dtype), shape);
}

namespace {

void check_rank(int a, int b) {
  if (a + b <= max_rank) return;
  fail({ErrorCode::invalid_argument,
        "jacobian: its tensors would have " + std::to_string(a + b) +
            " axes, those of the result and of the argument; " + std::to_string(max_rank) + " are the most",
        "rank", "", "reshape inside the function"},
       {});
}

}  // namespace

Tensor split_last(const Tensor& t, const Shape& last) {
  check_rank(t.rank() - 1, last.rank());
  Shape shape;
  for (int i = 0; i + 1 < t.rank(); ++i) shape.push_back(t.shape()[static_cast<std::size_t>(i)]);
  for (Dim d : last) shape.push_back(d);
  return reshape(t, shape);
}

Tensor split_first(const Tensor& t, const Shape& first) {
  check_rank(first.rank(), t.rank() - 1);
  Shape shape = first;
  for (int i = 1; i < t.rank(); ++i) shape.push_back(t.shape()[static_cast<std::size_t>(i)]);
  return reshape(t, shape);
}

void check_jacobian_result(const Tensor& y, const char* who, const std::source_location& where) {
  if (y.defined() && is_floating(y.dtype())) return;
  fail({ErrorCode::invalid_argument,
        std::string(who) + ": the function returned " + (y.defined() ? to_string(y.type()) : "an undefined tensor") +
            "; a derivative needs " + to_string(floating_dtypes),
        "jacobian-result", "", "cast it, or return only what has a derivative"},
       where);
}

void check_sources(const Leaves& leaves, const char* who, const std::source_location& where) {
  if (leaves.tensors.empty())
    fail({ErrorCode::invalid_argument, std::string(who) + ": its argument holds no tensors", "no-tensors", "",
          "give a Tensor or a tree of Tensors"},
         where);
  for (std::size_t i = 0; i < leaves.tensors.size(); ++i) check_source(*leaves.tensors[i], leaves.paths[i], who, where);
}

}  // namespace burin::detail
