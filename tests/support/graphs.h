// Short ways to make tensors and graphs in tests: values from lists, ops with their types inferred.
#pragma once
#include "compiler/graph/graph.h"

#include "tests/support/catch.h"

#include <cstring>

namespace burin::test {

template <class T> HostTensor tensor(std::vector<std::int64_t> dims, const std::vector<T>& values) {
  HostTensor t{{dtype_of<T>, Shape::of(dims)}, {}};
  t.buffer = Buffer::allocate(t.num_bytes());
  REQUIRE(static_cast<std::size_t>(t.num_elements()) == values.size());
  for (std::size_t i = 0; i < values.size(); ++i) static_cast<T*>(t.buffer.mutable_data())[i] = values[i];
  return t;
}
template <class T> HostTensor scalar(T value) { return tensor<T>({}, {value}); }
inline HostTensor scalar(bool value) {
  HostTensor t{{Dtype::boolean, {}}, Buffer::allocate(1)};
  *static_cast<std::uint8_t*>(t.buffer.mutable_data()) = value ? 1 : 0;
  return t;
}
template <class T> std::vector<T> values(const HostTensor& t) {
  REQUIRE(t.type.dtype == dtype_of<T>);
  return {t.data<T>(), t.data<T>() + t.num_elements()};
}
inline bool same_bytes(const HostTensor& a, const HostTensor& b) {
  return a.type == b.type && (a.num_bytes() == 0 || std::memcmp(a.buffer.data(), b.buffer.data(),
                                                                static_cast<std::size_t>(a.num_bytes())) == 0);
}

/// A graph under construction, with a current block.
struct Builder {
  Graph graph;
  BlockId block = BlockId::top;
  std::uint32_t line = 0;

  ValueId argument(const TensorType& type, std::string name = {}) {
    return graph.add_input(InputKind::argument, type, std::move(name));
  }
  /// Appends and gives the first result (`none` for an op without).
  ValueId op(OpKind kind, std::vector<ValueId> operands, Attributes attributes = {}) {
    std::vector<TensorType> types;
    for (ValueId v : operands) types.push_back(graph.type(v));
    std::vector<Guard> guards;
    auto inferred = infer_types(kind, {types, attributes, &guards});
    if (!inferred) FAIL(inferred.error().text());
    for (const Guard& g : guards) graph.add_guard(g);
    const OpId id = graph.append(block, kind, operands, std::move(attributes), *inferred, line);
    return inferred->empty() ? ValueId::none : graph.result(graph.op(id));
  }
  /// A region op whose blocks are filled by functions: `then`/`otherwise` return what they yield.
  template <class Then, class Else> std::vector<ValueId> branch(ValueId condition, Then then, Else otherwise) {
    const BlockId outer = block, a = graph.add_block(outer), b = graph.add_block(outer);
    block = a;
    graph.set_yields(a, then());
    block = b;
    graph.set_yields(b, otherwise());
    block = outer;
    return finish(OpKind::if_, {condition}, graph.block(a).yields, {a, b});
  }
  /// `test(carried)` returns `again` and what is handed on; `body(handed)` returns what is carried next.
  template <class Test, class Body>
  std::vector<ValueId> loop(std::vector<ValueId> inits, Test test, Body body, std::optional<Dim> most = {}) {
    const BlockId outer = block, t = graph.add_block(outer), b = graph.add_block(outer);
    for (ValueId v : inits) graph.add_argument(t, TensorType(graph.type(v)));
    block = t;
    const std::vector<ValueId> tested = test(std::vector<ValueId>(graph.block(t).arguments));
    graph.set_yields(t, tested);
    const std::vector<ValueId> handed(tested.begin() + 1, tested.end());
    for (ValueId v : handed) graph.add_argument(b, TensorType(graph.type(v)));
    block = b;
    graph.set_yields(b, body(std::vector<ValueId>(graph.block(b).arguments)));
    block = outer;
    return finish(OpKind::while_, inits, handed, {t, b}, most);
  }
  ValueId constant(HostTensor value) { return op(OpKind::constant, {}, {make_constant(std::move(value))}); }
  void result(ValueId v, std::string name = {}) { graph.add_output(OutputKind::result, v, std::move(name)); }

 private:
  std::vector<ValueId> finish(OpKind kind, const std::vector<ValueId>& operands, std::span<const ValueId> like,
                              std::vector<BlockId> regions, std::optional<Dim> most = {}) {
    std::vector<TensorType> types;
    for (ValueId v : like) types.push_back(graph.type(v));
    const Op& op =
        graph.op(graph.append(block, kind, operands, region_attributes(kind, most), types, line, std::move(regions)));
    std::vector<ValueId> results;
    for (std::uint32_t i = 0; i < op.num_results; ++i) results.push_back(graph.result(op, i));
    return results;
  }
};

}  // namespace burin::test
