// What decides which trace a call uses, and how a key is made, compared and explained. Private to the frontend.
#pragma once
#include <burin/function.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace burin::detail {

struct Entry;
struct FunctionState;

/// One field of a key: what a leaf of the arguments must be.
struct KeyField {
  Leaf::Kind kind;
  HostValue::Kind host_kind{};
  bool weak = false, state = false, donated = false, from_signature = false;
  std::array<std::int8_t, max_rank> size_name{
      -1, -1, -1, -1, -1, -1, -1, -1};  ///< by axis: the name in Key::names, -1: a number, -2: an expression
  TensorType tensor{};
  std::uint64_t bits = 0;
  std::string text{};
  std::string_view type{};  ///< of a static value, as the compiler spells it
  bool same_kind(const KeyField& o) const { return kind == o.kind && type == o.type && host_kind == o.host_kind; }
};
std::string to_string(const KeyField&);

inline constexpr std::size_t max_names = 16;  ///< named sizes of one signature
/// What decides which trace a call uses. Hash, comparison, explanation and printing all read these fields.
struct Key {
  std::vector<KeyField> fields;
  std::vector<std::string> names;  ///< of sizes, in order of first appearance
  std::uint8_t level = 0;
  std::uint8_t device = 0;  ///< another of the same kind and chip serves as well; any_device: of the trace around
  bool by_scope = false;    ///< no argument tells the device
  std::uint64_t hash = 0;
};

/// What a call takes from where it stands: its level, and the device where no argument tells it.
struct Mode {
  std::uint8_t level;
  std::uint8_t device;  ///< the scope's; inside a trace that trace's, whatever the arguments
  bool in_trace = false;
};

/// The spec of a leaf, tensor number `position` of the arguments; null where the input signature leaves it to the call.
const Spec* spec_of(const FunctionState&, std::size_t position, const std::string& path);
/// Whether the input signature names tensors by their paths.
bool by_path(const FunctionState&);
/// Throws InvalidArgument where it names a path that no tensor of the arguments has; `tensors` are those that there are.
void check_paths(const FunctionState&, const std::vector<std::string>& tensors);
/// That the arguments hold another number of tensors than the input signature.
Error signature_count(const FunctionState&, std::size_t tensors);
/// The key of a call; with an input signature, the signature's types (a leaf that does not fit is an InvalidArgument).
Key make_key(const FunctionState&, std::span<const Leaf>, Mode, const std::vector<std::string>& paths);
/// Fills in the names and the hash, which follow from the fields.
void finish_key(Key&);
/// Whether the call has that key; binds its named sizes (`bound` has room for max_names). Allocates nothing where names stand alone.
bool matches(const Key&, std::span<const Leaf>, Mode, Dim* bound);
/// The nearest of the keys before, what changed, and the remedy; notes static values that alone cause traces.
std::string explain_trace(FunctionState&, const Entry& made, std::span<const std::shared_ptr<const Entry>> before);

}  // namespace burin::detail
