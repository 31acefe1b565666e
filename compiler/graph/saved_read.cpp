// From the message of saved.proto back to graphs. Nothing in it is trusted: numbers are checked against what exists so
// far, texts are parsed by bounded parsers, nesting is bounded, and each graph passes verify() at the end.
#include "compiler/graph/safetensors.h"
#include "compiler/graph/saved.h"

#include "compiler/graph/saved.pb.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <google/protobuf/io/coded_stream.h>
#include <unordered_map>

namespace burin {
namespace {

Error bad(std::string what) {
  return {ErrorCode::invalid_argument, "saved function: " + std::move(what), "corrupt-file", "", "save it again"};
}

/// What is wrong with a type (or dtype) that none of ours is spelled like.
Error unreadable(const std::string& text, std::string otherwise) {
  const std::string dtype = text.substr(0, text.find('['));
  if (!is_reserved_dtype(dtype)) return bad(std::move(otherwise));
  return {ErrorCode::unsupported, "saved function: it has values of dtype " + dtype + ", which burin does not have yet",
          "dtype", "", ""};
}

using WeightTable = std::unordered_map<std::string, std::shared_ptr<const Constant>>;

/// The value of a constant or variable: bytes of its own, or a weight.
template <class Message>
Result<std::shared_ptr<const Constant>> read_value(const Message& m, const TensorType& type,
                                                   const WeightTable& weights) {
  if (!type.shape.is_static()) return bad("a constant has no type of known sizes");
  if (m.where_case() == Message::kWeight) {
    auto it = weights.find(m.weight());
    if (it == weights.end()) return bad("the weight '" + m.weight().substr(0, 100) + "' is missing");
    if (it->second->value.type != type)
      return bad("the weight '" + m.weight().substr(0, 100) + "' is not " + to_string(type));
    return it->second;
  }
  const Dim size = num_bytes(type);
  if (size.is_overflow()) return bad("a constant is larger than any memory");
  const std::int64_t bytes = size.value();
  const std::string& data = m.data();
  if (m.where_case() != Message::kData && bytes != 0) return bad("a constant has no data");
  if (data.size() != static_cast<std::size_t>(bytes)) return bad("a constant's data does not fit its type");
  if (type.dtype == Dtype::boolean && std::any_of(data.begin(), data.end(), [](char b) { return b != 0 && b != 1; }))
    return bad("a bool is neither 0 nor 1");
  HostTensor value{type, Buffer::allocate(bytes)};
  if (!value.buffer)
    return Error{ErrorCode::device, "saved function: no memory for a constant", "out-of-memory", "", ""};
  if (bytes > 0) std::memcpy(value.buffer.mutable_data(), data.data(), data.size());
  return make_constant(std::move(value));
}

/// Reads one graph; `run` false: `error` says why.
class GraphReader {
 public:
  GraphReader(const saved::Graph& in, const WeightTable& weights, Graph& out)
      : in_(in),
        weights_(weights),
        graph_(out) {}

  Result<void> run() {
    graph_.name = in_.name();
    const bool ok = types() && op_names() && constants() && lines() && inputs() && guards() &&
                    block(in_.body(), BlockId::top, 0) && outputs();
    if (!ok) return error_;
    return verify(graph_);
  }
  std::shared_ptr<const Constant> constant(std::uint32_t i) const {
    return i < constants_.size() ? constants_[i] : nullptr;
  }

 private:
  bool fail(std::string what) { return fail(bad(std::move(what))); }
  bool fail(Error e) {
    error_ = std::move(e);
    return false;
  }

