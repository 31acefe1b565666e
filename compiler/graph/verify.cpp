// What every Graph must satisfy, whoever made it: structure, dominance, types by the shape rules, region signatures.
// Trusts nothing but that the Graph's own containers are intact; run on everything that was read from a file.
#include "compiler/graph/graph.h"

#include "runtime/ops/bytes.h"
#include "runtime/ops/in_region.h"

#include <algorithm>
#include <unordered_set>

namespace burin {
namespace {

class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph), defined_(graph.num_values()), owned_(graph.num_blocks()) {}

  Result<void> run() {
    for (std::size_t i = 0; i < graph_.inputs().size(); ++i) {
      const Input& in = graph_.inputs()[i];
      if (!exists(in.value) || graph_.is_op_result(in.value) || defined_[index(in.value)])
        return fail("input " + std::to_string(i) + " is not a value of its own", "input");
      defined_[index(in.value)] = true;
    }
    collect_size_names();
    for (const Guard& g : graph_.guards())
      for (Dim d : {g.lhs, g.rhs})
        if (auto ok = check_size(d, "a guard"); !ok) return ok;
    for (const Input& in : graph_.inputs())
      if (auto ok = check_type(graph_.type(in.value), "input '" + in.name + "'"); !ok) return ok;
    if (auto ok = check_ops(BlockId::top, 0); !ok) return ok;
    if (!graph_.block(BlockId::top).arguments.empty() || !graph_.block(BlockId::top).yields.empty())
      return fail("the top block has arguments or yields; inputs and outputs are what it takes and gives", "block");
    return check_outputs();
  }

 private:
  Error fail(std::string what, std::string tag) const {
    return {ErrorCode::invalid_argument, "graph \"" + graph_.name + "\": " + std::move(what), "graph-" + std::move(tag),
            "", ""};
  }
  Error fail(OpId id, const std::string& what, std::string tag) const {
    const Op& op = graph_.op(id);
    Error e = fail("op " + std::to_string(index(id)) + " (" + std::string(op_info(op.kind).mnemonic) + "): " + what,
                   std::move(tag));
    if (op.line != 0 && op.line < graph_.num_lines()) {
      const SourceLine& l = graph_.line(op.line);
      e.where = "at " + std::string(l.file) + ":" + std::to_string(l.line);
    }
    return e;
  }
  bool exists(ValueId v) const { return index(v) < graph_.num_values(); }
  bool usable(ValueId v) const { return exists(v) && defined_[index(v)]; }

  void collect_size_names() {
    for (const Input& in : graph_.inputs())
      for (Dim d : graph_.type(in.value).shape)
        if (auto name = lone_name(d)) size_names_.emplace(*name);
  }
  Result<void> check_size(Dim d, const std::string& whose) const {
    if (d.is_overflow())
      return fail(
          whose + " has a size that does not fit in 64 bits, or an expression beyond 256 terms or 4096 characters",
          "size");
    std::vector<std::string> names;
    collect_names(d, names);
    for (const std::string& n : names)
      if (!size_names_.contains(n))
        return fail(whose + " mentions the size '" + n + "', which no input's shape gives by itself", "size-name");
    return {};
  }
  Result<void> check_type(const TensorType& type, const std::string& whose) const {
    if (static_cast<int>(type.dtype) >= num_dtypes) return fail(whose + " has no dtype", "dtype");
    for (Dim d : type.shape) {
      if (auto ok = check_size(d, whose); !ok) return ok;
      if (constant_value(d).value_or(0) < 0) return fail(whose + " has a size below zero: " + to_string(type), "size");
    }
    if (type.shape.is_static() && !fits_memory(num_bytes(type)))
      return fail(whose + " is larger than any memory: " + to_string(type), "size");
    return {};
  }

