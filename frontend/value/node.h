// Node: the shared value behind Tensor handles, eager or traced. HandleAccess: how the library reads and makes handles.
// Private to the frontend; depends on the Graph for value numbers only.
#pragma once
#include <burin/tensor.h>

#include "compiler/graph/graph.h"

namespace burin::detail {

/// A value: eager (`trace` is 0, `value` has bytes) or traced (`value.type` only, and where it lives in its trace).
struct Node : NodeBase {
  DeviceTensor value;
  std::uint64_t trace = 0;  ///< number of the Trace that it belongs to; numbers are never used again
  ValueId id = ValueId::none;
  BlockId block = BlockId::top;
  bool literal = false;           ///< made from host values while tracing: becomes a constant, not a capture
  std::uint8_t device = 0;        ///< of a traced value: its trace's, any_device where nothing has told yet
  bool number = false;            ///< made from a C++ number: on no device, it goes where it is used
  bool maybe_undefined = false;   ///< a merge of a path that assigned and one that did not
  bool stands_in = false;         ///< only a type, named sizes allowed: what `trace` is given for a Spec
  bool untyped = false;           ///< stands for an undefined handle in a region: no type until the region closes
  std::uint32_t branch_line = 0;  ///< where maybe_undefined came from
  std::source_location where{};
  bool traced() const { return trace != 0; }
};

inline const TensorType& type_of(const NodeRef& n) { return n.get()->value.type; }

/// A new node; nodes are recycled per thread.
Node* make_node();
BURIN_API NodeRef make_eager(DeviceTensor value, const std::source_location& where = {}, std::uint8_t device = 0);

/// The same value under an identity of its own.
NodeRef same_value(const NodeRef&, const std::source_location& where = {});
/// An eager value as the host may read it; waits for it where it is on another device. Throws what went wrong in its making.
BURIN_API HostTensor read_value(const Node&);

/// What a handle holds: a value or nothing, and whether it is weakly typed.
struct Content {
  NodeRef node;
  bool weak = false;
  bool defined() const { return static_cast<bool>(node); }
};

struct HandleAccess {
  static const NodeRef& node(const Tensor& t) { return t.node_; }
  static bool weak(const Tensor& t) { return t.weak_; }
  static Content raw(const Tensor& t) { return {t.node_, static_cast<bool>(t.weak_)}; }
  /// Whether it is the handle of a Variable: a detail::VariableHandle.
  static bool variable(const Tensor& t) { return t.variable_; }
  static void set_variable(Tensor& t) { t.variable_ = 1; }
  static std::uint64_t born(const Tensor& t) { return t.born_; }
  static void set_born(const Tensor& t, std::uint64_t stamp) { const_cast<Tensor&>(t).born_ = stamp; }
  static void set_raw(const Tensor& t, Content c) {
    t.node_ = std::move(c.node);
    t.weak_ = c.weak;
  }
  static Tensor make(NodeRef n, bool weak = false) {
    Tensor t;
    t.node_ = std::move(n);
    t.weak_ = weak;
    return t;
  }
  static Tensor make(Content c) { return make(std::move(c.node), c.weak); }
  static void adopt(Tensor& t) noexcept { t.attach(); }
  /// A read as ops do it: open loops learn of it. Defined in recorder.cpp.
  static Content read(const Tensor& t);
  /// The same without a copy, valid until something is assigned to the handle; null for a Variable's own handle, which other
  /// threads may assign to.
  static const NodeRef* peek(const Tensor& t);
  /// An assignment as `=` does it.
  static void write(Tensor& t, Content c);

 private:
  static void note_read(const Tensor& t);
};

}  // namespace burin::detail
