// The catalogue's generated table and the entries that everybody goes through: infer_types, run_reference.
// Nothing here names an op, and nothing is kept by hand per op.
#include "runtime/ops/catalogue.h"

#include "runtime/core/float_mode.h"
#include "runtime/core/immortal.h"
#include "runtime/ops/bytes.h"
#include "runtime/ops/check_mode.h"
#include "runtime/ops/fault.h"
#include "runtime/ops/few.h"
#include "runtime/ops/scalar.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>

namespace burin {

#include "runtime/ops/OpTables.inc"

const OpInfo& op_info(OpKind kind) { return op_table[static_cast<std::size_t>(kind)]; }
std::span<const OpInfo> catalogue() { return op_table; }

const OpInfo* find_op(std::string_view mnemonic) {
  using Table = std::unordered_map<std::string_view, const OpInfo*>;
  static constinit rt::Immortal<const Table> made;
  const Table& table = made.get([] {
    Table t;
    for (const OpInfo& info : op_table) t.emplace(info.mnemonic, &info);
    return t;
  });
  auto found = table.find(mnemonic);
  return found == table.end() ? nullptr : found->second;
}

// ---- Attributes --------------------------------------------------------------------------------------------------

namespace {

using Digest = std::array<std::uint64_t, 2>;

/// Bytes that mean the same in every process: sizes are known here, so no interned word enters.
Digest digest_of(const HostTensor& value) {
  XXH3_state_t* state = XXH3_createState();
  XXH3_128bits_reset(state);
  std::int64_t head[2 + max_rank] = {static_cast<std::int64_t>(value.type.dtype), value.type.shape.rank()};
  for (int i = 0; i < value.type.shape.rank(); ++i) head[2 + i] = value.type.shape[static_cast<std::size_t>(i)].value();
  XXH3_128bits_update(state, head, sizeof(std::int64_t) * static_cast<std::size_t>(2 + value.type.shape.rank()));
  if (value.num_bytes() > 0)
    XXH3_128bits_update(state, value.buffer.data(), static_cast<std::size_t>(value.num_bytes()));
  XXH128_hash_t hash = XXH3_128bits_digest(state);
  XXH3_freeState(state);
  return {hash.low64, hash.high64};
}

std::uint64_t hash_bytes(const void* data, std::size_t size, std::uint64_t seed) {
  return XXH3_64bits_withSeed(data, size, seed);
}

}  // namespace

std::shared_ptr<const Constant> make_constant(HostTensor value) {
  auto constant = std::make_shared<Constant>();
  constant->digest = digest_of(value);
  constant->value = std::move(value);
  return constant;
}

bool same_attribute(const Attribute& a, const Attribute& b) {
  if (a.index() != b.index()) return false;
  if (auto* x = std::get_if<double>(&a))
    return std::memcmp(x, std::get_if<double>(&b), sizeof(double)) == 0;  // NaN is NaN
  if (auto* x = std::get_if<std::shared_ptr<const Constant>>(&a))
    return (*x)->digest == std::get<std::shared_ptr<const Constant>>(b)->digest;
  return a == b;
}

/// Stable only within a process, since sizes hash by their interned word.
std::uint64_t hash_attributes(const Attributes& attributes, std::uint64_t seed) {
  for (const Attribute& attribute : attributes) {
    seed = hash_bytes("a", 1, seed + attribute.index());
    std::visit(
        [&]<class T>(const T& x) {
          if constexpr (std::is_same_v<T, std::string>) seed = hash_bytes(x.data(), x.size(), seed);
          else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>)
            seed = hash_bytes(x.data(), x.size() * 8, seed);
          else if constexpr (std::is_same_v<T, std::vector<Dim>>) {
            for (Dim d : x) {
              std::int64_t word = d.word();
              seed = hash_bytes(&word, sizeof word, seed);
            }
            seed += x.size();
          } else if constexpr (std::is_same_v<T, std::shared_ptr<const Constant>>)
            seed = hash_bytes(x->digest.data(), 16, seed);
          else seed = hash_bytes(&x, sizeof x, seed);
        },
        attribute);
  }
  return seed;
}

// ---- infer_types -------------------------------------------------------------------------------------------------