  bool types() {
    for (const std::string& text : in_.types()) {
      auto t = parse_tensor_type(text);
      if (!t) return fail(unreadable(text, "a type cannot be read"));
      types_.push_back(*t);
    }
    return true;
  }
  bool op_names() {
    for (const auto& n : in_.op_names()) {
      const OpInfo* info = find_op(n.mnemonic());
      if (!info)
        return fail(
            {ErrorCode::unsupported,
             "saved function: it uses the op '" + n.mnemonic().substr(0, 100) + "', which this burin does not have",
             "unknown-op", "", "use the burin that saved it, or a later one"});
      if (info->version != n.version())
        return fail({ErrorCode::unsupported,
                     "saved function: it uses version " + std::to_string(n.version()) + " of the op '" + n.mnemonic() +
                         "'; this burin has version " + std::to_string(info->version),
                     "op-version", "", "use the burin that saved it, or save it again"});
      kinds_.push_back(info->kind);
    }
    return true;
  }
  bool constants() {
    for (const auto& c : in_.constants()) {
      if (c.type() >= types_.size()) return fail("a constant has no type of known sizes");
      auto value = read_value(c, types_[c.type()], weights_);
      if (!value) return fail(value.error());
      constants_.push_back(std::move(*value));
    }
    return true;
  }
  bool lines() {
    std::vector<std::string_view> texts;
    for (const std::string& t : in_.texts()) texts.push_back(graph_.keep_text(t));
    lines_.push_back(0);
    for (const auto& l : in_.lines()) {
      if (l.file() >= texts.size() || l.function() >= texts.size()) return fail("a source line has no file");
      lines_.push_back(graph_.intern_line({texts[l.file()], texts[l.function()], l.line(), l.column()}));
    }
    return true;
  }
  bool inputs() {
    for (const auto& i : in_.inputs()) {
      if (i.type() >= types_.size() || !saved::Input::Kind_IsValid(i.kind()))
        return fail("an input has no type or kind");
      values_.push_back(graph_.add_input(static_cast<InputKind>(i.kind()), types_[i.type()], i.name()));
    }
    return true;
  }
  bool guards() {
    for (const std::string& text : in_.guards()) {
      auto g = parse_guard(text);
      if (!g) return fail("a guard cannot be read");
      graph_.add_guard(*g);
    }
    return true;
  }
  bool outputs() {
    for (const auto& o : in_.outputs()) {
      if (o.value() >= values_.size() || !saved::Output::Kind_IsValid(o.kind()))
        return fail("an output has no value or kind");
      std::optional<std::uint32_t> overwrites;
      if (o.kind() == saved::Output::STATE) overwrites = o.state();
      else if (o.state() != 0) overwrites = o.state() - 1;
      graph_.add_output(static_cast<OutputKind>(o.kind()), values_[o.value()], o.name(), overwrites);
    }
    return true;
  }

  bool values(const google::protobuf::RepeatedField<std::uint32_t>& numbers, std::vector<ValueId>& out) {
    out.clear();
    for (std::uint32_t n : numbers) {
      if (n >= values_.size()) return fail("a value is used that is not defined before");
      out.push_back(values_[n]);
    }
    return true;
  }

  bool block(const saved::Block& in, BlockId id, int depth) {
    if (depth > max_nesting) return fail("regions are nested more than " + std::to_string(max_nesting) + " deep");
    for (std::uint32_t t : in.arguments()) {
      if (t >= types_.size()) return fail("a region's argument has no type");
      values_.push_back(graph_.add_argument(id, types_[t]));
    }
    for (const auto& o : in.ops())
      if (!op(o, id, depth)) return false;
    std::vector<ValueId> yields;
    if (!values(in.yields(), yields)) return false;
    graph_.set_yields(id, yields);
    return true;
  }

  bool op(const saved::Op& in, BlockId in_block, int depth) {
    if (in.op() >= kinds_.size() || in.line() >= lines_.size()) return fail("an op has no kind or no such source line");
    std::vector<ValueId> operands;
    if (!values(in.operands(), operands)) return false;
    Attributes attributes;
    for (const auto& a : in.attributes())
      if (!attribute(a, attributes.emplace_back())) return false;
    std::vector<BlockId> regions;
    for (const auto& r : in.regions()) {
      regions.push_back(graph_.add_block(in_block));
      if (!block(r, regions.back(), depth + 1)) return false;
    }
    std::vector<TensorType> results;
    for (std::uint32_t t : in.results()) {
      if (t >= types_.size()) return fail("a result has no type");
      results.push_back(types_[t]);
    }
    const OpId id = graph_.append(in_block, kinds_[in.op()], operands, std::move(attributes), results,
                                  lines_[in.line()], std::move(regions));
    for (std::uint32_t i = 0; i < results.size(); ++i) values_.push_back(graph_.result(graph_.op(id), i));
    return true;
  }

  bool attribute(const saved::Attribute& in, Attribute& out) {
    switch (in.value_case()) {
      case saved::Attribute::kInteger: out = std::int64_t{in.integer()}; return true;
      case saved::Attribute::kNumber: out = in.number(); return true;
      case saved::Attribute::kFlag: out = in.flag(); return true;
      case saved::Attribute::kText: out = in.text(); return true;
      case saved::Attribute::kIntegers:
        out = std::vector<std::int64_t>(in.integers().values().begin(), in.integers().values().end());
        return true;
      case saved::Attribute::kDtype: {
        auto t = parse_dtype(in.dtype());
        if (!t) return fail(unreadable(in.dtype(), "an attribute names no dtype"));
        out = *t;
        return true;
      }
      case saved::Attribute::kSizes: {
        std::vector<Dim> dims;
        for (const std::string& text : in.sizes().values()) {
          auto d = parse_dim(text);
          if (!d) return fail("a size cannot be read");
          dims.push_back(*d);
        }
        out = std::move(dims);
        return true;
      }
      case saved::Attribute::kConstant: {
        auto c = constant(in.constant());
        if (!c) return fail("an attribute names no constant");
        out = std::move(c);
        return true;
      }
      case saved::Attribute::VALUE_NOT_SET: break;
    }
    return fail("an attribute has no value");
  }

