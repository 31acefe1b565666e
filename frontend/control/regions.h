// What cond and while_loop share: merging the contents of handles at the end of regions.
#pragma once
#include "frontend/record/recorder.h"

#include <burin/control.h>

#include <optional>

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
/// Offers a recorded region op to the tapes: the results of the one that takes it, else nothing was done. `operands` as
/// RegionOp has them; the blocks' yields are set.
std::optional<std::vector<Content>> carried_out_by_tape(OpKind, Trace&, std::span<const BlockId> blocks,
                                                        std::vector<Content> operands, LoopBound,
                                                        const std::source_location&);
/// A merge of two types.
struct TypeChange {
  std::string name;
  Content before, after;
};
/// `'y' is f32[2] before the loop (made at ..) and f32[4] after a trip (made at ..); 'n' is ..`.
std::string listed(std::span<const TypeChange>, const char* where_before, const char* where_after);
[[noreturn]] void carried_types_changed(std::span<const TypeChange>, const char* who,
                                        const std::source_location& where);
void check_condition(const Content&, const char* what, const std::source_location&);
bool condition_value(const Content&);

// -- region ops on values: what evaluation and transforms of graphs use instead of lambdas that assign ----------------

using Contents = std::vector<Content>;

/// A loop over `state`: `test(state)` gives a Tensor, `body(state)` the next state. Gives the last state.
template <class Test, class Body>
Contents run_loop(Contents init, LoopBound bound, const std::source_location& where, Test test, Body body) {
  std::vector<Tensor> state;
  state.reserve(init.size());
  for (Content& c : init) state.push_back(HandleAccess::make(std::move(c)));
  auto read_state = [&] {
    Contents now;
    for (Tensor& s : state) now.push_back(HandleAccess::read(s));
    return now;
  };
  Loop loop(where, bound);
  while (loop.begin_test() && loop.end_test(Arg(test(read_state()), where))) {
    Contents next = body(read_state());
    for (std::size_t i = 0; i < state.size(); ++i) HandleAccess::write(state[i], next[i]);
    loop.end_trip();
  }
  return read_state();
}

/// A cond whose branches are functions that give `num_results` values.
template <class Then, class Else>
Contents run_branches(const Content& condition, std::size_t num_results, const std::source_location& where, Then then,
                      Else otherwise) {
  Tensor decides = HandleAccess::make(condition);
  Branches branches(Arg(decides, where));
  std::vector<Tensor> results;
  {
    Untracked untracked;
    results.resize(num_results);
  }
  auto record = [&](auto& branch) {
    branches.open();
    {
      std::vector<Tensor> yields;
      Contents values = branch();
      yields.reserve(values.size());
      for (Content& v : values) yields.push_back(HandleAccess::make(std::move(v)));
      Leaves leaves;
      for (Tensor& y : yields) leaves.tensors.push_back(&y);
      branches.yield(leaves);
    }
    branches.close();
  };
  if (branches.traced() || branches.value()) record(then);
  if (branches.traced() || !branches.value()) record(otherwise);
  Leaves leaves;
  for (Tensor& r : results) leaves.tensors.push_back(&r);
  branches.finish(leaves);
  Contents out;
  for (Tensor& r : results) out.push_back(HandleAccess::raw(r));
  Untracked untracked;
  results.clear();
  return out;
}

}  // namespace burin::detail
