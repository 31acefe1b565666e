// Tracing a callable into an entry: inputs for the leaves of its arguments, outputs for the tree that it returns.
#include "frontend/function/tracer.h"
#include "frontend/record/recording.h"

#include "runtime/core/warning.h"

#include <algorithm>
#include <exception>
#include <map>
#include <unordered_map>
#include <unordered_set>

namespace burin::detail {

struct Tracer::State {
  FunctionState& function;
  Trace trace;
  Entry* entry = nullptr;
  std::vector<ValueId> inputs;  // of the tensor leaves
  std::vector<ValueId> state_inputs;

  struct Arguments final : TreeVisitor {
    State* s = nullptr;
    std::size_t next = 0;
    bool is_state = false;
    void tensor(Tensor& t, const Path&) override {
      std::size_t i = next++;
      const KeyField& k = s->entry->key.fields[i];
      auto& r = context();
      ValueId v =
          s->trace.graph.add_input(is_state ? InputKind::state : InputKind::argument, k.tensor, s->entry->paths[i]);
      s->inputs.push_back(v);
      if (is_state) s->state_inputs.push_back(static_cast<ValueId>(s->inputs.size() - 1));
      HandleAccess::set_raw(t, {make_traced(s->trace, v, k.tensor, {}), k.weak});
      r.give_name(&t, s->entry->paths[i]);
    }
    void host(const HostValue&, const Path&) override { ++next; }
    void length(std::size_t, const Path&) override { ++next; }
  } arguments;