std::size_t operand_slot(const OpInfo& info, const Attributes& attributes, std::size_t given) {
  const std::size_t required = info.operand_names.size() - info.num_optional;
  if (given < required) return given;
  if (!info.num_optional) return info.operand_names.size() - 1;
  auto present = static_cast<std::uint64_t>(std::get<std::int64_t>(attributes.back()));
  for (std::size_t i = required; i < given; ++i) present &= present - 1;
  return required + static_cast<std::size_t>(std::countr_zero(present));
}

std::string operand_name(const OpInfo& info, const Attributes& attributes, std::size_t given) {
  const std::size_t slot = operand_slot(info, attributes, given);
  std::string text(info.operand_names[slot]);
  return info.variadic && slot + 1 == info.operand_names.size() ? text + "[" + std::to_string(given - slot) + "]"
                                                                : text;
}

namespace {

Error mistake(const OpInfo& info, std::string tag, std::string message, std::string hint = {}) {
  return Error{ErrorCode::invalid_argument, std::string(info.mnemonic) + ": " + std::move(message), std::move(tag), "",
               std::move(hint)};
}

Result<void> check_arity(const OpInfo& info, std::size_t given) {
  std::size_t named = info.operand_names.size(), least = named - info.num_optional - (info.variadic ? 1 : 0);
  if (given >= least && (given <= named || info.variadic)) return {};
  std::string expected = std::to_string(least);
  if (info.variadic) expected = "at least " + expected;
  if (info.num_optional) expected += " to " + std::to_string(named);
  return mistake(info, "operand-count", "has " + std::to_string(given) + " operands; expected " + expected);
}

/// Of an op with optional operands: its last attribute says as many as there are.
Result<void> check_present(const OpInfo& info, std::size_t given, const Attributes& attributes) {
  if (!info.num_optional) return {};
  const auto present = static_cast<std::uint64_t>(std::get<std::int64_t>(attributes.back()));
  const std::size_t optional = given - (info.operand_names.size() - info.num_optional);
  if (present >> info.num_optional == 0 && static_cast<std::size_t>(std::popcount(present)) == optional) return {};
  return mistake(info, "operand-count",
                 "has " + std::to_string(optional) + " optional operands; its attribute `present`, " +
                     std::to_string(static_cast<std::int64_t>(present)) + ", says otherwise");
}

/// `left, right or both`.
std::string choice_text(std::span<const std::string_view> words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + std::string(words[i]);
  return text;
}

Result<void> check_attributes(const OpInfo& info, const Attributes& attributes) {
  if (attributes.size() != info.attributes.size())
    return mistake(
        info, "attribute",
        "has " + std::to_string(attributes.size()) + " attributes; expected " + std::to_string(info.attributes.size()));
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    bool null = false;
    if (auto* constant = std::get_if<std::shared_ptr<const Constant>>(&attributes[i])) null = !*constant;
    if (auto* sizes = std::get_if<std::vector<Dim>>(&attributes[i]);
        sizes && sizes->size() > static_cast<std::size_t>(max_rank))
      return mistake(info, "rank",
                     "attribute `" + std::string(info.attributes[i].name) + "` has " + std::to_string(sizes->size()) +
                         " sizes; expected 8 or less");
    if (const auto* sizes = std::get_if<std::vector<Dim>>(&attributes[i]);
        sizes && std::count(sizes->begin(), sizes->end(), Dim::overflow()))
      return mistake(info, "attribute", "`" + std::string(info.attributes[i].name) + "` has an entry beyond 64 bits");
    if (null || attributes[i].index() != static_cast<std::size_t>(info.attributes[i].kind))
      return mistake(
          info, "attribute",
          "attribute `" + std::string(info.attributes[i].name) + "` is of another kind than the catalogue says");
    const std::span<const std::string_view> words = info.attributes[i].words;
    if (words.empty()) continue;
    if (const auto& word = std::get<std::string>(attributes[i]); !std::count(words.begin(), words.end(), word))
      return mistake(info, "attribute",
                     "attribute `" + std::string(info.attributes[i].name) + "` is \"" + word.substr(0, 100) +
                         "\"; expected " + choice_text(words));
  }
  return {};
}

