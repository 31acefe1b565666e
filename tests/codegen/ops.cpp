// Every op with code of its own against the referee: kernels of one op, over dtypes and odd shapes, on each target.
#include "compiler/ir/Types.h"
#include "tests/support/catch.h"
#include "tests/support/elements.h"
#include "tests/support/linalg_kernels.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cmath>
#include <limits>
#include <random>

using namespace burin;
using burin::test::dtypes_of;
using burin::test::element;
using burin::test::epsilon_of;
using burin::test::runnableTargets;
using burin::test::set_element;

namespace {

using Shapes = std::vector<std::vector<std::int64_t>>;

/// Values of all magnitudes that stay comparable; small integers of both signs; for `below` > 0 positions below it.
HostTensor random_tensor(Dtype dtype, std::span<const std::int64_t> sizes, unsigned seed, std::int64_t below = 0) {
  HostTensor t;
  t.type = {dtype, Shape::of(sizes)};
  t.buffer = Buffer::allocate(std::max<std::int64_t>(1, t.num_bytes()));
  std::mt19937 g(seed);
  std::uniform_real_distribution<double> real(-3, 3);
  for (std::int64_t i = 0; i < t.num_elements(); ++i) {
    double r = real(g);
    auto n = below ? static_cast<std::int64_t>(g() % static_cast<std::uint64_t>(below))
                   : static_cast<std::int64_t>(std::lround(r * 40));
    if (dtype == Dtype::boolean) set_element(t, i, r > 0);
    else set_element(t, i, is_floating(dtype) ? r : static_cast<double>(n));
  }
  return t;
}

/// Random values behind those where conversions go wrong: ends of ranges, halves of last places, what is no number.
HostTensor with_edges(Dtype dtype) {
  HostTensor t = random_tensor(dtype, std::vector<std::int64_t>{2, 37}, 3);
  std::int64_t i = 0;
  visit(dtype, [&]<class T>(std::type_identity<T>) {
    using Limits = std::numeric_limits<T>;
    if constexpr (is_floating(dtype_of<T>)) {
      for (double x : {0x1p31, 0x1p32, 0x1p63, 0x1p64, 0x1.fffffep63, 0x1p7, 0x1p15, 0x1p16, 127.5, 65504.0, 65520.0,
                       65519.99, 0x1p-25, 0x1.8p-25, 1 + 0x1p-8 + 0x1p-40, 1 + 0x1p-11 + 0x1p-40, 1e-8, 1e300, 0.0})
        for (double sign : {1.0, -1.0}) set_element(t, i++, sign * x);
      set_element(t, i++, std::numeric_limits<double>::infinity());
      set_element(t, i++, -std::numeric_limits<double>::infinity());
      set_element(t, i++, std::numeric_limits<double>::quiet_NaN());
    } else if constexpr (!std::is_same_v<T, bool>) {
      auto* p = static_cast<T*>(t.buffer.mutable_data());
      for (T x : {Limits::min(), Limits::max(), T(Limits::min() + 1), T(Limits::max() - 1), T(Limits::max() / 2 + 1)})
        p[i++] = x;
      if constexpr (sizeof(T) == 8)
        for (int shift : {53, 61, 62})
          for (T low :
               {T{0}, T{1}, T(T{1} << (shift - 8)), T((T{1} << (shift - 8)) + 1), T((T{1} << (shift - 24)) + 1)})
            p[i++] = T((T{1} << shift) + low);
    }
  });
  return t;
}

double tolerance(Dtype dtype) {
  if (!is_floating(dtype)) return 0;
  return is_narrow_float(dtype) ? epsilon_of(dtype) : dtype == Dtype::f32 ? 4e-6 : 1e-13;
}

/// The first element that differs, or an empty text.
std::string difference(const HostTensor& got, const HostTensor& want, bool exact) {
  const std::int64_t size = bytes(want.type.dtype, 1);
  for (std::int64_t i = 0; i < want.num_elements(); ++i) {
    if (std::memcmp(got.data<char>() + i * size, want.data<char>() + i * size, static_cast<std::size_t>(size)) == 0)
      continue;
    double g = element(got, i), w = element(want, i);
    bool same = std::isnan(w) ? std::isnan(g)
                              : !exact && std::fabs(g - w) <= tolerance(want.type.dtype) * std::max(1.0, std::fabs(w));
    if (!same) return "at " + std::to_string(i) + ": " + std::to_string(g) + " expected " + std::to_string(w);
  }
  return {};
}

/// Compiles the op alone, runs it, compares with the referee; the difference or why there is no code. Sets `fault`.
std::string check(OpKind kind, std::vector<HostTensor> operands, const Attributes& attributes,
                  const std::string& target, burin_rt_fault* fault = nullptr) {
  const OpInfo& info = op_info(kind);
  std::vector<TensorType> types;
  for (const HostTensor& t : operands) types.push_back(t.type);
  auto results = infer_types(kind, {types, attributes});
  if (!results) return "types: " + results.error().message;

  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<ir::BurinDialect>();
  codegen::cpu::loadCodegenDialects(context);
  codegen::loadPlanDialects(context);
  std::string messages;
  context.getDiagEngine().registerHandler([&](mlir::Diagnostic& d) {
    messages += d.str() + "\n";
    return mlir::success();
  });
  mlir::OpBuilder b(&context);
  auto loc = b.getUnknownLoc();
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(b, loc);
  b.setInsertionPointToEnd(module->getBody());
  mlir::SmallVector<mlir::Type> in, out;
  for (const TensorType& t : types) in.push_back(ir::toMlir(&context, t));
  for (const TensorType& t : *results) out.push_back(ir::toMlir(&context, t));
  auto function = mlir::func::FuncOp::create(b, loc, "kernel", b.getFunctionType(in, out));
  auto shape = [&](const TensorType& t) {
    std::vector<std::int64_t> words;
    for (Dim d : t.shape) words.push_back(d.value());
    return b.getDenseI64ArrayAttr(words);
  };
  for (unsigned i = 0; i < types.size(); ++i) function.setArgAttr(i, "burin.shape", shape(types[i]));
  for (unsigned i = 0; i < results->size(); ++i) function.setResultAttr(i, "burin.shape", shape((*results)[i]));
  mlir::Block* body = function.addEntryBlock();
  b.setInsertionPointToStart(body);
  mlir::OperationState state(loc, "burin." + std::string(info.mnemonic));
  state.addOperands(body->getArguments());
  state.addTypes(out);
  for (std::size_t i = 0; i < attributes.size(); ++i)
    state.addAttribute(std::string_view(info.attributes[i].name), ir::toMlir(&context, attributes[i]));
  if (info.effects) state.addAttribute("burin.op", b.getI32IntegerAttr(7));
  mlir::func::ReturnOp::create(b, loc, b.create(state)->getResults());
  if (failed(mlir::verify(*module))) return "verify: " + messages;

  auto cpu = codegen::cpu::resolveTarget(target);
  llvm::StringMap<codegen::Workspace> workspaces;
  if (failed(test::emitKernels(*module, *codegen::cpu::makeBackend(*cpu), workspaces))) return "emit: " + messages;
  if (failed(mlir::verify(*module))) return "verify after: " + messages;
  std::string why;
  auto compiled = test::CompiledKernels::compile(*module, *cpu, &why);
  if (!compiled) return "compile: " + why + messages;

  std::vector<void*> buffers;
  for (HostTensor& t : operands) buffers.push_back(const_cast<void*>(t.buffer.data()));
  std::vector<HostTensor> got;
  for (const TensorType& t : *results) {
    HostTensor r;
    r.type = t;
    r.buffer = Buffer::allocate(std::max<std::int64_t>(64, r.num_bytes()));
    std::memset(r.buffer.mutable_data(), 0x5a, static_cast<std::size_t>(std::max<std::int64_t>(64, r.num_bytes())));
    buffers.push_back(r.buffer.mutable_data());
    got.push_back(r);
  }
  test::KernelRuntime runtime(2);
  test::KernelWorkspace workspace(workspaces["kernel"], {}, 2);
  workspace.appendTo(buffers);
  compiled->function("kernel")(buffers.data(), nullptr, runtime.ctx());
  if (fault) *fault = runtime.ctx()->fault;
  auto want = run_reference(kind, operands, attributes);
  if (!want) return fault ? "" : "referee: " + want.error().message;
  for (std::size_t i = 0; i < got.size(); ++i)
    if (auto d = difference(got[i], (*want)[i], kind == OpKind::cast || !is_floating((*want)[i].type.dtype));
        !d.empty())
      return d;
  return {};
}

const std::vector<Dtype> dtypes = dtypes_of(all_dtypes), numeric = dtypes_of(numeric_dtypes);
using Ints = std::vector<std::int64_t>;
using Dims = std::vector<Dim>;

#define CHECK_OP(...)                       \
  do {                                      \
    std::string found = check(__VA_ARGS__); \
    INFO(found);                            \
    CHECK(found.empty());                   \
  } while (false)

}  // namespace

