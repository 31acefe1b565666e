// vmap: the graph of one lane evaluated on all lanes, each value with a mark whether it has them. Rules for ops live in
// frontend/rules; regions and the session are here.
#include <burin/vmap.h>

#include <burin/composites.h>
#include <burin/loops.h>
#include <burin/ops.h>
#include <burin/random.h>

#include "compiler/graph/copy.h"
#include "compiler/graph/evaluate.h"
#include "frontend/control/evaluate.h"
#include "frontend/control/regions.h"
#include "frontend/control/scopes.h"
#include "frontend/record/eager.h"
#include "frontend/record/recording.h"
#include "frontend/rules/rules.h"
#include "frontend/transform/gradient.h"
#include "frontend/value/variable.h"

#include <array>
#include <set>

namespace burin::detail {
namespace {

/// A value of all lanes (the first axis), or the same in each.
struct Lane {
  Content content;
  bool batched = false;
};
using LaneValues = std::vector<Lane>;

class ToLanes {
 public:
  using Run = Evaluation<Lane, ToLanes>;
  explicit ToLanes(Dim lanes) : lanes_(lanes) {}

  Result<LaneValues> op(const Graph& g, OpId id, const Attributes& attributes, std::span<const Lane> operands) {
    const Op& op = g.op(id);
    ReplayLine line(op.line ? &g.line(op.line) : nullptr);
    if (auto at = writes_.find(index(id)); at != writes_.end() && !operands[1].batched) {
      at->second.positions.push_back(operands[1]);
      at->second.rows.push_back(operands[2]);
      return LaneValues{operands[0]};
    }
    const bool any = std::any_of(operands.begin(), operands.end(), [](const Lane& l) { return l.batched; });
    if (!any) return plain(op, attributes, operands);
    const bool steep = needs_mask(op.kind);
    const OpInfo& info = op_info(op.kind);
    const rules::Batch rule = rules::batch_of(op.kind);
    if (!rule)
      return Error{ErrorCode::unsupported,
                   std::string(info.mnemonic) + ": it cannot run in lanes of vmap" +
                       (info.batching.starts_with("none: ") ? " (" + std::string(info.batching.substr(6)) + ")" : ""),
                   "vmap", place_of(g, op), "call it outside of vmap"};
    std::vector<Tensor> values;
    auto marks = std::make_unique<bool[]>(operands.size());
    for (std::size_t i = 0; i < operands.size(); ++i) {
      values.push_back(HandleAccess::make(steep && operands[i].batched ? masked(operands[i]) : operands[i].content));
      marks[i] = operands[i].batched;
    }
    const rules::Primal primal{op.kind, values, {}, attributes};
    return LaneValues{{HandleAccess::raw(rule(primal, {marks.get(), operands.size()}, lanes_)), true}};
  }

  Result<LaneValues> region(Run& run, OpId id, std::span<const Lane> operands) {
    const Graph& g = run.graph();
    const Op& op = g.op(id);
    ReplayLine line(op.line ? &g.line(op.line) : nullptr);
    const LaneValues given(operands.begin(), operands.end());
    if (region_kind(op.kind) == RegionKind::scope) return scope(run, op, given);
    const bool branch = region_kind(op.kind) == RegionKind::branch;
    const bool apart = branch ? given[0].batched : test_differs(run, op, given);
    if (apart && (effects(g, op) & static_cast<std::uint8_t>(Effect::print)))
      return Error{ErrorCode::unsupported, "print: it cannot run in lanes of vmap (the lanes have no order)", "vmap",
                   place_of(g, op), "call it outside of vmap"};
    if (apart && (effects(g, op) & static_cast<std::uint8_t>(Effect::may_fault))) return lane_by_lane(run, op, given);
    if (branch) return apart ? both(run, op, given) : one(run, op, given);
    return apart ? until_all_done(run, op, given) : together(run, op, given);
  }

