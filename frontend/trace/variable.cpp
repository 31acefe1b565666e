// Variable's members: reads and assignments, in order with what other threads do; and the lock that a call takes.
#include "frontend/trace/variable.h"

#include "frontend/trace/function_state.h"
#include "frontend/transform/gradient.h"

#include <burin/ops.h>
#include <burin/promotion.h>

#include <mutex>
#include <ostream>

namespace burin {

namespace detail {

std::string describe(const VariableCell& c) {
  if (!c.name.empty()) return "variable '" + c.name + "'";
  return c.where.line() ? "the variable made at " + place(c.where) : "a variable";
}

namespace {

// Replaces the value. Needs the lock, and writes nothing else of the handle: whether it is a variable's is read without.
void put(VariableCell& cell, NodeRef next) { const_cast<NodeRef&>(HandleAccess::node(cell.handle)).swap(next); }

// What an assignment stores: of the variable's type, and strong.
NodeRef stored(const VariableCell& cell, const Arg& value) {
  Content c;
  if (value.tensor()) {
    c = HandleAccess::read(*value.tensor());
    check_usable(c, value.tensor(), value.where());
    c = adapt(c, cell.type.dtype);
    if (c.node.get()->traced() && !context().trace) foreign_value(*c.node.get(), value.where());
  } else {
    const Dtype own = value.number().dtype, d = cell.type.dtype;
    const bool fits = promote_weak(d, own) == d;
    if (fits) check_fits(describe(cell), value.number(), d, value.where());
    c.node = number_node(value, fits ? d : own);
  }
  const TensorType& type = type_of(c.node);
  if (type != cell.type) {
    const bool dtype = type.dtype != cell.type.dtype;
    fail(
        {ErrorCode::invalid_argument,
         describe(cell) + " holds " + burin::to_string(cell.type) + "; the value assigned is " + burin::to_string(type),
         "variable-type", "",
         dtype                           ? "cast the value; a Variable keeps its dtype and shape"
         : type.shape == cell.type.shape ? ""
                                         : "a Variable keeps its dtype and shape; make another one for other sizes"},
        value.where());
  }
  return c.node;
}

}  // namespace

bool replace(VariableCell& cell, const NodeRef& expected, NodeRef next) {
  if (recorder && recorder->trace) {
    if (HandleAccess::read(cell.handle).node != expected) return false;
    HandleAccess::write(cell.handle, {std::move(next), false});
    return true;
  }
  std::lock_guard lock(cell.lock);
  if (HandleAccess::node(cell.handle) != expected) return false;
  put(cell, std::move(next));
  return true;
}

HeldVariables::HeldVariables(const Entry& e, RunInput* hidden, bool keep) : entry_(e) {
  std::size_t n = 0;
  for (auto& v : e.variables) n += keep || v.output < 0;
  kept_.reserve(n);
  for (auto& v : e.variables) v.cell->lock.lock();
  for (auto& v : e.variables) {
    const NodeRef* node = &HandleAccess::node(v.cell->handle);
    if (keep || v.output < 0) node = &kept_.emplace_back(*node);
    hidden[v.hidden].node = node;
    if (v.output < 0) v.cell->lock.unlock();
  }
}
void HeldVariables::update(const NodeRef* results) noexcept {
  for (auto& v : entry_.variables)
    if (v.output >= 0) put(*v.cell, results[v.output]);
  release();
}
void HeldVariables::release() noexcept {
  if (!held_) return;
  held_ = false;
  for (auto& v : entry_.variables)
    if (v.output >= 0) v.cell->lock.unlock();
}

// -- gradients by variables ------------------------------------------------------------------------------------------

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

}  // namespace detail

using detail::HandleAccess;
using detail::VariableCell;

Arg::Arg(const Variable& v, std::source_location where) noexcept : tensor_(&v.cell_->handle), where_(where) {}

Variable::Variable(const Tensor& initial, std::string name, std::source_location where) {
  detail::Content c = HandleAccess::read(initial);
  detail::check_usable(c, &initial, where);
  if (detail::context().trace)
    detail::fail({ErrorCode::trace, "a Variable is made while a function, loop or vmap is traced, which happens once",
                  "variable-in-trace", "",
                  "make it before the call, and capture it; a Tensor serves for what lives inside the call"},
                 where);
  if (c.node.get()->traced()) detail::foreign_value(*c.node.get(), where);
  static std::atomic<std::uint64_t> next{0};
  detail::Untracked untracked;
  cell_ = std::make_shared<VariableCell>();
  cell_->type = detail::type_of(c.node);
  cell_->name = std::move(name);
  cell_->where = where;
  cell_->number = next.fetch_add(1, std::memory_order_relaxed);
  HandleAccess::set_raw(cell_->handle, {std::move(c.node), false});
}

Tensor Variable::value() const { return HandleAccess::make(HandleAccess::read(cell_->handle)); }

Variable& Variable::assign(const Arg& value) {
  HandleAccess::write(cell_->handle, {detail::stored(*cell_, value), false});
  return *this;
}

Tensor Variable::update(OpKind kind, const Arg& x) {
  auto next = [&](const Tensor& now, const Arg& by) {
    const Tensor made = detail::dispatch(kind, {Arg(now, x.where()), by});
    return detail::stored(*cell_, Arg(made, x.where()));
  };
  if (detail::context().trace) {
    Tensor now = value();
    HandleAccess::write(cell_->handle, {next(now, x), false});
    return now;
  }
  // Read first: it may be another variable, and whoever waits for a lock holds none.
  Tensor operand;
  if (x.tensor()) operand = HandleAccess::make(HandleAccess::read(*x.tensor()));
  const Arg by = x.tensor() ? Arg(operand, x.where()) : x;
  std::lock_guard lock(cell_->lock);
  Tensor now = HandleAccess::make(HandleAccess::raw(cell_->handle));
  detail::put(*cell_, next(now, by));
  return now;
}
Variable& Variable::assign_add(const Arg& x) { return update(OpKind::add, x), *this; }
Variable& Variable::assign_sub(const Arg& x) { return update(OpKind::sub, x), *this; }
Variable& Variable::operator*=(const Arg& x) { return update(OpKind::mul, x), *this; }
Variable& Variable::operator/=(const Arg& x) { return update(OpKind::div, x), *this; }
Tensor Variable::fetch_add(const Arg& x) { return update(OpKind::add, x); }

Dtype Variable::dtype() const { return cell_->type.dtype; }
const Shape& Variable::shape() const { return cell_->type.shape; }
TensorType Variable::type() const { return cell_->type; }
const std::string& Variable::name() const { return cell_->name; }

std::ostream& operator<<(std::ostream& os, const Variable& v) { return os << v.value(); }

}  // namespace burin
