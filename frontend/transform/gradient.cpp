// The tape behind `grad`, and the session that the templates of grad.h drive. Rules live in frontend/rules; the order of
// work and the accumulation of cotangents live here.
#include "frontend/transform/gradient.h"

#include "frontend/record/eager.h"

#include <burin/grad.h>
#include <burin/ops.h>

#include "compiler/graph/accumulate.h"
#include "frontend/control/evaluate.h"
#include "frontend/record/recorder.h"
#include "frontend/rules/rules.h"

#include <map>

namespace burin::detail {
namespace {

Tensor widened(const Tensor& x) { return sum_type(x.type()) == x.type() ? x : cast(x, sum_type(x.type()).dtype); }
Tensor joined(const std::vector<Tensor>& parts, std::int64_t axis) {
  return parts.size() == 1 ? parts[0] : concatenate(parts, axis);
}

/// A cotangent may arrive in parts, one for each use of the value. They are summed in the type of sums.
class Cotangents {
 public:
  void add(const Tensor& value, const Tensor& part) { add_to(parts_[identity(value)].sum, part); }

  /// A part that is 0 but at positions along an axis. Together these take the time of one: a value that a loop on the host
  /// goes along is not copied on each trip.
  void add_slices(const Tensor& value, const Tensor& positions, const Tensor& slices, std::int64_t axis) {
    const Dim count = positions.shape().num_elements();
    Shape shape;
    for (std::int64_t i = 0; i < axis; ++i) shape.push_back(value.shape()[static_cast<std::size_t>(i)]);
    shape.push_back(count);
    for (std::size_t i = static_cast<std::size_t>(axis) + 1; i < value.shape().size(); ++i)
      shape.push_back(value.shape()[i]);
    Slices& all = parts_[identity(value)].slices[axis];
    all.positions.push_back(cast(reshape(positions, Shape{count}), i64));
    all.parts.push_back(reshape(slices, shape));
  }

  /// What has arrived, or nothing. Call once all has.
  Tensor find(const Tensor& value) {
    auto at = parts_.find(identity(value));
    if (at == parts_.end()) return {};
    Parts& p = at->second;
    for (auto& [axis, s] : p.slices)
      add_to(p.sum, scatter_add(rules::zeros_like(value), joined(s.positions, 0), joined(s.parts, axis), axis));
    p.slices.clear();
    return rules::cast_like(p.sum, value);
  }

