// See evaluate.h. Regions run through cond and while_loop's own machinery, so they work eagerly and while tracing.
#include "frontend/control/evaluate.h"

#include "compiler/graph/evaluate.h"
#include "compiler/graph/sizes.h"
#include "frontend/control/regions.h"
#include "frontend/control/scopes.h"
#include "frontend/record/eager.h"

#include <algorithm>

namespace burin::detail {

namespace {

using Values = std::vector<Content>;

struct ToDispatch {
  using Run = Evaluation<Content, ToDispatch>;

  Result<Values> op(const Graph& g, OpId id, const Attributes& attributes, std::span<const Content> operands) {
    const Op& op = g.op(id);
    ReplayLine line(op.line ? &g.line(op.line) : nullptr);
    return evaluate_op(op.kind, attributes, operands);
  }

  Result<Values> region(Run& run, OpId id, std::span<const Content> operands) {
    const Graph& g = run.graph();
    const Op& op = g.op(id);
    ReplayLine line(op.line ? &g.line(op.line) : nullptr);
    switch (region_kind(op.kind)) {
      case RegionKind::branch: return branch(run, op, operands);
      case RegionKind::scope: return scope(run, op, operands);
      default: return loop(run, op, operands);
    }
  }

 private:
  // Recorded once more, since sizes may have other names here, unless nobody looks.
  Values scope(Run& run, const Op& op, std::span<const Content> operands) {
    if (!context().trace && !tapes_listen()) return block(run, op.regions[0], operands);
    Values given(operands.begin(), operands.end());
    std::vector<TensorType> types = types_of(given);
    auto record = [&](BlockId region) {
      return record_graph(run.graph().name, types, {},
                          [&](const Values& inputs) { return block(run, region, inputs); });
    };
    RecordedGraph body = record(op.regions[0]);
    std::optional<RecordedGraph> backward;
    if (op.regions.size() > 1) {
      std::vector<TensorType> results;
      for (const Output& out : body.graph.outputs()) results.push_back(body.graph.type(out.value));
      types.insert(types.end(), results.begin(), results.end());
      for (const TensorType& type : results)
        if (is_floating(type.dtype)) types.push_back(type);
      backward = record(op.regions[1]);
    }
    RegionOp made = scope_op(op.kind, std::move(given), std::move(body), std::move(backward), {});
    made.attributes = op.attributes;  // captures were operands already
    return carry_out_scope(made);
  }

  static Values block(Run& run, BlockId b, std::span<const Content> arguments) {
    auto r = run.run(b, arguments);
    if (!r) fail(std::move(r.error()), {});
    return std::move(*r);
  }

  Result<Values> branch(Run& run, const Op& op, std::span<const Content> operands) {
    return run_branches(
        operands[0], op.num_results, {}, [&] { return block(run, op.regions[0], {}); },
        [&] { return block(run, op.regions[1], {}); });
  }

  // Where `test` hands on other values than it was given, the body and the results compute them once more (such graphs come
  // from files; ours hand on what they got).
  Result<Values> loop(Run& run, const Op& op, std::span<const Content> operands) {
    const Graph& g = run.graph();
    BlockId test = op.regions[0], body = op.regions[1];
    const Block& t = g.block(test);
    bool plain = std::equal(t.yields.begin() + 1, t.yields.end(), t.arguments.begin(), t.arguments.end());
    auto handed_on = [&](Values state) {
      if (plain) return state;
      Values v = block(run, test, state);
      v.erase(v.begin());
      return v;
    };
    const auto& trips = std::get<std::vector<Dim>>(op.attributes[0]);
    LoopBound bound;
    if (!trips.empty()) bound.trips = substitute(trips[0], run.bindings());
    bound.certain = std::get<bool>(op.attributes[1]);
    return handed_on(run_loop(
        Values(operands.begin(), operands.end()), bound, {},
        [&](const Values& state) { return HandleAccess::make(block(run, test, state)[0]); },
        [&](const Values& state) { return block(run, body, handed_on(state)); }));
  }
};

Values checked(Result<Values> r) {
  if (!r) fail(std::move(r.error()), {});
  return std::move(*r);
}

}  // namespace

std::vector<Content> evaluate_op(OpKind kind, const Attributes& attributes, std::span<const Content> operands) {
  if (kind == OpKind::constant) {
    const bool literal = context().trace != nullptr;
    NodeRef n = make_on(literal ? 0 : scope_device, std::get<std::shared_ptr<const Constant>>(attributes[0])->value);
    n.get()->literal = literal;
    return {{std::move(n), false}};
  }
  std::vector<Tensor> handles;
  std::vector<Arg> args;
  handles.reserve(operands.size());
  for (auto& c : operands) handles.push_back(HandleAccess::make(c));
  for (auto& h : handles) args.emplace_back(h, std::source_location{});
  std::vector<Content> results;
  for (auto& t : dispatch_all(kind, args, attributes, promote_none)) results.push_back(HandleAccess::raw(t));
  return results;
}

std::vector<Content> evaluate_graph(const Graph& g, std::span<const Content> inputs) {
  std::vector<TensorType> types;
  for (auto& c : inputs) types.push_back(type_of(c.node));
  Trace* trace = context().trace;
  std::vector<Guard> open;
  auto bindings = bind_sizes(g, types, trace ? &open : nullptr);
  if (!bindings) fail(std::move(bindings.error()), {});
  for (auto& guard : open) trace->graph.add_guard(guard);
  ToDispatch handler;
  const DeviceOf device(inputs);
  return checked(evaluate<Content>(g, inputs, handler, *bindings));
}

std::vector<Content> evaluate_region(const Graph& g, std::span<const Content> inputs) {
  ToDispatch handler;
  const DeviceOf device(inputs);
  return checked(evaluate<Content>(g, inputs, handler));
}

}  // namespace burin::detail
