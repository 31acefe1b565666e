// Tensor: an immutable value behind a handle. While a trace or a region is open on the thread, the handle behaves as a
// variable, so that regions find what they carry (docs/control-flow.md); otherwise its special members
// cost one thread-local test. Must stay free of the recorder, the Graph and heavy standard headers.
#pragma once
#include <burin/arg.h>
#include <burin/device.h>

#include <atomic>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <utility>

struct DLManagedTensor;

namespace burin {

namespace detail {

/// The shared value behind handles; the rest is in frontend/value/node.h.
struct NodeBase {
  mutable std::atomic<std::uint32_t> references{1};
};
BURIN_API void destroy(const NodeBase*) noexcept;

/// A counted reference to a value: nothing, an eager value, or a traced one.
class NodeRef {
 public:
  NodeRef() = default;
  explicit NodeRef(NodeBase* adopted) noexcept : node_(adopted) {}
  NodeRef(const NodeRef& o) noexcept : node_(o.node_) {
    if (node_) node_->references.fetch_add(1, std::memory_order_relaxed);
  }
  NodeRef(NodeRef&& o) noexcept : node_(std::exchange(o.node_, nullptr)) {}
  NodeRef& operator=(const NodeRef& o) noexcept {
    NodeRef(o).swap(*this);
    return *this;
  }
  NodeRef& operator=(NodeRef&& o) noexcept {
    NodeRef(std::move(o)).swap(*this);
    return *this;
  }
  ~NodeRef() {
    if (node_ && node_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(node_);
  }
  void swap(NodeRef& o) noexcept { std::swap(node_, o.node_); }
  explicit operator bool() const { return node_ != nullptr; }
  Node* get() const { return reinterpret_cast<Node*>(node_); }  // NodeBase is Node's first base
  friend bool operator==(const NodeRef&, const NodeRef&) = default;

 private:
  NodeBase* node_ = nullptr;
};

/// Non-null while a trace or a region is open on this thread: handles are hooked then.
extern constinit thread_local Recorder* recorder __attribute__((visibility("default"), tls_model("initial-exec")));

struct HandleAccess;

}  // namespace detail

/// An immutable dense array: a dtype, a shape and values, or while tracing a value to come. Copying shares.
/// A default-constructed Tensor holds nothing until it is assigned; using it is an error.
/// Thread safety: as for any value, distinct handles may be used from distinct threads, also where they share the array.
/// Example: `Tensor x = {{1.0f, 2.0f}, {3.0f, 4.0f}};`
class BURIN_API Tensor {
 public:
  Tensor() noexcept {
    if (detail::recorder) attach();
  }
  Tensor(const Tensor& o) noexcept : node_(o.node_), weak_(o.weak_) {
    if (detail::recorder) copied_from(o);
  }
  Tensor(Tensor&& o) noexcept : weak_(o.weak_) {
    if (detail::recorder) {
      node_ = o.node_;
      copied_from(o);
    }  // a moved-from outer handle would be an unseen write
    else
      node_ = std::move(o.node_);
  }
  Tensor& operator=(const Tensor& o) {
    if (detail::recorder) {
      assign(o);
      return *this;
    }
    node_ = o.node_;
    weak_ = o.weak_;
    return *this;
  }
  Tensor& operator=(Tensor&& o) {
    if (detail::recorder) {
      assign(o);
      return *this;
    }
    node_ = std::move(o.node_);
    weak_ = o.weak_;
    return *this;
  }
  ~Tensor() {
    if (detail::recorder) detach();
  }

