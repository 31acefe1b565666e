// Tensor's members that are not inline: construction from host data, reading values, and the hooks of its handle.
#include <burin/tensor.h>

#include "frontend/record/recorder.h"
#include "frontend/value/in_flight.h"
#include "frontend/value/per_thread.h"
#include "frontend/value/variable.h"

#include <burin/promotion.h>

#include <array>
#include <cstring>

namespace burin {

namespace detail {

namespace {

// Nodes are made and dropped by the thousand while tracing: each thread keeps a few hundred for the next ones.
struct NodePool {
  static constexpr std::size_t capacity = 512;
  std::array<Node*, capacity> free{};
  std::size_t count = 0;
  ~NodePool() {
    while (count) ::operator delete(free[--count]);
  }
};
constinit thread_local NodePool* pool __attribute__((tls_model("initial-exec"))) = nullptr;
NodePool& thread_pool() { return pool ? *pool : fill_for_thread(pool); }

}  // namespace

Node* make_node() {
  NodePool& p = thread_pool();
  if (p.count) return new (p.free[--p.count]) Node;
  return new (::operator new(sizeof(Node))) Node;
}

void destroy(const NodeBase* base) noexcept {
  Node* n = const_cast<Node*>(static_cast<const Node*>(base));
  n->~Node();
  NodePool& p = thread_pool();
  if (p.count < NodePool::capacity) p.free[p.count++] = n;
  else ::operator delete(n);
}

NodeRef make_eager(DeviceTensor value, const std::source_location& where, std::uint8_t device) {
  Node* n = make_node();
  n->device = device;
  n->value = std::move(value);
  n->where = where;
  return NodeRef(n);
}

NodeRef same_value(const NodeRef& n, const std::source_location& where) {
  NodeRef same = make_eager(n.get()->value, where, n.get()->device);
  same.get()->number = n.get()->number;
  return same;
}

namespace {

// A value made from host data: a constant of the trace that is open, if there is one, also where the library makes it.
// Outside it is made on the device of the scope.
NodeRef host_value(HostTensor value, const std::source_location& where = {}) {
  const bool literal = context().trace != nullptr;
  NodeRef n = make_on(literal ? 0 : scope_device, std::move(value), where);
  n.get()->literal = literal;
  return n;
}
// A number is on no device.
NodeRef host_number(const Literal& number, const std::source_location& where) {
  NodeRef n = number_value(number, number.dtype, where);
  n.get()->literal = context().trace != nullptr;
  return n;
}

Buffer buffer_for(const TensorType& type) {
  for (Dim d : type.shape)
    if (!d.is_known())
      fail({ErrorCode::invalid_argument,
            "a tensor of host values needs known sizes; the shape is " + to_string(type.shape), "named-size", "", ""},
           {});
  const Dim bytes = num_bytes(type);
  Buffer b = bytes.is_overflow() ? Buffer() : Buffer::allocate(bytes.value());
  if (!b)
    fail({ErrorCode::device, "out of memory: " + to_string(type) + " does not fit", "out-of-memory", "",
          "use a smaller shape"},
         {});
  return b;
}

const Node& eager_value(const Content& c, const Tensor* t, const char* what, const std::source_location& where) {
  check_usable(c, t, where);
  const Node& n = *c.node.get();
  if (n.traced()) {
    for (auto& l : context().layers)
      if (l.trace && l.trace->number == n.trace)
        fail({ErrorCode::trace,
              std::string(what) + ": the " + to_string(n.value.type) + " tensor has no value yet, it is being traced",
              "value-while-tracing", "",
              "use burin::cond or burin::while_loop for decisions, or return it and read it after the call"},
             where);
    foreign_value(n, where);
  }
  return n;
}

}  // namespace
}  // namespace detail

using detail::HandleAccess;

void Tensor::attach() noexcept {
  std::uint64_t stamp;
  detail::recorder->born(stamp);
  born_ = stamp;
}
void Tensor::copied_from(const Tensor& o) noexcept {
  detail::Content c = HandleAccess::read(o);
  node_ = std::move(c.node);
  weak_ = c.weak;
  attach();
}
void Tensor::assign(const Tensor& o) {
  detail::Content c = HandleAccess::read(o);
  HandleAccess::write(*this, std::move(c));
}
void Tensor::detach() noexcept {
  if (!variable_) detail::recorder->died(this, born_);  // a Variable's may outlive any region, on any thread
}

Tensor::Tensor(const detail::Literal& n, std::source_location where) : node_(detail::host_number(n, where)), weak_(1) {
  if (detail::recorder) attach();
}
Tensor::Tensor(const void* values, Dtype dtype, const Shape& shape) {
  TensorType type{dtype, shape};
  Buffer b = detail::buffer_for(type);
  HostTensor t{type, std::move(b)};
  if (t.num_bytes()) std::memcpy(t.buffer.mutable_data(), values, static_cast<std::size_t>(t.num_bytes()));
  node_ = detail::host_value(std::move(t));
  if (detail::recorder) attach();
}
Tensor::Checked Tensor::checked(const void* values, Dtype dtype, std::size_t count, const Shape& shape,
                                const std::source_location& where) {
  Dim n = shape.num_elements();
  if (n.is_overflow())
    detail::fail(
        {ErrorCode::invalid_argument, "tensor: the shape has more elements than 64 bits count", "too-large", "", ""},
        where);
  if (!n.is_known() || n.value() != static_cast<std::int64_t>(count))
    detail::fail({ErrorCode::invalid_argument,
                  "tensor: " + std::to_string(count) + " values were given for the shape " + to_string(shape) +
                      ", which holds " + to_string(n),
                  "shape-mismatch", "", ""},
                 where);
  return {values, dtype, shape};
}
void Tensor::ragged(int axis, const std::source_location& where) {
  detail::fail(
      {ErrorCode::invalid_argument, "tensor: the lists along axis " + std::to_string(axis) + " differ in length",
       "ragged", "", "give every row the same number of elements"},
      where);
}
Tensor Tensor::view_of(const void* values, Dtype dtype, std::size_t count, const Shape& shape,
                       std::shared_ptr<const void> owner, const std::source_location& where) {
  checked(values, dtype, count, shape, where);
  TensorType type{dtype, shape};
  if (reinterpret_cast<std::uintptr_t>(values) % static_cast<std::size_t>(element_alignment(dtype)) != 0)
    return Tensor(values, dtype, shape);  // code needs aligned elements
  HostTensor t{type,
               Buffer::adopt(values, bytes(dtype, static_cast<std::int64_t>(count)), [owner = std::move(owner)] {})};
  return HandleAccess::make(detail::make_eager(std::move(t)));  // large: a capture, not a constant, in a trace
}

Dtype Tensor::dtype() const { return type().dtype; }
const Shape& Tensor::shape() const {
  detail::Content c{node_, false};
  detail::check_usable(c, this, {});
  return detail::type_of(node_).shape;
}
Dim Tensor::shape(int axis, std::source_location where) const {
  const Shape& s = shape();
  int a = axis < 0 ? axis + s.rank() : axis;
  if (a < 0 || a >= s.rank())
    detail::fail({ErrorCode::invalid_argument,
                  "shape: axis " + std::to_string(axis) + " is out of range for " + to_string(type()), "axis", "", ""},
                 where);
  return s[static_cast<std::size_t>(a)];
}
TensorType Tensor::type() const {
  shape();
  return detail::type_of(node_);
}

Device Tensor::device() const {
  detail::Content c{node_, false};
  detail::check_usable(c, this, {});
  const std::uint8_t number = node_.get()->device;
  return detail::DeviceAccess::make(number == detail::any_device ? 0 : number);
}

Tensor Tensor::to(Device device, std::source_location where) const {
  detail::Content c = HandleAccess::read(*this);
  detail::check_usable(c, this, where);
  if (detail::context().trace)
    detail::fail({ErrorCode::trace, "to: a graph is on one device; tensors are moved outside of it", "device", "",
                  "move what it takes before the call, and what it gives after it"},
                 where);
  detail::eager_value(c, this, "to", where);
  const std::uint8_t number = detail::DeviceAccess::number(device);
  Tensor result = HandleAccess::make(detail::moved(c, number, where));
  if (HandleAccess::node(result) != c.node && detail::tapes_listen()) {  // noted as the op that changes nothing
    detail::Untracked untracked;
    Tensor from = HandleAccess::make(c.node);
    const Attributes same{Attribute(dtype())};
    detail::tell_tapes({OpKind::cast, std::span(&from, 1), same, std::span(&result, 1), where});
  }
  return result;
}

void Tensor::item_into(void* out, Dtype wanted, const std::source_location& where) const {
  const detail::Node& n = detail::eager_value(HandleAccess::read(*this), this, "item", where);
  Dtype own = n.value.type.dtype;
  if (n.value.num_elements() != 1)
    detail::fail(
        {ErrorCode::invalid_argument, "item: the tensor is " + to_string(n.value.type) + "; expected one element",
         "one-element", "", "use to_vector<T>() for more"},
        where);
  if (promote(own, wanted) != wanted)
    detail::fail({ErrorCode::invalid_argument,
                  "item: a value of " + to_string(n.value.type) + " does not fit in " + std::string(name(wanted)),
                  "dtype", "", "read it as " + std::string(name(own)) + ", or cast the tensor"},
                 where);
  HostTensor from = detail::read_value(n);
  from.type.shape = {};
  if (own != wanted) {
    auto r = run_reference(OpKind::cast, std::span(&from, 1), Attributes{wanted});
    if (!r) detail::fail(std::move(r.error()), where);
    from = (*r)[0];
  }
  std::memcpy(out, from.buffer.data(), static_cast<std::size_t>(bytes(wanted, 1)));
}

const void* Tensor::data_as(Dtype wanted, const std::source_location& where) const {
  const detail::Node& n = detail::eager_value(HandleAccess::read(*this), this, "data", where);
  if (n.device != 0)
    detail::fail({ErrorCode::invalid_argument,
                  "data: the tensor is on " + detail::device_name(n.device) + ", where the host cannot look", "device",
                  "", "copy it: x.to(Device::cpu()), or read it with to_vector<T>() or item<T>()"},
                 where);
  std::shared_ptr<const void> none;
  return elements(wanted, none, where);
}

const void* Tensor::elements(Dtype wanted, std::shared_ptr<const void>& keep, const std::source_location& where) const {
  const detail::Node& n = detail::eager_value(HandleAccess::read(*this), this, "data", where);
  if (n.value.type.dtype != wanted)
    detail::fail({ErrorCode::invalid_argument,
                  "data: the tensor is " + to_string(n.value.type) + ", asked for as " + std::string(name(wanted)),
                  "dtype", "", "ask for " + std::string(name(n.value.type.dtype)) + ", or cast the tensor"},
                 where);
  HostTensor here = detail::read_value(n);
  const void* p = here.buffer.data();
  if (n.device != 0) keep = std::make_shared<const HostTensor>(std::move(here));  // else the handle keeps it
  return p;
}

// Arg's questions about its tensor.
Dtype Arg::dtype() const {
  if (!tensor_) return number_.dtype;
  if (HandleAccess::variable(*tensor_)) return detail::cell_of(*tensor_).type.dtype;
  detail::check_usable(HandleAccess::raw(*tensor_), tensor_, where_);
  return tensor_->dtype();
}
Shape Arg::shape() const {
  if (!tensor_) return {};
  if (HandleAccess::variable(*tensor_)) return detail::cell_of(*tensor_).type.shape;
  detail::check_usable(HandleAccess::raw(*tensor_), tensor_, where_);
  return tensor_->shape();
}
Args::Args(std::span<const Tensor> tensors, std::source_location where) {
  list_.reserve(tensors.size());
  for (auto& t : tensors) list_.emplace_back(t, where);
}
Args::Args(const std::vector<Tensor>& tensors, std::source_location where)
    : Args(std::span<const Tensor>(tensors), where) {}

}  // namespace burin