TEST_CASE("Elementwise kernels equal the referee for every dtype that they take") {
  for (const std::string& target : runnableTargets())
    for (const OpInfo& info : catalogue()) {
      if (info.fusion != FusionRole::map || info.operand_names.empty() || info.kind == OpKind::cast ||
          info.kind == OpKind::where)
        continue;
      for (Dtype dtype : dtypes)
        for (const auto& sizes : Shapes{{}, {1}, {33}, {3, 5}, {2, 1, 67}, {0, 3}}) {
          std::vector<HostTensor> operands;
          std::vector<TensorType> types;
          for (unsigned i = 0; i < info.operand_names.size(); ++i) {
            // The second operand has a size of 1 in front, so that it broadcasts.
            auto own = sizes;
            if (i == 1 && !own.empty()) own[0] = own[0] ? 1 : 0;
            operands.push_back(random_tensor(dtype, own, i + 1));
            types.push_back(operands.back().type);
          }
          Attributes none;
          if (!infer_types(info.kind, {types, none})) continue;  // not a dtype of this op
          INFO(target << ": " << info.mnemonic << " " << to_string(types[0]));
          CHECK_OP(info.kind, operands, none, target);
        }
    }
}

TEST_CASE("Casts and choices equal the referee between all dtypes") {
  for (const std::string& target : runnableTargets())
    for (Dtype from : dtypes)
      for (Dtype to : dtypes) {
        INFO(target << ": " << name(from) << " to " << name(to));
        CHECK_OP(OpKind::cast, {with_edges(from)}, {to}, target);
        if (from == to)
          CHECK_OP(OpKind::where,
                   {random_tensor(Dtype::boolean, Ints{37}, 1), random_tensor(to, Ints{3, 37}, 2),
                    random_tensor(to, Ints{}, 3)},
                   {}, target);
      }
}

