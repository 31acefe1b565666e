// Trees: any nesting of Tensor, aggregates, tuples, arrays, vectors, maps and optionals, seen as a list of leaves.
// Tensors are leaves; numbers, bools, enums and strings are static values that belong to a function's key.
#pragma once
#include <burin/fields.h>
#include <burin/tensor.h>

namespace burin {

/// Specialise for a class that is no aggregate: `static void visit(auto& field, T& x) { field("weight", x.weight()); }`.
template <class T> struct tree_traits;

namespace detail {

/// Where a leaf stands, from the leaf outwards; made on the stack while walking.
struct Path {
  const Path* parent = nullptr;
  std::string_view name{};  // a member; empty: an element
  std::int64_t index = -1;
};
BURIN_API std::string to_string(const Path&);

/// A static value: compared by value and by type.
struct HostValue {
  enum class Kind : std::uint8_t { boolean, integer, real, text } kind;
  std::uint64_t bits = 0;
  std::string_view text{};
  std::string_view type{};
};

/// Sees the leaves of a tree in order. Lengths of containers are reported before their elements.
struct TreeVisitor {
  virtual void tensor(Tensor&, const Path&) = 0;
  virtual void host(const HostValue&, const Path&) = 0;
  virtual void length(std::size_t, const Path&) = 0;

 protected:
  ~TreeVisitor() = default;
};

template <class T> consteval std::string_view type_name() {
  std::string_view s = __PRETTY_FUNCTION__;
  auto from = s.find("T = ") + 4;
  return s.substr(from, s.find_first_of(";]", from) - from);
}

template <class T>
concept HasTraits = requires { sizeof(tree_traits<T>); };
template <class T>
concept TupleLike = requires { std::tuple_size<T>::value; };
template <class T>
concept Range = requires(T& x) {
  x.begin();
  x.end();
  x.size();
};
template <class T>
concept Optional = requires(T& x) {
  x.has_value();
  x.reset();
  *x;
};
template <class T>
concept Text = std::is_convertible_v<const T&, std::string_view>;

/// What is kept of an argument: a Tensor for a number or a Variable, whose value is taken, else a copy of the tree.
template <class T> using Valued = std::conditional_t<std::is_arithmetic_v<T> || std::is_same_v<T, Variable>, Tensor, T>;

template <class T> void walk(TreeVisitor& v, T& x, const Path& path);

template <class T, std::size_t... I> void walk_tuple(TreeVisitor& v, T& x, const Path& p, std::index_sequence<I...>) {
  using std::get;
  (walk(v, get<I>(x), Path{&p, {}, static_cast<std::int64_t>(I)}), ...);
}
template <class T, std::size_t N, std::size_t... I>
void walk_fields(TreeVisitor& v, T& x, const Path& p, std::index_sequence<I...>) {
  with_fields<N>(x, [&](auto&... field) { (walk(v, field, Path{&p, field_name<T, N, I>(), -1}), ...); });
}

template <class T> void walk(TreeVisitor& v, T& x, const Path& path) {
  if constexpr (std::is_const_v<T>) {
    walk(v, const_cast<std::remove_const_t<T>&>(x), path);  // visitors of const trees only read
  } else if constexpr (std::is_base_of_v<Tensor, T>) {
    v.tensor(x, path);
  } else if constexpr (std::is_same_v<T, Variable>) {
    static_assert(sizeof(T) == 0,
                  "a burin::Variable is neither an argument nor a result inside a struct or container: "
                  "capture it (or what holds it) by reference, and return v.value()");
  } else if constexpr (std::is_same_v<T, bool>) {
    v.host({HostValue::Kind::boolean, x, {}, "bool"}, path);
  } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    v.host({HostValue::Kind::integer, static_cast<std::uint64_t>(x), {}, type_name<T>()}, path);
  } else if constexpr (std::is_floating_point_v<T>) {
    v.host({HostValue::Kind::real, __builtin_bit_cast(std::uint64_t, static_cast<double>(x)), {}, type_name<T>()},
           path);
  } else if constexpr (std::is_same_v<T, Dim>) {
    v.host({HostValue::Kind::integer, static_cast<std::uint64_t>(x.word()), {}, "Dim"}, path);
  } else if constexpr (Text<T>) {
    v.host({HostValue::Kind::text, 0, std::string_view(x), "string"}, path);
  } else if constexpr (HasTraits<T>) {
    auto field = [&](std::string_view name, auto& member) { walk(v, member, Path{&path, name, -1}); };
    tree_traits<T>::visit(field, x);
  } else if constexpr (Optional<T>) {
    v.length(x.has_value(), path);
    if (x.has_value()) walk(v, *x, path);
  } else if constexpr (Range<T>) {
    v.length(x.size(), path);
    std::int64_t i = 0;
    if constexpr (requires { typename T::mapped_type; }) {
      for (auto& [key, value] : x) {
        Path at{&path, {}, i++};
        walk(v, key, at);
        if constexpr (Text<std::remove_cvref_t<decltype(key)>>) at = {&path, key, -1};
        walk(v, value, at);
      }
    } else if constexpr (std::is_same_v<typename T::value_type, bool>) {
      for (bool b : x) walk(v, b, Path{&path, {}, i++});
    } else {
      for (auto& e : x) walk(v, e, Path{&path, {}, i++});
    }
  } else if constexpr (TupleLike<T>) {
    walk_tuple(v, x, path, std::make_index_sequence<std::tuple_size_v<T>>());
  } else if constexpr (std::is_empty_v<T>) {
    // no state
  } else if constexpr (std::is_aggregate_v<T>) {
    constexpr std::size_t n = count_fields<T>();
    static_assert(n <= max_fields,
                  "an aggregate with more than 32 fields: group some in a struct, or specialise burin::tree_traits<T>");
    walk_fields<T, n>(v, x, path, std::make_index_sequence<n>());
  } else {
    static_assert(sizeof(T) == 0,
                  "burin cannot see into this type: use an aggregate, or specialise burin::tree_traits<T>");
  }
}

/// Whether a type holds tensors as far as its type tells: a Tensor or anything made of parts.
template <class T> inline constexpr bool is_tree = !std::is_arithmetic_v<T> && !std::is_enum_v<T> && !Text<T>;

/// Handles made, assigned and destroyed inside belong to the library: open regions do not see them.
class Untracked {
 public:
  Untracked() noexcept : saved_(std::exchange(recorder, nullptr)) {}
  ~Untracked() { recorder = saved_; }
  Untracked(const Untracked&) = delete;
  Untracked& operator=(const Untracked&) = delete;

