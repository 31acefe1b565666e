// Graph: what a trace records. Plain SSA data: catalogue ops with typed attributes, regions for control flow, types,
// tagged inputs and outputs; source lines and names in side tables. No MLIR, no frontend.
#pragma once
#include "runtime/ops/catalogue.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
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
  std::string name;  ///< table, not body: the argument path (`params.w1`) or the capture's name
};
struct Output {
  OutputKind kind;
  ValueId value;
  std::optional<std::uint32_t>
      overwrites;    ///< the input whose memory it takes over: of OutputKind::state there is one; a
                     ///< result may have that of a donated input
  std::string name;  ///< table
};

/// One recorded op. Operands and results are ranges of the Graph's value list.
struct Op {
  OpKind kind;
  std::uint32_t first_operand, num_operands;
  std::uint32_t first_result, num_results;  // results are consecutive ValueIds
  Attributes attributes;
  std::vector<BlockId> regions;  // if: then, else. while: test, body
  std::uint32_t line = 0;        // for Graph::line(); 0 = unknown
  BlockId block = BlockId::top;  // where it stands
};

/// A straight list of ops. `if`: two blocks without arguments, yielding the results. `remat`, `custom_gradient`: the catalogue
/// says which; their blocks read their arguments only. `while` is shaped like scf.while:
/// block `test` takes the carried values and yields `again` (bool[]) and the values handed on; block `body` takes those
/// and yields the next carried values; the op's results are the values that `test` handed on when `again` was false.
/// A block may use values of the blocks around it.
struct Block {
  std::vector<ValueId> arguments;
  std::vector<OpId> ops;
  std::vector<ValueId> yields;
  BlockId parent = BlockId::top;
};

/// Append-only; moved, never copied by accident. Not thread-safe while it is built; a finished one may be read by many.
class Graph {
 public:
  Graph();
  Graph(Graph&&) noexcept = default;
  Graph& operator=(Graph&&) noexcept = default;
  Graph& operator=(const Graph&) = delete;
  Graph copy() const { return Graph(*this); }
  /// A copy that gives only these of the outputs, by index.
  Graph copy(std::span<const std::size_t> outputs) const;

  // -- building: ids must be ids of this Graph; what else must hold is checked by verify() ---------------------------
  ValueId add_input(InputKind, const TensorType&, std::string name);
  /// For state that nothing overwrites any more: a capture.
  void set_input_kind(std::size_t input, InputKind kind) { inputs_[input].kind = kind; }
  /// Lets a result have the memory of an input of its type, which becomes a donated one.
  void donate(std::size_t input, std::size_t output) {
    inputs_[input].kind = InputKind::donated;
    outputs_[output].overwrites = static_cast<std::uint32_t>(input);
  }
  void add_output(OutputKind, ValueId, std::string name, std::optional<std::uint32_t> overwrites = {});
  BlockId add_block(BlockId parent);
  ValueId add_argument(BlockId, const TensorType&);
  /// Appends an op whose result types are known (the caller has run infer_types).
  OpId append(BlockId, OpKind, std::span<const ValueId> operands, Attributes attributes,
              std::span<const TensorType> result_types, std::uint32_t line = 0, std::vector<BlockId> regions = {});
  void set_yields(BlockId, std::span<const ValueId>);
  /// Kept once; one that is certainly true is dropped.
  void add_guard(const Guard&);
  /// The texts must live as long as the process; of equal lines the first is kept.
  std::uint32_t intern_line(const SourceLine&);
  /// The same for texts that do not live on: the Graph (and each copy of it) keeps them.
  std::uint32_t intern_line_copy(const SourceLine&);
  std::string_view keep_text(std::string);  ///< for lines: lives as long as the Graph or a copy of it

  // -- reading -------------------------------------------------------------------------------------------------
  const TensorType& type(ValueId v) const { return types_[index(v)]; }
  const Op& op(OpId o) const { return ops_[index(o)]; }
  const Block& block(BlockId b) const { return blocks_[index(b)]; }
  std::span<const ValueId> operands(const Op& op) const {
    return {operands_.data() + op.first_operand, op.num_operands};
  }
  ValueId result(const Op& op, std::uint32_t i = 0) const { return ValueId{op.first_result + i}; }
  OpId defining_op(ValueId v) const { return OpId{definitions_[index(v)]}; }  ///< precondition: is_op_result(v)
  bool is_op_result(ValueId v) const { return (definitions_[index(v)] & not_an_op) == 0; }
  /// The block whose argument or op's result `v` is; the top one for inputs.
  BlockId block_of(ValueId v) const;
  std::span<const Input> inputs() const { return inputs_; }
  std::span<const Output> outputs() const { return outputs_; }
  std::span<const Guard> guards() const { return guards_; }
  const SourceLine& line(std::uint32_t i) const { return lines_[i]; }
  std::size_t num_lines() const { return lines_.size(); }  ///< the unknown line 0 included
  std::size_t num_values() const { return types_.size(); }
  std::size_t num_ops() const { return ops_.size(); }        ///< regions included
  std::size_t num_blocks() const { return blocks_.size(); }  ///< the top one included
  std::vector<std::string> size_names() const;  ///< the named sizes of the inputs, in order of first appearance

  std::string name = "function";  ///< table: what errors and views call it

 private:
  Graph(const Graph&) = default;
  ValueId add_value(const TensorType&, std::uint32_t definition);

  static constexpr std::uint32_t not_an_op = 0x80000000u;  // in definitions_: the rest is a BlockId
  std::vector<Op> ops_;
  std::vector<Block> blocks_;
  std::vector<ValueId> operands_;
  std::vector<TensorType> types_;
  std::vector<std::uint32_t> definitions_;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  std::vector<Guard> guards_;
  std::vector<SourceLine> lines_{1};
  std::vector<std::uint32_t> line_slots_;                  // open addressing over lines_
  std::vector<std::shared_ptr<const std::string>> texts_;  // of lines whose texts do not live on
};

/// What an op with regions is; every reader that enters regions asks here.
enum class RegionKind : std::uint8_t { none, branch, loop, scope };  ///< scope: its first region runs once, in place
RegionKind region_kind(OpKind);
/// The attributes of an op with regions; a loop may have a bound on its trips, which may be certain to hold.
Attributes region_attributes(OpKind, std::optional<Dim> max_trips = {}, bool certain = false);
/// Bits of Effect; those of what its regions hold are not counted. A loop that may exceed its bound may fault.
std::uint8_t own_effects(const Op&);
/// Effects of an op, those of its regions that run included: bits of Effect.
std::uint8_t effects(const Graph&, const Op&);

/// Regions inside each other, at most: of what is recorded, verified and read from files.
inline constexpr int max_nesting = 300;

/// Structure, dominance, types against the shape rules, region signatures. Run on everything that was read from a file.
Result<void> verify(const Graph&);
/// 128-bit digest of the body: ops, attributes, types, guards, constants by digest; not lines, not names.
std::array<std::uint64_t, 2> hash(const Graph&);
/// SHA-256 of the same: nobody can make a graph that takes another one's place. For caches of code.
std::array<std::uint8_t, 32> secure_hash(const Graph&);
/// The inspector's text, one op a line: `%3 = matmul(%0, %1) : f32[32,128]  // mlp.cpp:12`.
std::string to_string(const Graph&, bool with_lines = true);

}  // namespace burin
