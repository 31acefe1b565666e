// The referee's kernels for ops that move elements. They copy bytes of one element size and know no dtypes.
#include "runtime/ops/scalar.h"

#include <cstring>

namespace burin::reference {
namespace {

using Operands = std::span<const HostTensor>;
using Results = std::span<HostTensor>;
using scalar::Sizes;
using scalar::Strides;
using scalar::Walk;

/// Copies `count` elements of `sizes`, reading and writing at strides of its own on either side.
void copy_strided(const std::byte* from, const Strides& from_strides, std::byte* to, const Strides& to_strides, const Sizes& sizes,
                  std::int64_t element) {
  Walk<2> walk{sizes, {from_strides, to_strides}};
  for (std::int64_t i = 0, n = sizes.count(); i < n; ++i, walk.next(sizes.rank - 1))
    std::memcpy(to + walk.offset[1] * element, from + walk.offset[0] * element, static_cast<std::size_t>(element));
}

const std::byte* bytes(const HostTensor& t) { return static_cast<const std::byte*>(t.buffer.data()); }
std::byte* bytes(HostTensor& t) { return static_cast<std::byte*>(t.buffer.mutable_data()); }

/// Dense strides of a shape, 1-sized axes included (Strides zeroes those).
Strides dense(const Sizes& s) {
  Strides result(s, s);
  std::int64_t step = 1;
  for (int i = s.rank - 1; i >= 0; --i) {
    result.s[i] = step;
    step *= s[i];
  }
  return result;
}

std::int64_t number(const Attribute& list, int i) { return std::get<std::vector<Dim>>(list)[static_cast<std::size_t>(i)].value(); }

/// The entry of an optional list of integers.
std::int64_t entry(const Attribute& list, int i, std::int64_t otherwise) {
  const auto& values = std::get<std::vector<std::int64_t>>(list);
  return values.empty() ? otherwise : values[static_cast<std::size_t>(i)];
}

}  // namespace

void broadcast_to(Operands operands, Results results, const Attributes&, const KernelSink&) {
  Sizes out(results[0].type.shape);
  copy_strided(bytes(operands[0]), Strides(Sizes(operands[0].type.shape), out), bytes(results[0]), dense(out), out,
               byte_size(results[0].type.dtype));
}

/// Shares the operand's bytes: row-major order is the same.
void reshape(Operands operands, Results results, const Attributes&, const KernelSink&) { results[0].buffer = operands[0].buffer; }

void transpose(Operands operands, Results results, const Attributes& attributes, const KernelSink&) {
  const auto& permutation = std::get<std::vector<std::int64_t>>(attributes[0]);
  Sizes out(results[0].type.shape);
  Strides x = dense(Sizes(operands[0].type.shape)), permuted = x;
  for (int i = 0; i < out.rank; ++i) permuted.s[i] = x[static_cast<int>(permutation[static_cast<std::size_t>(i)])];
  copy_strided(bytes(operands[0]), permuted, bytes(results[0]), dense(out), out, byte_size(results[0].type.dtype));
}

void concatenate(Operands operands, Results results, const Attributes& attributes, const KernelSink&) {
  auto axis = static_cast<int>(std::get<std::int64_t>(attributes[0]));
  std::int64_t element = byte_size(results[0].type.dtype);
  Strides out = dense(Sizes(results[0].type.shape));
  std::byte* to = bytes(results[0]);
  for (const HostTensor& operand : operands) {
    Sizes sizes(operand.type.shape);
    copy_strided(bytes(operand), dense(sizes), to, out, sizes, element);
    to += sizes[axis] * out[axis] * element;
  }
}

void slice(Operands operands, Results results, const Attributes& attributes, const KernelSink&) {
  std::int64_t element = byte_size(results[0].type.dtype);
  Sizes out(results[0].type.shape);
  Strides x = dense(Sizes(operands[0].type.shape)), stepped = x;
  const std::byte* from = bytes(operands[0]);
  for (int i = 0; i < out.rank; ++i) {
    from += number(attributes[0], i) * x[i] * element;
    stepped.s[i] = x[i] * entry(attributes[2], i, 1);
  }
  copy_strided(from, stepped, bytes(results[0]), dense(out), out, element);
}

void pad(Operands operands, Results results, const Attributes& attributes, const KernelSink&) {
  std::int64_t element = byte_size(results[0].type.dtype);
  Strides out = dense(Sizes(results[0].type.shape)), stepped = out;
  std::byte* to = bytes(results[0]);
  for (std::int64_t i = 0, n = results[0].num_elements(); i < n; ++i)
    std::memcpy(to + i * element, bytes(operands[1]), static_cast<std::size_t>(element));
  Sizes x(operands[0].type.shape);
  for (int i = 0; i < x.rank; ++i) {
    to += number(attributes[0], i) * out[i] * element;
    stepped.s[i] = out[i] * (entry(attributes[2], i, 0) + 1);
  }
  copy_strided(bytes(operands[0]), dense(x), to, stepped, x, element);
}

}  // namespace burin::reference