 private:
  struct Slices {
    std::vector<Tensor> positions, parts;
  };
  struct Parts {
    Tensor sum;
    std::map<std::int64_t, Slices> slices;  // by axis
  };
  static void add_to(Tensor& sum, const Tensor& part) {
    sum = sum.defined() ? burin::add(widened(sum), widened(part)) : part;
  }
  std::unordered_map<Identity, Parts, IdentityHash> parts_;
};

std::string mnemonic(OpKind kind) { return std::string(op_info(kind).mnemonic); }

/// The line of the op of a finished graph that is evaluated now, in texts of the open trace.
std::optional<SourceLine> replayed() {
  const Recorder& r = context();
  if (!r.replay_line || !r.trace) return std::nullopt;
  Graph& g = r.trace->graph;
  return g.line(g.intern_line_copy(*r.replay_line));
}

}  // namespace

Error no_derivative(OpKind kind) {
  const OpInfo& info = op_info(kind);
  Error e{ErrorCode::unsupported, mnemonic(kind) + ": it has no derivative", "no-derivative", {}, {}};
  if (info.derivative.starts_with("none: ")) { e.message += " (" + std::string(info.derivative.substr(6)) + ")"; }
  return e;
}

std::vector<Content> contents(std::span<const Tensor> tensors) {
  std::vector<Content> out;
  for (const Tensor& t : tensors) out.push_back(HandleAccess::raw(t));
  return out;
}
std::vector<Tensor> handles(std::span<const Content> contents) {
  std::vector<Tensor> out;
  out.reserve(contents.size());
  for (const Content& c : contents) out.push_back(HandleAccess::make(c));
  return out;
}

Tensor fresh_identity(const Tensor& t) {
  Content c = HandleAccess::read(t);
  // An op where somebody records or observes, so that the link to the old identity is kept: a capture may be a source further out.
  // A finished trace is without it.
  if (Trace* trace = context().trace; trace || tapes_listen()) {
    if (trace) trace->rewritten = true;
    return dispatch(OpKind::cast, {Arg(t, c.node.get()->where)}, Attributes{Attribute(t.dtype())}, promote_none);
  }
  return HandleAccess::make(same_value(c.node), c.weak);
}

GradientNotes::GradientNotes(std::span<const Tensor> sources) {
  for (const Tensor& s : sources) descendants_.insert(identity(s));
}

Tensor beside(const Tensor& value, const Tensor& derivative) {
  const Node &v = *HandleAccess::node(value).get(), &d = *HandleAccess::node(derivative).get();
  return v.traced() || d.traced() || v.device == d.device || d.number ? derivative : derivative.to(value.device());
}

bool GradientNotes::descends(const Content& c) const { return descendants_.contains(identity(c)); }
bool GradientNotes::descends(const Tensor& t) const { return descendants_.contains(identity(t)); }

bool GradientNotes::watches(std::span<const Content> values) const {
  for (const Content& v : values)
    if (descends(v) && is_floating(type_of(v.node).dtype)) return true;
  return false;
}

void GradientNotes::note(const NotedOp& op) {
  bool flows = false;
  // Past an operand without a derivative the result is a constant: stop_gradient(w) may be captured where w may not.
  const bool known = rules::vjp_of(op.kind) != nullptr;
  for (std::size_t i = 0; i < op.operands.size(); ++i)
    flows = flows || (descends(op.operands[i]) && (!known || rules::differentiable(op.kind, i)));
  if (!flows) return;
  flows = false;
  for (const Tensor& r : op.results)
    if (is_floating(r.dtype())) flows = descendants_.insert(identity(r)).second || flows;
  if (!flows) return;  // integer and bool results carry no cotangent
  steps_.push_back({op.kind, contents(op.operands), contents(op.results), op.attributes, {}, op.where, replayed()});
}

void GradientNotes::note(OpKind kind, std::vector<Content> operands, std::vector<Content>& results, Pullback pullback,
                         const std::source_location& where) {
  for (Content& r : results) {
    if (!is_floating(type_of(r.node).dtype)) continue;
    if (descends(r)) r = HandleAccess::raw(fresh_identity(HandleAccess::make(r)));
    descendants_.insert(identity(r));
  }
  steps_.push_back({kind, std::move(operands), results, {}, std::move(pullback), where, replayed()});
}

std::vector<Tensor> GradientNotes::step_cotangents(const Step& step, std::span<const Tensor> operands,
                                                   std::span<const Tensor> results,
                                                   std::span<const Tensor> cotangents) const {
  if (step.pullback) return step.pullback(cotangents);
  rules::Vjp rule = rules::vjp_of(step.kind);
  if (!rule) fail(no_derivative(step.kind), step.where);
  auto wanted = std::make_unique<bool[]>(operands.size());
  for (std::size_t i = 0; i < operands.size(); ++i)
    wanted[i] = is_floating(operands[i].dtype()) && descends(operands[i]) && rules::differentiable(step.kind, i);
  return rule({step.kind, operands, results, step.attributes}, cotangents, {wanted.get(), operands.size()});
}

std::vector<Tensor> GradientNotes::backward(std::span<const Tensor> results, std::span<const Tensor> cotangents,
                                            std::span<const Tensor> sources) const {
  std::vector<Tensor> parts = reach(results, cotangents, sources);
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (!parts[i].defined()) {
      SourceScope lines(HandleAccess::node(sources[i]).get()->where);
      const DeviceOf device(sources[i]);
      parts[i] = rules::zeros_like(sources[i]);
    }
  return parts;
}

std::vector<Tensor> GradientNotes::reach(std::span<const Tensor> results, std::span<const Tensor> cotangents,
                                         std::span<const Tensor> sources) const {
  Cotangents known;
  for (std::size_t i = 0; i < results.size(); ++i)
    if (is_floating(results[i].dtype())) known.add(results[i], cotangents[i]);
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    SourceScope lines(step->where);  // what a gradient computes belongs to the line that it comes from
    const ReplayLine replay(step->line ? &*step->line : context().replay_line);
    const DeviceOf device(step->results);
    std::vector<Tensor> operands = handles(step->operands), outs = handles(step->results), gs(outs.size());
    bool reached = false;
    for (std::size_t i = 0; i < gs.size(); ++i)
      if (const Tensor g = known.find(outs[i]); g.defined()) {
        gs[i] = g;
        reached = true;
      }
    if (!reached) continue;
    for (std::size_t i = 0; i < gs.size(); ++i)
      if (!gs[i].defined()) gs[i] = rules::zeros_like(outs[i]);
    if (step->kind == OpKind::gather && !step->pullback && !context().trace) {
      known.add_slices(operands[0], operands[1], gs[0], std::get<std::int64_t>(step->attributes[0]));
      continue;
    }
    std::vector<Tensor> parts = step_cotangents(*step, operands, outs, gs);
    for (std::size_t i = 0; i < parts.size(); ++i)
      if (parts[i].defined() && descends(operands[i])) known.add(operands[i], beside(operands[i], parts[i]));
  }
  std::vector<Tensor> out;
  for (const Tensor& s : sources) out.push_back(known.find(s));
  return out;
}

// -- the session of grad.h ----------------------------------------------------------------------------------------