  const saved::Graph& in_;
  const WeightTable& weights_;
  Graph& graph_;
  Error error_;
  std::vector<TensorType> types_;
  std::vector<OpKind> kinds_;
  std::vector<std::shared_ptr<const Constant>> constants_;
  std::vector<std::uint32_t> lines_;
  std::vector<ValueId> values_;
};

Result<std::vector<SavedLeaf>> read_leaves(const google::protobuf::RepeatedPtrField<saved::Leaf>& in) {
  std::vector<SavedLeaf> leaves;
  for (const auto& l : in) {
    if (!saved::Leaf::Kind_IsValid(l.kind())) return bad("a leaf of the call schema has no kind");
    leaves.push_back({static_cast<SavedLeaf::Kind>(l.kind()), l.path(), l.type(), l.text(), l.weak(), l.state()});
  }
  return leaves;
}

Result<SavedVariable> read_variable(const saved::Variable& in, const WeightTable& weights) {
  auto type = parse_tensor_type(in.type());
  if (!type) return unreadable(in.type(), "a type cannot be read");
  auto value = read_value(in, *type, weights);
  if (!value) return value.error();
  return SavedVariable{in.name(), (*value)->value};
}

Result<SavedTrace> read_trace(const saved::Trace& in, const WeightTable& weights,
                              std::span<const SavedVariable> variables) {
  SavedTrace t;
  GraphReader reader(in.graph(), weights, t.graph);
  if (auto ok = reader.run(); !ok) return ok.error();
  auto arguments = read_leaves(in.arguments()), results = read_leaves(in.results());
  if (!arguments) return arguments.error();
  if (!results) return results.error();
  t.arguments = std::move(*arguments);
  t.results = std::move(*results);
  for (std::uint32_t i : in.captures()) {
    auto c = reader.constant(i);
    if (!c) return bad("a captured value is missing");
    t.captures.push_back(c->value);
  }
  for (const auto& b : in.variables()) t.variables.push_back({b.input(), b.variable()});
  if (auto ok = detail::check_schema(t, variables); !ok) return ok.error();
  return t;
}

}  // namespace

std::vector<SavedTrace::Source> SavedTrace::sources() const {
  std::vector<Source> list;
  for (auto& in : graph.inputs()) list.push_back(in.kind == InputKind::capture ? Source::capture : Source::argument);
  for (auto& b : variables)
    if (b.input < list.size()) list[b.input] = Source::variable;
  return list;
}

namespace detail {

Result<void> check_schema(const SavedTrace& t, std::span<const SavedVariable> variables) {
  auto tensors = [](const std::vector<SavedLeaf>& leaves) {
    return std::count_if(leaves.begin(), leaves.end(),
                         [](const SavedLeaf& l) { return l.kind == SavedLeaf::Kind::tensor; });
  };
  std::ptrdiff_t arguments = 0, results = 0;
  std::size_t captures = 0, bound = 0;
  for (std::size_t i = 0; i < t.graph.inputs().size(); ++i) {
    const Input& in = t.graph.inputs()[i];
    if (bound < t.variables.size() && t.variables[bound].input == i) {
      const SavedBinding& b = t.variables[bound++];
      if (in.kind != InputKind::state || b.variable >= variables.size() ||
          variables[b.variable].value.type != t.graph.type(in.value))
        return bad("a variable does not fit its input");
    } else if (in.kind != InputKind::capture) ++arguments;
    else if (captures == t.captures.size() || t.captures[captures++].type != t.graph.type(in.value))
      return bad("a captured value does not fit its input");
  }
  for (const Output& out : t.graph.outputs()) results += out.kind == OutputKind::result ? 1 : 0;
  if (captures != t.captures.size() || bound != t.variables.size() || tensors(t.arguments) != arguments ||
      tensors(t.results) != results)
    return bad("the call schema does not fit the graph");
  return {};
}

Result<SavedFunction> decode_function(std::span<const std::uint8_t> section, std::span<const std::uint8_t> weights,
                                      const Buffer& memory) {
  auto tensors = read_safetensors(weights, memory);
  if (!tensors) return tensors.error();
  WeightTable table;
  for (NamedTensor& t : *tensors) table.emplace(t.name, make_constant(std::move(t.value)));
  saved::Function message;
  if (section.size() > INT_MAX) return bad("the graphs exceed 2 GiB");
  google::protobuf::io::CodedInputStream stream(section.data(), static_cast<int>(section.size()));
  stream.SetRecursionLimit(2 * max_nesting + 16);  // a region is two messages deep
  if (!message.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    return bad("the section 'function' cannot be read");
  SavedFunction function{message.name(), {}, {}, message.producer()};
  for (const auto& v : message.variables()) {
    auto variable = read_variable(v, table);
    if (!variable) return variable.error();
    function.variables.push_back(std::move(*variable));
  }
  for (const auto& t : message.traces()) {
    auto trace = read_trace(t, table, function.variables);
    if (!trace) return trace.error();
    function.traces.push_back(std::move(*trace));
  }
  return function;
}

}  // namespace detail

}  // namespace burin