/// Each operand's dtype is in its class, and the shared ones are one dtype, which is returned.
Result<Dtype> check_dtypes(const OpInfo& info, std::span<const TensorType> operands, const Attributes& attributes) {
  auto named = [&](std::size_t i) { return operand_name(info, attributes, i); };
  std::size_t first = operands.size();
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const std::size_t slot = operand_slot(info, attributes, i);
    const DtypeClass& c = info.operand_dtypes[slot];
    Dtype t = operands[i].dtype;
    if (!c.contains(t)) {
      // A cast is the remedy only where the class leaves no doubt to what.
      bool floats = (c.set - floating_dtypes).empty();
      std::string hint = floats ? "did you mean " + std::string(info.mnemonic) + "(cast(" +
                                      std::string(info.operand_names[slot]) + ", f32))?"
                                : "";
      if (info.operand_names.size() > 1) hint = floats ? "cast " + named(i) + " to f32 first" : "";
      if (hint.empty() && t == Dtype::boolean) hint = "to count, cast " + named(i) + " to i64 first";
      if (c.contains(Dtype::boolean)) hint = "compare, for example " + named(i) + " != 0";
      if (!c.contains(Dtype::f32) && c.contains(Dtype::i64) && is_floating(t))
        hint = "cast " + named(i) + " to i64 first";
      return mistake(info, "dtype", named(i) + " is " + to_string(operands[i]) + "; expected dtype " + to_string(c.set),
                     hint);
    }
    if (!c.shared) continue;
    if (first == operands.size()) first = i;
    else if (operands[first].dtype != t)
      return mistake(info, "dtype-mismatch",
                     "dtypes differ: " + named(first) + " is " + to_string(operands[first]) + ", " + named(i) + " is " +
                         to_string(operands[i]) + "; expected one dtype for both",
                     "cast one of them");
  }
  return first == operands.size() ? Dtype::f32 : operands[first].dtype;
}

Dtype attribute_dtype(const OpInfo& info, const Attributes& attributes) {
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    if (info.attributes[i].kind == AttributeKind::dtype) return std::get<Dtype>(attributes[i]);
    if (info.attributes[i].kind == AttributeKind::constant)
      return std::get<std::shared_ptr<const Constant>>(attributes[i])->value.type.dtype;
  }
  return Dtype::f32;  // not reached: the generator wants such an attribute
}

}  // namespace

Result<std::vector<TensorType>> infer_types(const OpInfo& info, const ShapeQuery& query) {
  if (auto ok = check_arity(info, query.operands.size()); !ok) return ok.error();
  if (auto ok = check_attributes(info, query.attributes); !ok) return ok.error();
  if (auto ok = check_present(info, query.operands.size(), query.attributes); !ok) return ok.error();
  auto shared = check_dtypes(info, query.operands, query.attributes);
  if (!shared) return shared.error();
  if (!info.shape_rule)
    return Error{ErrorCode::internal,
                 std::string(info.mnemonic) + ": result types follow the regions, not a shape rule", "region-op"};
  ShapeQuery q = query;
  q.op = &info;
  Few<Dtype, 4> dtypes;
  for (const ResultDtype& r : info.result_dtypes)
    dtypes.push_back(r.from == ResultDtype::From::fixed       ? r.fixed
                     : r.from == ResultDtype::From::attribute ? attribute_dtype(info, query.attributes)
                                                              : *shared);
  q.dtypes = dtypes;
  auto types = info.shape_rule(q);
  // An expression may be as large as the numbers in it; a tensor may not.
  if (types)
    for (const TensorType& t : *types)
      if (t.shape.is_static() && !fits_memory(num_bytes(t)))
        return mistake(info, "too-large", "the result would be " + to_string(t) + ", which no memory can hold");
  return types;
}

// ---- Faults ------------------------------------------------------------------------------------------------------