TEST_CASE("Reductions and positions of the least equal the referee") {
  for (const std::string& target : runnableTargets())
    for (Dtype dtype : numeric)
      for (const auto& sizes : Shapes{{7}, {3, 5}, {2, 33, 17}, {70, 3, 1}})
        for (std::int64_t axis = 0; axis < static_cast<std::int64_t>(sizes.size()); ++axis) {
          auto x = random_tensor(dtype, sizes, 9);
          INFO(target << ": " << to_string(x.type) << " axis " << axis);
          CHECK_OP(OpKind::reduce_sum, {x}, {Ints{axis}, true}, target);
          CHECK_OP(OpKind::reduce_max, {x}, {Ints{axis}, false}, target);
          CHECK_OP(OpKind::argmin, {x}, {axis}, target);
        }
}

TEST_CASE("Views, joins and pads equal the referee") {
  for (const std::string& target : runnableTargets())
    for (Dtype dtype : {Dtype::boolean, Dtype::u8, Dtype::i16, Dtype::bf16, Dtype::f16, Dtype::f32, Dtype::u64}) {
      INFO(target << ": " << name(dtype));
      auto x = random_tensor(dtype, Ints{3, 5, 7}, 4);
      CHECK_OP(OpKind::transpose, {x}, {Ints{2, 0, 1}}, target);
      CHECK_OP(OpKind::transpose, {random_tensor(dtype, Ints{65, 70}, 4)}, {Ints{1, 0}}, target);
      CHECK_OP(OpKind::reshape, {x}, {Dims{15, 7}}, target);
      CHECK_OP(OpKind::reshape, {x}, {Dims{3, 1, 5, 7, 1}}, target);
      CHECK_OP(OpKind::broadcast_to, {random_tensor(dtype, Ints{5, 1}, 4)}, {Dims{3, 5, 7}}, target);
      CHECK_OP(OpKind::slice, {x}, {Dims{1, 0, 2}, Dims{2, 3, 3}, Ints{1, 2, 2}}, target);
      CHECK_OP(OpKind::slice, {x}, {Dims{0, 1, 2}, Dims{3, 4, 5}, Ints{}}, target);
      CHECK_OP(OpKind::pad, {x, random_tensor(dtype, Ints{}, 5)}, {Dims{1, 0, 2}, Dims{0, 3, 1}, Ints{0, 1, 2}},
               target);
      CHECK_OP(OpKind::pad, {x, random_tensor(dtype, Ints{}, 5)}, {Dims{0, 2, 0}, Dims{0, 0, 17}, Ints{}}, target);
      CHECK_OP(OpKind::concatenate, {x, random_tensor(dtype, Ints{3, 2, 7}, 6), random_tensor(dtype, Ints{3, 0, 7}, 7)},
               {std::int64_t{1}}, target);
      CHECK_OP(OpKind::concatenate, {x, random_tensor(dtype, Ints{3, 5, 18}, 6)}, {std::int64_t{2}}, target);
      CHECK_OP(OpKind::constant, {}, {make_constant(random_tensor(dtype, Ints{3, 7}, 8))}, target);
      if (dtype != Dtype::boolean) CHECK_OP(OpKind::iota, {}, {Dims{4, 21}, std::int64_t{1}, dtype}, target);
    }
}

