// Graphs in which elementwise ops, reductions, broadcasts and transposes read slices, padded tensors and joined ones: what
// fuse-kernels makes one kernel of, which reads at other positions.
#pragma once
#include "tests/support/graphs.h"
#include "tests/support/random_graph.h"

#include <string>
#include <vector>

namespace burin::test {

struct ReadSizes {
  std::int64_t rows = 0, columns = 0;
  bool named = false;
};

/// A graph of two sizes, over inputs of one dtype whose values are small: sums of them are exact.
class ReadGraph : public Builder {
 public:
  Dim rows, columns;
  std::vector<HostTensor> inputs;

  ReadGraph(Dtype dtype, ReadSizes sizes)
      : rows(sizes.named ? Dim("rows") : Dim(sizes.rows)),
        columns(sizes.named ? Dim("columns") : Dim(sizes.columns)),
        dtype_(dtype),
        bindings_{{"rows", Dim(sizes.rows)}, {"columns", Dim(sizes.columns)}} {}

  ValueId input(const Shape& shape) {
    const TensorType type{dtype_, shape};
    TensorType here = type;
    for (std::size_t i = 0; i < here.shape.size(); ++i) here.shape[i] = substitute(here.shape[i], bindings_);
    HostTensor t{here, Buffer::allocate(HostTensor{here, {}}.num_bytes())};
    for (std::int64_t i = 0; i < t.num_elements(); ++i) set_element(t, i, static_cast<double>((i * 7 + 3) % 11) - 5);
    inputs.push_back(t);
    return argument(type, "in" + std::to_string(inputs.size()));
  }
  ValueId slice(ValueId x, std::vector<Dim> starts, std::vector<Dim> sizes, std::vector<std::int64_t> strides = {}) {
    return op(OpKind::slice, {x}, {std::move(starts), std::move(sizes), std::move(strides)});
  }
  ValueId pad(ValueId x, std::vector<Dim> low, std::vector<Dim> high, std::vector<std::int64_t> between = {}) {
    return pad(x, input({}), std::move(low), std::move(high), std::move(between));
  }
  ValueId pad(ValueId x, ValueId with, std::vector<Dim> low, std::vector<Dim> high,
              std::vector<std::int64_t> between = {}) {
    return op(OpKind::pad, {x, with}, {std::move(low), std::move(high), std::move(between)});
  }
  ValueId join(std::vector<ValueId> parts, std::int64_t axis) {
    return op(OpKind::concatenate, std::move(parts), {axis});
  }
  ValueId mix(ValueId x, ValueId y) { return op(dtype_ == boolean ? OpKind::logical_or : OpKind::max, {x, y}); }
  ValueId change(ValueId x) { return op(dtype_ == boolean ? OpKind::logical_not : OpKind::neg, {x}); }
  ValueId total(ValueId x, std::vector<std::int64_t> axes, bool keep = false) {
    if (dtype_ == boolean) x = op(OpKind::cast, {x}, {Dtype::i32});
    return op(OpKind::reduce_sum, {x}, {std::move(axes), keep});
  }
  ValueId exchanged(ValueId x) { return op(OpKind::transpose, {x}, {std::vector<std::int64_t>{1, 0}}); }
  ValueId zero() {
    HostTensor t{{dtype_, {}}, Buffer::allocate(bytes(dtype_, 1))};
    set_element(t, 0, 0);
    return constant(t);
  }

