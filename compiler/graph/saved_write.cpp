// From a function's traces to the message of saved.proto and the weights beside it.
#include "compiler/graph/safetensors.h"
#include "compiler/graph/saved.h"

#include "compiler/graph/print.h"
#include "compiler/graph/saved.pb.h"

#include <map>
#include <unordered_map>

namespace burin {
namespace {

constexpr std::int64_t inline_elements = 64;  // larger tensors are weights

/// Weights of all traces, each value once.
class Weights {
 public:
  /// The name of that value; `wish` if no other value has it.
  const std::string& add(const HostTensor& value, std::array<std::uint64_t, 2> digest, const std::string& wish) {
    auto [it, fresh] = names_.try_emplace(digest, wish);
    if (!fresh) return it->second;
    if (wish.empty() || taken_.contains(wish))
      it->second = (wish.empty() ? "constant" : wish) + "-" + hex(digest).substr(0, 12);
    taken_.emplace(it->second, true);
    tensors_.push_back({it->second, value});
    return it->second;
  }
  std::span<const NamedTensor> tensors() const { return tensors_; }

 private:
  std::map<std::array<std::uint64_t, 2>, std::string> names_;
  std::map<std::string, bool> taken_;
  std::vector<NamedTensor> tensors_;
};

class GraphWriter {
 public:
  GraphWriter(const Graph& graph, Weights& weights, saved::Graph& out)
      : graph_(graph),
        weights_(weights),
        out_(out),
        number_(graph.num_values()) {}

  void run() {
    out_.set_name(graph_.name);
    for (std::uint32_t i = 1; i < graph_.num_lines(); ++i) {
      const SourceLine& l = graph_.line(i);
      auto* line = out_.add_lines();
      line->set_file(text(l.file));
      line->set_function(text(l.function));
      line->set_line(l.line);
      line->set_column(l.column);
    }
    for (const Input& in : graph_.inputs()) {
      auto* input = out_.add_inputs();
      input->set_kind(static_cast<saved::Input::Kind>(in.kind));
      input->set_type(define(in.value));
      input->set_name(in.name);
    }
    for (const Guard& g : graph_.guards()) out_.add_guards(to_string(g));
    block(BlockId::top, *out_.mutable_body());
    for (const Output& o : graph_.outputs()) {
      auto* output = out_.add_outputs();
      output->set_kind(static_cast<saved::Output::Kind>(o.kind));
      output->set_value(number_[index(o.value)]);
      if (o.overwrites) output->set_state(*o.overwrites + (o.kind == OutputKind::state ? 0 : 1));
      output->set_name(o.name);
    }
  }

  std::uint32_t constant(const HostTensor& value, std::array<std::uint64_t, 2> digest, const std::string& name) {
    auto [it, fresh] = constants_.try_emplace(digest, out_.constants_size());
    if (!fresh) return it->second;
    auto* c = out_.add_constants();
    c->set_type(type(value.type));
    if (value.num_elements() > inline_elements) c->set_weight(weights_.add(value, digest, name));
    else c->set_data(value.buffer.data(), static_cast<std::size_t>(value.num_bytes()));
    return it->second;
  }

 private:
  template <class Map, class Key> static std::uint32_t place(Map& map, const Key& key, bool& fresh) {
    auto r = map.try_emplace(key, static_cast<std::uint32_t>(map.size()));
    fresh = r.second;
    return r.first->second;
  }
  std::uint32_t type(const TensorType& t) {
    bool fresh = false;
    std::string name = to_string(t);
    const std::uint32_t i = place(types_, name, fresh);
    if (fresh) out_.add_types(std::move(name));
    return i;
  }
  std::uint32_t text(std::string_view s) {
    bool fresh = false;
    const std::uint32_t i = place(texts_, std::string(s), fresh);
    if (fresh) out_.add_texts(std::string(s));
    return i;
  }
  std::uint32_t op_name(OpKind kind) {
    bool fresh = false;
    const std::uint32_t i = place(op_names_, static_cast<int>(kind), fresh);
    if (fresh) {
      auto* n = out_.add_op_names();
      n->set_mnemonic(std::string(op_info(kind).mnemonic));
      n->set_version(op_info(kind).version);
    }
    return i;
  }
  /// Numbers a value; gives the place of its type.
  std::uint32_t define(ValueId v) {
    number_[index(v)] = next_++;
    return type(graph_.type(v));
  }

  void block(BlockId id, saved::Block& out) {
    const Block& b = graph_.block(id);
    for (ValueId a : b.arguments) out.add_arguments(define(a));
    for (OpId o : b.ops) op(graph_.op(o), *out.add_ops());
    for (ValueId y : b.yields) out.add_yields(number_[index(y)]);
  }

