// vmap: a function of one example made into a function of many at once. The function is recorded once, for the types of one
// example, and its graph is evaluated with batching rules (frontend/rules); so it nests with itself, gradients and `function`.
#pragma once
#include <burin/tensor.h>
#include <burin/tree.h>

#include <memory>
#include <optional>
#include <vector>

namespace burin {

/// What lanes of `vmap` get from a Generator.
enum class Randomness : std::uint8_t {
  error,      ///< nothing: a draw is an InvalidArgument [randomness]
  same,       ///< each lane the same numbers, those that the function itself would draw
  different,  ///< each its own: one draw with the lanes as its first axis
};

/// Options of `vmap`.
struct VmapOptions {
  /// By argument: the axis of its tensors that the lanes go along, or nothing: the same value in every lane. Arguments beyond
  /// the list have axis 0.
  std::vector<std::optional<Axis>> in_axes{};
  Axis out_axis = 0;  ///< where the lanes stand in the results
  Randomness randomness = Randomness::error;
};

namespace detail {

/// One call of a vmapped function: records on one lane's types, then evaluates on all lanes.
class BURIN_API Batching {
 public:
  Batching(const VmapOptions&, const std::source_location&);
  ~Batching();
  Batching(const Batching&) = delete;
  Batching& operator=(const Batching&) = delete;
  /// The leaves of an argument, a copy; they become one lane's inputs.
  void argument(std::size_t position, const Leaves&);
  /// Call behind the last argument: the recording starts.
  void begin();
  /// Ends it; the leaves of a tree made untracked, or of the one that f returned, get the results for all lanes.
  void finish(const Leaves& results);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace detail

/// A function like `f` over lanes: its arguments have one axis more, as `in_axes` says, and so have its results. `f` is
/// recorded at each call, once, on the types of one lane: host control flow on values is an error in it, `cond` and
/// `while_loop` are not. A `cond` whose condition differs by lane runs both branches; a `while_loop` runs until all lanes are
/// done, finished lanes keep their values; where such a region could fault it runs lane by lane.
/// Throws InvalidArgument [lanes] where no argument has lanes or their numbers differ; TraceError for a value read inside;
/// UnsupportedError for an op without lanes (`print`).
/// Example: `Tensor norms = vmap([](const Tensor& row) { return sqrt(sum(row * row)); })(matrix);`
template <class F>
auto vmap(F f, VmapOptions options = {}, std::source_location where = std::source_location::current()) {
  return [f = std::move(f), options = std::move(options), where]<class... A>(const A&... arguments) mutable {
    detail::Batching batching(options, where);
    std::tuple<detail::Valued<A>...> copies(arguments...);
    std::size_t position = 0;
    std::apply([&](auto&... copy) { (batching.argument(position++, detail::leaves_of(copy, "x")), ...); }, copies);
    batching.begin();
    using R =
        std::remove_cvref_t<decltype(std::apply([&](auto&... copy) { return f(std::as_const(copy)...); }, copies))>;
    static_assert(!std::is_void_v<R>, "vmap: the function returns a tree of tensors, for each lane");
    detail::Prototype<R> result;
    {
      R made = std::apply([&](auto&... copy) { return f(std::as_const(copy)...); }, copies);
      result.set(made);
    }
    batching.finish(detail::leaves_of(*result.value));
    detail::adopt(detail::leaves_of(*result.value));
    result.adopted = true;
    return R(std::move(*result.value));
  };
}

}  // namespace burin