 private:
  static std::string place_of(const Graph& g, const Op& op) {
    return op.line ? "at " + std::string(g.line(op.line).file) + ":" + std::to_string(g.line(op.line).line) : "";
  }
  Result<LaneValues> plain(const Op& op, const Attributes& attributes, std::span<const Lane> operands) {
    const bool steep = needs_mask(op.kind);
    std::vector<Content> contents;
    for (const Lane& l : operands) contents.push_back(steep ? masked(l) : l.content);
    LaneValues out;
    for (Content& c : evaluate_op(op.kind, attributes, contents)) out.push_back({std::move(c), false});
    return out;
  }

  Content in_lanes(const Lane& l) const {
    return HandleAccess::raw(rules::in_lanes(HandleAccess::make(l.content), l.batched, lanes_));
  }
  LaneValues block(Run& run, BlockId b, const LaneValues& arguments) {
    auto outside = std::exchange(masked_, {});  // what is made in a region stays there
    auto r = run.run(b, arguments);
    masked_ = std::move(outside);
    if (!r) fail(std::move(r.error()), {});
    return std::move(*r);
  }

  // -- lanes that run a region although it is not theirs ------------------------------------------------------------------
  // What they make is thrown away, and so is the cotangent that comes back; but 0 times the slope of a pole is NaN. So there
  // each op that has a slope is given 1, and what flows back to the value in its place is 0.

  static bool needs_mask(OpKind kind) {
    return rules::vjp_of(kind) && op_info(kind).derivative != "linear";  // the linear ones move and add only
  }
  /// A value as an op in such a region may take it. One that has no lanes stands where any lane goes that way.
  Content masked(const Lane& l) {
    if (!mask_ || !is_floating(type_of(l.content.node).dtype)) return l.content;
    if (!l.batched && l.content.node.get()->literal) return l.content;
    auto at = masked_.find(identity(l.content));
    if (at != masked_.end()) return at->second.to;
    const Tensor x = HandleAccess::make(l.content), lanes = HandleAccess::make(*mask_);
    Shape each{lanes_};
    for (int i = 1; i < x.rank(); ++i) each.push_back(1);
    const Tensor taken = l.batched ? reshape(lanes, each) : any_of(lanes);
    const Content to = HandleAccess::raw(burin::where(taken, x, 1));
    masked_.emplace(identity(l.content), Masked{l.content, to});
    return to;
  }
  static Tensor any_of(const Tensor& lanes) { return reduce_max(cast(lanes, i32)) > 0; }
  /// Runs `region` for the lanes in `lanes` (bool[lanes]).
  template <class Region> LaneValues only(const Content& lanes, Region region) {
    const std::optional<Content> around = mask_;
    mask_ = around ? HandleAccess::raw(logical_and(HandleAccess::make(*around), HandleAccess::make(lanes))) : lanes;
    LaneValues made = region();
    mask_ = around;
    return made;
  }

  // -- which values have lanes -----------------------------------------------------------------------------------------