void check_source(const Tensor& source, const std::string& name, const char* who, const std::source_location& where) {
  if (!source.defined())
    fail({ErrorCode::invalid_argument,
          std::string(who) + ": '" + name + "' holds nothing",
          "undefined",
          {},
          "assign it first"},
         where);
  if (!is_floating(source.dtype()))
    fail({ErrorCode::invalid_argument,
          std::string(who) + ": '" + name + "' is " + to_string(source.type()) + "; a derivative needs " +
              to_string(floating_dtypes),
          "dtype",
          {},
          "cast it, or pass it as a later argument: the derivative is taken by the first one"},
         where);
}

void check_loss(const Tensor& loss, const char* who, const std::source_location& where) {
  if (loss.defined() && loss.rank() == 0 && is_floating(loss.dtype())) return;
  fail({ErrorCode::invalid_argument,
        std::string(who) + ": the function returned " + (loss.defined() ? to_string(loss.type()) : "nothing") +
            "; a gradient needs a scalar of " + to_string(floating_dtypes),
        "scalar-loss",
        {},
        loss.defined() && loss.rank() != 0 ? "reduce it, for example with mean(...)" : ""},
       where);
}

struct Pullback::State {
  std::vector<Content> sources, results;
  std::unique_ptr<GradientNotes> notes;
  std::unique_ptr<TapeScope> scope;
};

Pullback::Pullback(const Leaves& sources, const char* who, const std::source_location& where)
    : state_(std::make_unique<State>()) {
  if (sources.tensors.empty())
    fail({ErrorCode::invalid_argument,
          std::string(who) + ": the first argument holds no tensors; a derivative is taken by those in it",
          "no-tensors",
          {},
          "let the function take a Tensor, which may be given a number"},
         where);
  for (std::size_t i = 0; i < sources.tensors.size(); ++i) {
    Tensor& source = *sources.tensors[i];
    check_source(source, sources.paths[i], who, where);
    source = fresh_identity(source);
    state_->sources.push_back(HandleAccess::raw(source));
  }
  state_->notes = std::make_unique<GradientNotes>(handles(state_->sources));
  state_->scope = std::make_unique<TapeScope>(*state_->notes);
}
Pullback::~Pullback() = default;

void Pullback::finish(const Leaves& results) {
  state_->scope.reset();
  for (Tensor* t : results.tensors) state_->results.push_back(HandleAccess::read(*t));
}

void Pullback::pull(const Leaves& cotangents, const Leaves& into, const std::source_location& where) const {
  const State& s = *state_;
  if (cotangents.tensors.size() != s.results.size())
    fail({ErrorCode::invalid_argument,
          "vjp: " + std::to_string(cotangents.tensors.size()) + " cotangents for " + std::to_string(s.results.size()) +
              " results",
          "tree",
          {},
          "give a tree like the result's"},
         where);
  std::vector<Tensor> results, given;
  for (std::size_t i = 0; i < s.results.size(); ++i) {
    if (!s.results[i].defined() || !is_floating(type_of(s.results[i].node).dtype)) continue;
    Tensor w = *cotangents.tensors[i];
    if (!w.defined()) continue;
    const TensorType& wanted = type_of(s.results[i].node);
    w = HandleAccess::make(strong(adapt(HandleAccess::raw(w), wanted.dtype, "vjp")));
    if (w.type() != wanted)
      fail({ErrorCode::invalid_argument,
            "vjp: '" + cotangents.paths[i] + "' is " + to_string(w.type()) + "; expected " + to_string(wanted),
            "cotangent-type",
            {},
            "it has the type of the result that it belongs to"},
           where);
    results.push_back(HandleAccess::make(s.results[i]));
    given.push_back(w);
  }
  std::vector<Tensor> made = s.notes->backward(results, given, handles(s.sources));
  for (std::size_t i = 0; i < made.size(); ++i) *into.tensors[i] = made[i];
}

struct GradientSession::State {
  Pullback run;
  const char* who;
  State(const Leaves& sources, const char* called, const std::source_location& where)
      : run(sources, called, where),
        who(called) {}
};

GradientSession::GradientSession(const Leaves& sources, const std::source_location& where, const char* who)
    : state_(std::make_unique<State>(sources, who, where)) {}

GradientSession::~GradientSession() = default;

void GradientSession::finish(const Tensor& loss, const Leaves& sources, const std::source_location& where) {
  Leaves result;
  result.tensors.push_back(const_cast<Tensor*>(&loss));
  result.paths.push_back("loss");
  state_->run.finish(result);
  check_loss(loss, state_->who, where);
  Tensor one = cast(Arg(Tensor(1.0f, where), where), loss.dtype());
  result.tensors[0] = &one;
  state_->run.pull(result, sources, where);
}

}  // namespace burin::detail
