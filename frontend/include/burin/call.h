// What the templates of function.h hand to the library for one call or one trace: the leaves of arguments and results.
// Keys, caches, tracing and execution are in frontend/function. Nothing here is for users.
#pragma once
#include <burin/function_options.h>
#include <burin/tree.h>

#include <array>
#include <memory>
#include <tuple>

namespace burin {

class Graph;

namespace detail {

struct FunctionState;
struct Entry;

/// One leaf of the arguments: a tensor, a static value, or the length of a container.
struct Leaf {
  enum class Kind : std::uint8_t { tensor, host, length } kind;
  HostValue::Kind host_kind{};
  bool state = false;    ///< belongs to a by-reference parameter
  bool aliased = false;  ///< by reference, and the same handle is another argument too
  bool donated = false;  ///< belongs to a parameter by value: the call's own, which nobody sees afterwards
  Tensor* tensor = nullptr;
  std::uint64_t bits = 0;  ///< host value or length
  std::string_view text{}, type{};
};

/// One call: the leaves of its arguments, then its results. Lives on the stack; allocates only beyond the inline room.
class BURIN_API Call final : public TreeVisitor {
 public:
  explicit Call(const std::shared_ptr<FunctionState>& f) : function_(*f) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  template <class P> void add(P& argument, std::int64_t position, bool state, bool donated) {
    in_state_ = state;
    in_donated_ = donated;
    if constexpr (std::is_base_of_v<Tensor, std::remove_cvref_t<P>>) {
      push({Leaf::Kind::tensor,
            {},
            state,
            false,
            donated,
            const_cast<Tensor*>(static_cast<const Tensor*>(&argument)),
            0,
            {},
            {}});
      (void)position;
    } else {
      walk(*this, argument, Path{nullptr, {}, position});
    }
  }
  void tensor(Tensor&, const Path&) override;
  void host(const HostValue&, const Path&) override;
  void length(std::size_t, const Path&) override;

  using TraceThunk = void (*)(void* user, class Tracer&);
  using WalkThunk = void (*)(void* user, TreeVisitor&);
  /// Finds or makes the entry and runs it: the results are then in `result`, in order.
  void run(TraceThunk trace, WalkThunk walk_arguments, void* user);
  /// Finds or makes the entry without running it; compiled where asked for.
  std::shared_ptr<const Graph> prepare(TraceThunk trace, WalkThunk walk_arguments, void* user, bool compile);
  bool eager() const;

  /// Moves result i into a handle; by-reference ones first, as `state` leaves stand in the arguments.
  void take(std::size_t i, Tensor& into);
  Tensor take(std::size_t i);
  std::size_t num_state() const { return num_state_; }
  /// The tree that the callable returned while tracing, with its tensors emptied.
  const void* prototype() const;
  void finish_state();

  std::span<Leaf> leaves() { return {more_.empty() ? inline_.data() : more_.data(), count_}; }

 private:
  friend struct CallAccess;
  void push(const Leaf& l) {
    if (count_ < inline_.size() && more_.empty()) inline_[count_++] = l;
    else spill(l);
  }
  void spill(const Leaf&);

  FunctionState& function_;
  std::array<Leaf, 12> inline_;
  std::vector<Leaf> more_;
  std::size_t count_ = 0, num_state_ = 0, num_results_ = 0;
  bool in_state_ = false, in_donated_ = false;
  std::array<NodeRef, 4> few_results_;
  std::vector<NodeRef> more_results_;
  const Entry* entry_ = nullptr;
  std::shared_ptr<const Entry> hold_;  // only where the entry is in no cache
  NodeRef* results() { return more_results_.empty() ? few_results_.data() : more_results_.data(); }
};

/// What a trace thunk works on: turns argument trees into traced ones and takes the results.
class BURIN_API Tracer {
 public:
  Tracer(FunctionState&, Call&);
  ~Tracer();
  /// Gives the tensors of a copied argument their inputs.
  void begin_argument(std::int64_t position, bool state);
  TreeVisitor& arguments();
  /// The tree that the callable returned, and a function that destroys its prototype.
  void results(const Leaves&, std::shared_ptr<void> prototype);
  void state(const Leaves&);

