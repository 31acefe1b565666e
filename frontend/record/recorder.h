// The recorder of a thread: a stack of traces and tapes, and the open regions with the handles that they read and write.
// The rules are those of the control-flow survey (frame rules, soundness at close): leave out none of their conditions,
// each was shown to be needed by a fuzzer. Private to the frontend.
#pragma once
#include "frontend/record/tape.h"
#include "frontend/value/device.h"
#include "frontend/value/node.h"

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace burin::detail {

/// A hidden input: the value that was seen while tracing, bound for the life of the entry.
struct Capture {
  NodeRef node;
  ValueId value;
};

struct VariableCell;
struct Shadow;
/// A hidden input that is a Variable's value at the time of the call; it may be a hidden output too.
struct StateInput {
  std::shared_ptr<VariableCell> cell;
  ValueId value;
  std::uint32_t input;  ///< its index among the graph's inputs
};

/// Draws from generators in a function of one lane: its owner carries them out for all lanes when it has been recorded.
class LaneDraws {
 public:
  /// What `later` will make for that shape, or one with lanes.
  virtual Tensor draw(const Shape&, std::function<Tensor(const Shape&)> later, const std::source_location&) = 0;

 protected:
  ~LaneDraws() = default;
};

/// One graph being recorded.
struct Trace {
  std::uint64_t number = 0;
  Graph graph;
  std::string name;
  BlockId current = BlockId::top;
  std::uint8_t device = any_device;  ///< of its graph: a function's from the start, else of the first value captured
  std::vector<bool> open{true};      ///< by block: still being recorded, so its values may be used
  std::vector<Capture> captures;
  std::unordered_map<const Node*, std::uint32_t> capture_of;
  bool binds_variables = false;  ///< a function's: Variables are state of it. Other traces capture the values seen
  std::vector<StateInput> states;
  LaneDraws* lanes = nullptr;  ///< vmap's: draws from generators are its
  bool rewritten =
      false;  ///< has blocks that no op holds, a tape having carried their ops out in another form, or identities
  bool captures_traced = false;  ///< captured a value of a trace around it: good for that trace only
  // What the Graph cannot say while it is recorded; finish() rebuilds it where any of these is filled.
  std::unordered_map<std::uint32_t, ValueId> forward;   ///< an invariant loop argument stands for this value
  std::unordered_map<std::uint32_t, TensorType> types;  ///< of values that were untyped when made
  std::unordered_map<std::uint32_t, std::vector<ValueId>> arguments;  ///< by block: its arguments in carried order
  std::unordered_map<std::uint64_t, std::uint32_t> lines;             ///< source_location, hashed, to its number
  std::uint64_t last_line = 0;                                        ///< the one asked for last, hashed
  std::uint32_t last_line_number = 0;

  /// The number of a line; `composite` names the library's function that the op is part of.
  std::uint32_t line(const std::source_location&, const char* composite = nullptr);
  BlockId add_block(BlockId parent);
  TensorType type(ValueId v) const;
  /// The graph as the compiler may see it. Call once, when recording has ended.
  Graph finish();
  /// A block that has been recorded, as a graph: its inputs are the block's arguments, then `outer`; its outputs the yields.
  Graph region(BlockId, std::span<const ValueId> outer) const;
};

struct Slot {
  Tensor* handle = nullptr;
  Content entry, result;
  NodeRef test_argument, argument;  ///< loop: of the test block, of the block being recorded
  bool written = false;
};

/// An open region, the function itself, or a host loop whose carried types are watched.
struct Frame {
  enum class Kind : std::uint8_t { function, branch, loop, eager_branch, eager_loop } kind;
  std::uint64_t stamp = 0;
  Trace* trace = nullptr;
  BlockId block = BlockId::top, test_block = BlockId::top, parent = BlockId::top;
  bool in_test = false;
  std::vector<Slot> slots{};
  long live = 0;          ///< handles born inside that still live
  std::size_t tapes = 0;  ///< height of the layer stack when it opened
  std::source_location where{};
  std::shared_ptr<Branches> rest{};  ///< what follows a break_if or continue_if, up to the end of the region around
  Slot* find(const Tensor* h) {
    for (auto& s : slots)
      if (s.handle == h) return &s;
    return nullptr;
  }
  bool is_loop() const { return kind == Kind::loop || kind == Kind::eager_loop; }
};

/// A layer of the recorder stack; a region counts as a trace for the tapes below it.
struct Layer {
  Trace* trace = nullptr;
  Tape* tape = nullptr;
  int muted = 0;  ///< a tape at or below this layer is at work: what it records is none of this tape's
  bool listens() const { return !muted; }
};

/// While a tape records ops of its own, only tapes further out hear them.
class Mute {
 public:
  explicit Mute(const Tape&);
  ~Mute();
  Mute(const Mute&) = delete;
  Mute& operator=(const Mute&) = delete;

 private:
  std::size_t from_, to_;
};

struct Recorder {
  std::vector<Layer> layers;
  std::vector<Frame> frames;
  Trace* trace = nullptr;   ///< innermost, or null: ops run eagerly
  std::size_t tapes = 0;    ///< tapes in `layers`
  bool loops_open = false;  ///< frames in which a read may be that of a carried value
  std::uint64_t clock = 0, clock_end = 0;
  std::optional<Error> poison;  ///< found in a destructor; thrown when the region closes
  const std::source_location* scope = nullptr;
  const char* composite = nullptr;  ///< the outermost that runs: faults of its ops are told in its name
  std::source_location scope_storage{};
  std::unordered_map<const VariableCell*, std::unique_ptr<Shadow>> shadows;  ///< while a trace is open
  const SourceLine* replay_line = nullptr;               ///< of a finished graph's op that is evaluated now
  std::vector<Exits::State*> loops;                      ///< whose bodies or tests run, the innermost last
  std::unordered_map<const Tensor*, std::string> names;  ///< paths of handles, for errors only
  std::uint64_t maybe_named = 0;  ///< a bit for each name's address: most handles that die need no look-up
  static std::uint64_t name_bit(const Tensor* h) {
    return std::uint64_t{1} << (reinterpret_cast<std::uintptr_t>(h) / sizeof(Tensor) * 0x9e3779b97f4a7c15u >> 58);
  }
  void give_name(const Tensor* h, std::string path) {
    if (names.empty()) maybe_named = 0;
    maybe_named |= name_bit(h);
    names[h] = std::move(path);
  }

  // -- handles
  void born(std::uint64_t& stamp);
  /// Makes an untracked handle belong to what is around that frame.
  void born_before(const Frame&, const Tensor&);
  void died(const Tensor* h, std::uint64_t stamp) noexcept;
  void note_read(const Tensor* h, std::size_t upto);
  void note_write(Tensor* h);
  /// The handle to use for a variable's while a trace is open.
  Tensor& shadow(VariableCell&);

 private:
  void bind_variable(Frame&, Tensor* h);

 public:
  // -- layers and frames
  void push_trace(Trace&);
  void pop_trace(Trace&) noexcept;
  void open(Frame::Kind, const std::source_location&);
  void begin_body();  ///< from a loop's test to its body
  /// Pops the innermost frame, giving each slot its result and each handle what it held before.
  Frame close(const char* what);
  /// Closes what follows early exits: the rests on top, down to `height` frames.
  void close_rests(std::size_t height = 0);
  void abandon() noexcept;  ///< the same while an exception passes: handles get back what they held
  void hook();              ///< after frames changed: sets or clears `recorder` for this thread, and `loops_open`

  std::string describe(const Tensor* h, const Content& c) const;
  std::uint32_t line_in(Trace& t, const std::source_location& w) const {
    return replay_line ? t.graph.intern_line_copy(*replay_line) : t.line(user_line(w), composite);
  }
  std::source_location user_line(const std::source_location& w) const { return scope ? *scope : w; }
};

/// This thread's recorder, made on first use.
Recorder& context();
/// The same, or null if this thread has none yet.
Recorder* context_if_any() noexcept;

/// The value's number in that trace: its own, a capture's, or a constant's.
ValueId lower(const NodeRef&, Trace&);
inline ValueId lower(const Content& c, Trace& t) { return lower(c.node, t); }
/// The strong type of what a handle holds.
Content strong(Content c);
/// A weakly typed value in the dtype of what it is merged with, where its category allows; else as it is. Throws as
/// `check_fits`, in the name of `who`.
Content adapt(const Content& c, Dtype target, std::string_view who);
NodeRef make_traced(Trace&, ValueId, const TensorType&, const std::source_location&);
/// A NumPy-free spelling of where an error happened: `while tracing "f" at file:line`, or `at file:line`.
std::string where_text(const std::source_location&);
std::string place(const std::source_location&);
/// Fills `where` and throws.
[[noreturn]] void fail(Error, const std::source_location&);
/// Throws: the value belongs to a trace that is over, or to another thread's.
[[noreturn]] void foreign_value(const Node&, const std::source_location&);
void check_usable(const Content&, const Tensor* handle, const std::source_location&);
HostTensor literal_value(const Literal&, Dtype);
/// The same as an eager value, which is on no device.
NodeRef number_value(const Literal&, Dtype, const std::source_location&);
/// The one rule for a number that meets a dtype: it keeps its value but for one rounding of a floating dtype, and stays finite.
/// Else InvalidArgument [number-range]; `who` is the op, `whose` says what has that dtype.
inline constexpr std::string_view beside_number = "the dtype of the tensor beside it";
void check_fits(std::string_view who, const Literal&, Dtype, const std::source_location&,
                std::string_view whose = beside_number);
/// The same for a weakly typed value, where it is known.
void check_fits(std::string_view who, const Content& number, Dtype, const std::source_location&,
                std::string_view whose = beside_number);
/// Whether `check_fits` accepts it.
bool keeps_value(const Content&, Dtype);
/// A C++ number as a 0-d value of that dtype, which must hold it: a constant of the trace that is open, if there is one.
NodeRef number_node(std::string_view who, const Arg& number, Dtype, std::string_view whose = beside_number);
/// Tells the tapes above the innermost trace or region.
void tell_tapes(const NotedOp&);
/// The innermost of these tapes that wants the op with regions in a form of its own, or null.
Tape* taker(const RegionOp&);
/// The same for a compiled call with these inputs.
Tape* call_taker(std::span<const Content> inputs);
bool tapes_listen();

}  // namespace burin::detail