 private:
  Recorder* saved_;
};

/// The tensors of a tree, in order.
struct BURIN_API Leaves final : TreeVisitor {
  std::vector<Tensor*> tensors;
  std::vector<std::string> paths;      // where asked for
  std::vector<std::uint64_t> statics;  // hashes of the static values and lengths, to compare structures
  bool want_paths = false;
  void tensor(Tensor& t, const Path&) override;
  void host(const HostValue&, const Path&) override;
  void length(std::size_t n, const Path&) override;
};
template <class T> Leaves leaves_of(T& x, std::string_view root = {}) {
  Leaves l;
  l.want_paths = !root.empty();
  walk(l, x, Path{nullptr, root, -1});
  return l;
}

/// Makes these handles, born untracked, belong to the region that is open now.
BURIN_API void adopt(const Leaves&) noexcept;
/// Throws InvalidArgument naming `what` where two trees differ in structure or in static values.
BURIN_API void check_same_structure(const Leaves& a, const Leaves& b, const char* what);

/// A tree made untracked; once adopted it is destroyed as the region's own.
template <class T> struct Prototype {
  alignas(T) unsigned char bytes[sizeof(T)];
  T* value = nullptr;
  bool adopted = false;
  void set(const T& x) {
    Untracked u;
    value = ::new (static_cast<void*>(bytes)) T(x);
  }
  ~Prototype() {
    if (!value) return;
    if (adopted) {
      value->~T();
      return;
    }
    Untracked u;
    value->~T();
  }
};

}  // namespace detail

/// Applies f to the tensors of one tree, or to corresponding tensors of several of the same structure, and returns a tree of the
/// first one's type. Example: `p = tree_map([&](const Tensor& v, const Tensor& d) { return v - lr * d; }, p, g);`
template <class F, class T, class... More> T tree_map(F&& f, const T& tree, const More&... more) {
  T out = tree;
  auto to = detail::leaves_of(out);
  auto each = [&](std::size_t i, const auto&... lists) { *to.tensors[i] = f(*to.tensors[i], *lists.tensors[i]...); };
  auto run = [&](const auto&... lists) {
    (detail::check_same_structure(to, lists, "tree_map"), ...);
    for (std::size_t i = 0; i < to.tensors.size(); ++i) each(i, lists...);
  };
  run(detail::leaves_of(const_cast<More&>(more))...);
  return out;
}

}  // namespace burin