 private:
  Dtype dtype_;
  std::vector<DimBinding> bindings_;
};

struct ReadPattern {
  std::string_view name;
  std::int64_t least;  ///< of each size
  void (*build)(ReadGraph&);
};

// clang-format off
inline const ReadPattern read_patterns[] = {
    {"a stencil of slices", 2, [](ReadGraph& g) {
       const ValueId x = g.input({g.rows, g.columns});
       auto at = [&](Dim start) { return g.slice(x, {0, start}, {g.rows, g.columns - 2}); };
       g.result(g.mix(g.mix(at(0), g.change(at(1))), at(2)));
     }},
    {"a slice of every other element, and one that is broadcast", 2, [](ReadGraph& g) {
       const ValueId x = g.input({g.rows, 37}), y = g.input({19});
       g.result(g.mix(g.slice(x, {0, 1}, {g.rows, 18}, {1, 2}), g.slice(y, {1}, {18})));
       g.result(g.mix(g.slice(x, {1, 0}, {1, 37}), x));
     }},
    {"slices that begin at a named size", 2, [](ReadGraph& g) {
       const ValueId x = g.input({g.rows + g.columns, 5});
       g.result(g.change(g.input({g.rows, g.columns})));
       g.result(g.total(g.slice(x, {g.rows, 0}, {g.columns, 5}), {0}));
       g.result(g.mix(g.slice(x, {g.columns, 1}, {g.rows, 3}), g.slice(x, {0, 2}, {g.rows, 3})));
     }},
    {"padded on all sides", 0, [](ReadGraph& g) {
       const ValueId x = g.input({g.rows, g.columns}), y = g.input({g.rows + 3, g.columns + 5});
       g.result(g.mix(g.change(g.pad(x, {1, 2}, {2, 3})), y));
     }},
    {"neighbours of a grid", 1, [](ReadGraph& g) {
       const ValueId x = g.input({g.rows, g.columns}), zero = g.zero();
       const Dim r = g.rows, c = g.columns;
       const ValueId left = g.pad(g.slice(x, {0, 0}, {r, c - 1}), zero, {0, 1}, {0, 0});
       const ValueId right = g.pad(g.slice(x, {0, 1}, {r, c - 1}), zero, {0, 0}, {0, 1});
       const ValueId above = g.pad(g.slice(x, {0, 0}, {r - 1, c}), zero, {1, 0}, {0, 0});
       const ValueId below = g.pad(g.slice(x, {1, 0}, {r - 1, c}), zero, {0, 0}, {1, 0});
       g.result(g.mix(g.mix(g.change(left), right), g.mix(above, g.change(below))));
     }},
    {"totals of padded rows and columns", 0, [](ReadGraph& g) {
       const ValueId x = g.input({g.rows, g.columns});
       const ValueId p = g.pad(x, {2, 1}, {0, 40});
       g.result(g.total(p, {1}));
       g.result(g.total(p, {0}, true));
       g.result(g.total(g.change(p), {0, 1}));
     }},
    {"what reads a padded tensor in several kernels and in memory", 0, [](ReadGraph& g) {
       const ValueId x = g.input({g.rows, g.columns});
       const ValueId p = g.pad(x, {0, 1}, {1, 1});
       g.result(g.change(p));
       g.result(p);
       g.result(g.total(p, {1}));
     }},
    {"elements with others between", 1, [](ReadGraph& g) {
       const ValueId x = g.input({g.rows, g.columns});
       g.result(g.change(g.pad(x, {1, 0}, {0, 2}, {0, 1})));
     }},
    {"joined columns", 0, [](ReadGraph& g) {
       const ValueId x = g.input({g.rows, g.columns}), y = g.input({g.rows, 7});
       g.result(g.change(g.join({x, y, x}, 1)));
     }},
    {"joined rows under a broadcast", 0, [](ReadGraph& g) {
       const ValueId x = g.input({g.rows, g.columns}), y = g.input({3, g.columns}), z = g.input({g.columns});
       g.result(g.mix(g.join({x, y}, 0), z));
     }},
    {"totals of what is joined", 0, [](ReadGraph& g) {
       const ValueId x = g.input({g.rows, g.columns}), y = g.input({g.rows, 9});
       const ValueId j = g.join({y, x, y}, 1);
       g.result(g.total(j, {0}));
       g.result(g.total(j, {1}));
       g.result(g.total(j, {0, 1}));
     }},
    {"joined vectors and their total", 0, [](ReadGraph& g) {
       const ValueId x = g.input({g.rows}), y = g.input({g.columns});
       g.result(g.change(g.join({x, y, x, y}, 0)));
       g.result(g.total(g.join({y, x}, 0), {0}));
     }},
    {"many joined, more than are read in place", 0, [](ReadGraph& g) {
       const ValueId x = g.input({g.rows, g.columns}), y = g.input({1, g.columns});
       g.result(g.change(g.join({x, y, x, y, x, y, x, y, x}, 0)));
     }},
    {"exchanged axes, before and after", 0, [](ReadGraph& g) {
       const ValueId x = g.input({g.rows, g.columns}), y = g.input({g.columns + 2, g.rows + 1});
       g.result(g.mix(g.exchanged(g.pad(x, {1, 0}, {0, 2})), y));
       g.result(g.mix(g.pad(g.exchanged(x), {2, 0}, {0, 1}), y));
       g.result(g.exchanged(g.join({x, x}, 1)));
     }},
    {"reads of reads", 3, [](ReadGraph& g) {
       const ValueId x = g.input({g.rows, g.columns}), y = g.input({g.rows, g.columns});
       const ValueId inner = g.pad(x, {0, 1}, {0, 2});
       const ValueId outer = g.pad(inner, {1, 1}, {1, 0});
       g.result(g.change(outer));
       g.result(g.change(g.join({g.slice(y, {0, 1}, {g.rows, g.columns - 1}), inner}, 1)));
       g.result(g.change(g.slice(g.join({x, y}, 1), {1, 2}, {g.rows - 1, g.columns + 1})));
       g.result(g.change(g.slice(g.pad(x, {0, 3}, {0, 3}), {0, 1}, {g.rows, 3}, {1, 2})));
     }},
    {"reads of what another kernel computes, beside what it computes", 1, [](ReadGraph& g) {
       const ValueId x = g.input({g.rows, g.columns});
       const ValueId y = g.change(x);
       const ValueId shifted = g.pad(g.slice(y, {0, 1}, {g.rows, g.columns - 1}), {0, 0}, {0, 1});
       g.result(g.mix(y, shifted));
       g.result(g.mix(g.change(g.join({g.slice(y, {0, 0}, {1, g.columns}), y}, 0)), g.join({y, g.slice(x, {0, 0}, {1, g.columns})}, 0)));
     }},
    {"a joined broadcast and numbers", 0, [](ReadGraph& g) {
       const ValueId x = g.input({g.rows, g.columns}), z = g.input({g.columns});
       const ValueId wide = g.op(OpKind::broadcast_to, {z}, {std::vector<Dim>{2, g.columns}});
       g.result(g.change(g.join({wide, x}, 0)));
       const ValueId tall = g.op(OpKind::broadcast_to, {g.input({g.rows, 1})}, {std::vector<Dim>{g.rows, 21}});
       g.result(g.change(g.join({x, tall}, 1)));
     }},
    {"three axes, the middle one padded", 0, [](ReadGraph& g) {
       const ValueId x = g.input({3, g.rows, g.columns});
       const ValueId p = g.pad(x, {0, 1, 0}, {0, 2, 0});
       g.result(g.change(p));
       g.result(g.total(p, {1}));
       g.result(g.total(p, {0, 2}));
     }},
};
// clang-format on

inline Case read_case(const ReadPattern& pattern, Dtype dtype, ReadSizes sizes) {
  ReadGraph g(dtype, sizes);
  pattern.build(g);
  return {std::move(g.graph), std::move(g.inputs)};
}

}  // namespace burin::test
