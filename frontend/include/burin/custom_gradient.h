// custom_gradient and remat: functions with a derivative of their own, and functions whose derivative computes again what it
// needs. Each call records the function (as vmap does) into a region, which stays what it is in traces and saved files.
#pragma once
#include <burin/tensor.h>
#include <burin/tree.h>

#include <memory>
#include <tuple>

namespace burin {
namespace detail {

/// One call of a function that is recorded as a region.
class BURIN_API ScopeCall {
 public:
  ScopeCall(const char* who, const std::source_location&);
  ~ScopeCall();
  ScopeCall(const ScopeCall&) = delete;
  ScopeCall& operator=(const ScopeCall&) = delete;
  /// The leaves of an argument, a copy; they become inputs.
  void argument(const Leaves&);
  void begin();
  /// Ends the recording; the leaves are emptied.
  void end(const Leaves& results);
  /// The same for the derivative: trees like the result's become its inputs too.
  void begin_backward(const Leaves& results, const Leaves& cotangents);
  /// What the derivative returned: a cotangent for each leaf of the arguments.
  void yield_backward(const Leaves& cotangents);
  void end_backward(const Leaves& results, const Leaves& cotangents);
  /// Carries the op out; the leaves get its results.
  void finish(const Leaves& results);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

template <class... A> struct CotangentOf {
  using type = std::tuple<A...>;
};
template <class A> struct CotangentOf<A> {
  using type = A;
};

}  // namespace detail

/// A function like `f`, but what its derivative needs is computed again when the derivative is, rather than kept from the
/// first evaluation: less memory for more work. The arguments are trees of tensors, and are kept.
/// `f` is recorded at each call: it may read no values. What prints, prints once. Values of ops that may fault (an index
/// checked at run time) are kept. Composes with grad, jvp, vmap, control flow, `function` and `save`.
/// Throws TraceError where f reads a value or assigns a tensor outside.
/// Example: `Tensor g = grad([&](const Tensor& w) { return sum(remat(block)(w)); })(w);`
template <class F> auto remat(F f, std::source_location where = std::source_location::current()) {
  return [f = std::move(f), where]<class... A>(const A&... arguments) mutable {
    detail::ScopeCall call("remat", where);
    std::tuple<detail::Valued<A>...> copies(arguments...);
    std::apply([&](auto&... copy) { (call.argument(detail::leaves_of(copy, "x")), ...); }, copies);
    call.begin();
    using R =
        std::remove_cvref_t<decltype(std::apply([&](auto&... copy) { return f(std::as_const(copy)...); }, copies))>;
    detail::Prototype<R> result;
    {
      R made = std::apply([&](auto&... copy) { return f(std::as_const(copy)...); }, copies);
      result.set(made);
    }
    const auto leaves = detail::leaves_of(*result.value);
    call.end(leaves);
    call.finish(leaves);
    detail::adopt(leaves);
    result.adopted = true;
    return R(std::move(*result.value));
  };
}

/// A function like `f` whose reverse-mode derivative is `backward`: `backward(x..., y, w)` takes the arguments, the result and
/// its cotangent (a tree like y), and returns the cotangent of x, a tree like it; of several arguments a std::tuple. Leaves of
/// the cotangents that belong to tensors without derivative (integers) hold nothing; a leaf that `backward` leaves so is 0.
/// Both are recorded at each call, so they may read no values, and a captured tensor is a constant to the derivative: a
/// captured one that a gradient is taken by is an error, as an argument it is not.
/// Composes with grad (any order), vmap, control flow, `function` and `save`; forward mode cannot use it.
/// Throws InvalidArgument [cotangent-type, tree, captured-source]; UnsupportedError [custom-gradient] under jvp; TraceError as
/// `remat`.
/// Example: `auto clip = custom_gradient([](const Tensor& x) { return x; },
///                                       [](const Tensor&, const Tensor&, const Tensor& w) { return min(max(w, -1), 1); });`
template <class F, class B>
auto custom_gradient(F f, B backward, std::source_location where = std::source_location::current()) {
  return [f = std::move(f), backward = std::move(backward), where]<class... A>(const A&... arguments) mutable {
    detail::ScopeCall call("custom_gradient", where);
    std::tuple<detail::Valued<A>...> copies(arguments...);
    std::apply([&](auto&... copy) { (call.argument(detail::leaves_of(copy, "x")), ...); }, copies);
    call.begin();
    using R =
        std::remove_cvref_t<decltype(std::apply([&](auto&... copy) { return f(std::as_const(copy)...); }, copies))>;
    detail::Prototype<R> result, primal, cotangent;
    {
      R made = std::apply([&](auto&... copy) { return f(std::as_const(copy)...); }, copies);
      result.set(made);
    }
    const auto leaves = detail::leaves_of(*result.value);
    call.end(leaves);
    primal.set(*result.value);
    cotangent.set(*result.value);
    for (auto* tree :
         {&primal, &cotangent}) {  // the user's lambda reads them: they belong to the region that is open here
      detail::adopt(detail::leaves_of(*tree->value));
      tree->adopted = true;
    }
    call.begin_backward(detail::leaves_of(*primal.value), detail::leaves_of(*cotangent.value));
    {
      auto parts = std::apply(
          [&](auto&... copy) {
            return backward(std::as_const(copy)..., std::as_const(*primal.value), std::as_const(*cotangent.value));
          },
          copies);
      static_assert(
          std::is_same_v<decltype(parts), typename detail::CotangentOf<detail::Valued<A>...>::type>,
          "custom_gradient: backward(x, y, w) returns the type of x; of several arguments a std::tuple of them");
      call.yield_backward(detail::leaves_of(parts, "cotangent"));
    }
    call.end_backward(detail::leaves_of(*primal.value), detail::leaves_of(*cotangent.value));
    call.finish(leaves);
    detail::adopt(leaves);
    result.adopted = true;
    return R(std::move(*result.value));
  };
}

}  // namespace burin
