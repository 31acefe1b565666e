// Trees: any nesting of Tensor, aggregates, tuples, arrays, vectors, maps and optionals, seen as a list of leaves.
// C arrays count among the arrays, and a struct may have a base where one of both has members (fields.h).
// Tensors are leaves; numbers, bools, enums and strings are static values that belong to a function's key.
#pragma once
#include <burin/composites.h>
#include <burin/fields.h>
#include <burin/tensor.h>

namespace burin {

/// Specialise for a class whose members C++20 does not show, which is one that is no aggregate, or a struct with members whose
/// base has members too: `static void visit(auto& field, T& x) { field("base", static_cast<Base&>(x)); field("w", x.w()); }`.
template <class T> struct tree_traits;
// Attribute parameters of ops are static values.
template <> struct tree_traits<Axes> {
  static void visit(auto& field, const Axes& x) {
    const bool all = x.all(), reversed = x.reversed();
    field("all", all);
    field("reversed", reversed);
    field("list", x.list());
  }
};
template <> struct tree_traits<Ints> {
  static void visit(auto& field, const Ints& x) { field("list", x.list()); }
};

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
  } else if constexpr (std::is_array_v<T>) {
    if constexpr (std::is_same_v<std::remove_extent_t<T>, char>) {  // text, which need not fill it
      const std::string_view all(x, std::extent_v<T>);
      v.host({HostValue::Kind::text, 0, all.substr(0, all.find('\0')), "string"}, path);
    } else {
      v.length(std::extent_v<T>, path);
      for (std::size_t i = 0; i < std::extent_v<T>; ++i) walk(v, x[i], Path{&path, {}, static_cast<std::int64_t>(i)});
    }
  } else if constexpr (std::is_base_of_v<Tensor, T>) {
    static_assert(sizeof(T) == sizeof(Tensor),
                  "a class derived from burin::Tensor with members of its own: make the Tensor a member");
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
    if constexpr (std::is_aggregate_v<T> && !TupleLike<T>)
      static_assert(count_parts<T>() == count_bases<T>(),
                    "burin cannot see the members that a struct adds to a container: make the container a member");
    v.length(x.size(), path);
    std::int64_t i = 0;
    if constexpr (requires { typename T::mapped_type; }) {
      for (auto& [key, value] : x) {
        Path at{&path, {}, i++};
        if constexpr (std::is_integral_v<std::remove_cvref_t<decltype(key)>>) at.index = static_cast<std::int64_t>(key);
        walk(v, key, at);
        if constexpr (Text<std::remove_cvref_t<decltype(key)>>) at = {&path, key, -1};
        walk(v, value, at);
      }
    } else if constexpr (requires { requires std::is_same_v<typename T::value_type, bool>; }) {
      for (bool b : x) walk(v, b, Path{&path, {}, i++});
    } else {
      for (auto& e : x) walk(v, e, Path{&path, {}, i++});
    }
  } else if constexpr (TupleLike<T>) {
    walk_tuple(v, x, path, std::make_index_sequence<std::tuple_size_v<T>>());
  } else if constexpr (std::is_empty_v<T>) {
    // no state
  } else if constexpr (std::is_aggregate_v<T>) {
    static_assert(!std::is_union_v<T>, "burin cannot tell which member of a union holds: use a struct");
    constexpr std::size_t n = std::is_union_v<T> ? 0 : count_fields<T>();
    static_assert(n <= max_fields || n == hidden_fields,
                  "an aggregate with more than 32 fields: group some in a struct, or specialise burin::tree_traits<T>");
    static_assert(
        n != hidden_fields,
        "C++20 does not show the members of a struct whose base has members too: make the base a member, or "
        "specialise burin::tree_traits<T>, whose visit calls field(\"base\", static_cast<Base&>(x)) and field for "
        "each member");
    if constexpr (n > 0 && n <= max_fields) walk_fields<T, n>(v, x, path, std::make_index_sequence<n>());
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
BURIN_API void check_same_structure(const Leaves& a, const Leaves& b, const char* what, const std::source_location&);

/// What a tree is made of, in words: made where structures differ, to say where.
struct BURIN_API Outline final : TreeVisitor {
  struct Part {
    std::string path, what;
    const Tensor* tensor = nullptr;
  };
  std::vector<Part> parts;
  void tensor(Tensor&, const Path&) override;
  void host(const HostValue&, const Path&) override;
  void length(std::size_t n, const Path&) override;
};
template <class T> Outline outline_of(const T& x) {
  Outline o;
  walk(o, x, Path{nullptr, {}, -1});
  return o;
}
/// Throws InvalidArgument [tree] naming the first place where the trees differ; `number` is b's among those given.
[[noreturn]] BURIN_API void trees_differ(const Outline& a, const Outline& b, int number, const char* who);
[[noreturn]] BURIN_API void leaves_do_not_fit(const Leaves& tree, std::size_t given, const std::source_location&);

template <class T, class... More> void check_trees(const char* who, const T& first, const More&... more) {
  const Leaves a = leaves_of(first);
  int number = 1;
  [[maybe_unused]] auto check = [&](const auto& other) {  // GCC 12 sees no use in an empty fold
    ++number;
    const Leaves b = leaves_of(other);
    if (a.statics != b.statics) trees_differ(outline_of(first), outline_of(other), number, who);
  };
  (check(more), ...);
}
/// Leaves as their tree allows: read-only where it is const.
template <class T> auto view_leaves(T& tree) {
  const Leaves l = leaves_of(tree);
  return std::vector<std::conditional_t<std::is_const_v<T>, const Tensor*, Tensor*>>(l.tensors.begin(),
                                                                                     l.tensors.end());
}
template <class F, class... T> void each_leaf(const F& f, T&... trees) {
  [&](const auto& first, const auto&... others) {
    for (std::size_t i = 0; i < first.size(); ++i) f(*first[i], *others[i]...);
  }(view_leaves(trees)...);
}

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

/// Calls f with the tensors of one tree, or with corresponding tensors of several, one after the other. What f assigns to the
/// tensors of a tree that is not const is assigned in the tree.
/// Throws InvalidArgument [tree] naming the place where the trees differ.
/// Example: `tree_for_each([&](Tensor& v, const Tensor& d) { v = v - 0.1f * d; }, p, g);`
template <class F, class... T> void tree_for_each(F&& f, T&&... trees) {
  detail::check_trees("tree_for_each", trees...);
  detail::each_leaf(f, trees...);
}

/// Applies f to the tensors of one tree, or to corresponding tensors of several of the same structure, and returns a tree of the
/// first one's type; its static values are the first one's. Throws InvalidArgument [tree] naming the place where the trees
/// differ. Example: `p = tree_map([&](const Tensor& v, const Tensor& d) { return v - lr * d; }, p, g);`
template <class F, class T, class... More> T tree_map(F&& f, const T& tree, const More&... more) {
  detail::check_trees("tree_map", tree, more...);
  T out = tree;
  auto assign = [&](Tensor& v, const auto&... others) { v = f(std::as_const(v), others...); };
  detail::each_leaf(assign, out, more...);
  return out;
}

/// The tensors of a tree, and the path of each: `layers[0].w`; empty where the tree is a Tensor.
struct FlatTree {
  std::vector<Tensor> leaves;
  std::vector<std::string> paths;
};
/// Example: `auto [leaves, paths] = tree_flatten(params);`
template <class T> FlatTree tree_flatten(const T& tree) {
  FlatTree flat;
  for (const auto& part : detail::outline_of(tree).parts)
    if (part.tensor) {
      flat.leaves.push_back(*part.tensor);
      flat.paths.push_back(part.path);
    }
  return flat;
}
/// The tensors of a tree, in order. Example: `for (const Tensor& t : tree_leaves(params)) n += t.size().value();`
template <class T> std::vector<Tensor> tree_leaves(const T& tree) {
  std::vector<Tensor> out;
  for (const Tensor* t : detail::leaves_of(tree).tensors) out.push_back(*t);
  return out;
}
/// A tree like `like` with these tensors, in the order of tree_leaves. Throws InvalidArgument [tree] where their number is not
/// the tree's. Example: `Params again = tree_unflatten(params, tree_leaves(params));`
template <class T>
T tree_unflatten(const T& like, const std::vector<Tensor>& leaves,
                 std::source_location where = std::source_location::current()) {
  T out = like;
  const detail::Leaves to = detail::leaves_of(out);
  if (to.tensors.size() != leaves.size()) detail::leaves_do_not_fit(to, leaves.size(), where);
  for (std::size_t i = 0; i < leaves.size(); ++i) *to.tensors[i] = leaves[i];
  return out;
}
/// A tree of zeros: of the types of `tree`'s tensors. Example: `Params velocity = tree_zeros_like(params);`
template <class T> T tree_zeros_like(const T& tree, std::source_location where = std::source_location::current()) {
  return tree_map([&](const Tensor& v) { return zeros_like(Arg(v, where)); }, tree);
}

}  // namespace burin
