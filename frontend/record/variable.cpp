// Variable's members: reads and assignments, in order with what other threads do.
#include "frontend/value/variable.h"

#include "frontend/record/dispatch.h"
#include "frontend/record/eager.h"
#include "frontend/record/recorder.h"
#include "frontend/value/in_flight.h"

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

// What an assignment stores: of the variable's type, and strong.
NodeRef stored(const VariableCell& cell, const Arg& value) {
  Content c;
  if (value.tensor()) {
    c = HandleAccess::read(*value.tensor());
    check_usable(c, value.tensor(), value.where());
    c = adapt(c, cell.type.dtype, describe(cell));
    if (c.node.get()->traced() && !context().trace) foreign_value(*c.node.get(), value.where());
  } else {
    const Dtype own = value.number().dtype, d = cell.type.dtype;
    const bool fits = promote_weak(d, own) == d;
    c.node = number_node(describe(cell), value, fits ? d : own);
  }
  if (const Node& n = *c.node.get(); !n.traced() && n.number && !context().trace) {
    c.node = make_on(cell.device, read_value(n), value.where());
  } else if (n.device != cell.device && !n.number && n.device != any_device) {
    fail(mixed_devices(describe(cell) + " and the value assigned", n.device, cell.device), value.where());
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

// On a device that runs later: should what makes the value fail, the variable keeps what it had.
NodeRef or_old(const VariableCell& cell, const NodeRef& next, const NodeRef& old) {
  NodeRef own = same_value(next, next.get()->where);
  InFlight& f = in_flight(cell.device);
  std::lock_guard lock(f.mutex);
  f.restore({own, old});
  return own;
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
  // What a Variable holds is on a device, also where it begins with a number.
  c.node = HandleAccess::node(detail::placed(HandleAccess::make(c.node)));
  cell_->device = c.node.get()->device;
  HandleAccess::set_raw(cell_->handle, {std::move(c.node), false});
}

Tensor Variable::value() const { return HandleAccess::make(HandleAccess::read(cell_->handle)); }

Variable& Variable::assign(const Arg& value) {
  detail::NodeRef next = detail::stored(*cell_, value);
  if (cell_->device != 0 && !detail::context().trace)
    next = detail::or_old(*cell_, next, HandleAccess::read(cell_->handle).node);
  HandleAccess::write(cell_->handle, {std::move(next), false});
  return *this;
}

Tensor Variable::update(OpKind kind, const Arg& x) {
  auto next = [&](const Tensor& now, const Arg& by) {
    const Tensor made = detail::dispatch(kind, {Arg(now, x.where()), by});
    detail::NodeRef node = detail::stored(*cell_, Arg(made, x.where()));
    const bool later = cell_->device != 0 && !detail::context().trace;
    return later ? detail::or_old(*cell_, node, HandleAccess::node(now)) : node;
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