  // Marks of a block's yields for marks of its arguments; outer values have the marks that they have now.
  std::vector<bool> marks(const Run& run, BlockId b, const std::vector<bool>& arguments,
                          std::unordered_map<std::uint32_t, bool>& known) const {
    const Graph& g = run.graph();
    const Block& block = g.block(b);
    for (std::size_t i = 0; i < arguments.size(); ++i) known[index(block.arguments[i])] = arguments[i];
    auto mark = [&](ValueId v) {
      auto at = known.find(index(v));
      return at != known.end() ? at->second : run.value(v).batched;
    };
    for (OpId id : block.ops) {
      const Op& op = g.op(id);
      std::vector<bool> results(op.num_results);
      if (op.regions.empty()) {
        bool any = false;
        for (ValueId v : g.operands(op)) any = any || mark(v);
        results.assign(op.num_results, any);
      } else if (region_kind(op.kind) == RegionKind::scope) {
        bool any = false;
        for (ValueId v : g.operands(op)) any = any || mark(v);
        results.assign(op.num_results, any);
      } else if (region_kind(op.kind) == RegionKind::branch) {
        const bool apart = mark(g.operands(op)[0]);
        for (BlockId r : op.regions) {
          const auto side = marks(run, r, {}, known);
          for (std::size_t i = 0; i < results.size(); ++i) results[i] = results[i] || side[i] || apart;
        }
      } else {
        std::vector<bool> carried;
        for (ValueId v : g.operands(op)) carried.push_back(mark(v));
        results = loop_marks(run, op, std::move(carried), known);
      }
      for (std::uint32_t i = 0; i < op.num_results; ++i) known[index(g.result(op, i))] = results[i];
    }
    std::vector<bool> yields;
    for (ValueId v : block.yields) yields.push_back(mark(v));
    return yields;
  }
  // The least marks that the trips keep; all where the test differs by lane.
  std::vector<bool> loop_marks(const Run& run, const Op& op, std::vector<bool> carried,
                               std::unordered_map<std::uint32_t, bool>& known) const {
    for (;;) {
      auto tested = marks(run, op.regions[0], carried, known);
      if (tested[0]) return std::vector<bool>(op.num_results, true);
      tested.erase(tested.begin());
      auto next = marks(run, op.regions[1], tested, known);
      bool grown = false;
      for (std::size_t i = 0; i < carried.size(); ++i)
        if (next[i] && !carried[i]) carried[i] = grown = true;
      if (!grown) return tested;
    }
  }
  std::vector<bool> carried_marks(const Run& run, const Op& op, const LaneValues& given) const {
    std::vector<bool> carried;
    for (const Lane& l : given) carried.push_back(l.batched);
    for (;;) {
      std::unordered_map<std::uint32_t, bool> known;
      auto tested = marks(run, op.regions[0], carried, known);
      tested.erase(tested.begin());
      auto next = marks(run, op.regions[1], tested, known);
      bool grown = false;
      for (std::size_t i = 0; i < carried.size(); ++i)
        if (next[i] && !carried[i]) carried[i] = grown = true;
      if (!grown) return carried;
    }
  }
  bool test_differs(const Run& run, const Op& op, const LaneValues& given) const {
    std::unordered_map<std::uint32_t, bool> known;
    return marks(run, op.regions[0], carried_marks(run, op, given), known)[0];
  }

  // -- regions ---------------------------------------------------------------------------------------------------------

  LaneValues one(Run& run, const Op& op, const LaneValues& given) {
    std::vector<bool> batched(op.num_results);
    for (BlockId r : op.regions) {
      std::unordered_map<std::uint32_t, bool> known;
      const auto side = marks(run, r, {}, known);
      for (std::size_t i = 0; i < batched.size(); ++i) batched[i] = batched[i] || side[i];
    }
    auto side = [&](BlockId r) {
      return [this, &run, &batched, r] {
        Contents out;
        const LaneValues values = block(run, r, {});
        for (std::size_t i = 0; i < values.size(); ++i)
          out.push_back(batched[i] ? in_lanes(values[i]) : values[i].content);
        return out;
      };
    };
    return marked(run_branches(given[0].content, op.num_results, {}, side(op.regions[0]), side(op.regions[1])),
                  batched);
  }

  // A scope again, over lanes: all results have them where an operand does.
  LaneValues scope(Run& run, const Op& op, const LaneValues& given) {
    std::vector<bool> batched;
    Contents operands;
    bool any = false;
    for (const Lane& l : given) {
      batched.push_back(l.batched);
      operands.push_back(masked(l));
      any = any || l.batched;
    }
    const std::vector<bool> out(op.num_results, any);
    auto laned = [&](const Lane& l) { return any ? in_lanes(l) : l.content; };
    std::vector<TensorType> types = types_of(operands);
    RecordedGraph body = record_graph("vmap", types, {}, [&](const Contents& inputs) {
      Contents results;
      for (const Lane& l : block(run, op.regions[0], marked(inputs, batched))) results.push_back(laned(l));
      return results;
    });
    std::optional<RecordedGraph> backward;
    if (op.regions.size() > 1) {
      std::vector<TensorType> results;
      for (const Output& o : body.graph.outputs()) results.push_back(body.graph.type(o.value));
      types.insert(types.end(), results.begin(), results.end());
      for (const TensorType& type : results)
        if (is_floating(type.dtype)) types.push_back(type);
      std::vector<bool> marks = batched, kinds;
      marks.resize(types.size(), any);
      for (const Content& c : operands)
        if (is_floating(type_of(c.node).dtype))
          kinds.push_back(batched[static_cast<std::size_t>(&c - operands.data())]);
      backward = record_graph("vmap", types, {}, [&](const Contents& inputs) {
        Contents cotangents;
        const auto mask = std::exchange(mask_, {});  // linear in the cotangents: 0 stays 0
        const LaneValues parts = block(run, op.regions[1], marked(inputs, marks));
        mask_ = mask;
        for (std::size_t i = 0; i < parts.size(); ++i)  // of an argument that all lanes share: their sum
          cotangents.push_back(kinds[i] || !any
                                   ? laned(parts[i])
                                   : HandleAccess::raw(reduce_sum(HandleAccess::make(laned(parts[i])), 0)));
        return cotangents;
      });
    }
    RegionOp made = scope_op(op.kind, std::move(operands), std::move(body), std::move(backward), {});
    made.attributes = op.attributes;
    return marked(carry_out_scope(made), out);
  }

