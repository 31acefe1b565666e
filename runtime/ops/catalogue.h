// The catalogue as data: what each op is called, takes and gives, how its result types follow, what computes it slowly.
// The tables are generated from compiler/ops/*.td by burin-tblgen; nothing here is kept by hand per op.
#pragma once
#include <burin/dim.h>
#include <burin/dtype.h>
#include <burin/error.h>

#include "runtime/ops/buffer.h"

#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace burin {

/// One enumerator an op, in catalogue order; never stored in files (files name ops by mnemonic and version).
enum class OpKind : std::uint16_t {
#define BURIN_OP(kind) kind,
#include "runtime/ops/OpKinds.inc"  // generated
#undef BURIN_OP
};

/// A constant's bytes with the digest by which keys and files know it; shared, immutable.
struct Constant {
  HostTensor value;
  std::array<std::uint64_t, 2> digest{};  ///< 128-bit XXH3 of dtype, sizes and bytes
};

/// The value of one attribute. The schema (OpInfo::attributes) fixes the alternative.
using Attribute = std::variant<std::int64_t, double, bool, Dtype, std::string, std::vector<std::int64_t>,
                               std::vector<Dim>, std::shared_ptr<const Constant>>;
enum class AttributeKind : std::uint8_t { i64, f64, boolean, dtype, string, i64_list, dim_list, constant };
/// In schema order; empty for the many ops without attributes (no allocation).
using Attributes = std::vector<Attribute>;

struct AttributeSpec {
  std::string_view name;
  AttributeKind kind;
  std::span<const std::string_view> words = {};  ///< of an enumerated one, whose kind is string: all that it may be
};

/// What dtypes an operand takes. Operands that are `shared` have one dtype T: the public wrapper promotes them to it,
/// everything below wants it exact.
struct DtypeClass {
  DtypeSet set;
  bool shared;
  constexpr bool contains(Dtype t) const { return set.contains(t); }
};
/// Where a result's dtype comes from: T, `fixed`, the attribute of kind dtype or constant.
struct ResultDtype {
  enum class From : std::uint8_t { shared, fixed, attribute } from = From::shared;
  Dtype fixed = Dtype::f32;
};

enum class Precision : std::uint8_t { half, full, follow, accumulate };             ///< what mixed precision may do
enum class FusionRole : std::uint8_t { map, reduce, shape, read, heavy, barrier };  ///< what FuseKernels may do
enum class LoweringKind : std::uint8_t { linalg, loops, library, region, host };    ///< who generates its code
enum class Effect : std::uint8_t { none = 0, may_fault = 1, print = 2, reads_state = 4, writes_state = 8 };
constexpr bool has(std::uint8_t effects, Effect e) { return (effects & static_cast<std::uint8_t>(e)) != 0; }

struct OpInfo;

/// What a shape rule sees: the operand types, the attributes, and a place for guards. Rules never look at data.
/// Arity, attribute kinds and operand dtypes have been checked; `op` and `dtypes` are filled by infer_types.
struct ShapeQuery {
  std::span<const TensorType> operands;
  const Attributes& attributes;
  std::vector<Guard>* guards = nullptr;  ///< null: a rule that needs a guard fails instead
  const OpInfo* op = nullptr;            ///< for the names in error texts
  std::span<const Dtype> dtypes = {};    ///< one for each result, by the op's dtype signature
};
using ShapeRule = Result<std::vector<TensorType>> (*)(const ShapeQuery&);

/// Where a reference kernel reports faults and prints; null members ignore.
struct KernelSink {
  void* self = nullptr;
  void (*fault)(void* self, burin_rt_fault_kind kind, std::int64_t index, std::int64_t value) = nullptr;
  void (*print)(void* self, std::string_view label, const HostTensor& value) = nullptr;
  bool check_mode = false;
};
/// The referee: plain loops, f64/i64 accumulation, one rounding. Results are allocated with their types already.
using ReferenceKernel = void (*)(std::span<const HostTensor> operands, std::span<HostTensor> results,
                                 const Attributes& attributes, const KernelSink& sink);

