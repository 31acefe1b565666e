// Reverse mode through cond and while: the tape records the op in a form that also returns what its derivative reads, and
// notes a pullback that records the backward op. DESIGN §2 has the rules; linearize does the work of the bodies.
#include "compiler/graph/accumulate.h"
#include "frontend/control/evaluate.h"
#include "frontend/control/regions.h"
#include "frontend/rules/rules.h"
#include "frontend/transform/gradient.h"
#include "frontend/transform/linearize.h"

#include <burin/composites.h>
#include <burin/ops.h>

namespace burin::detail {
namespace {

bool is_float(const Content& c) { return is_floating(type_of(c.node).dtype); }

Contents joined(std::initializer_list<std::span<const Content>> parts) {
  Contents all;
  for (auto part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

/// What the late part reads of these inputs.
Contents read_of(const Linearized& l, std::span<const Content> inputs) {
  Contents out;
  for (std::uint32_t i : l.parts.reads) out.push_back(inputs[i]);
  return out;
}

Content zeros_of(const TensorType& type) { return HandleAccess::raw(zeros(type.shape, type.dtype)); }
/// What nobody reads but lanes that throw away what they make of it: 1, since a pole there would make NaN of their slopes.
Content unread(const TensorType& type) {
  return is_floating(type.dtype) ? HandleAccess::raw(ones(type.shape, type.dtype)) : zeros_of(type);
}

// -- while ---------------------------------------------------------------------------------------------------------------

/// One value a trip, along a new first axis. Ranks are bounded, so a value of the greatest rank is kept flat.
struct Stack {
  TensorType element;
  Shape stored() const { return element.shape.rank() < max_rank ? element.shape : Shape{element.shape.num_elements()}; }
  Content empty(Dim trips) const {
    Shape shape{trips};
    for (Dim d : stored()) shape.push_back(d);
    return HandleAccess::raw(zeros(shape, element.dtype));
  }
  Content with(const Content& stack, const Tensor& trip, const Content& value) const {
    Tensor all = HandleAccess::make(stack), one = HandleAccess::make(value);
    if (element.shape.rank() == max_rank) one = reshape(one, stored());
    return HandleAccess::raw(scatter(all, trip, one, 0));
  }
  Content at(const Content& stack, const Tensor& trip) const {
    Tensor one = gather(HandleAccess::make(stack), trip, 0);
    if (element.shape.rank() == max_rank) one = reshape(one, element.shape);
    return HandleAccess::raw(one);
  }
};

/// A loop with what its derivative needs; `carried` counts the values that the user's loop carries.
struct LinearLoop {
  std::size_t carried = 0;
  std::vector<bool> active;  // by carried value, then by capture
  std::shared_ptr<const Linearized> body;
  std::optional<Dim> max_trips;
  std::vector<Stack> stacks;
  Contents captures, saved;  // `saved`: the number of trips, then the stacks
};

std::vector<Tensor> pull_back(const LinearLoop& loop, std::span<const Tensor> cotangents,
                              const std::source_location& where) {
  const std::size_t n = loop.carried;
  // State: the trip, the cotangents of active carried values, the sums for captures that are reached.
  Contents init{loop.saved[0]};
  std::vector<std::size_t> carried, sums;
  std::vector<std::uint32_t> summed;  // their places among what the body's late part gives
  for (std::size_t i = 0; i < n; ++i)
    if (loop.active[i]) {
      carried.push_back(i);
      init.push_back(HandleAccess::raw(cotangents[i]));
    }
  for (std::uint32_t at = 0; at < loop.body->reached.size(); ++at)
    if (const std::uint32_t i = loop.body->reached[at]; i >= n) {
      sums.push_back(i);
      summed.push_back(at);
      init.push_back(zeros_of(sum_type(type_of(loop.captures[i - n].node))));
    }
  const Graph late = accumulate(loop.body->parts.late, summed);
  auto test = [](const Contents& state) { return HandleAccess::make(state[0]) > 0; };
  auto body = [&](const Contents& state) {
    const Tensor trip = HandleAccess::make(state[0]) - 1;
    Contents given;
    for (std::uint32_t i : loop.body->parts.reads) given.push_back(loop.captures[i - n]);
    for (std::size_t i = 0; i < loop.stacks.size(); ++i) given.push_back(loop.stacks[i].at(loop.saved[i + 1], trip));
    given.insert(given.end(), state.begin() + 1, state.end());
    const Contents made = evaluate_region(late, given);
    Contents next{HandleAccess::raw(trip)};
    for (std::size_t k = 0; k < carried.size(); ++k) {
      auto at = std::find(loop.body->reached.begin(), loop.body->reached.end(), carried[k]);
      next.push_back(at != loop.body->reached.end() ? made[static_cast<std::size_t>(at - loop.body->reached.begin())]
                                                    : zeros_of(type_of(state[k + 1].node)));
    }
    for (std::uint32_t at : summed) next.push_back(made[at]);
    return next;
  };
  const LoopBound bound{loop.max_trips, loop.max_trips.has_value()};  // it counts down what was counted
  const Contents last = run_loop(std::move(init), bound, where, test, body);
  std::vector<Tensor> out(n + loop.captures.size());
  for (std::size_t k = 0; k < carried.size(); ++k) out[carried[k]] = HandleAccess::make(last[k + 1]);
  for (std::size_t k = 0; k < sums.size(); ++k)
    out[sums[k]] = rules::cast_like(HandleAccess::make(last[1 + carried.size() + k]),
                                    HandleAccess::make(loop.captures[sums[k] - n]));
  return out;
}

[[noreturn]] void no_bound(const std::source_location& where) {
  fail({ErrorCode::unsupported, "while_loop: its gradient needs to know how often it runs at most", "unbounded-loop",
        "", "give while_loop a max_trips, or use for_loop or scan"},
       where);
}

}  // namespace

bool GradientNotes::takes(const RegionOp& op) const {
  for (auto* list : {&op.operands, &op.captures})
    for (const Content& c : *list)
      if (is_float(c) && descends(c)) return true;
  return false;
}

std::vector<Content> GradientNotes::carry_out(const RegionOp& op) {
  SourceScope lines(op.where);
  switch (op.kind) {
    case OpKind::while_: return loop(op);
    case OpKind::remat: return remat(op);
    case OpKind::custom_gradient: return custom_gradient(op);
    default: return branch(op);
  }
}

Contents GradientNotes::loop(const RegionOp& op) {
  const Graph &test = *op.regions[0], &body = *op.regions[1];
  const std::size_t n = op.operands.size();
  LinearLoop linear;
  linear.carried = n;
  linear.captures = op.captures;
  linear.max_trips = op.bound.trips;
  for (auto* list : {&op.operands, &op.captures})
    for (const Content& c : *list) linear.active.push_back(is_float(c) && descends(c));
  for (bool changed = true; changed;) {  // what one trip makes active, the next trip carries
    changed = false;
    const std::vector<bool> next = flows(body, linear.active);
    for (std::size_t i = 0; i < n; ++i)
      if (next[i] && !linear.active[i]) linear.active[i] = changed = true;
  }
  LinearizeOptions options;
  options.active_inputs = linear.active;
  options.active_results.assign(linear.active.begin(), linear.active.begin() + static_cast<std::ptrdiff_t>(n));
  options.kept.assign(n + op.captures.size(), true);
  std::fill_n(options.kept.begin(), n, false);
  options.recompute_kept = true;
  linear.body = std::make_shared<const Linearized>(linearize(body, options, op.where));
  const bool stacked = !linear.body->parts.handed_on.empty();
  const bool bounded = op.bound.trips || !stacked;
  if (bounded)
    for (const TensorType& type : linear.body->parts.handed_on) linear.stacks.push_back({type});

  // State: what the user's loop carries, the number of trips, the stacks.
  Contents init = op.operands;
  init.push_back(HandleAccess::raw(Tensor(std::int64_t{0})));
  for (const Stack& s : linear.stacks)  // one row where no trip is made: nothing is written to an empty axis
    init.push_back(s.empty(max(*op.bound.trips - 1, 0) + 1));
  auto given = [&](const Contents& state) { return joined({std::span(state).first(n), op.captures}); };
  auto again = [&](const Contents& state) { return HandleAccess::make(evaluate_region(test, given(state))[0]); };
  auto trip = [&](const Contents& state) {
    const Contents made = evaluate_region(linear.body->parts.early, given(state));
    const Tensor count = HandleAccess::make(state[n]);
    Contents next(made.begin(), made.begin() + static_cast<std::ptrdiff_t>(n));
    next.push_back(HandleAccess::raw(count + 1));
    for (std::size_t i = 0; i < linear.stacks.size(); ++i)
      next.push_back(linear.stacks[i].with(state[n + 1 + i], count, made[n + i]));
    return next;
  };
  Contents last = run_loop(std::move(init), op.bound, op.where, again, trip);
  linear.saved.assign(last.begin() + static_cast<std::ptrdiff_t>(n), last.end());
  last.resize(n);
  note(
      op.kind, joined({op.operands, op.captures}), last,
      [linear = std::move(linear), bounded, where = op.where](std::span<const Tensor> cotangents) {
        if (!bounded) no_bound(where);
        return pull_back(linear, cotangents, where);
      },
      op.where);
  return last;
}

// -- cond ----------------------------------------------------------------------------------------------------------------

Contents GradientNotes::branch(const RegionOp& op) {
  struct Side {
    std::shared_ptr<const Linearized> linear;
    std::vector<std::size_t> slots;  // by saved value
  };
  LinearizeOptions options;
  for (const Content& c : op.captures) options.active_inputs.push_back(is_float(c) && descends(c));
  std::vector<bool> active;  // results that either side makes depend on a source
  for (auto& region : op.regions) {
    const auto through = flows(*region, options.active_inputs);
    active.resize(through.size());
    for (std::size_t i = 0; i < through.size(); ++i) active[i] = active[i] || through[i];
  }
  options.active_results = active;
  options.kept.assign(op.captures.size(), true);
  Side sides[2];
  // The union by type of what the two sides save. Under vmap both sides run behind, one of them on what the other saved: whole
  // numbers, which may count trips or be positions, are apart.
  std::vector<TensorType> slots;
  for (int i = 0; i < 2; ++i) {
    sides[i].linear = std::make_shared<const Linearized>(linearize(*op.regions[i], options, op.where));
    std::vector<bool> taken(slots.size());
    for (const TensorType& type : sides[i].linear->parts.handed_on) {
      std::size_t at = 0;
      while (at < slots.size() && (taken[at] || slots[at] != type || !is_floating(type.dtype))) ++at;
      if (at == slots.size()) {
        slots.push_back(type);
        taken.push_back(false);
      }
      taken[at] = true;
      sides[i].slots.push_back(at);
    }
  }
  const std::size_t n = op.regions[0]->outputs().size();
  auto forward = [&](const Side& side) {
    return [&] {
      Contents made = evaluate_region(side.linear->parts.early, op.captures);
      Contents out(made.begin(), made.begin() + static_cast<std::ptrdiff_t>(n));
      out.resize(n + slots.size());
      for (std::size_t i = 0; i < side.slots.size(); ++i) out[n + side.slots[i]] = made[n + i];
      for (std::size_t i = 0; i < slots.size(); ++i)
        if (!out[n + i].defined()) out[n + i] = unread(slots[i]);
      return out;
    };
  };
  Contents last = run_branches(op.operands[0], n + slots.size(), op.where, forward(sides[0]), forward(sides[1]));
  Contents saved(last.begin() + static_cast<std::ptrdiff_t>(n), last.end());
  last.resize(n);

  auto pullback = [condition = op.operands[0], captures = op.captures, saved = std::move(saved), active,
                   then = sides[0], otherwise = sides[1], where = op.where](std::span<const Tensor> cotangents) {
    std::vector<std::uint32_t> reached;  // by either side
    for (std::uint32_t i = 0; i < captures.size(); ++i)
      for (auto* side : {&then, &otherwise}) {
        const auto& list = side->linear->reached;
        if (std::find(list.begin(), list.end(), i) != list.end() && (reached.empty() || reached.back() != i))
          reached.push_back(i);
      }
    auto backward = [&](const Side& side) {
      return [&] {
        Contents given = read_of(*side.linear, captures);
        for (std::size_t slot : side.slots) given.push_back(saved[slot]);
        for (std::size_t i = 0; i < active.size(); ++i)
          if (active[i]) given.push_back(HandleAccess::raw(cotangents[i]));
        Contents made = evaluate_region(side.linear->parts.late, given), out;
        for (std::uint32_t i : reached) {
          const auto& list = side.linear->reached;
          auto at = std::find(list.begin(), list.end(), i);
          out.push_back(at != list.end() ? made[static_cast<std::size_t>(at - list.begin())]
                                         : zeros_of(type_of(captures[i].node)));
        }
        return out;
      };
    };
    Contents made = run_branches(condition, reached.size(), where, backward(then), backward(otherwise));
    std::vector<Tensor> out(1 + captures.size());
    for (std::size_t k = 0; k < reached.size(); ++k) out[1 + reached[k]] = HandleAccess::make(made[k]);
    return out;
  };
  note(op.kind, joined({op.operands, op.captures}), last, std::move(pullback), op.where);
  return last;
}

}  // namespace burin::detail