TEST_CASE("Gathers and scatters equal the referee, and report positions out of range") {
  for (const std::string& target : runnableTargets())
    for (Dtype dtype : {Dtype::u8, Dtype::i8, Dtype::u16, Dtype::bf16, Dtype::f16, Dtype::f32, Dtype::i64, Dtype::u64})
      for (std::int64_t axis : {0, 1, 2}) {
        INFO(target << ": " << name(dtype) << " axis " << axis);
        auto x = random_tensor(dtype, Ints{4, 6, 19}, 4);
        std::int64_t size = x.type.shape[static_cast<std::size_t>(axis)].value();
        auto at = random_tensor(axis == 1 ? Dtype::i64 : Dtype::i32, Ints{2, 9}, 5, size);
        CHECK_OP(OpKind::gather, {x, at}, {axis}, target);
        std::vector<std::int64_t> sizes{4, 6, 19};
        sizes.erase(sizes.begin() + axis);
        sizes.insert(sizes.begin() + axis, {2, 9});
        CHECK_OP(OpKind::scatter_add, {x, at, random_tensor(dtype, sizes, 6)}, {axis}, target);
      }
  auto x = random_tensor(Dtype::f32, Ints{5, 3}, 1);
  auto at = random_tensor(Dtype::i32, Ints{4}, 2, 5);
  static_cast<std::int32_t*>(at.buffer.mutable_data())[2] = -3;
  static_cast<std::int32_t*>(at.buffer.mutable_data())[3] = 5;
  burin_rt_fault fault{};
  CHECK_OP(OpKind::gather, {x, at}, {std::int64_t{0}}, "host", &fault);
  CHECK(fault.kind == BURIN_RT_FAULT_INDEX_OUT_OF_RANGE);
  CHECK(fault.op == 7);
  CHECK(fault.index == 2);
  CHECK(fault.value == -3);
}

TEST_CASE("Random bits are the referee's, whole blocks or not") {
  for (const std::string& target : runnableTargets())
    for (std::int64_t n : {0, 1, 3, 4, 5, 31, 32, 33, 4095, 4096, 10007}) {
      INFO(target << " " << n);
      HostTensor key = random_tensor(Dtype::u32, Ints{2}, 1), counter = random_tensor(Dtype::u32, Ints{4}, 2);
      static_cast<std::uint32_t*>(counter.buffer.mutable_data())[0] =
          0xfffffff0u;  // the low word carries into the next
      CHECK_OP(OpKind::random_bits, {key, counter}, {Dims{n}}, target);
    }
}
