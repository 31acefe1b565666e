// Running an entry on values: which memory its results get, state in place among them, and what becomes of a failed call.
// Knows nodes, not handles: by-reference parameters reach it as any other state input does.
#include "frontend/function/run.h"
#include "compiler/graph/interpret.h"
#include "frontend/execute/log.h"
#include "frontend/execute/on_device.h"
#include "runtime/ops/few.h"

#include <array>

namespace burin::detail {

namespace {

TensorType known_type(const TensorType& t, std::span<const DimBinding> bindings) {
  TensorType k = t;
  for (std::size_t i = 0; i < k.shape.size(); ++i)
    if (!k.shape[i].is_known()) k.shape[i] = substitute(k.shape[i], bindings);
  return k;
}

// An entry traced inside another trace has no executable yet; the first call outside makes it.
rt::Turn making;
const Executable& executable_of(FunctionState& f, const Entry& e) {
  std::lock_guard lock(making);
  if (!e.ready.load(std::memory_order_relaxed)) make_executable(f, e);
  return *e.ready.load(std::memory_order_relaxed);
}

// The same on another device than the CPU, which may be another one of the kind that the entry was traced for.
void submit_entry(FunctionState& f, const Entry& e, std::span<const RunInput> inputs,
                  std::span<const DimBinding> bindings, std::span<const std::int64_t> sizes, bool in_place,
                  NodeRef* results) {
  {
    std::lock_guard lock(making);
    if (!e.program) make_executable(f, e);
  }
  std::vector<const NodeRef*> given;
  std::uint8_t device = e.key.device;
  bool told = false;
  for (const RunInput& in : inputs) {
    const Node& n = *in.node->get();
    given.push_back(in.node);
    if (!told && !n.number) device = n.device;
    told = told || !n.number;
  }
  const Graph& g = *e.graph;
  std::vector<OutputUse> uses(g.outputs().size());
  for (std::size_t i = 0; i < uses.size(); ++i) {
    const Output& out = g.outputs()[i];
    uses[i].hands_on = e.sources[i];
    if (out.kind != OutputKind::state) continue;
    uses[i].replaces = static_cast<int>(*out.overwrites);
    uses[i].may_overwrite = in_place && !inputs[static_cast<std::size_t>(uses[i].replaces)].aliased;
  }
  auto made = call_on_device({device, e.program, g, bindings, sizes, f.name}, given, uses, f.where);
  for (std::size_t i = 0; i < made.size(); ++i) results[i] = std::move(made[i]);
}

// Sizes break what only branches and loops of the graph rely on: code that was compiled for it cannot check them on the way.
void run_by_referee(FunctionState& f, const Entry& e, std::span<const RunInput> inputs,
                    std::span<const DimBinding> bindings, const Guard& broken, NodeRef* results) {
  if (level_of(e.key.level) != Level::graph && !e.warned.exchange(true, std::memory_order_relaxed))
    log_to(Log::run, Severity::warn, [&] {
      return "the referee runs calls of \"" + f.name + "\" whose sizes break " + burin::to_string(broken) +
             ", which only its branches and loops rely on";
    });
  std::vector<const DeviceTensor*> given;
  for (const RunInput& in : inputs) given.push_back(&in.node->get()->value);
  auto made = run_unguarded(*e.computed, given, bindings, is_checked(e.key.level));
  if (!made) fail(std::move(made.error()), f.where);
  for (std::size_t i = 0, next = 0; i < e.graph->outputs().size(); ++i)
    results[i] = e.sources[i] >= 0 ? *inputs[static_cast<std::size_t>(e.sources[i])].node
                                   : make_eager(std::move((*made)[next++]), f.where);
}

}  // namespace

void make_executable(FunctionState& f, const Entry& e) {
  if (e.key.device != 0) {
    auto made = program_for(e.key.device, e.computed, level_of(e.key.level) == Level::full, is_checked(e.key.level));
    if (!made) fail(std::move(made.error()), f.where);
    e.program = std::move(*made);
    return;
  }
  if (level_of(e.key.level) == Level::graph) {
    e.executable = interpreted(e.computed, is_checked(e.key.level));
    log_to(Log::run, Severity::debug, [&] { return "the referee runs \"" + f.name + "\" (level graph)"; });
    e.ready.store(e.executable.get(), std::memory_order_release);
    return;
  }
  ExecutableStats made;
  auto x = compiled(e.computed, level_of(e.key.level) == Level::full, made, is_checked(e.key.level));
  if (!x) fail(std::move(x.error()), f.where);
  e.executable = std::move(*x);
  e.ready.store(e.executable.get(), std::memory_order_release);
  std::lock_guard lock(f.mutex);
  f.stats.compiles += made.compiled;
  f.stats.memory_hits += made.memory_hit;
  f.stats.disk_hits += made.disk_hit;
}

// The counts are read after the caller's other threads gave up what they held: a handle that is passed by reference belongs
// to this call, so once it is the only one, no other can appear.
bool may_overwrite(const Node& n) {
  return n.references.load(std::memory_order_acquire) == 1 && n.value.buffer.unique() && !n.value.buffer.foreign();
}

void run_entry(FunctionState& f, const Entry& e, std::span<const RunInput> inputs, std::span<const Dim> bound,
               bool in_place, NodeRef* results) {
  const Graph& g = *e.graph;
  std::vector<DimBinding> bindings;
  std::array<std::int64_t, max_names> sizes;
  for (std::size_t i = 0; i < bound.size(); ++i) {
    bindings.push_back({e.key.names[i], bound[i]});
    sizes[i] = bound[i].value();
  }
  const Guard* broken = nullptr;
  for (auto& guard : g.guards())
    if (decide(guard, bindings) != true) {
      if (e.key.device == 0 && may_go_unneeded(g, guard)) {
        broken = &guard;
        continue;
      }
      std::string given;
      for (auto& b : bindings)
        given += (given.empty() ? "" : ", ") + std::string(b.name) + " is " + burin::to_string(b.value);
      fail({ErrorCode::invalid_argument,
            f.name + ": the sizes break what the trace relies on: " + burin::to_string(guard), "guard", "",
            "in this call " + given},
           f.where);
    }
  if (broken) return run_by_referee(f, e, inputs, bindings, *broken, results);

  const Executable* executable = e.ready.load(std::memory_order_acquire);
  if (!executable) {
    if (e.key.device != 0) return submit_entry(f, e, inputs, bindings, {sizes.data(), bound.size()}, in_place, results);
    executable = &executable_of(f, e);
  }

  // By pointer: a hit touches no counts of values that other threads may hold too.
  Few<const DeviceTensor*, 32> given(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) given[i] = &inputs[i].node->get()->value;

  // What is only handed on is counted first, so that nobody overwrites it below.
  const std::size_t m = g.outputs().size();
  for (std::size_t i = 0; i < m; ++i)
    if (e.sources[i] >= 0) results[i] = *inputs[static_cast<std::size_t>(e.sources[i])].node;
  Few<DeviceTensor*, 16> made;
  auto overwritten = [&](std::size_t i) -> const RunInput* {
    const Output& out = g.outputs()[i];
    return out.overwrites && e.sources[i] < 0 ? &inputs[*out.overwrites] : nullptr;
  };
  for (std::size_t i = 0; i < m; ++i) {
    if (e.sources[i] >= 0) continue;
    const RunInput* old = overwritten(i);
    if (in_place && old && !old->aliased && may_overwrite(*old->node->get())) {
      results[i] = *old->node;
    } else {
      const TensorType& type = g.type(g.outputs()[i].value);
      auto fresh = output_memory(g, g.outputs()[i].value, bindings.empty() ? type : known_type(type, bindings));
      if (!fresh) fail(std::move(fresh.error()), f.where);
      results[i] = make_eager(std::move(*fresh), f.where);
    }
    made.push_back(&results[i].get()->value);
  }

  // Everything that can fail is behind us but the code itself, which writes to no state before it knows that it succeeds
  // (passes/MemoryPlan.cpp): the call fails with all values as they were, or it cannot fail any more.
  auto ok = executable->run(given, made, {sizes.data(), bound.size()});
  if (!ok) fail(std::move(ok.error()), f.where);
  for (std::size_t i = 0; i < m; ++i)
    if (const RunInput* old = overwritten(i); old && old->node->get() == results[i].get())
      results[i].get()->value.buffer.bump_version();
}

}  // namespace burin::detail
