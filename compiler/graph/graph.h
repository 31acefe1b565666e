// Graph: what a trace records. Plain SSA data: catalogue ops with typed attributes, regions for control flow, types,
// tagged inputs and outputs; source lines and names in side tables. No MLIR, no frontend.
#pragma once
#include "runtime/ops/catalogue.h"

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace burin {

/// A value is known by its number within one Graph; `none` is no value.
enum class ValueId : std::uint32_t { none = 0xffffffffu };
enum class BlockId : std::uint32_t { top = 0 };
enum class OpId : std::uint32_t {};
constexpr std::uint32_t index(ValueId v) { return static_cast<std::uint32_t>(v); }
constexpr std::uint32_t index(BlockId b) { return static_cast<std::uint32_t>(b); }
constexpr std::uint32_t index(OpId o) { return static_cast<std::uint32_t>(o); }

/// Where the user wrote an op. `file` and `function` point to storage that lives as long as the process or the Graph.
struct SourceLine {
  std::string_view file;
  std::string_view function;
  std::uint32_t line = 0, column = 0;
};

enum class InputKind : std::uint8_t { argument, capture, state, donated };
enum class OutputKind : std::uint8_t { result, state };
struct Input {
  InputKind kind;
  ValueId value;
  std::string name;       ///< table, not body: the argument path (`params.w1`) or the capture's name
};
struct Output {
  OutputKind kind;
  ValueId value;
  std::uint32_t state = 0;  ///< for OutputKind::state: the index of the input it overwrites
  std::string name;         ///< table
};

/// One recorded op. Operands and results are ranges of the Graph's value list.
struct Op {
  OpKind kind;
  std::uint32_t first_operand, num_operands;
  std::uint32_t first_result, num_results;   // results are consecutive ValueIds
  Attributes attributes;
  std::vector<BlockId> regions;              // if: then, else. while: test, body
  std::uint32_t line = 0;                    // into lines(); 0 = unknown
};

/// A straight list of ops. `if`: two blocks without arguments, yielding the results. `while` is shaped like scf.while:
/// block `test` takes the carried values and yields `again` (bool[]) and the values handed on; block `body` takes those
/// and yields the next carried values; the op's results are the values that `test` handed on when `again` was false.
/// A block may use values of the blocks around it.
struct Block {
  std::vector<ValueId> arguments;
  std::vector<OpId> ops;
  std::vector<ValueId> yields;
  BlockId parent = BlockId::top;
};

class Graph {
 public:
  Graph();

  // -- building ------------------------------------------------------------------------------------------------
  ValueId add_input(InputKind, const TensorType&, std::string name);
  void add_output(OutputKind, ValueId, std::string name, std::uint32_t state = 0);
  BlockId add_block(BlockId parent);
  ValueId add_argument(BlockId, const TensorType&);
  /// Appends an op whose result types are known (the caller has run infer_types); returns its first result.
  OpId append(BlockId, OpKind, std::span<const ValueId> operands, Attributes attributes,
              std::span<const TensorType> result_types, std::uint32_t line = 0, std::vector<BlockId> regions = {});
  void set_yields(BlockId, std::span<const ValueId>);
  void add_guard(const Guard&);
  std::uint32_t intern_line(const SourceLine&);

  // -- reading -------------------------------------------------------------------------------------------------
  const TensorType& type(ValueId) const;
  const Op& op(OpId) const;
  const Block& block(BlockId) const;
  std::span<const ValueId> operands(const Op&) const;
  ValueId result(const Op&, std::uint32_t i = 0) const;
  OpId defining_op(ValueId) const;                     ///< precondition: not an input or block argument
  bool is_op_result(ValueId) const;
  std::span<const Input> inputs() const;
  std::span<const Output> outputs() const;
  std::span<const Guard> guards() const;
  const SourceLine& line(std::uint32_t) const;
  std::size_t num_values() const;
  std::size_t num_ops() const;                         ///< regions included
  std::vector<std::string> size_names() const;         ///< the named sizes of the inputs, in order of first appearance

  std::string name = "function";                       ///< table: what errors and views call it

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // copying a Graph shares until the next edit is not offered: copy() is explicit
};

/// Structure, dominance, types against the shape rules, region signatures. Run on everything that was read from a file.
Result<void> verify(const Graph&);
/// 128-bit digest of the body: ops, attributes, types, guards, constants by digest; not lines, not names.
std::array<std::uint64_t, 2> hash(const Graph&);
/// The inspector's text, one op a line: `%3 = matmul(%0, %1) : f32[32,128]  // mlp.cpp:12`.
std::string to_string(const Graph&, bool with_lines = true);

/// Level `graph`: runs the Graph through the referee. Inputs in signature order; outputs likewise.
Result<std::vector<HostTensor>> interpret(const Graph&, std::span<const HostTensor> inputs, const KernelSink& sink = {});

}  // namespace burin