  // The condition differs: both branches run, each lane takes its own.
  LaneValues both(Run& run, const Op& op, const LaneValues& given) {
    const Content no = HandleAccess::raw(logical_not(HandleAccess::make(given[0].content)));
    const LaneValues then = only(given[0].content, [&] { return block(run, op.regions[0], {}); });
    const LaneValues otherwise = only(no, [&] { return block(run, op.regions[1], {}); });
    LaneValues out;
    for (std::size_t i = 0; i < then.size(); ++i)
      out.push_back({chosen(given[0].content, then[i], otherwise[i]), true});
    return out;
  }
  Content chosen(const Content& condition, const Lane& a, const Lane& b) const {
    const Tensor x = HandleAccess::make(in_lanes(a)), y = HandleAccess::make(in_lanes(b));
    Shape each{lanes_};
    for (int i = 1; i < x.rank(); ++i) each.push_back(1);
    return HandleAccess::raw(where(reshape(HandleAccess::make(condition), each), x, y));
  }

  static LaneValues marked(Contents contents, const std::vector<bool>& batched) {
    LaneValues out;
    for (std::size_t i = 0; i < contents.size(); ++i) out.push_back({std::move(contents[i]), batched[i]});
    return out;
  }
  LaneValues tested(Run& run, const Op& op, const LaneValues& state) { return block(run, op.regions[0], state); }
  static LaneValues handed_on(LaneValues tested) {
    tested.erase(tested.begin());
    return tested;
  }
  LoopBound bound(const Run& run, const Op& op) const {
    const auto& trips = std::get<std::vector<Dim>>(op.attributes[0]);
    if (trips.empty()) return {};
    return {substitute(trips[0], run.bindings()), std::get<bool>(op.attributes[1])};
  }

  // -- stacks, eagerly -------------------------------------------------------------------------------------------------
  // A loop that writes a row of a stack each trip would copy the stack each time: the rows are kept, and written behind it.

  struct Writes {
    std::size_t carried = 0;
    LaneValues positions, rows;  // by trip; all have lanes or none, as the marks of a loop stay
  };
  using WritesByOp = std::unordered_map<std::uint32_t, Writes>;  // by the op that writes

