// Variable: a place that holds a tensor, for state that functions read and update without it being an argument. Traced code
// that touches one gets it as a hidden input, and as a hidden output where it assigns (docs/state.md).
#pragma once
#include <burin/grad.h>
#include <burin/tensor.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace burin {

namespace detail {
struct VariableCell;
}

/// A place that holds a tensor of one dtype and shape, and that assignments change. Copies name the same place, as a
/// `shared_ptr` does: a lambda may capture it by value or by reference, a struct may hold it, and a trace that uses it keeps it
/// alive. It is read wherever an op, a condition or a `const Tensor&` parameter takes a Tensor: that gives the value now.
/// In a `burin::function` reads and assignments keep the order of the program, through `cond`, loops, nested functions and
/// gradients. Its value is no part of a trace: assigning causes no retrace. The call updates it in its own memory where nobody
/// else holds the value; a call that throws leaves it as it was.
/// Thread safety: any thread may read, assign, and call functions that do. Each read, assignment and `assign_add` is one step,
/// and so is each call of a traced function over all the Variables that it touches: calls that update a Variable run one after
/// the other. Two operations of plain eager code are two steps.
/// Throws TraceError [variable-in-trace] where it is made while tracing.
/// Example: `Variable count(0.0f);  auto tick = burin::function([&] { count += 1; return count.value(); });`
class BURIN_API Variable {
 public:
  /// Holds `initial`, whose type it keeps: a number's dtype is strong here. `name` is what errors and graphs call it.
  explicit Variable(const Tensor& initial, std::string name = {},
                    std::source_location where = std::source_location::current());
  Variable(const Variable&) = default;
  // clang-format off
  Variable& operator=(const Variable&) = delete;  // between Variables: v.assign(w) takes the value of w; a copy made with Variable v = w is the same place
  explicit operator bool() const = delete;  // a Variable has no truth value at this point: use burin::cond or burin::while_loop
  // clang-format on

  /// The value now; later assignments do not show in it.
  Tensor value() const;
  operator Tensor() const { return value(); }  // NOLINT

  /// Replaces the value. A C++ number takes the dtype, if it can.
  /// Throws InvalidArgument [variable-type] where dtype or shape differ from those that it has.
  Variable& assign(const Arg& value);
  Variable& operator=(const Arg& value) { return assign(value); }
  /// Adds to the value, or subtracts from it, in one step. `x` broadcasts to the shape; the dtype stays. Throws as assign.
  Variable& assign_add(const Arg& x);
  Variable& assign_sub(const Arg& x);
  /// assign_add that gives the value before, in one step with it: of two threads no two get the same.
  /// Example: `Tensor ticket = count.fetch_add(1);`
  Tensor fetch_add(const Arg& x);
  Variable& operator+=(const Arg& x) { return assign_add(x); }
  Variable& operator-=(const Arg& x) { return assign_sub(x); }
  Variable& operator*=(const Arg& x);
  Variable& operator/=(const Arg& x);

  Dtype dtype() const;
  const Shape& shape() const;
  TensorType type() const;
  int rank() const { return shape().rank(); }
  const std::string& name() const;
  /// Whether both name one place.
  bool same_as(const Variable& o) const { return cell_ == o.cell_; }

  /// As for Tensor, of the value now.
  template <class T> T item(std::source_location where = std::source_location::current()) const {
    return value().item<T>(where);
  }
  template <class T> std::vector<T> to_vector(std::source_location where = std::source_location::current()) const {
    return value().to_vector<T>(where);
  }

 private:
  friend class Arg;
  friend struct detail::VariableCell;
  Tensor update(OpKind, const Arg& x);  // the value before
  std::shared_ptr<detail::VariableCell> cell_;
};

/// The value's elements, as for a Tensor.
BURIN_API std::ostream& operator<<(std::ostream&, const Variable&);

namespace detail {

/// A tape on Variables.
class BURIN_API VariableGradients {
 public:
  VariableGradients(const std::vector<Variable>& sources, const std::source_location&);
  ~VariableGradients();
  VariableGradients(const VariableGradients&) = delete;
  VariableGradients& operator=(const VariableGradients&) = delete;
  std::vector<Tensor> finish(const Tensor& loss, const std::source_location&);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace detail

/// Calls `f()`, which returns a 0-d floating-point Tensor, and gives its value with the derivatives by the values that the
/// Variables have before the call: zeros for one that the result does not depend on. Eagerly and while tracing.
/// Throws as value_and_grad of grad.h; InvalidArgument [same-variable] where one is given twice.
/// Example: `auto [loss, g] = value_and_grad([&] { return mean(matmul(x, w) + b); }, {w, b});  w -= 0.1f * g[0];`
template <class F>
std::pair<Tensor, std::vector<Tensor>> value_and_grad(F&& f, const std::vector<Variable>& variables,
                                                      std::source_location where = std::source_location::current()) {
  detail::VariableGradients session(variables, where);
  static_assert(
      detail::is_loss<decltype(f())>,
      "value_and_grad: the function returns one Tensor; a number has no derivative, and what else is wanted is "
      "assigned to a variable outside");
  Tensor loss = f();
  auto gradients = session.finish(loss, where);
  return {std::move(loss), std::move(gradients)};
}

}  // namespace burin
