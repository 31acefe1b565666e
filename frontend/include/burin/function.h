// function: a callable that is traced and compiled per signature, then called from a cache.
#pragma once
#include <burin/call.h>

namespace burin {

/// What `function` returns: keeps the callable and its traces. Copies share both.
/// Thread safety: may be called from several threads; one of them traces, the others wait for it.
class FunctionBase {
 public:
  FunctionStats stats() const { return detail::stats(*state_); }
  /// Why each trace was made: the nearest one before it, what changed, and the remedy.
  std::string explain() const { return detail::explain(*state_); }
  /// The graphs traced so far.
  std::vector<std::shared_ptr<const Graph>> graphs() const { return detail::graphs(*state_); }
  friend std::string to_string(const FunctionBase& f) { return detail::view(*f.state_); }
  /// Writes the traces made so far, with the values that they captured and those that their Variables have now; `load` and
  /// `burinc` read it. Variables that some trace assigns are kept as such: each loaded function has its own.
  void save(const std::string& file) const { detail::save(*state_, file); }

 protected:
  explicit FunctionBase(std::shared_ptr<detail::FunctionState> s) : state_(std::move(s)) {}
  std::shared_ptr<detail::FunctionState> state_;
};

/// A function whose callable declares its parameters.
template <class F, class R, class... P> class TypedFunction : public FunctionBase {
  template <class Q> using Pass = std::conditional_t<std::is_lvalue_reference_v<Q>, Q, std::remove_cv_t<Q>>;

 public:
  TypedFunction(F f, std::shared_ptr<detail::FunctionState> s)
      : FunctionBase(std::move(s)),
        f_(std::make_shared<F>(std::move(f))) {}
  static_assert((!std::is_rvalue_reference_v<P> && ...),
                "burin::function: a parameter T&& cannot be traced; declare T, const T& or T&");
  static_assert((!std::is_array_v<std::remove_cvref_t<P>> && ...),
                "burin::function: a parameter is no C array by itself; declare std::array, or a struct that holds it");
  static_assert((!std::is_same_v<std::remove_cvref_t<P>, std::source_location> && ...),
                "burin::function: a std::source_location is its caller's; hand the function over in a lambda");
  static_assert(((std::is_copy_constructible_v<std::remove_cvref_t<P>> || std::is_array_v<std::remove_cvref_t<P>>) &&
                 ...),
                "burin::function: each parameter must be copyable, since tracing works on a copy");
  R operator()(Pass<P>... arguments) const {
    auto call = [this](auto&... a) -> R { return detail::call(*f_, a...); };
    return detail::invoke<R, Pass<P>...>(state_, call, arguments...);
  }
  /// Traces and compiles for arguments of these types without running anything; calls with such arguments then find the trace,
  /// and `save` writes it. A `Spec` stands for a tensor, its named sizes for any numbers; of a tensor only the type is read.
  /// Returns the graph. Throws what a call would throw. Example: `f.trace(params, spec<f32>({"batch", 784}));`
  template <class... A> std::shared_ptr<const Graph> trace(const A&... arguments) const {
    static_assert(sizeof...(A) == sizeof...(P), "burin::function: trace() takes an argument for each parameter");
    return std::apply([this](auto... a) { return prepare(true, a...); },
                      std::tuple<std::remove_cvref_t<P>...>(detail::argument<std::remove_cvref_t<P>>(arguments)...));
  }
  /// Writes the traces made so far, with the weights that they captured; `load` and `burinc` read it. A function with an input
  /// signature that was not called yet is traced for it, where the signature says all there is to know of the parameters.
  void save(const std::string& file) const {
    if constexpr ((std::is_default_constructible_v<std::remove_cvref_t<P>> && ...)) {
      if (detail::awaits_signature(*state_))
        std::apply(
            [this](auto... a) {
              [[maybe_unused]] std::int64_t at = 0;
              const std::array<detail::Leaves, sizeof...(P)> leaves{
                  detail::leaves_of(a, "arg" + std::to_string(at++))...};
              detail::stand_in(*state_, leaves);
              prepare(false, a...);
            },
            std::tuple<std::remove_cvref_t<P>...>());
    }
    FunctionBase::save(file);
  }

 private:
  std::shared_ptr<const Graph> prepare(bool compile, auto&... a) const {
    auto call = [this](auto&... b) -> R { return detail::call(*f_, b...); };
    return detail::prepare<R, Pass<P>...>(state_, compile, call, a...);
  }
  std::shared_ptr<F> f_;
};

/// A function whose callable is generic: parameters are deduced from each call; a number given is a 0-d tensor.
template <class F> class GenericFunction : public FunctionBase {
 public:
  GenericFunction(F f, std::shared_ptr<detail::FunctionState> s)
      : FunctionBase(std::move(s)),
        f_(std::make_shared<F>(std::move(f))) {}
  template <class... A> auto operator()(A&&... arguments) const {
    static_assert((!std::is_array_v<std::remove_cvref_t<A>> && ...),
                  "burin::function: an argument is no C array by itself; give std::array, or a struct that holds it");
    return call<decltype(pass(arguments))...>(pass(arguments)...);
  }
  /// As TypedFunction::trace; a `Spec` is a `Tensor` parameter.
  template <class... A> std::shared_ptr<const Graph> trace(const A&... arguments) const {
    return std::apply(
        [this](auto... a) {
          using R = std::remove_cvref_t<decltype((*f_)(a...))>;
          auto run = [this](auto&... b) -> R { return (*f_)(b...); };
          return detail::prepare<R, decltype(a)&...>(state_, true, run, a...);
        },
        std::tuple<detail::Given<A>...>(detail::argument<detail::Given<A>>(arguments)...));
  }

 private:
  template <class T> static decltype(auto) pass(T& x) {
    if constexpr (!std::is_same_v<detail::Stored<T>, std::remove_cvref_t<T>>) return Tensor(x);
    else return (x);
  }
  template <class... Q> auto call(auto&&... a) const {
    using R = std::remove_cvref_t<decltype((*f_)(a...))>;
    auto run = [this](auto&... b) -> R { return (*f_)(b...); };
    return detail::invoke<R, std::remove_reference_t<decltype(a)>&...>(state_, run, a...);
  }
  std::shared_ptr<F> f_;
};

/// Makes a callable of tensors into a function: each call looks up the trace for its signature, traces and compiles where there
/// is none, and runs it. Any nesting of tensors, aggregates, tuples, arrays, vectors, maps and optionals may be given and
/// returned. Numbers, bools, enums and strings among the parameters are static: each value is a trace of its own; a number for
/// a `Tensor`, `auto` or `Scalar<T>` parameter is not. A parameter `T&` that is not const is updated by the call: in
/// its own memory where nobody else holds it, else in fresh memory (docs/state.md); not at all where the call throws.
/// A parameter by value is the call's own: one that was moved in, and that nobody else holds, may give its memory to a result
/// of its type that is made of it element by element.
/// Tensors that the callable captures are bound to the values seen while tracing.
/// An op is a callable too: `burin::function(softmax)` takes (x, axis), without softmax's default for the axis. Of a name that
/// stands for several functions, or for a template, say which: in a lambda, or by a cast.
/// Example: `auto fast = burin::function([](const Tensor& x) { return exp(x) * 2; });  Tensor y = fast(x);`
template <class F>
auto function(F f, FunctionOptions options = {}, std::source_location where = std::source_location::current()) {
  const void* code = nullptr;
  if constexpr (std::is_pointer_v<F>) code = reinterpret_cast<const void*>(f);
  auto state = detail::make_function(std::move(options), code, detail::type_name<F>(), where);
  auto typed = [&]<class Signature>(std::type_identity<Signature>) {
    if constexpr (Signature::takes_operands)
      return typename Signature::template With<TypedFunction, detail::OnTensors<F>>({std::move(f), where},
                                                                                    std::move(state));
    else return typename Signature::template With<TypedFunction, F>(std::move(f), std::move(state));
  };
  if constexpr (std::is_member_function_pointer_v<F>) {
    return typename detail::CallableSignature<F>::Member::template With<TypedFunction, F>(f, std::move(state));
  } else if constexpr (std::is_pointer_v<F>) {
    return typed(std::type_identity<detail::CallableSignature<F>>());
  } else if constexpr (requires { &F::operator(); }) {
    return typed(std::type_identity<detail::CallableSignature<decltype(&F::operator())>>());
  } else {
    return GenericFunction<F>(std::move(f), std::move(state));
  }
}

}  // namespace burin