  /// Carried values that a trip does nothing with but scatter a row into them at a position.
  static WritesByOp writes_of(const Graph& g, const Op& op) {
    WritesByOp found;
    if (context().trace || tapes_listen()) return found;
    const Block &test = g.block(op.regions[0]), &body = g.block(op.regions[1]);
    std::unordered_map<std::uint32_t, int> uses;
    auto count = [&](auto& self, BlockId b) -> void {
      for (ValueId v : g.block(b).yields) ++uses[index(v)];
      for (OpId id : g.block(b).ops) {
        for (ValueId v : g.operands(g.op(id))) ++uses[index(v)];
        for (BlockId r : g.op(id).regions) self(self, r);
      }
    };
    for (BlockId r : op.regions) count(count, r);
    for (std::size_t i = 0; i < body.yields.size(); ++i) {
      const ValueId next = body.yields[i], before = body.arguments[i];
      if (!g.is_op_result(next) || uses[index(next)] != 1 || uses[index(before)] != 1) continue;
      if (test.yields[i + 1] != test.arguments[i] || uses[index(test.arguments[i])] != 1) continue;
      const OpId id = g.defining_op(next);
      const Op& write = g.op(id);
      if (write.kind != OpKind::scatter || write.block != op.regions[1] || g.operands(write)[0] != before) continue;
      if (g.type(g.operands(write)[1]).shape.rank() == 0) found[index(id)].carried = i;
    }
    return found;
  }
  Content written(const Graph& g, const Op& op, const Content& stack, bool batched, const Writes& w) {
    ReplayLine line(op.line ? &g.line(op.line) : nullptr);
    auto joined = [](const LaneValues& values, Axis axis) {
      std::vector<Tensor> list;
      for (const Lane& l : values) list.push_back(expand_dims(HandleAccess::make(l.content), axis));
      return HandleAccess::raw(concatenate(list, axis));
    };
    const bool rows = w.rows[0].batched;
    const Axis axis = std::get<std::int64_t>(op.attributes[0]) + (rows ? 1 : 0);
    const Content positions = joined(w.positions, 0), all = joined(w.rows, axis);
    if (!batched) return evaluate_op(OpKind::scatter, op.attributes, std::array{stack, positions, all})[0];
    const Tensor values[] = {HandleAccess::make(stack), HandleAccess::make(positions), HandleAccess::make(all)};
    const std::array marks{batched, false, rows};
    return HandleAccess::raw(
        rules::batch_of(OpKind::scatter)({OpKind::scatter, values, {}, op.attributes}, marks, lanes_));
  }

  // All lanes make the same number of trips.
  LaneValues together(Run& run, const Op& op, const LaneValues& given) {
    const std::vector<bool> batched = carried_marks(run, op, given);
    Contents init;
    for (std::size_t i = 0; i < given.size(); ++i) init.push_back(batched[i] ? in_lanes(given[i]) : given[i].content);
    // Where no lane goes this way the values are no loop's: it would not end of itself.
    const Tensor anybody = mask_ ? any_of(HandleAccess::make(*mask_)) : Tensor();
    auto again = [&](const Contents& state) {
      const Tensor more = HandleAccess::make(tested(run, op, marked(state, batched))[0].content);
      return anybody.defined() ? logical_and(more, anybody) : more;
    };
    auto trip = [&](const Contents& state) {
      const LaneValues next = block(run, op.regions[1], handed_on(tested(run, op, marked(state, batched))));
      Contents out;
      for (std::size_t i = 0; i < next.size(); ++i) out.push_back(batched[i] ? in_lanes(next[i]) : next[i].content);
      return out;
    };
    WritesByOp kept = writes_of(run.graph(), op);
    for (auto& [id, writes] : kept) writes_[id] = {.carried = writes.carried};
    Contents last = run_loop(std::move(init), bound(run, op), {}, again, trip);
    for (const auto& [id, writes] : kept) {
      const Writes made = std::move(writes_.extract(id).mapped());
      Content& stack = last[made.carried];
      if (!made.rows.empty())
        stack = written(run.graph(), run.graph().op(OpId{id}), stack, batched[made.carried], made);
    }
    return handed_on(tested(run, op, marked(last, batched)));
  }

  // Until every lane is done; a lane that is done keeps its values.
  LaneValues until_all_done(Run& run, const Op& op, const LaneValues& given) {
    const std::size_t n = given.size();
    const std::vector<bool> batched(n, true);
    auto active = [&](const Contents& state) { return in_lanes(tested(run, op, marked(state, batched))[0]); };
    Contents init;
    for (const Lane& l : given) init.push_back(in_lanes(l));
    const Content at_first = active(init);
    init.push_back(mask_ ? HandleAccess::raw(logical_and(HandleAccess::make(at_first), HandleAccess::make(*mask_)))
                         : at_first);
    auto values = [&](const Contents& state) {
      return Contents(state.begin(), state.begin() + static_cast<std::ptrdiff_t>(n));
    };
    auto again = [&](const Contents& state) { return any_of(HandleAccess::make(state[n])); };
    auto trip = [&](const Contents& state) {
      const LaneValues before = marked(values(state), batched);
      const LaneValues next =
          only(state[n], [&] { return block(run, op.regions[1], handed_on(tested(run, op, before))); });
      Contents out;
      for (std::size_t i = 0; i < n; ++i) out.push_back(chosen(state[n], next[i], before[i]));
      out.push_back(HandleAccess::raw(logical_and(HandleAccess::make(state[n]), HandleAccess::make(active(out)))));
      return out;
    };
    const Contents last = run_loop(std::move(init), bound(run, op), {}, again, trip);
    return handed_on(tested(run, op, marked(values(last), batched)));
  }