  /// A 0-d tensor, weakly typed: next to a tensor it takes that tensor's dtype.
  template <detail::Number T>
  Tensor(T number, std::source_location where = std::source_location::current())  // NOLINT
      : Tensor(detail::Literal::of(number), where) {}
  /// From nested lists: `{1, 2}` is i32[2], `{{1.0f}, {2.0f}}` is f32[2,1]. Rows of unequal length are an InvalidArgument.
  template <detail::Number T>
  Tensor(std::initializer_list<T> list)
      : Tensor(list.begin(), dtype_of<T>, Shape{static_cast<std::int64_t>(list.size())}) {}
  template <detail::Number T>
  Tensor(std::initializer_list<std::initializer_list<T>> list,
         std::source_location where = std::source_location::current())
      : Tensor(Lists<T>(list, where)) {}
  template <detail::Number T>
  Tensor(std::initializer_list<std::initializer_list<std::initializer_list<T>>> list,
         std::source_location where = std::source_location::current())
      : Tensor(Lists<T>(list, where)) {}
  template <detail::Number T>
  Tensor(std::initializer_list<std::initializer_list<std::initializer_list<std::initializer_list<T>>>> list,
         std::source_location where = std::source_location::current())
      : Tensor(Lists<T>(list, where)) {}
  /// Copies the elements, row-major. Throws InvalidArgument where their number is not the shape's.
  template <class T>
  Tensor(std::span<const T> values, const Shape& shape, std::source_location where = std::source_location::current())
      : Tensor(checked(values.data(), dtype_of<T>, values.size(), shape, where)) {}
  template <class T>
  Tensor(const std::vector<T>& values, const Shape& shape, std::source_location where = std::source_location::current())
      : Tensor(std::span<const T>(values.data(), values.size()), shape, where) {}
  template <class T>
  explicit Tensor(const std::vector<T>& values)
      : Tensor(std::span<const T>(values.data(), values.size()), Shape{static_cast<std::int64_t>(values.size())}) {}
  template <class T>
  explicit Tensor(std::span<const T> values) : Tensor(values, Shape{static_cast<std::int64_t>(values.size())}) {}

  /// Refers to the caller's memory without copying; it must stay unchanged for as long as `owner` or any copy lives.
  template <class T>
  static Tensor view(std::span<const T> values, const Shape& shape, std::shared_ptr<const void> owner = nullptr,
                     std::source_location where = std::source_location::current()) {
    return view_of(values.data(), dtype_of<T>, values.size(), shape, std::move(owner), where);
  }
  /// Takes over a DLPack tensor on the CPU: without copying where it is dense and row-major, else copied. Calls its deleter.
  static Tensor from_dlpack(DLManagedTensor* managed);
  /// A DLPack view of the values for another library; the caller calls its deleter. Read-only by contract.
  DLManagedTensor* to_dlpack() const;

  /// False for a handle that nothing has been assigned to.
  bool defined() const { return static_cast<bool>(node_); }
  Dtype dtype() const;
  const Shape& shape() const;
  /// The shape's size along `axis`; negative counts from the end.
  Dim shape(int axis, std::source_location where = std::source_location::current()) const;
  TensorType type() const;
  int rank() const { return shape().rank(); }
  /// The number of elements; an expression where sizes are named.
  Dim size() const { return shape().num_elements(); }

  Device device() const;
  /// The same values on that device: this tensor where it is there already, else a copy. A C++ number is on no device and
  /// stays one. Differentiable: the cotangent is moved back. Throws TraceError while tracing: a graph is on one device.
  Tensor to(Device, std::source_location where = std::source_location::current()) const;

  /// The only element, as T: where T holds every value of the dtype. Throws TraceError while tracing.
  template <class T> T item(std::source_location where = std::source_location::current()) const {
    T out;
    item_into(&out, dtype_of<T>, where);
    return out;
  }
  /// The elements, row-major, copied. T must be the dtype's C++ type.
  template <class T> std::vector<T> to_vector(std::source_location where = std::source_location::current()) const {
    std::shared_ptr<const void> keep;
    const T* p = static_cast<const T*>(elements(dtype_of<T>, keep, where));
    return std::vector<T>(p, p + size().value());
  }
  /// The elements in memory, row-major, of a tensor on the CPU; valid while this Tensor or a copy lives. A function that takes the only handle by
  /// reference may overwrite them.
  template <class T> const T* data(std::source_location where = std::source_location::current()) const {
    return static_cast<const T*>(data_as(dtype_of<T>, where));
  }

  // The remedy stands on the line of the declaration, which is what a compiler shows.
  // clang-format off
  explicit operator bool() const = delete;  // a Tensor has no truth value at this point: use burin::cond or burin::while_loop
  template <class I> Tensor operator[](const I&) const = delete;  // a Tensor has no subscripts: use slice(x, starts, sizes), or gather(x, indices)
  // clang-format on

  Tensor& operator+=(const Arg& o);
  Tensor& operator-=(const Arg& o);
  Tensor& operator*=(const Arg& o);
  Tensor& operator/=(const Arg& o);

