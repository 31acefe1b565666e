// Kernels that read at other positions: a stencil of slices, of padded rows, a join, each against the loop that a C++
// programmer would write.
#include "benchmarks/bench.h"

#include <burin/burin.h>

#include <memory>
#include <vector>

namespace burin::bench {
namespace {

constexpr std::int64_t line = 1'000'000, rows_of = 1000, columns = 1000, half = line / 2;
using Floats = std::shared_ptr<std::vector<float>>;

Floats floats(std::int64_t n) {
  auto made = std::make_shared<std::vector<float>>(n);
  for (std::size_t i = 0; i < made->size(); ++i) (*made)[i] = static_cast<float>(i % 1000) * 0.01f - 5.0f;
  return made;
}

Tensor stencil(const Tensor& x) {
  return slice(x, {2}, {line - 2}) + slice(x, {1}, {line - 2}) + slice(x, {0}, {line - 2});
}
void stencil_loop(const float* __restrict x, float* __restrict out) {
  for (std::int64_t i = 0; i < line - 2; ++i) out[i] = x[i + 2] + x[i + 1] + x[i];
}

/// The four neighbours; zero outside.
Tensor neighbours(const Tensor& x) {
  const Tensor left = pad(slice(x, {0, 0}, {rows_of, columns - 1}), 0.0f, {0, 1}, {0, 0});
  const Tensor right = pad(slice(x, {0, 1}, {rows_of, columns - 1}), 0.0f, {0, 0}, {0, 1});
  const Tensor above = pad(slice(x, {0, 0}, {rows_of - 1, columns}), 0.0f, {1, 0}, {0, 0});
  const Tensor below = pad(slice(x, {1, 0}, {rows_of - 1, columns}), 0.0f, {0, 0}, {1, 0});
  return left + right + above + below;
}
void neighbours_loop(const float* __restrict x, float* __restrict out) {
  auto row = [&](std::int64_t i, std::int64_t first, std::int64_t last) {
    for (std::int64_t j = first; j < last; ++j) {
      const float* at = x + i * columns + j;
      float y = 0.0f;
      if (j > 0) y += at[-1];
      if (j + 1 < columns) y += at[1];
      if (i > 0) y += at[-columns];
      if (i + 1 < rows_of) y += at[columns];
      out[i * columns + j] = y;
    }
  };
  auto inner = [&](std::int64_t i) {
    const float* at = x + i * columns;
    for (std::int64_t j = 1; j + 1 < columns; ++j)
      out[i * columns + j] = at[j - 1] + at[j + 1] + at[j - columns] + at[j + columns];
  };
  row(0, 0, columns);
  for (std::int64_t i = 1; i + 1 < rows_of; ++i) {
    row(i, 0, 1);
    inner(i);
    row(i, columns - 1, columns);
  }
  row(rows_of - 1, 0, columns);
}

Tensor padded(const Tensor& x, const Tensor& y) { return pad(x, 1.0f, {1, 1}, {1, 1}) + y; }
void padded_loop(const float* __restrict x, const float* __restrict y, float* __restrict out) {
  const std::int64_t wide = columns + 2;
  for (std::int64_t i = 0; i < rows_of + 2; ++i) {
    const bool border = i == 0 || i > rows_of;
    const float *from = x + (i - 1) * columns - 1, *other = y + i * wide;
    float* to = out + i * wide;
    if (border) {
      for (std::int64_t j = 0; j < wide; ++j) to[j] = 1.0f + other[j];
      continue;
    }
    to[0] = 1.0f + other[0];
    for (std::int64_t j = 1; j <= columns; ++j) to[j] = from[j] + other[j];
    to[wide - 1] = 1.0f + other[wide - 1];
  }
}

Tensor joined(const Tensor& x, const Tensor& y) { return max(concatenate({x, y}, 0), 0.0f); }
void joined_loop(const float* __restrict x, const float* __restrict y, float* __restrict out) {
  for (std::int64_t i = 0; i < half; ++i) out[i] = x[i] > 0.0f ? x[i] : 0.0f;
  for (std::int64_t i = 0; i < half; ++i) out[half + i] = y[i] > 0.0f ? y[i] : 0.0f;
}

Tensor joined_columns(const Tensor& x, const Tensor& y) { return max(concatenate({x, y}, 1), 0.0f); }
void joined_columns_loop(const float* __restrict x, const float* __restrict y, float* __restrict out) {
  for (std::int64_t i = 0; i < rows_of; ++i) {
    for (std::int64_t j = 0; j < columns / 2; ++j, ++x) *out++ = *x > 0.0f ? *x : 0.0f;
    for (std::int64_t j = 0; j < columns / 2; ++j, ++y) *out++ = *y > 0.0f ? *y : 0.0f;
  }
}

}  // namespace

void suite(Rows& rows) {
  const Floats x = floats(line), y = floats((rows_of + 2) * (columns + 2)), out = floats(y->size());
  const Floats a = floats(half), b = floats(half);
  const Tensor tx(*x, {line}), tm(*x, {rows_of, columns}), ty(*y, {rows_of + 2, columns + 2});
  const Tensor ta(*a, {half}), tb(*b, {half});
  const Tensor tam(*a, {rows_of, columns / 2}), tbm(*b, {rows_of, columns / 2});
  const std::string peer = "g++ -O3 -march=native loop, one thread";
  auto one = [&](std::string name, auto f, Tensor input, auto loop) {
    auto compiled = burin::function(f);
    keep(compiled(input).defined());
    rows.add({.name = std::move(name),
              .ours = [=] { keep(compiled(input).defined()); },
              .peer_name = peer,
              .peer = [=] { loop(x->data(), out->data()), keep(out->data()); }});
  };
  auto two = [&](std::string name, auto f, Tensor p, Tensor q, Floats from, Floats and_from, auto loop) {
    auto compiled = burin::function(f);
    keep(compiled(p, q).defined());
    rows.add({.name = std::move(name),
              .ours = [=] { keep(compiled(p, q).defined()); },
              .peer_name = peer,
              .peer = [=] { loop(from->data(), and_from->data(), out->data()), keep(out->data()); }});
  };
  one("stencil3", stencil, tx, stencil_loop);
  one("neighbours4", neighbours, tm, neighbours_loop);
  two("pad_add", padded, tm, ty, x, y, padded_loop);
  two("concatenate_relu", joined, ta, tb, a, b, joined_loop);
  two("concatenate_columns_relu", joined_columns, tam, tbm, a, b, joined_columns_loop);
}

}  // namespace burin::bench