  void op(const Op& op, saved::Op& out) {
    out.set_op(op_name(op.kind));
    out.set_line(op.line);
    for (ValueId v : graph_.operands(op)) out.add_operands(number_[index(v)]);
    for (const Attribute& a : op.attributes) attribute(a, *out.add_attributes());
    for (BlockId r : op.regions) block(r, *out.add_regions());
    for (std::uint32_t i = 0; i < op.num_results; ++i) out.add_results(define(graph_.result(op, i)));
  }

  void attribute(const Attribute& a, saved::Attribute& out) {
    if (auto* i = std::get_if<std::int64_t>(&a)) out.set_integer(*i);
    else if (auto* f = std::get_if<double>(&a)) out.set_number(*f);
    else if (auto* b = std::get_if<bool>(&a)) out.set_flag(*b);
    else if (auto* t = std::get_if<Dtype>(&a)) out.set_dtype(std::string(name(*t)));
    else if (auto* s = std::get_if<std::string>(&a)) out.set_text(*s);
    else if (auto* l = std::get_if<std::vector<std::int64_t>>(&a)) {
      auto* list = out.mutable_integers();
      for (std::int64_t x : *l) list->add_values(x);
    } else if (auto* ds = std::get_if<std::vector<Dim>>(&a)) {
      auto* list = out.mutable_sizes();
      for (Dim d : *ds) list->add_values(to_string(d));
    } else {
      const auto& c = std::get<std::shared_ptr<const Constant>>(a);
      out.set_constant(constant(c->value, c->digest, ""));
    }
  }

  const Graph& graph_;
  Weights& weights_;
  saved::Graph& out_;
  std::vector<std::uint32_t> number_;
  std::uint32_t next_ = 0;
  std::unordered_map<std::string, std::uint32_t> types_, texts_;
  std::unordered_map<int, std::uint32_t> op_names_;
  std::map<std::array<std::uint64_t, 2>, std::uint32_t> constants_;
};

void write_leaves(const std::vector<SavedLeaf>& leaves, google::protobuf::RepeatedPtrField<saved::Leaf>& out) {
  for (const SavedLeaf& l : leaves) {
    auto* leaf = out.Add();
    leaf->set_kind(static_cast<saved::Leaf::Kind>(l.kind));
    leaf->set_path(l.path);
    leaf->set_type(l.type);
    leaf->set_text(l.text);
    leaf->set_weak(l.weak);
    leaf->set_state(l.state);
  }
}

}  // namespace

Result<std::vector<std::uint8_t>> serialise(const SavedFunction& function) {
  saved::Function message;
  message.set_name(function.name);
  message.set_producer("burin " BURIN_VERSION);
  Weights weights;
  for (const SavedVariable& v : function.variables) {
    auto* out = message.add_variables();
    out->set_name(v.name);
    out->set_type(to_string(v.value.type));
    if (v.value.num_elements() > inline_elements) {
      const auto value = make_constant(v.value);
      out->set_weight(weights.add(value->value, value->digest, v.name));
    } else {
      out->set_data(v.value.buffer.data(), static_cast<std::size_t>(v.value.num_bytes()));
    }
  }
  for (const SavedTrace& trace : function.traces) {
    if (auto ok = verify(trace.graph); !ok) return ok.error();
    if (auto ok = detail::check_schema(trace, function.variables); !ok) {
      ok.error().code = ErrorCode::internal;  // whoever recorded it is to blame, not a file
      return ok.error();
    }
    auto* out = message.add_traces();
    write_leaves(trace.arguments, *out->mutable_arguments());
    write_leaves(trace.results, *out->mutable_results());
    GraphWriter writer(trace.graph, weights, *out->mutable_graph());
    writer.run();
    std::size_t next = 0;
    for (const Input& in : trace.graph.inputs()) {
      if (in.kind != InputKind::capture) continue;
      const auto value = make_constant(trace.captures[next++]);
      out->add_captures(writer.constant(value->value, value->digest, in.name));
    }
    for (const SavedBinding& b : trace.variables) {
      auto* binding = out->add_variables();
      binding->set_input(b.input);
      binding->set_variable(b.variable);
    }
  }
  std::string bytes;
  if (!message.SerializeToString(&bytes))
    return Error{ErrorCode::unsupported, "saved function: the graphs of \"" + function.name + "\" exceed 2 GiB",
                 "too-large", "", ""};
  const auto section = std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return detail::make_container(section, write_safetensors(weights.tensors()));
}

}  // namespace burin