  // A branch not taken, or a lane that is done, must not fault: each lane runs by itself, one after the other.
  LaneValues lane_by_lane(Run& run, const Op& op, const LaneValues& given) {
    const Graph& g = run.graph();
    if (lanes_ == Dim(0)) {
      LaneValues none;
      for (std::uint32_t i = 0; i < op.num_results; ++i) {
        const TensorType& one = g.type(g.result(op, i));
        none.push_back({in_lanes({HandleAccess::raw(zeros(one.shape, one.dtype)), false}), true});
      }
      return none;
    }
    Graph alone;
    GraphCopy copy(g, alone);
    LaneValues inputs;
    std::set<std::uint32_t> seen;
    auto input = [&](ValueId v, const Lane& l) {
      if (!seen.insert(index(v)).second) return;
      copy.map(v, alone.add_input(InputKind::argument, g.type(v), ""));
      inputs.push_back(l);
    };
    const auto operands = g.operands(op);
    for (std::size_t i = 0; i < operands.size(); ++i) input(operands[i], given[i]);
    visit_outer(g, op, [&](ValueId v) { input(v, run.value(v)); });
    copy.op(op, BlockId::top);
    for (std::uint32_t i = 0; i < op.num_results; ++i)
      alone.add_output(OutputKind::result, copy.mapped(g.result(op, i)), "");
    auto each = [&](const std::tuple<>&, const std::vector<Tensor>& slices) {
      Contents lane;
      for (std::size_t i = 0, k = 0; i < inputs.size(); ++i)
        lane.push_back(inputs[i].batched ? HandleAccess::raw(slices[k++]) : inputs[i].content);
      return std::pair(std::tuple<>(), handles(evaluate_region(alone, lane)));
    };
    std::vector<Tensor> batched;
    for (const Lane& l : inputs)
      if (l.batched) batched.push_back(HandleAccess::make(l.content));
    const std::vector<Tensor> made = scan(each, std::tuple<>(), batched, {.length = lanes_}).second;
    LaneValues out;
    for (const Tensor& t : made) out.push_back({HandleAccess::raw(t), true});
    return out;
  }
  template <class F> static void visit_outer(const Graph& g, const Op& op, F f) {
    std::vector<bool> inside(g.num_values());
    auto visit = [&](auto& self, const Op& o) -> void {
      for (std::uint32_t i = 0; i < o.num_results; ++i) inside[index(g.result(o, i))] = true;
      for (BlockId r : o.regions) {
        const Block& b = g.block(r);
        for (ValueId a : b.arguments) inside[index(a)] = true;
        for (OpId id : b.ops) self(self, g.op(id));
      }
    };
    visit(visit, op);
    auto report = [&](ValueId v) {
      if (!inside[index(v)]) f(v);
    };
    auto read = [&](auto& self, const Op& o) -> void {
      for (ValueId v : g.operands(o)) report(v);
      for (BlockId r : o.regions) {
        for (OpId id : g.block(r).ops) self(self, g.op(id));
        for (ValueId v : g.block(r).yields) report(v);
      }
    };
    read(read, op);
  }

