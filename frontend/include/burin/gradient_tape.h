// GradientTape: reverse-mode derivatives of what runs while an object lives, where a function of the sources would be in the
// way: host loops, several losses, derivatives by values computed on the way. The work is in frontend/transform.
#pragma once
#include <burin/tensor.h>
#include <burin/tree.h>
#include <burin/variable.h>

#include <memory>
#include <tuple>
#include <utility>

namespace burin {

/// What `gradient` gives for a source that the target does not depend on.
enum class Unconnected : std::uint8_t {
  zeros,  ///< zeros of the source's type
  none,   ///< a tensor that holds nothing: `defined()` is false
};

/// Options of `GradientTape`.
struct TapeOptions {
  bool persistent = false;  ///< `gradient` may be asked more than once; the tape records on until it is closed
};

namespace detail {
template <class T> inline constexpr bool holds_references = false;
template <class... T> inline constexpr bool holds_references<std::tuple<T...>> = (std::is_reference_v<T> || ...);
template <class A, class B>
inline constexpr bool holds_references<std::pair<A, B>> = std::is_reference_v<A> || std::is_reference_v<B>;
}  // namespace detail

/// Records the ops that descend from watched tensors, from its construction until it is closed: by `close`, by `gradient`
/// unless it is persistent, or by its destructor. Works eagerly, with any host control flow, and inside `function`; a tape
/// inside another one's life gives higher orders. It watches values, not variables: every handle of a watched value counts,
/// and a tensor that is assigned later holds another value. Of a Variable it watches the value that it has then, and that is
/// what `gradient` by the Variable means, also where it was assigned since.
/// Keeps alive the values that a derivative may read, until it is asked (where persistent: until it is destroyed).
/// Belongs to the thread, and to the trace, branch or loop body, that it was made in.
/// Example:
///   GradientTape tape;
///   tape.watch(w);
///   Tensor d = matmul(x, w) - t, loss = mean(d * d);
///   Tensor g = tape.gradient(loss, w);
class BURIN_API GradientTape {
 public:
  explicit GradientTape(TapeOptions options = {}, std::source_location where = std::source_location::current());
  ~GradientTape();
  GradientTape(const GradientTape&) = delete;
  GradientTape& operator=(const GradientTape&) = delete;

  /// Makes the tensors of a tree sources: floating-point ones of any shape. Watching one twice does nothing.
  /// Throws InvalidArgument [dtype, undefined, no-tensors, tape-closed].
  template <class X> void watch(const X& tree, std::source_location where = std::source_location::current()) {
    if constexpr (std::is_same_v<X, Variable>) {
      watch_variable(tree, where);
    } else {
      watch_leaves(detail::leaves_of(const_cast<X&>(tree), "x"), where);
    }
  }

  /// The derivative of `target` (a floating-point scalar, or a tree of such: then of their sum) by each tensor of
  /// `sources`, which are watched or were computed from what is: a tree like `sources`. Closes the tape unless it is
  /// persistent; what a persistent one computes here is not recorded by itself, but by the tapes around it.
  /// Throws InvalidArgument [scalar-loss, not-watched, no-tensors, tape-used, tape-order], TraceError [tape-region],
  /// UnsupportedError [no-derivative] naming the op and its line.
  /// Example: `auto [gw, gb] = tape.gradient(loss, std::tuple(w, b));`
  template <class Y, class X>
  auto gradient(const Y& target, const X& sources, Unconnected unconnected = Unconnected::zeros,
                std::source_location where = std::source_location::current()) {
    static_assert(!detail::holds_references<X>,
                  "GradientTape::gradient: sources in std::tie would be overwritten; write std::tuple(a, b)");
    std::conditional_t<std::is_same_v<X, Variable>, Tensor, X> out = watched(sources);
    pull(detail::leaves_of(const_cast<Y&>(target), "target"), detail::leaves_of(out, "sources"), unconnected, where);
    return out;
  }
  /// The same for a list in braces. Example: `std::vector<Tensor> g = tape.gradient(loss, {w, b});`
  template <class Y>
  std::vector<Tensor> gradient(const Y& target, std::initializer_list<Tensor> sources,
                               Unconnected unconnected = Unconnected::zeros,
                               std::source_location where = std::source_location::current()) {
    return gradient(target, std::vector<Tensor>(sources), unconnected, where);
  }

  template <class Y>
  std::vector<Tensor> gradient(const Y& target, const std::vector<Variable>& sources,
                               Unconnected unconnected = Unconnected::zeros,
                               std::source_location where = std::source_location::current()) {
    std::vector<Tensor> values;
    for (const Variable& v : sources) values.push_back(watched(v));
    return gradient(target, values, unconnected, where);
  }
  template <class Y>
  std::vector<Tensor> gradient(const Y& target, std::initializer_list<Variable> sources,
                               Unconnected unconnected = Unconnected::zeros,
                               std::source_location where = std::source_location::current()) {
    return gradient(target, std::vector<Variable>(sources), unconnected, where);
  }

  /// Ends the recording; `gradient` may still be asked. Does nothing where it has ended.
  void close(std::source_location where = std::source_location::current());
  /// Whether it still records.
  bool is_open() const noexcept;

 private:
  template <class X> const X& watched(const X& sources) const { return sources; }
  /// The value that was watched, also where the Variable was assigned since; else the one that it has.
  Tensor watched(const Variable&) const;
  void watch_variable(const Variable&, const std::source_location&);
  void watch_leaves(const detail::Leaves&, const std::source_location&);
  void pull(const detail::Leaves& target, const detail::Leaves& sources, Unconnected, const std::source_location&);
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace burin