 private:
  friend struct detail::HandleAccess;
  template <class T> struct Lists;
  Tensor(const detail::Literal&, std::source_location);
  Tensor(const void* values, Dtype, const Shape&);  // copies
  template <class T> explicit Tensor(const Lists<T>& l) : Tensor(l.values.data(), dtype_of<T>, l.shape) {}
  struct Checked {
    const void* values;
    Dtype dtype;
    const Shape& shape;
  };
  static Checked checked(const void* values, Dtype, std::size_t count, const Shape&, const std::source_location&);
  explicit Tensor(const Checked& c) : Tensor(c.values, c.dtype, c.shape) {}
  static Tensor view_of(const void*, Dtype, std::size_t count, const Shape&, std::shared_ptr<const void>,
                        const std::source_location&);
  [[noreturn]] static void ragged(int axis, const std::source_location&);
  const void* elements(Dtype, std::shared_ptr<const void>& keep, const std::source_location&) const;
  void item_into(void* out, Dtype, const std::source_location&) const;
  const void* data_as(Dtype, const std::source_location&) const;

  void attach() noexcept;
  void copied_from(const Tensor& o) noexcept;
  void assign(const Tensor& o);
  void detach() noexcept;

  mutable detail::NodeRef node_;
  mutable std::uint64_t weak_ : 1 = 0;
  std::uint64_t variable_ : 1 = 0;  // the handle of a Variable (frontend/value/variable.h)
  std::uint64_t born_ : 62 = 0;     // stamp of the recorder's clock; 0: before any recording
};

/// Flattens nested lists; bool is stored as bytes.
template <class T> struct Tensor::Lists {
  using Stored = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;
  std::vector<Stored> values;
  Shape shape;
  template <class L> Lists(const std::initializer_list<L>& list, const std::source_location& where) {
    add(list, 0, where);
  }

 private:
  template <class L> void add(const std::initializer_list<L>& list, int depth, const std::source_location& where) {
    auto n = static_cast<std::int64_t>(list.size());
    if (depth == shape.rank()) shape.push_back(n);
    else if (shape[static_cast<std::size_t>(depth)] != Dim(n)) ragged(depth, where);
    for (auto& x : list) add(x, depth + 1, where);
  }
  void add(T x, int, const std::source_location&) { values.push_back(static_cast<Stored>(x)); }
};

/// A 0-d tensor that converts from T, for parameters that change from call to call: `Scalar<float> lr`. Weakly typed.
template <detail::Number T> class Scalar : public Tensor {
 public:
  Scalar(T value = T{}, std::source_location where = std::source_location::current())
      : Tensor(value, where) {}  // NOLINT
};

/// NumPy-like: nested brackets, long axes summarised. While tracing: the type, since there is no value yet.
BURIN_API std::ostream& operator<<(std::ostream&, const Tensor&);
BURIN_API std::string to_string(const Tensor&);
/// `f32`, `batch`, `[batch,128]`, `f32[batch,128]`.
BURIN_API std::ostream& operator<<(std::ostream&, Dtype);
BURIN_API std::ostream& operator<<(std::ostream&, Dim);
BURIN_API std::ostream& operator<<(std::ostream&, const Shape&);
BURIN_API std::ostream& operator<<(std::ostream&, const TensorType&);

/// Arithmetic and comparison, element by element with broadcasting; see `add`, `less`, ... in ops.h.
BURIN_API Tensor operator+(const Arg& a, const Arg& b);
BURIN_API Tensor operator-(const Arg& a, const Arg& b);
BURIN_API Tensor operator*(const Arg& a, const Arg& b);
BURIN_API Tensor operator/(const Arg& a, const Arg& b);
BURIN_API Tensor operator-(const Arg& x);
BURIN_API Tensor operator<(const Arg& a, const Arg& b);
BURIN_API Tensor operator<=(const Arg& a, const Arg& b);
BURIN_API Tensor operator>(const Arg& a, const Arg& b);
BURIN_API Tensor operator>=(const Arg& a, const Arg& b);
BURIN_API Tensor operator==(const Arg& a, const Arg& b);
BURIN_API Tensor operator!=(const Arg& a, const Arg& b);
/// Logic on bool tensors, element by element; both sides are always computed.
BURIN_API Tensor operator!(const Tensor& x);
BURIN_API Tensor operator&(const Arg& a, const Arg& b);
BURIN_API Tensor operator|(const Arg& a, const Arg& b);
Tensor operator&&(const Tensor& a, const Tensor& b) = delete;  // && of Tensors cannot stop early: use &, or burin::cond
Tensor operator||(const Tensor& a, const Tensor& b) = delete;  // || of Tensors cannot stop early: use |, or burin::cond

}  // namespace burin