  struct Masked {
    Content from, to;  // `from` keeps its identity its own
  };
  Dim lanes_;
  WritesByOp writes_;            // of the loops that run
  std::optional<Content> mask_;  // bool[lanes] of the region that runs, where not all lanes take it
  std::unordered_map<Identity, Masked, IdentityHash> masked_;
};

std::string spelled(const TensorType& t) { return to_string(t); }

}  // namespace

// -- the session ---------------------------------------------------------------------------------------------------------

struct Batching::State final : LaneDraws {
  VmapOptions options;
  std::source_location where;
  std::size_t count = 0;  // arguments given
  struct Draw {
    Shape shape;
    std::function<Tensor(const Shape&)> make;
  };
  std::vector<Draw> draws;
  Tensor draw(const Shape&, std::function<Tensor(const Shape&)> later, const std::source_location&) override;
  Lane carried_out(const Draw&) const;
  struct Argument {
    Tensor* leaf;
    Lane value;      // with its lanes first
    TensorType one;  // the type of one lane
  };
  std::vector<Argument> arguments;
  std::optional<Dim> lanes;
  Trace trace;
  std::optional<Recording> recording;
};

// An input of the lane's graph; so the numbers are made once, before any lane runs.
Tensor Batching::State::draw(const Shape& shape, std::function<Tensor(const Shape&)> later,
                             const std::source_location& at) {
  if (options.randomness == Randomness::error)
    fail({ErrorCode::invalid_argument, "vmap: its function draws from a Generator; do lanes get the same numbers?",
          "randomness", "", "give VmapOptions{.randomness = Randomness::different}, or Randomness::same"},
         at);
  if (trace.current != BlockId::top)
    fail({ErrorCode::unsupported, "vmap: its function draws from a Generator in a branch or loop", "randomness", "",
          "draw before it, or give each lane a key (rng::split)"},
         at);
  if (shape.rank() == max_rank)
    fail({ErrorCode::invalid_argument, "vmap: random numbers of rank 8 leave no axis for the lanes", "rank", "", ""},
         at);
  const TensorType type{u32, shape};
  const ValueId v = trace.graph.add_input(InputKind::argument, type, "random");
  draws.push_back({shape, std::move(later)});
  return HandleAccess::make(make_traced(trace, v, type, at));
}

Lane Batching::State::carried_out(const Draw& d) const {
  const bool batched = options.randomness == Randomness::different;
  Shape shape;
  if (batched) shape.push_back(*lanes);
  for (Dim n : d.shape) shape.push_back(n);
  return {HandleAccess::raw(d.make(shape)), batched};
}

Batching::Batching(const VmapOptions& options, const std::source_location& where) : state_(std::make_unique<State>()) {
  state_->options = options;
  state_->where = where;
}
Batching::~Batching() = default;

void Batching::argument(std::size_t position, const Leaves& leaves) {
  State& s = *state_;
  s.count = position + 1;
  const auto& axes = s.options.in_axes;
  const std::optional<Axis> axis = position < axes.size() ? axes[position] : std::optional<Axis>(0);
  for (std::size_t i = 0; i < leaves.tensors.size(); ++i) {
    Tensor& leaf = *leaves.tensors[i];
    const std::string name = "argument " + std::to_string(position) + " (" + leaves.paths[i] + ")";
    if (!leaf.defined())
      fail({ErrorCode::invalid_argument, "vmap: " + name + " holds nothing", "undefined", "", "assign it first"},
           s.where);
    Content c = strong(HandleAccess::read(leaf));
    TensorType type = type_of(c.node);
    if (!axis) {
      s.arguments.push_back({&leaf, {c, false}, type});
      continue;
    }
    const Axis at = *axis < 0 ? *axis + type.shape.rank() : *axis;
    if (at < 0 || at >= type.shape.rank())
      fail({ErrorCode::invalid_argument,
            "vmap: " + name + " is " + spelled(type) + " and has no axis " + std::to_string(*axis) + " for the lanes",
            "lanes", "", "give in_axes: an axis by argument, or std::nullopt for the same value in every lane"},
           s.where);
    const Dim size = type.shape[static_cast<std::size_t>(at)];
    if (s.lanes && *s.lanes != size)
      fail({ErrorCode::invalid_argument,
            "vmap: " + name + " is " + spelled(type) + " with " + to_string(size) +
                " lanes; the arguments before have " + to_string(*s.lanes),
            "lanes", "", "all arguments have the same number of lanes"},
           s.where);
    s.lanes = size;
    std::vector<std::int64_t> order{at};
    TensorType one{type.dtype, {}};
    for (int k = 0; k < type.shape.rank(); ++k) {
      if (k == at) continue;
      order.push_back(k);
      one.shape.push_back(type.shape[static_cast<std::size_t>(k)]);
    }
    if (at != 0) c = HandleAccess::raw(transpose(HandleAccess::make(c), Axes(order)));
    s.arguments.push_back({&leaf, {c, true}, one});
  }
}

void Batching::begin() {
  State& s = *state_;
  if (s.options.in_axes.size() > s.count)
    fail({ErrorCode::invalid_argument,
          "vmap: in_axes has " + std::to_string(s.options.in_axes.size()) + " axes; the call has " +
              std::to_string(s.count) + (s.count == 1 ? " argument" : " arguments"),
          "lanes", "", "give an axis by argument: it counts for all tensors of that argument"},
         s.where);
  if (!s.lanes)
    fail({ErrorCode::invalid_argument, "vmap: no argument has lanes", "lanes", "",
          "give at least one argument an axis in in_axes"},
         s.where);
  s.trace.name = s.trace.graph.name = "vmap";
  s.trace.lanes = &s;
  s.recording.emplace(context(), s.trace, s.where);
  for (auto& a : s.arguments) {
    const ValueId v = s.trace.graph.add_input(InputKind::argument, a.one, "x");
    HandleAccess::set_raw(*a.leaf, {make_traced(s.trace, v, a.one, s.where), false});
  }
}

void Batching::finish(const Leaves& results) {
  State& s = *state_;
  for (Tensor* t : results.tensors) {
    const Content c = HandleAccess::raw(*t);
    check_usable(c, t, s.where);
    s.trace.graph.add_output(OutputKind::result, lower(c, s.trace), "");
    HandleAccess::set_raw(*t, {});
  }
  const Frame frame = s.recording->close();
  std::string assigned;
  for (auto& slot : frame.slots)
    if (slot.written)
      assigned = HandleAccess::variable(*slot.handle) ? describe(cell_of(*slot.handle)) : "a tensor outside";
  s.recording.reset();
  for (auto& a : s.arguments) HandleAccess::set_raw(*a.leaf, {});
  if (!assigned.empty())
    fail({ErrorCode::trace, "vmap: " + assigned + " is assigned within its function", "assigned-outside", "",
          "return it: each lane has its own value"},
         s.where);
  std::vector<Lane> inputs;
  for (auto& a : s.arguments) inputs.push_back(a.value);
  auto capture = s.trace.captures.begin();
  auto drawn = s.draws.begin();
  for (auto& in : s.trace.graph.inputs().subspan(inputs.size()))
    inputs.push_back(in.kind == InputKind::capture ? Lane{{(capture++)->node, false}, false} : s.carried_out(*drawn++));
  const Graph graph = s.trace.finish();
  std::vector<Content> given;
  for (const Lane& l : inputs) given.push_back(l.content);
  const DeviceOf device(given);
  ToLanes handler(*s.lanes);
  auto made = evaluate<Lane>(graph, std::span<const Lane>(inputs), handler);
  if (!made) fail(std::move(made.error()), s.where);
  for (std::size_t i = 0; i < results.tensors.size(); ++i) {
    const Lane& l = (*made)[i];
    Tensor y = rules::in_lanes(HandleAccess::make(l.content), l.batched, *s.lanes);
    const Axis out = s.options.out_axis < 0 ? s.options.out_axis + y.rank() : s.options.out_axis;
    if (out < 0 || out >= y.rank())
      fail({ErrorCode::invalid_argument,
            "vmap: out_axis " + std::to_string(s.options.out_axis) + " is out of range for a result of " +
                spelled(y.type()),
            "lanes", "", ""},
           s.where);
    if (out != 0) {
      std::vector<std::int64_t> order;
      for (int k = 1; k < y.rank(); ++k) order.push_back(k);
      order.insert(order.begin() + out, 0);
      y = transpose(y, Axes(order));
    }
    HandleAccess::set_raw(*results.tensors[i], HandleAccess::raw(y));
  }
}

}  // namespace burin::detail
