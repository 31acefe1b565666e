// function: a callable that is traced and compiled per signature, then called from a cache. The templates here only list
// the leaves of arguments and results; keys, caches, tracing and execution are in frontend/trace.
#pragma once
#include <burin/spec.h>
#include <burin/tree.h>

#include <array>
#include <memory>
#include <tuple>

namespace burin {

class Graph;

/// How far a function goes, for debugging: each level does all that the ones before it do.
enum class Level : std::uint8_t {
  eager,    ///< calls the callable; nothing is traced
  graph,    ///< traced, then the graph runs op by op through the reference kernels
  no_fuse,  ///< compiled, one op a kernel
  full,     ///< compiled
};
/// Overrides the level of every function called on this thread while it lives. Example: `LevelScope scope(Level::eager);`
class BURIN_API LevelScope {
 public:
  explicit LevelScope(Level) noexcept;
  ~LevelScope();
  LevelScope(const LevelScope&) = delete;
  LevelScope& operator=(const LevelScope&) = delete;

 private:
  std::uint8_t saved_;
};
/// Check mode, on this thread while it lives: an op that makes a NaN, and an integer division by zero, is a DeviceError that
/// names the op, its line and the element, eagerly and in functions, which are compiled anew for it. Nothing is fused then.
/// Example: `CheckScope scope; step(params, batch);  // throws "log: NaN at element 3 of the result [nan]"`
class BURIN_API CheckScope {
 public:
  explicit CheckScope(bool on = true) noexcept;
  ~CheckScope();
  CheckScope(const CheckScope&) = delete;
  CheckScope& operator=(const CheckScope&) = delete;

 private:
  bool saved_;
};
/// A trace or retrace on this thread throws TraceError with the explanation while it lives.
class BURIN_API NoRetraceScope {
 public:
  NoRetraceScope() noexcept;
  ~NoRetraceScope();
  NoRetraceScope(const NoRetraceScope&) = delete;
  NoRetraceScope& operator=(const NoRetraceScope&) = delete;

 private:
  bool saved_;
};

/// Options of `function`.
struct FunctionOptions {
  std::string name{};  ///< what errors and views call it; by default from the callable, or its line
  Level level = Level::full;
  std::vector<Spec>
      signature{};               ///< one for each tensor of the arguments, in order; empty: any types, a trace for each
  std::size_t max_entries = 64;  ///< traces kept; the least recently used goes first
  int max_traces = 0;            ///< more than this many traces are a TraceError; 0: no limit
  /// A call that differs from an earlier trace in sizes only is traced with names for these sizes, so that one trace serves
  /// all further ones. Where that cannot be (the callable needs a number, or the sizes are related otherwise), it is traced as
  /// it is, and `BURIN_LOG=trace` says why. Code for named sizes may be slower. Without effect under an input signature.
  bool reduce_retracing = false;
  /// For debugging: each call traces again, and a TraceError tells where the callable would now record something else than
  /// the trace that runs: a host value or a captured tensor has changed since.
  bool verify_trace = false;
};

/// Counts of one function, since it was made.
struct FunctionStats {
  std::uint64_t calls = 0;  ///< misses included; hits of other threads may lag
  std::uint64_t traces = 0;
  std::uint64_t compiles = 0;     ///< graphs given to the compiler; cache hits are not
  std::uint64_t memory_hits = 0;  ///< executables found in the process's cache
  std::uint64_t disk_hits = 0;
  std::uint64_t evictions = 0;
  std::size_t entries = 0;
  std::size_t derivatives = 0;  ///< kept for calls under tapes: one for each set of arguments that gradients are taken by
};

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
  void end_arguments();
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
                tracer.end_arguments();
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

template <class T> struct SignatureOf;
template <class R, class... P> struct SignatureOf<R(P...)> {
  using Result = R;
  template <template <class, class, class...> class Out, class F> using With = Out<F, R, P...>;
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
  static_assert((std::is_copy_constructible_v<std::remove_cvref_t<P>> && ...),
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
              const std::array<detail::Leaves, sizeof...(P)> leaves{detail::leaves_of(a)...};
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

/// A function read from a file: its traces, the tensors that they captured, and Variables of its own, which begin with the
/// values saved. The callable is not needed. Copies share the Variables.
/// Thread safety: may be called from several threads; calls that update Variables run one after the other.
class BURIN_API LoadedFunction {
 public:
  /// The tensors of the arguments, as the saved function took them, in any trees; gives the results' tensors in order, then
  /// those of by-reference parameters. Throws InvalidArgument where no saved trace has these types.
  template <class... A> std::vector<Tensor> operator()(const A&... arguments) const {
    std::vector<Tensor> leaves;
    [[maybe_unused]] auto add = [&](const auto& x) {
      detail::Stored<decltype(x)> tree = x;
      for (auto* t : detail::leaves_of(tree).tensors) leaves.push_back(*t);
    };
    (add(arguments), ...);
    return call(leaves);
  }
  std::vector<Tensor> call(std::span<const Tensor> leaves) const;
  const std::string& name() const;
  std::vector<std::shared_ptr<const Graph>> graphs() const;

 private:
  friend BURIN_API LoadedFunction load(const std::string&, Level, std::source_location);
  struct State;
  std::shared_ptr<const State> state_;
};
/// Reads what FunctionBase::save wrote. Throws InvalidArgument for a file that is missing, truncated or corrupted.
/// Example: `auto mlp = load("mlp.burin");  Tensor y = mlp(params, x)[0];`
BURIN_API LoadedFunction load(const std::string& file, Level level = Level::full,
                              std::source_location where = std::source_location::current());

/// Makes a callable of tensors into a function: each call looks up the trace for its signature, traces and compiles where there
/// is none, and runs it. Any nesting of tensors, aggregates, tuples, arrays, vectors, maps and optionals may be given and
/// returned. Numbers, bools, enums and strings among the parameters are static: each value is a trace of its own; a number for
/// a `Tensor`, `auto` or `Scalar<T>` parameter is not. A parameter `T&` that is not const is updated by the call: in
/// its own memory where nobody else holds it, else in fresh memory (docs/state.md); not at all where the call throws.
/// A parameter by value is the call's own: one that was moved in, and that nobody else holds, may give its memory to a result
/// of its type that is made of it element by element.
/// Tensors that the callable captures are bound to the values seen while tracing.
/// Example: `auto fast = burin::function([](const Tensor& x) { return exp(x) * 2; });  Tensor y = fast(x);`
template <class F>
auto function(F f, FunctionOptions options = {}, std::source_location where = std::source_location::current()) {
  const void* code = nullptr;
  if constexpr (std::is_pointer_v<F>) code = reinterpret_cast<const void*>(f);
  auto state = detail::make_function(std::move(options), code, detail::type_name<F>(), where);
  if constexpr (std::is_member_function_pointer_v<F>) {
    return typename detail::CallableSignature<F>::Member::template With<TypedFunction, F>(f, std::move(state));
  } else if constexpr (std::is_pointer_v<F>) {
    return typename detail::CallableSignature<F>::template With<TypedFunction, F>(f, std::move(state));
  } else if constexpr (requires { &F::operator(); }) {
    return typename detail::CallableSignature<decltype(&F::operator())>::template With<TypedFunction, F>(
        std::move(f), std::move(state));
  } else {
    return GenericFunction<F>(std::move(f), std::move(state));
  }
}

}  // namespace burin