  /// Defines the block's arguments and results while its ops are walked; they end with the block.
  Result<void> check_ops(BlockId b, int depth) {
    if (depth > max_nesting)
      return fail("regions are nested more than " + std::to_string(max_nesting) + " deep", "nesting");
    for (OpId id : graph_.block(b).ops) {
      if (index(id) >= graph_.num_ops()) return fail("a block lists an op that does not exist", "block");
      const Op& op = graph_.op(id);
      if (op.block != b) return fail(id, "is listed in a block that it does not belong to", "block");
      if (static_cast<std::size_t>(op.kind) >= catalogue().size()) return fail("an op of no kind", "op");
      for (std::uint32_t i = 0; i < op.num_operands; ++i)
        if (!usable(graph_.operands(op)[i]))
          return fail(id, "operand " + std::to_string(i) + " is not defined before it, in its block or around it",
                      "dominance");
      if (op.line >= graph_.num_lines()) return fail(id, "has a source line that does not exist", "line");
      if (op_info(op.kind).num_regions != static_cast<std::int32_t>(op.regions.size()))
        return fail(id,
                    "has " + std::to_string(op.regions.size()) + " regions; expected " +
                        std::to_string(op_info(op.kind).num_regions),
                    "regions");
      for (BlockId r : op.regions) {
        if (r == BlockId::top || index(r) >= graph_.num_blocks() || owned_[index(r)] || graph_.block(r).parent != b)
          return fail(id, "has a region that is not its own", "regions");
        owned_[index(r)] = true;
      }
      auto ok = [&] {
        switch (region_kind(op.kind)) {
          case RegionKind::none: return check_plain(id, depth);
          case RegionKind::loop: return check_loop(id, depth);
          case RegionKind::branch: return check_branch(id, depth);
          case RegionKind::scope: return check_scope(id, depth);
        }
        return check_plain(id, depth);
      }();
      if (!ok) return ok;
      for (std::uint32_t i = 0; i < op.num_results; ++i) {
        if (auto fits = check_type(graph_.type(graph_.result(op, i)), "op " + std::to_string(index(id))); !fits)
          return fits;
        define(graph_.result(op, i));
      }
    }
    return {};
  }
  void define(ValueId v) {
    defined_[index(v)] = true;
    scope_.push_back(v);
  }

  std::vector<TensorType> types(std::span<const ValueId> values) const {
    std::vector<TensorType> r;
    for (ValueId v : values) r.push_back(graph_.type(v));
    return r;
  }

  Result<void> check_plain(OpId id, int depth) {
    const Op& op = graph_.op(id);
    const auto operand_types = types(graph_.operands(op));
    std::vector<Guard> guards;
    const ShapeQuery query{operand_types, op.attributes, &guards};
    auto inferred = depth == 0 ? infer_types(op.kind, query) : infer_types_in_region(op.kind, query);
    if (!inferred) {
      Error e = fail(id, inferred.error().message, "type");
      return e;
    }
    for (const Guard& g : guards)
      if (decide(g) != true && std::find(graph_.guards().begin(), graph_.guards().end(), g) == graph_.guards().end())
        return fail(id, "relies on " + to_string(g) + ", which is not among the graph's guards", "guard");
    if (inferred->size() != op.num_results)
      return fail(id,
                  "has " + std::to_string(op.num_results) + " results; expected " + std::to_string(inferred->size()),
                  "results");
    for (std::uint32_t i = 0; i < op.num_results; ++i)
      if ((*inferred)[i] != graph_.type(graph_.result(op, i)))
        return fail(id,
                    "result " + std::to_string(i) + " is " + to_string(graph_.type(graph_.result(op, i))) +
                        "; expected " + to_string((*inferred)[i]),
                    "type");
    return check_attribute_sizes(id);
  }

  Result<void> check_attribute_sizes(OpId id) const {
    for (const Attribute& a : graph_.op(id).attributes)
      if (const auto* dims = std::get_if<std::vector<Dim>>(&a))
        for (Dim d : *dims)
          if (auto ok = check_size(d, "op " + std::to_string(index(id))); !ok) return ok;
    return {};
  }