  struct State;
  State& impl() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

BURIN_API std::shared_ptr<FunctionState> make_function(FunctionOptions, const void* code, std::string_view callable,
                                                       const std::source_location&);
BURIN_API FunctionStats stats(const FunctionState&);
BURIN_API std::string explain(const FunctionState&);
BURIN_API std::string view(const FunctionState&);
BURIN_API std::vector<std::shared_ptr<const Graph>> graphs(const FunctionState&);
BURIN_API void save(const FunctionState&, const std::string& file);
BURIN_API void empty_leaves(const Leaves&);
/// Makes a handle stand for any tensor of a type: it has no values and is good for `prepare` only.
BURIN_API void stand_in(Tensor&, const Spec&);
/// Whether `save` has to trace first: there is an input signature and no trace yet.
BURIN_API bool awaits_signature(const FunctionState&);
/// Fills the tensors of parameters with the specs of the input signature. Throws where the signature does not tell all of them.
BURIN_API void stand_in(const FunctionState&, std::span<const Leaves> parameters);

template <class T> using Stored = Valued<std::remove_cvref_t<T>>;

/// What a parameter T is given for `trace`: a spec becomes a tensor without values.
template <class T, class A> T argument(const A& a) {
  if constexpr (std::is_same_v<A, Spec>) {
    static_assert(std::is_base_of_v<Tensor, T>, "burin::function: trace() takes a Spec for a Tensor parameter only");
    T t{};
    stand_in(t, a);
    return t;
  } else {
    return T(a);
  }
}
template <class A> using Given = std::conditional_t<std::is_same_v<A, Spec>, Tensor, Stored<A>>;

template <class F, class Self, class... A> decltype(auto) call(F& f, Self& self, A&... a) {
  if constexpr (std::is_member_function_pointer_v<F>) return (self.*f)(a...);
  else return f(self, a...);
}
template <class F> decltype(auto) call(F& f) { return f(); }

template <class Q>
inline constexpr bool by_reference = std::is_lvalue_reference_v<Q> && !std::is_const_v<std::remove_reference_t<Q>>;

/// A parameter by value, whose argument may be moved in. Not Scalar, which is made of a number at each call.
template <class Q>
inline constexpr bool by_value = !std::is_reference_v<Q> && !requires(Q& q) { []<class T>(Scalar<T>&) {}(q); };

/// A copy of a tree without its tensors, which belongs to no region.
template <class R> std::shared_ptr<void> keep_structure(const R& r) {
  if constexpr (std::is_same_v<R, Tensor>) {
    return nullptr;
  } else {
    Untracked untracked;
    auto destroy = [](R* p) {
      Untracked u;
      std::default_delete<R>()(p);
    };
    std::shared_ptr<R> kept(std::make_unique<R>(r).release(), destroy);
    empty_leaves(leaves_of(*kept));
    return kept;
  }
}

/// What a call hands to the library: the callable and its arguments, whose declared parameters are P.
template <class R, class F, class Arguments, class... P> struct Thunks {
  template <class Q> using As = std::conditional_t<std::is_lvalue_reference_v<Q>, Q, const Q&>;
  F& f;
  Arguments arguments;  // a tuple of references

  static void trace(void* u, Tracer& tracer) {
    Thunks& user = *static_cast<Thunks*>(u);
    std::apply(
        [&]<class... A>(A&... given) {
          std::tuple<std::remove_const_t<A>...> copies(given...);
          std::apply(
              [&](auto&... copy) {
                std::int64_t at = 0;
                ((tracer.begin_argument(at, by_reference<P>), walk(tracer.arguments(), copy, Path{nullptr, {}, at++})),
                 ...);
                auto outputs = [&] { ((by_reference<P> ? tracer.state(leaves_of(copy)) : void()), ...); };
                if constexpr (std::is_void_v<R>) {
                  user.f(static_cast<As<P>>(copy)...);
                  tracer.results({}, nullptr);
                  outputs();
                } else {
                  R r = user.f(static_cast<As<P>>(copy)...);
                  tracer.results(leaves_of(r), keep_structure(r));
                  outputs();
                }
              },
              copies);
        },
        user.arguments);
  }
  static void walk_all(void* u, TreeVisitor& v) {
    std::int64_t at = 0;
    std::apply([&](auto&... given) { (walk(v, given, Path{nullptr, {}, at++}), ...); },
               static_cast<Thunks*>(u)->arguments);
  }
};

/// Traces `f` for these arguments, without running it.
template <class R, class... P, class F, class... A>
std::shared_ptr<const Graph> prepare(const std::shared_ptr<FunctionState>& state, bool compile, F& f, A&... arguments) {
  Call call(state);
  std::int64_t position = 0;
  (call.add(arguments, position++, by_reference<P>, by_value<P>), ...);
  using User = Thunks<R, F, std::tuple<A&...>, P...>;
  User user{f, {arguments...}};
  return call.prepare(&User::trace, &User::walk_all, &user, compile);
}

/// Runs one call of `f` whose declared parameters are P; the arguments already have those types.
template <class R, class... P, class F, class... A>
R invoke(const std::shared_ptr<FunctionState>& state, F& f, A&... arguments) {
  Call call(state);
  if (call.eager()) return f(arguments...);
  std::int64_t position = 0;
  (call.add(arguments, position++, by_reference<P>, by_value<P>), ...);
  using User = Thunks<R, F, std::tuple<A&...>, P...>;
  User user{f, {arguments...}};
  call.run(&User::trace, &User::walk_all, &user);
  call.finish_state();
  if constexpr (std::is_void_v<R>) {
    return;
  } else if constexpr (std::is_same_v<R, Tensor>) {
    return call.take(0);
  } else {
    Prototype<R> result;
    result.set(*static_cast<const R*>(call.prototype()));
    auto leaves = leaves_of(*result.value);
    for (std::size_t i = 0; i < leaves.tensors.size(); ++i) call.take(i, *leaves.tensors[i]);
    adopt(leaves);
    result.adopted = true;
    return R(std::move(*result.value));
  }
}

/// The parameter that a function has for one of its callable: a tensor for an operand, since that refers to one.
template <class P> struct ParameterFor {
  using type = P;
};
template <class P> requires std::is_same_v<std::remove_cvref_t<P>, Arg>
struct ParameterFor<P> {
  using type = const Tensor&;
};
template <class P> requires std::is_same_v<std::remove_cvref_t<P>, Args>
struct ParameterFor<P> {
  using type = const std::vector<Tensor>&;
};
/// A callable that takes operands, as ops do. What it records has the line where it was made a function.
template <class F> struct OnTensors {
  F f;
  std::source_location where;
  decltype(auto) operator()(auto&... arguments) {
    SourceScope scope(where);
    return f(arguments...);
  }
};

template <class T> struct SignatureOf;
template <class R, class... P> struct SignatureOf<R(P...)> {
  using Result = R;
  static constexpr bool takes_operands = !(std::is_same_v<P, typename ParameterFor<P>::type> && ...);
  template <template <class, class, class...> class Out, class F>
  using With = Out<F, std::remove_cvref_t<R>, typename ParameterFor<P>::type...>;
};
template <class F> struct CallableSignature;
template <class R, class... P> struct CallableSignature<R (*)(P...)> : SignatureOf<R(P...)> {};
template <class R, class... P> struct CallableSignature<R (*)(P...) noexcept> : SignatureOf<R(P...)> {};
template <class R, class C, class... P> struct CallableSignature<R (C::*)(P...)> : SignatureOf<R(P...)> {
  using Self = C&;
  using Member = SignatureOf<R(C&, P...)>;
};
template <class R, class C, class... P> struct CallableSignature<R (C::*)(P...) const> : SignatureOf<R(P...)> {
  using Member = SignatureOf<R(const C&, P...)>;
};
template <class R, class C, class... P>
struct CallableSignature<R (C::*)(P...) noexcept> : CallableSignature<R (C::*)(P...)> {};
template <class R, class C, class... P>
struct CallableSignature<R (C::*)(P...) const noexcept> : CallableSignature<R (C::*)(P...) const> {};

}  // namespace detail

}  // namespace burin
