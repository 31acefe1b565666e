// VariableGradients: derivatives by variables, which stand for their values while a tape listens.
#include "frontend/record/recorder.h"
#include "frontend/transform/gradient.h"
#include "frontend/value/variable.h"

#include <burin/ops.h>

namespace burin::detail {

// While the tape listens each variable holds its value under an identity of its own: a tensor that was read from it before,
// or another variable that began with the same tensor, is none of its descendants.
struct VariableGradients::State {
  struct Source {
    VariableCell& cell;
    Content before, fresh;
  };
  std::vector<Variable> variables;  // keeps them alive
  std::vector<Source> sources;
  std::unique_ptr<GradientNotes> notes;
  std::unique_ptr<TapeScope> scope;
  explicit State(const std::vector<Variable>& v) : variables(v) {}
  void restore() {
    for (auto& s : sources) replace(s.cell, s.fresh.node, s.before.node);
    sources.clear();
  }
};

VariableGradients::VariableGradients(const std::vector<Variable>& sources, const std::source_location& where)
    : state_(std::make_unique<State>(sources)) {
  State& s = *state_;
  if (sources.empty())
    fail({ErrorCode::invalid_argument, "grad: no variables are given; a derivative is taken by them", "no-tensors", "",
          ""},
         where);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    VariableCell& cell = VariableCell::of(sources[i]);
    for (std::size_t j = 0; j < i; ++j)
      if (sources[i].same_as(sources[j]))
        fail({ErrorCode::invalid_argument, "grad: " + describe(cell) + " is given twice", "same-variable", "", ""},
             where);
    check_source(sources[i].value(), cell.name.empty() ? "variable " + std::to_string(i) : cell.name, "grad", where);
  }
  std::vector<Tensor> watched;
  for (auto& v : sources) {
    VariableCell& cell = VariableCell::of(v);
    for (;;) {
      Content before = HandleAccess::read(cell.handle);
      Content fresh = HandleAccess::raw(fresh_identity(HandleAccess::make(before)));
      if (!replace(cell, before.node, fresh.node)) continue;
      watched.push_back(HandleAccess::make(fresh));
      s.sources.push_back({cell, std::move(before), std::move(fresh)});
      break;
    }
  }
  s.notes = std::make_unique<GradientNotes>(watched);
  s.scope = std::make_unique<TapeScope>(*s.notes);
}

VariableGradients::~VariableGradients() {
  if (state_->sources.empty()) return;  // finished
  state_->scope.reset();
  if (!recorder || !recorder->trace) state_->restore();  // a trace that fails forgets its values
}

std::vector<Tensor> VariableGradients::finish(const Tensor& loss, const std::source_location& where) {
  State& s = *state_;
  s.scope.reset();
  check_loss(loss, "grad", where);
  std::vector<Content> sources;
  for (auto& x : s.sources) sources.push_back(x.fresh);
  s.restore();
  const Tensor one = cast(Tensor(1.0f), loss.dtype());
  return s.notes->backward(std::span(&loss, 1), std::span(&one, 1), handles(sources));
}

}  // namespace burin::detail