  /// Attributes of region ops have no shape rule to check them.
  Result<void> check_region_attributes(OpId id) const {
    const Op& op = graph_.op(id);
    const auto specs = op_info(op.kind).attributes;
    bool ok = specs.size() == op.attributes.size();
    for (std::size_t i = 0; ok && i < specs.size(); ++i)
      ok = op.attributes[i].index() == static_cast<std::size_t>(specs[i].kind);
    if (ok && region_kind(op.kind) == RegionKind::loop) ok = std::get<std::vector<Dim>>(op.attributes[0]).size() <= 1;
    if (!ok) return fail(id, "its attributes are not those of the catalogue", "attributes");
    if (region_kind(op.kind) == RegionKind::loop)
      for (Dim trips : std::get<std::vector<Dim>>(op.attributes[0]))
        if (constant_value(trips).value_or(0) < 0)
          return fail(id, "is bounded by " + to_string(trips) + " trips", "attributes");
    return check_attribute_sizes(id);
  }

  Result<void> same_types(OpId id, std::span<const ValueId> given, std::span<const ValueId> expected,
                          const char* what) const {
    bool same = given.size() == expected.size();
    for (std::size_t i = 0; same && i < given.size(); ++i) same = graph_.type(given[i]) == graph_.type(expected[i]);
    if (same) return {};
    auto list = [&](std::span<const ValueId> values) {
      std::string s;
      for (ValueId v : values) s += (s.empty() ? "" : ", ") + to_string(graph_.type(v));
      return "(" + s + ")";
    };
    return fail(id, std::string(what) + " are " + list(given) + "; expected " + list(expected), "region-types");
  }
  std::vector<ValueId> results(const Op& op) const {
    std::vector<ValueId> r;
    for (std::uint32_t i = 0; i < op.num_results; ++i) r.push_back(graph_.result(op, i));
    return r;
  }

  /// Arguments, ops and yields of one region; what it defines ends with it.
  Result<void> check_region(OpId id, BlockId r, int depth) {
    const std::size_t outer = scope_.size();
    for (ValueId a : graph_.block(r).arguments) {
      if (!exists(a) || graph_.is_op_result(a) || graph_.block_of(a) != r || defined_[index(a)])
        return fail(id, "a region's argument is not its own", "regions");
      if (auto ok = check_type(graph_.type(a), "a region's argument"); !ok) return ok;
      define(a);
    }
    if (auto ok = check_ops(r, depth + 1); !ok) return ok;
    for (ValueId y : graph_.block(r).yields)
      if (!usable(y)) return fail(id, "a region yields what is not defined in it or around it", "dominance");
    for (; scope_.size() > outer; scope_.pop_back()) defined_[index(scope_.back())] = false;
    return {};
  }
  bool is_condition(ValueId v) const { return graph_.type(v).dtype == Dtype::boolean && graph_.type(v).shape.empty(); }

  Result<void> check_branch(OpId id, int depth) {
    const Op& op = graph_.op(id);
    if (auto ok = check_region_attributes(id); !ok) return ok;
    if (op.num_operands != 1 || !is_condition(graph_.operands(op)[0]))
      return fail(id, "takes one condition, bool[]", "type");
    for (BlockId r : op.regions) {
      if (!graph_.block(r).arguments.empty()) return fail(id, "its regions take no arguments", "regions");
      if (auto ok = check_region(id, r, depth); !ok) return ok;
      if (auto ok = same_types(id, graph_.block(r).yields, results(op), "a branch's values"); !ok) return ok;
    }
    return {};
  }

