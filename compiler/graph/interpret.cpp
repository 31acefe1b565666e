// The referee as a handler of evaluate().
#include "compiler/graph/interpret.h"

#include "compiler/graph/composite.h"
#include "compiler/graph/evaluate.h"
#include "compiler/graph/print.h"
#include "runtime/ops/fault.h"

namespace burin {
namespace {

struct Referee {
  const KernelSink& sink;
  std::optional<OpId> failed{};
  bool faulted = false;

  using Values = std::span<const HostTensor>;
  using Walk = Evaluation<HostTensor, Referee>;

  Result<std::vector<HostTensor>> op(const Graph& graph, OpId id, const Attributes& attributes, Values operands) {
    KernelSink noting = sink;
    Note note{*this};
    noting.self = &note;
    noting.fault = [](void* self, burin_rt_fault_kind kind, std::int64_t index, std::int64_t value) {
      auto& n = *static_cast<Note*>(self);
      n.referee.faulted = true;
      if (n.referee.sink.fault) n.referee.sink.fault(n.referee.sink.self, kind, index, value);
    };
    noting.print = [](void* self, std::string_view label, const HostTensor& value) {
      const KernelSink& s = static_cast<Note*>(self)->referee.sink;
      if (s.print) s.print(s.self, label, value);
    };
    auto results = run_reference(graph.op(id).kind, operands, attributes, noting);
    if (!results && !failed) failed = id;
    return results;
  }

  static bool is_true(const HostTensor& condition) { return *condition.data<std::uint8_t>() != 0; }

  Result<std::vector<HostTensor>> region(Walk& walk, OpId id, Values operands) {
    const Op& op = walk.graph().op(id);
    if (region_kind(op.kind) == RegionKind::branch) return walk.run(op.regions[is_true(operands[0]) ? 0 : 1], Values{});
    if (region_kind(op.kind) == RegionKind::scope) return walk.run(op.regions[0], operands);
    std::vector<HostTensor> carried(operands.begin(), operands.end());
    const auto& bound = std::get<std::vector<Dim>>(op.attributes[0]);
    const std::int64_t most = bound.empty() ? INT64_MAX : substitute(bound[0], walk.bindings()).value();
    for (std::int64_t trips = 0;; ++trips) {
      auto tested = walk.run(op.regions[0], Values(carried));
      if (!tested) return tested;
      const bool again = is_true((*tested)[0]);
      tested->erase(tested->begin());
      if (!again) return tested;
      if (trips >= most) {
        failed = id;
        return fault_error(op_info(op.kind), BURIN_RT_FAULT_TRIP_COUNT, 0, most);
      }
      auto next = walk.run(op.regions[1], Values(*tested));
      if (!next) return next;
      carried = std::move(*next);
    }
  }

 private:
  struct Note {
    Referee& referee;
  };
};

}  // namespace

std::string place_of(const Graph& graph, OpId id) {
  const Op& op = graph.op(id);
  return op.line == 0 ? "in \"" + graph.name + "\"" : "in \"" + graph.name + "\" at " + to_string(graph.line(op.line));
}

static void tell_place(Error& e, const Graph& graph, OpId id) {
  e.where = place_of(graph, id);
  if (const std::uint32_t line = graph.op(id).line) tell_as(e, composite_of(graph.line(line)));
}

Result<std::vector<HostTensor>> interpret(const Graph& graph, std::span<const HostTensor> inputs,
                                          const KernelSink& sink, std::optional<OpId>* faulted) {
  std::vector<TensorType> types;
  for (const HostTensor& t : inputs) types.push_back(t.type);
  auto bindings = bind_sizes(graph, types);
  if (!bindings) return bindings.error();
  if (auto fits = check_sizes(graph, *bindings); !fits) return fits.error();
  Referee referee{sink};
  auto results = evaluate<HostTensor>(graph, inputs, referee, *bindings);
  if (faulted) *faulted = referee.faulted ? referee.failed : std::nullopt;
  if (!results && referee.failed) tell_place(results.error(), graph, *referee.failed);
  return results;
}

Result<std::vector<HostTensor>> interpret_unguarded(const Graph& graph, std::span<const HostTensor> inputs,
                                                    std::span<const DimBinding> bindings, const KernelSink& sink) {
  Referee referee{sink};
  auto results = evaluate<HostTensor>(graph, inputs, referee, bindings);
  if (!results && referee.failed) tell_place(results.error(), graph, *referee.failed);
  return results;
}

Error fault_error(const Graph& graph, const burin_rt_fault& fault) {
  if (fault.op < 0 || static_cast<std::size_t>(fault.op) >= graph.num_ops())
    return {ErrorCode::internal, "a fault names an op that \"" + graph.name + "\" does not have", "fault", "", ""};
  const OpId id{static_cast<std::uint32_t>(fault.op)};
  Error e =
      fault_error(op_info(graph.op(id).kind), static_cast<burin_rt_fault_kind>(fault.kind), fault.index, fault.value);
  tell_place(e, graph, id);
  std::vector<TensorType> operands;
  for (ValueId v : graph.operands(graph.op(id))) operands.push_back(graph.type(v));
  tell_positions(e, operands, graph.op(id).attributes);
  return e;
}

}  // namespace burin
