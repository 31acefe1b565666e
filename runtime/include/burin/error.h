// Errors as values below the frontend, as exceptions at its edge; the text is made once and is the same in every mode.
//   matmul: inner dimensions differ: lhs is f32[32,128], rhs is f32[64,10]; expected rhs dim 0 to be 128 [shape-mismatch]
//     while tracing "mlp" at examples/mlp.cpp:41
//     hint: did you mean transpose(rhs)?
#pragma once
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace burin {

enum class ErrorCode { invalid_argument, trace, unsupported, device, internal };

/// A diagnosis: whose mistake, what, and the remedy. Layers below the frontend return it; they never throw.
struct Error {
  ErrorCode code = ErrorCode::invalid_argument;
  std::string message;  ///< one line: op, what is wrong, the types met, what was expected
  std::string tag;    ///< stable label in brackets at the end of the line: the catalogue's constraint, "shape-mismatch"
  std::string where;  ///< `while tracing "mlp" at examples/mlp.cpp:41`, filled by the frontend
  std::string hint;   ///< the concrete remedy, or empty
  std::string text() const;
};

/// A value or an Error.
template <class T> class [[nodiscard]] Result {
 public:
  Result(T value) : v_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : v_(std::move(error)) {}  // NOLINT(google-explicit-constructor)
  explicit operator bool() const { return v_.index() == 0; }
  T& operator*() { return std::get<0>(v_); }
  const T& operator*() const { return std::get<0>(v_); }
  T* operator->() { return &std::get<0>(v_); }
  const T* operator->() const { return &std::get<0>(v_); }
  const Error& error() const { return std::get<1>(v_); }
  Error& error() { return std::get<1>(v_); }

 private:
  std::variant<T, Error> v_;
};
template <> class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : e_(std::move(error)) {}  // NOLINT(google-explicit-constructor)
  explicit operator bool() const { return !e_; }
  const Error& error() const { return *e_; }
  Error& error() { return *e_; }

 private:
  std::optional<Error> e_;
};

/// Base of what the public API throws; `what()` is Error::text().
struct BurinError : std::runtime_error {
  explicit BurinError(Error e) : runtime_error(e.text()), error(std::move(e)) {}
  Error error;
};
struct InvalidArgument : BurinError {
  using BurinError::BurinError;
};  ///< the call's operands do not fit
struct TraceError : BurinError {
  using BurinError::BurinError;
};  ///< something a trace cannot do
struct UnsupportedError : BurinError {
  using BurinError::BurinError;
};  ///< a feature that this build or target lacks
struct DeviceError : BurinError {
  using BurinError::BurinError;
};  ///< memory exhausted, device lost, fault at run time
struct InternalError : BurinError {
  using BurinError::BurinError;
};  ///< a bug of burin, never the user's mistake
/// Throws the exception class that `e.code` names. Frontend only.
[[noreturn]] void raise(Error e);

}  // namespace burin