  /// `remat` and `custom_gradient`: what the catalogue says of their regions, which read their arguments only.
  Result<void> check_scope(OpId id, int depth) {
    const Op& op = graph_.op(id);
    if (auto ok = check_region_attributes(id); !ok) return ok;
    for (BlockId r : op.regions) {
      std::vector<bool> around(defined_.size());
      std::swap(around, defined_);
      auto ok = check_region(id, r, depth);
      std::swap(around, defined_);
      if (!ok) return ok;
    }
    const Block& body = graph_.block(op.regions[0]);
    auto ok = same_types(id, body.arguments, graph_.operands(op), "the region's arguments");
    if (ok) ok = same_types(id, body.yields, results(op), "the region's values");
    if (!ok || op.regions.size() == 1) return ok;
    const auto arguments = std::get<std::int64_t>(op.attributes[0]);
    if (arguments < 0 || arguments > op.num_operands)
      return fail(id, "has " + std::to_string(op.num_operands) + " operands, which cannot hold its arguments",
                  "attributes");
    const auto operands = graph_.operands(op);
    std::vector<ValueId> takes(operands.begin(), operands.end()), gives;
    for (int copy = 0; copy < 2; ++copy)  // the results, then a cotangent for each floating one
      for (ValueId v : results(op))
        if (copy == 0 || is_floating(graph_.type(v).dtype)) takes.push_back(v);
    for (ValueId v : operands.first(static_cast<std::size_t>(arguments)))
      if (is_floating(graph_.type(v).dtype)) gives.push_back(v);
    ok = same_types(id, graph_.block(op.regions[1]).arguments, takes, "the arguments of its derivative");
    if (ok) ok = same_types(id, graph_.block(op.regions[1]).yields, gives, "the values of its derivative");
    return ok;
  }

  Result<void> check_loop(OpId id, int depth) {
    const Op& op = graph_.op(id);
    if (auto ok = check_region_attributes(id); !ok) return ok;
    const Block& test = graph_.block(op.regions[0]);
    const Block& body = graph_.block(op.regions[1]);
    if (auto ok = check_region(id, op.regions[0], depth); !ok) return ok;
    if (auto ok = check_region(id, op.regions[1], depth); !ok) return ok;
    if (test.yields.empty() || !is_condition(test.yields[0]))
      return fail(id, "its test yields `again`, bool[], first", "type");
    const auto handed = std::span(test.yields).subspan(1);
    auto ok = same_types(id, test.arguments, graph_.operands(op), "the test's arguments");
    if (ok) ok = same_types(id, body.arguments, handed, "the body's arguments");
    if (ok) ok = same_types(id, body.yields, test.arguments, "the body's values");
    if (ok) ok = same_types(id, results(op), handed, "the results");
    return ok;
  }

  Result<void> check_outputs() const {
    for (std::size_t i = 0; i < graph_.outputs().size(); ++i) {
      const Output& out = graph_.outputs()[i];
      const std::string whose = "output " + std::to_string(i);
      if (!usable(out.value)) return fail(whose + " is not a value of the top block", "output");
      const bool state = out.kind == OutputKind::state;
      if (!state && !out.overwrites) continue;
      const std::size_t at = out.overwrites ? *out.overwrites : graph_.inputs().size();
      if (at >= graph_.inputs().size() || graph_.inputs()[at].kind != (state ? InputKind::state : InputKind::donated))
        return fail(whose + " overwrites what is not a " + (state ? "state" : "donated") + " input", "output");
      const Input& in = graph_.inputs()[at];
      if (graph_.type(out.value) != graph_.type(in.value))
        return fail(whose + " is " + to_string(graph_.type(out.value)) + "; the " +
                        (state ? "state" : "donated input") + " that it overwrites is " +
                        to_string(graph_.type(in.value)),
                    "type");
      for (std::size_t k = 0; k < i; ++k)
        if (graph_.outputs()[k].overwrites == out.overwrites)
          return fail(
              whose + " overwrites a " + (state ? "state" : "donated input") + " that another output overwrites",
              "output");
    }
    return {};
  }

  const Graph& graph_;
  std::vector<bool> defined_, owned_;
  std::vector<ValueId> scope_;
  std::unordered_set<std::string> size_names_;
};

}  // namespace

Result<void> verify(const Graph& graph) { return Verifier(graph).run(); }

}  // namespace burin
