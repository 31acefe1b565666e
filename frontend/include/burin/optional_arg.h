// OptionalArg: an operand that may be left out, as ops with such operands take it.
#pragma once
#include <burin/arg.h>

#include <concepts>
#include <optional>

namespace burin {

/// An operand or none: `{}`. Made implicitly from what an Arg is made of, with the caller's line; like one, it is not meant to
/// be stored.
class OptionalArg {
 public:
  OptionalArg() = default;
  OptionalArg(const Arg& operand) : operand_(operand) {}  // NOLINT
  template <class T> requires(std::constructible_from<Arg, const T&, std::source_location>)
  OptionalArg(const T& operand, std::source_location where = std::source_location::current())  // NOLINT
      : operand_(std::in_place, operand, where) {}

  explicit operator bool() const { return operand_.has_value(); }
  /// Precondition: there is one.
  const Arg& operator*() const { return *operand_; }

 private:
  std::optional<Arg> operand_;
};

}  // namespace burin
