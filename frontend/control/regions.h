// What cond and while_loop share: merging the contents of handles at the end of regions.
#pragma once
#include "frontend/trace/recorder.h"

namespace burin::detail {

/// Runs ops and constants in a block that is already closed, while it lives.
class InBlock {
 public:
  InBlock(Trace& t, BlockId b) : t_(t), saved_(t.current), block_(b), was_open_(t.open[index(b)]) {
    t.current = b;
    t.open[index(b)] = true;
  }
  ~InBlock() {
    t_.current = saved_;
    t_.open[index(block_)] = was_open_;
  }
  InBlock(const InBlock&) = delete;
  InBlock& operator=(const InBlock&) = delete;

 private:
  Trace& t_;
  BlockId saved_, block_;
  bool was_open_;
};

/// No value, or one whose type is not known yet.
inline bool untyped(const Content& c) { return !c.defined() || c.node.get()->untyped; }
inline bool maybe_undefined(const Content& c) { return !c.defined() || c.node.get()->maybe_undefined; }
/// Gives an untyped value its type, now that the other side of a merge is known.
void settle_type(const Content&, const TensorType&, Trace&);
/// The content's value in block b: zeros of that type where there is none.
ValueId value_in(const Content&, const TensorType&, Trace&, BlockId b);
/// Where a value was made, for the second line of an error: ` (made at f.cpp:12)`.
std::string made_at(const Content&);
/// The outer values that the blocks of a region op use, for tapes.
std::vector<Tensor> outer_values(Trace&, std::span<const BlockId> blocks);
void check_condition(const Content&, const char* what, const std::source_location&);
bool condition_value(const Content&);

}  // namespace burin::detail