  explicit State(FunctionState& f) : function(f) { arguments.s = this; }
};

Tracer::Tracer(FunctionState& f, Call&) : state_(std::make_unique<State>(f)) {}
Tracer::~Tracer() = default;
void Tracer::begin_argument(std::int64_t, bool state) { state_->arguments.is_state = state; }
TreeVisitor& Tracer::arguments() { return state_->arguments; }

void Tracer::results(const Leaves& l, std::shared_ptr<void> prototype) {
  State& s = *state_;
  s.entry->prototype = std::move(prototype);
  s.entry->num_results = l.tensors.size();
  for (std::size_t i = 0; i < l.tensors.size(); ++i) {
    Content c = HandleAccess::read(*l.tensors[i]);
    std::string name = l.tensors.size() == 1 ? "result" : "result" + std::to_string(i);
    if (!c.defined())
      fail({ErrorCode::trace, name + " is undefined; nothing was assigned to it", "undefined", "",
            "give every returned tensor a value"},
           s.function.where);
    check_usable(c, l.tensors[i], s.function.where);
    s.trace.graph.add_output(OutputKind::result, lower(c, s.trace), name);
  }
}

void Tracer::state(const Leaves& l) {
  State& s = *state_;
  for (auto* t : l.tensors) {
    std::size_t i = s.entry->state_outputs.size();
    if (i >= s.state_inputs.size()) break;
    auto input = static_cast<std::uint32_t>(s.state_inputs[i]);
    const std::string& name = s.trace.graph.inputs()[input].name;
    Content c = HandleAccess::read(*t);
    if (!c.defined())
      fail({ErrorCode::trace, name + " is undefined at the end of the function", "undefined", "", ""},
           s.function.where);
    check_usable(c, t, s.function.where);
    TensorType was = s.trace.type(s.inputs[input]);
    c = adapt(c, was.dtype, s.function.name);
    ValueId v = lower(c, s.trace);
    s.entry->state_outputs.push_back(s.trace.graph.outputs().size());
    bool same = type_of(c.node) == was;
    if (same) s.trace.graph.add_output(OutputKind::state, v, name, input);
    else s.trace.graph.add_output(OutputKind::result, v, name);
  }
  if (l.tensors.size() + s.entry->state_outputs.size() > 0 && s.entry->state_outputs.size() > s.state_inputs.size())
    fail({ErrorCode::trace, "a by-reference argument changed its structure", "tree", "",
          "keep the number of its tensors"},
         s.function.where);
}

namespace {

// The variables that the callable assigned become outputs. Call while the function's frame is open: it says which.
void add_variables(Entry& e, Trace& t, const Frame& function) {
  const std::size_t arguments = t.graph.inputs().size() - t.captures.size() - t.states.size();
  for (auto& s : t.states) e.variables.push_back({s.cell.get(), s.input - static_cast<std::uint32_t>(arguments), -1});
  for (auto& slot : function.slots) {
    if (!slot.written || !HandleAccess::variable(*slot.handle)) continue;
    const Content now = HandleAccess::raw(*slot.handle);
    if (now.node == slot.argument) continue;  // what it held
    VariableCell& cell = cell_of(*slot.handle);
    auto at = std::find_if(t.states.begin(), t.states.end(), [&](auto& s) { return s.cell.get() == &cell; });
    e.variables[static_cast<std::size_t>(at - t.states.begin())].output = static_cast<int>(t.graph.outputs().size());
    t.graph.add_output(OutputKind::state, lower(now, t), t.graph.inputs()[at->input].name, at->input);
  }
}

// What the entry keeps of the trace's hidden inputs.
void add_hidden(Entry& e, const Trace& t) {
  e.hidden.resize(t.captures.size() + t.states.size());
  for (auto& v : e.variables) e.hidden[v.hidden].variable = v.cell->shared_from_this();
  auto next = t.captures.begin();
  for (auto& h : e.hidden)
    if (!h.variable) h.value = (next++)->node;
  std::sort(e.variables.begin(), e.variables.end(), [](auto& a, auto& b) { return a.cell->number < b.cell->number; });
}

// Ops of one source line, and of a whole trace, beyond which a host loop is reported as unrolled (docs/control-flow.md).
constexpr std::size_t unrolled_line = 5'000, unrolled_trace = 100'000;

// Names the line that was recorded most often, once a function and line.
void warn_of_unrolling(FunctionState& f, const Trace& t) {
  const Graph& g = t.graph;
  if (g.num_ops() <= unrolled_line) return;
  std::map<std::pair<std::string_view, std::uint32_t>, std::size_t> count;  // by file and line
  for (std::uint32_t i = 0; i < g.num_ops(); ++i)
    if (const Op& op = g.op(OpId{i}); op.kind != OpKind::constant && op.line)
      ++count[{g.line(op.line).file, g.line(op.line).line}];
  if (count.empty()) return;
  auto [line, ops] =
      *std::max_element(count.begin(), count.end(), [](auto& a, auto& b) { return a.second < b.second; });
  if (ops <= unrolled_line && g.num_ops() <= unrolled_trace) return;
  const std::string at = std::string(line.first) + ":" + std::to_string(line.second);
  {
    std::lock_guard lock(f.mutex);
    if (std::find(f.unrolled.begin(), f.unrolled.end(), at) != f.unrolled.end()) return;
    f.unrolled.push_back(at);
  }
  rt::warn(f.name + ": " + std::to_string(ops) + " of the trace's " + std::to_string(g.num_ops()) +
           " ops were recorded at " + at +
           "; a host loop over tensors is unrolled while it is traced, the body of for_loop or scan is recorded once");
}

// What is legal but rarely meant.
void warn_of_size(FunctionState& f, const Trace& t) {
  constexpr std::int64_t large = std::int64_t{64} << 20;
  for (auto& c : t.captures) {
    const DeviceTensor& v = c.node.get()->value;
    if (!v.type.shape.is_static() || v.num_bytes() < large) continue;
    std::string made = c.node.get()->where.line() ? " made at " + place(c.node.get()->where) : "";
    rt::warn(f.name + ": captures " + to_string(v.type) + made + " (" + std::to_string(v.num_bytes() >> 20) +
             " MiB), bound for as long as the trace is kept; pass it as an argument where it changes");
  }
  warn_of_unrolling(f, t);
}

// Results that may have the memory of an argument by value: each element is made of the same element of the argument alone,
// through ops that nothing else uses, so that no plan reads the argument after it wrote the result.
void find_donors(Graph& g, const std::vector<KeyField>& fields) {
  if (std::none_of(fields.begin(), fields.end(), [](auto& k) { return k.donated; })) return;
  std::unordered_map<std::uint32_t, std::vector<OpId>> users;
  std::unordered_set<std::uint32_t> yielded;
  for (std::uint32_t i = 0; i < g.num_ops(); ++i) {
    for (ValueId v : g.operands(g.op(OpId{i}))) {
      auto& list = users[index(v)];
      if (list.empty() || list.back() != OpId{i}) list.push_back(OpId{i});
    }
    for (BlockId b : g.op(OpId{i}).regions)
      for (ValueId v : g.block(b).yields) yielded.insert(index(v));
  }
  std::unordered_map<std::uint32_t, std::vector<std::size_t>> outputs;
  for (std::size_t i = 0; i < g.outputs().size(); ++i) outputs[index(g.outputs()[i].value)].push_back(i);

  std::size_t input = 0;
  for (auto& k : fields) {
    if (k.kind != Leaf::Kind::tensor) continue;
    const std::size_t at = input++;
    ValueId v = g.inputs()[at].value;
    if (!k.donated || outputs.contains(index(v))) continue;
    while (!yielded.contains(index(v)) && !outputs.contains(index(v))) {
      auto it = users.find(index(v));
      if (it == users.end() || it->second.size() != 1) break;
      const Op& op = g.op(it->second[0]);
      if (!op_info(op.kind).elementwise || op.block != BlockId::top || g.type(g.result(op, 0)) != k.tensor) break;
      v = g.result(op, 0);
    }
    auto out = outputs.find(index(v));
    if (out == outputs.end() || out->second.size() != 1 || users.contains(index(v)) || yielded.contains(index(v)))
      continue;
    if (!g.outputs()[out->second[0]].overwrites && v != g.inputs()[at].value) g.donate(at, out->second[0]);
  }
}

// Which outputs are computed, and which are inputs that the call hands on.
void find_sources(Entry& e) {
  const Graph& g = *e.graph;
  std::unordered_map<std::uint32_t, int> inputs;
  for (std::size_t i = 0; i < g.inputs().size(); ++i) inputs[index(g.inputs()[i].value)] = static_cast<int>(i);
  std::vector<std::size_t> computed;
  for (std::size_t i = 0; i < g.outputs().size(); ++i) {
    auto it = inputs.find(index(g.outputs()[i].value));
    e.sources.push_back(it == inputs.end() ? -1 : it->second);
    if (it == inputs.end()) computed.push_back(i);
  }
  e.computed = computed.size() == g.outputs().size() ? e.graph : std::make_shared<const Graph>(g.copy(computed));
}

}  // namespace

std::shared_ptr<Entry> trace_entry(FunctionState& f, Call& call, Key key, std::vector<std::string> paths,
                                   Call::TraceThunk thunk, void* user) {
  Recorder& r = context();
  std::size_t nested = 0;
  for (auto& l : r.layers) nested += l.trace != nullptr;
  if (nested > 200)
    fail({ErrorCode::trace, "functions are traced inside each other more than 200 deep", "recursion", "",
          "a recursion must end on a host value"},
         f.where);
  auto entry = std::make_shared<Entry>();
  entry->key = std::move(key);
  entry->paths = std::move(paths);
  Tracer tracer(f, call);
  Tracer::State& s = tracer.impl();
  s.entry = entry.get();
  s.trace.name = f.name;
  s.trace.graph.name = f.name;
  {
    s.trace.binds_variables = true;
    s.trace.device = entry->key.device;
    Recording recording(r, s.trace, f.where);
    thunk(user, tracer);
    add_variables(*entry, s.trace, r.frames.back());
    Frame frame = recording.close();
    for (auto& slot : frame.slots)
      if (slot.written && !HandleAccess::variable(*slot.handle))
        fail({ErrorCode::trace,
              r.describe(slot.handle, slot.result) + " is assigned to a tensor outside \"" + f.name + "\"",
              "assigned-outside", "", "return it, or make the outer tensor a by-reference parameter or a Variable"},
             f.where);
  }
  warn_of_size(f, s.trace);
  Untracked untracked;
  add_hidden(*entry, s.trace);
  entry->captures_traced = s.trace.captures_traced;
  Graph graph = s.trace.finish();
  find_donors(graph, entry->key.fields);
  entry->graph = std::make_shared<const Graph>(std::move(graph));
  entry->callable = std::make_shared<const CallableGraph>(entry->graph, level_of(entry->key.level));
  find_sources(*entry);
  return entry;
}

}  // namespace burin::detail
