// GradientTape: a GradientNotes whose life the user decides, so that it checks what the lambdas of `grad` give by their
// structure: which region it belongs to, in which order tapes close, and whether it was used up.
#include <burin/gradient_tape.h>

#include <burin/ops.h>
#include <burin/variable.h>

#include "frontend/record/recorder.h"
#include "frontend/rules/rules.h"
#include "frontend/transform/gradient.h"
#include "frontend/value/variable.h"

#include <algorithm>

namespace burin {

namespace {

using namespace detail;

// Where on the recorder stack a tape stands: the traces and regions below it.
std::size_t open_regions(const Recorder& r) {
  std::size_t n = 0;
  for (const Layer& l : r.layers) n += l.trace != nullptr;
  return n;
}

}  // namespace

struct GradientTape::State {
  TapeOptions options;
  std::source_location where;
  Recorder* recorder = &context();
  std::uint64_t trace = 0;  // the number of the trace that it was opened in
  std::size_t regions = 0;
  std::vector<Content> watched;                         // an identity is good while its value lives
  std::vector<std::pair<Variable, Content>> variables;  // which are among `watched`
  GradientNotes notes{{}};
  std::unique_ptr<TapeScope> scope;
  bool used = false;

  std::string made() const { return " (made at " + place(where) + ")"; }

  void check_region(const std::source_location& at) const {
    Recorder& now = context();
    if (&now == recorder && open_regions(now) == regions && (now.trace ? now.trace->number : 0) == trace) return;
    fail({ErrorCode::trace,
          "GradientTape" + made() + " is used in another function, branch, loop body or thread than it was made in",
          "tape-region", "", "make the tape and ask it in the same one"},
         at);
  }
  // What a tape further in has not heard of would be missing from its derivatives.
  void check_order(const std::source_location& at) const {
    bool mine = false;
    for (const Layer& l : recorder->layers) {
      if (mine && l.tape)
        fail({ErrorCode::invalid_argument, "GradientTape" + made() + ": a tape that was opened after it is still open",
              "tape-order", "", "tapes close inside out: ask the later one first, or close() it"},
             at);
      mine = mine || l.tape == &notes;
    }
  }
};

GradientTape::GradientTape(TapeOptions options, std::source_location where) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.options = options;
  s.where = where;
  if (s.recorder->trace) s.trace = s.recorder->trace->number;
  s.regions = open_regions(*s.recorder);
  s.scope = std::make_unique<TapeScope>(s.notes);
}
GradientTape::~GradientTape() = default;

bool GradientTape::is_open() const noexcept { return state_->scope != nullptr; }

void GradientTape::watch_leaves(const Leaves& leaves, const std::source_location& where) {
  State& s = *state_;
  if (!s.scope)
    fail({ErrorCode::invalid_argument, "GradientTape" + s.made() + ": watch() after it was closed", "tape-closed", "",
          s.used && !s.options.persistent ? "gradient() closes a tape that is not persistent" : ""},
         where);
  s.check_region(where);
  if (leaves.tensors.empty())
    fail({ErrorCode::invalid_argument, "GradientTape: watch() was given no tensors", "no-tensors", "",
          "numbers have no derivative; make them Tensors"},
         where);
  for (std::size_t i = 0; i < leaves.tensors.size(); ++i)
    check_source(*leaves.tensors[i], leaves.paths[i], "GradientTape", where);
  for (Tensor* t : leaves.tensors) {
    s.watched.push_back(HandleAccess::read(*t));
    s.notes.watch(s.watched.back());
  }
}