Error fault_error(const OpInfo& info, burin_rt_fault_kind kind, std::int64_t index, std::int64_t value) {
  std::string op(info.mnemonic), at = " at element " + std::to_string(index);
  switch (kind) {
    case BURIN_RT_FAULT_INDEX_OUT_OF_RANGE:
      return {ErrorCode::device, op + ": index " + std::to_string(value) + " is out of range," + at + " of the indices",
              "index-out-of-range", "", ""};
    case BURIN_RT_FAULT_ASSERTION: return {ErrorCode::device, op + ": assertion failed", "assertion", "", ""};
    case BURIN_RT_FAULT_NAN: return {ErrorCode::device, op + ": NaN" + at + " of the result", "nan", "", ""};
    case BURIN_RT_FAULT_DIVISION_BY_ZERO:
      return {ErrorCode::device, op + ": division by zero" + at + " of the result", "division-by-zero", "", ""};
    case BURIN_RT_FAULT_TRIP_COUNT:
      return {ErrorCode::device, op + ": more than " + std::to_string(value) + " trips", "trip-count", "", ""};
    case BURIN_RT_FAULT_NONE: break;
  }
  return {ErrorCode::internal, op + ": unknown fault", "fault", "", ""};
}

void tell_positions(Error& e, std::span<const TensorType> operands, const Attributes& attributes) {
  if (e.tag != "index-out-of-range") return;  // of gather and the scatters: their one attribute is the axis
  const Shape& x = operands[0].shape;
  const Dim size = x[static_cast<std::size_t>(std::get<std::int64_t>(attributes[0]))];
  if (!size.is_known()) return;
  e.hint =
      size.value() > 0 ? "positions along that axis are 0 to " + to_string(size - 1) : "that axis has no positions";
}

// ---- run_reference -----------------------------------------------------------------------------------------------

namespace {

/// Notes the first fault of one op, then passes it on.
struct FaultNote {
  const KernelSink* outer;
  burin_rt_fault_kind kind = BURIN_RT_FAULT_NONE;
  std::int64_t index = 0, value = 0;

  static void note(void* self, burin_rt_fault_kind kind, std::int64_t index, std::int64_t value) {
    auto& note = *static_cast<FaultNote*>(self);
    if (note.kind == BURIN_RT_FAULT_NONE || index < note.index) note = {note.outer, kind, index, value};
  }
  static void print(void* self, std::string_view label, const HostTensor& value) {
    auto& outer = *static_cast<FaultNote*>(self)->outer;
    if (outer.print) outer.print(outer.self, label, value);
  }
};

}  // namespace

Result<std::vector<HostTensor>> run_reference(const OpInfo& info, std::span<const HostTensor> operands,
                                              const Attributes& attributes, const KernelSink& sink) {
  Few<TensorType, 4> operand_types;
  operand_types.reserve(operands.size());
  for (const HostTensor& operand : operands) operand_types.push_back(operand.type);
  auto types = infer_types(info, {.operands = operand_types, .attributes = attributes});
  if (!types) return types.error();
  std::vector<HostTensor> results;
  results.reserve(types->size());
  for (const TensorType& type : *types) {
    HostTensor result{type, {}};
    result.buffer = Buffer::allocate(result.num_bytes());
    if (!result.buffer) return no_memory(info.mnemonic, type);
    results.push_back(std::move(result));
  }
  FaultNote note{&sink};
  // Nothing is computed where nothing is given, however many rows without elements there are; but an index that elements
  // stand at may be a fault.
  auto empty = [](const HostTensor& t) { return t.num_elements() == 0; };
  bool nothing = !results.empty() && std::all_of(results.begin(), results.end(), empty);
  if (has(info.effects, Effect::may_fault))
    nothing = nothing && std::any_of(operands.begin() + 1, operands.end(), empty);
  if (!nothing) {
    rt::FloatMode mode;
    info.reference(operands, results, attributes, {&note, &FaultNote::note, &FaultNote::print, sink.check_mode});
  }
  if (sink.check_mode && may_make_nan(info))
    for (const HostTensor& result : results) scalar::report_nan(result, {&note, &FaultNote::note});
  if (note.kind != BURIN_RT_FAULT_NONE) {
    if (sink.fault) sink.fault(sink.self, note.kind, note.index, note.value);
    Error e = fault_error(info, note.kind, note.index, note.value);
    tell_positions(e, operand_types, attributes);
    return e;
  }
  return results;
}

}  // namespace burin