struct OpInfo {
  OpKind kind;
  std::string_view mnemonic;  ///< `reduce_sum`
  std::int32_t version;       ///< raised when the meaning changes; stored in files
  std::span<const std::string_view> operand_names;
  bool variadic;              ///< the last operand repeats (concatenate)
  std::uint8_t num_optional;  ///< so many operands, the last ones, may be absent: see optional_operand
  std::int32_t num_results;   ///< -1: as the regions yield
  std::span<const AttributeSpec> attributes;
  std::int32_t num_regions;
  std::uint8_t effects;  ///< bits of Effect
  Precision precision;
  FusionRole fusion;
  LoweringKind lowering;
  ShapeRule shape_rule;                        ///< null for region ops: their types follow their regions
  ReferenceKernel reference;                   ///< null for region ops
  std::string_view derivative;                 ///< "formula", "custom", "none: reason"
  std::string_view batching;                   ///< "elementwise", "custom", "none: reason"
  std::span<const DtypeClass> operand_dtypes;  ///< one for each operand name
  std::span<const ResultDtype> result_dtypes;  ///< one for each result, none where regions say it
  std::span<const std::string_view> labels;    ///< tags of the errors that its constraints give
  bool elementwise;                            ///< result element i depends on element i of the operands alone
};

const OpInfo& op_info(OpKind);
std::span<const OpInfo> catalogue();
/// The op of that mnemonic, or null.
const OpInfo* find_op(std::string_view mnemonic);

/// Optional operand `k`, from 0, among an op's operands as given (types in shape rules, values in kernels), or null where it
/// is absent. Which are there is the op's last attribute, `present`: bit k stands for optional operand k.
template <class T> const T* optional_operand(std::span<const T> operands, const Attributes& attributes, std::size_t k) {
  const auto present = static_cast<std::uint64_t>(std::get<std::int64_t>(attributes.back()));
  if (!(present >> k & 1)) return nullptr;
  const std::uint64_t before = present & ((std::uint64_t{1} << k) - 1);
  return &operands[operands.size() - static_cast<std::size_t>(std::popcount(present) - std::popcount(before))];
}
/// Which of OpInfo::operand_names operand `given` is: the last one of a variadic op repeats, absent ones are passed over.
std::size_t operand_slot(const OpInfo&, const Attributes&, std::size_t given);
/// What errors call it: `x`, `operands[2]`.
std::string operand_name(const OpInfo&, const Attributes&, std::size_t given);

/// Digest of a constant's type and bytes, as keys and files use it.
std::shared_ptr<const Constant> make_constant(HostTensor value);
bool same_attribute(const Attribute&, const Attribute&);  ///< constants by digest
std::uint64_t hash_attributes(const Attributes&, std::uint64_t seed = 0);

/// The error that a fault becomes, same text whoever ran the op: `gather: index 7 is out of range, at element 3 of ...`.
Error fault_error(const OpInfo&, burin_rt_fault_kind, std::int64_t index, std::int64_t value);

/// Checks arity, attribute kinds and dtypes, then runs the op's shape rule: the one entry for eager, recording, loading, verifying.
Result<std::vector<TensorType>> infer_types(const OpInfo&, const ShapeQuery&);
inline Result<std::vector<TensorType>> infer_types(OpKind kind, const ShapeQuery& query) {
  return infer_types(op_info(kind), query);
}
/// Shape rule, allocation and reference kernel: one op, now. Faults become an Error of code device.
Result<std::vector<HostTensor>> run_reference(const OpInfo&, std::span<const HostTensor> operands, const Attributes&,
                                              const KernelSink& sink = {});
inline Result<std::vector<HostTensor>> run_reference(OpKind kind, std::span<const HostTensor> operands,
                                                     const Attributes& attributes, const KernelSink& sink = {}) {
  return run_reference(op_info(kind), operands, attributes, sink);
}

}  // namespace burin