void GradientTape::watch_variable(const Variable& v, const std::source_location& where) {
  auto& known = state_->variables;
  Tensor now = v;
  auto same = [&](auto& w) { return w.first.same_as(v) && w.second.node == HandleAccess::raw(now).node; };
  if (std::any_of(known.begin(), known.end(), same)) return;
  // An identity of its own: another variable may have begun with the same tensor. A trace has an input for each.
  if (!context().trace && is_open() && is_floating(v.dtype()))
    for (;;) {
      const Content before = HandleAccess::raw(now);
      const Tensor fresh = fresh_identity(now);
      if (replace(VariableCell::of(v), before.node, HandleAccess::raw(fresh).node)) {
        now = fresh;
        break;
      }
      now = v;
    }
  watch_leaves(leaves_of(now, v.name().empty() ? "x" : v.name()), where);
  known.emplace_back(v, state_->watched.back());
}
Tensor GradientTape::watched(const Variable& v) const {
  const auto& known = state_->variables;
  const auto it = std::find_if(known.rbegin(), known.rend(), [&](auto& w) { return w.first.same_as(v); });
  return it == known.rend() ? v.value() : HandleAccess::make(it->second);
}

void GradientTape::close(std::source_location where) {
  State& s = *state_;
  if (!s.scope) return;
  s.check_region(where);
  s.check_order(where);
  s.scope.reset();
}

void GradientTape::pull(const Leaves& target, const Leaves& sources, Unconnected unconnected,
                        const std::source_location& where) {
  State& s = *state_;
  if (s.used && !s.options.persistent)
    fail({ErrorCode::invalid_argument, "GradientTape" + s.made() + ": its gradient was asked already", "tape-used", "",
          "make it GradientTape tape({.persistent = true}), or ask for all sources at once"},
         where);
  s.check_region(where);
  s.check_order(where);
  if (sources.tensors.empty() || target.tensors.empty())
    fail(
        {ErrorCode::invalid_argument,
         std::string("GradientTape: the ") + (target.tensors.empty() ? "target holds" : "sources hold") + " no tensors",
         "no-tensors", "", ""},
        where);
  std::vector<Tensor> targets, ones, wanted;
  for (std::size_t i = 0; i < target.tensors.size(); ++i) {
    const Tensor& y = *target.tensors[i];
    if (!y.defined() || y.rank() != 0 || !is_floating(y.dtype()))
      fail({ErrorCode::invalid_argument,
            "GradientTape: '" + target.paths[i] + "' is " + (y.defined() ? to_string(y.type()) : "undefined") +
                "; a gradient needs a scalar of " + to_string(floating_dtypes),
            "scalar-loss", "", y.defined() && y.rank() != 0 ? "reduce it, for example with mean(...)" : ""},
           where);
    targets.push_back(HandleAccess::make(HandleAccess::read(y)));
  }
  for (std::size_t i = 0; i < sources.tensors.size(); ++i) {
    check_source(*sources.tensors[i], sources.paths[i], "GradientTape", where);
    wanted.push_back(HandleAccess::make(HandleAccess::read(*sources.tensors[i])));
    if (!s.notes.descends(wanted.back()))
      fail({ErrorCode::invalid_argument,
            "GradientTape: '" + sources.paths[i] + "' is neither watched nor computed from what is", "not-watched", "",
            "watch() it before it is used; a tensor that was assigned since holds another value"},
           where);
  }
  s.used = true;
  if (!s.options.persistent) s.scope.reset();
  std::vector<Tensor> made;
  {
    std::optional<Mute> own;
    if (s.scope) own.emplace(s.notes);
    for (const Tensor& y : targets) ones.push_back(cast(Arg(Tensor(1.0f, where), where), y.dtype()));
    made = s.notes.reach(targets, ones, wanted);
    for (std::size_t i = 0; i < made.size(); ++i)
      if (!made[i].defined() && unconnected == Unconnected::zeros) made[i] = rules::zeros_like(wanted[i]);
  }
  if (!s.options.persistent) {  // what it kept alive is not needed any more
    s.notes.clear();
    s.watched.clear();
  }
  for (std::size_t i = 0; i < made.size(); ++i) *sources.tensors[i] = made[i];
}

}  // namespace burin
