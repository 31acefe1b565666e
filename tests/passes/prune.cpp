// prune changes no result: random graphs are imported and run op by op by the referee before and after the pass, and must
// agree bit for bit, prints and faults included.
#include "compiler/driver/ContextPool.h"
#include "compiler/graph/sizes.h"
#include "compiler/ir/Import.h"
#include "passes/Passes.h"

#include "tests/support/elements.h"
#include "tests/support/graphs.h"
#include "tests/support/random_graph.h"
#include "tests/support/seeds.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

#include <cmath>
#include <limits>

using namespace burin;
using namespace burin::test;

namespace {

const std::vector<Dtype> every_dtype = dtypes_of(all_dtypes);

/// What a run shows outside: results, and what was printed and which op faulted, in order.
struct Seen {
  std::vector<HostTensor> results;
  std::vector<std::string> events;
};

/// The referee on the burin dialect.
class Player {
 public:
  Player(const Case& c, const ir::BlobTable& blobs) : case_(c), blobs_(blobs) {
    std::vector<TensorType> types;
    for (const HostTensor& t : c.inputs) types.push_back(t.type);
    auto bindings = bind_sizes(c.graph, types);
    REQUIRE(static_cast<bool>(bindings));
    bindings_ = *bindings;
  }

  Seen run(mlir::ModuleOp module) {
    auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
    for (auto [argument, input] : llvm::zip(main.getArguments(), case_.inputs)) values_[argument] = input;
    seen_.results = block(main.getBody().front());
    return std::move(seen_);
  }

 private:
  std::vector<HostTensor> of(mlir::ValueRange range) {
    std::vector<HostTensor> found;
    for (mlir::Value v : range) found.push_back(values_.at(v));
    return found;
  }
  std::vector<HostTensor> block(mlir::Block& b) {
    for (mlir::Operation& op : b.without_terminator()) {
      auto results = this->op(op);
      for (auto [value, tensor] : llvm::zip(op.getResults(), results)) values_[value] = tensor;
    }
    return of(b.getTerminator()->getOperands());
  }
  static bool is_true(const HostTensor& t) { return *t.data<std::uint8_t>() != 0; }

  std::vector<HostTensor> op(mlir::Operation& op) {
    if (mlir::isa<ir::IfOp>(op)) return block(op.getRegion(is_true(of(op.getOperands())[0]) ? 0 : 1).front());
    if (mlir::isa<ir::WhileOp>(op)) {
      std::vector<HostTensor> carried = of(op.getOperands());
      for (;;) {
        for (auto [argument, t] : llvm::zip(op.getRegion(0).getArguments(), carried)) values_[argument] = t;
        std::vector<HostTensor> handed = block(op.getRegion(0).front());
        const bool again = is_true(handed[0]);
        handed.erase(handed.begin());
        if (!again) return handed;
        for (auto [argument, t] : llvm::zip(op.getRegion(1).getArguments(), handed)) values_[argument] = t;
        carried = block(op.getRegion(1).front());
      }
    }
    if (auto constant = mlir::dyn_cast<ir::ConstantOp>(op))
      if (auto blob = mlir::dyn_cast<ir::BlobAttr>(constant.getValue()))
        return {blobs_.blobs()[static_cast<std::size_t>(blobs_.find(blob))]->value};
    const OpInfo& info = *ir::catalogueInfo(&op);
    auto attributes = ir::toAttributes(&op, info, /*withData=*/true);
    REQUIRE(attributes.has_value());
    KernelSink sink;
    sink.self = this;
    sink.print = [](void* self, std::string_view label, const HostTensor& t) {
      static_cast<Player*>(self)->seen_.events.push_back(
          std::string(label) + ":" + std::string(t.data<char>(), static_cast<std::size_t>(t.num_bytes())));
    };
    auto results = run_reference(info.kind, of(op.getOperands()), substitute(*attributes, bindings_), sink);
    if (!results) {
      // The run goes on, as compiled code does, with something of the right type.
      auto place = op.getAttrOfType<mlir::IntegerAttr>(ir::opAttrName);
      seen_.events.push_back("fault at " + std::to_string(place ? place.getInt() : -1) + ": " +
                             results.error().message);
      std::vector<HostTensor> zeros;
      for (mlir::Type type : op.getResultTypes()) {
        HostTensor t{substitute(*ir::toTensorType(type), bindings_), {}};
        t.buffer = Buffer::allocate(t.num_bytes());
        std::memset(t.buffer.mutable_data(), 0, static_cast<std::size_t>(t.num_bytes()));
        zeros.push_back(t);
      }
      return zeros;
    }
    return *results;
  }

  const Case& case_;
  const ir::BlobTable& blobs_;
  std::vector<DimBinding> bindings_;
  llvm::DenseMap<mlir::Value, HostTensor> values_;
  Seen seen_;
};

/// The same bits; any NaN is any other.
bool same(const HostTensor& a, const HostTensor& b) {
  if (same_bytes(a, b)) return true;
  if (a.type != b.type || !is_floating(a.type.dtype)) return false;
  for (std::int64_t i = 0; i < a.num_elements(); ++i) {
    const double x = element(a, i), y = element(b, i);
    if (!(std::isnan(x) && std::isnan(y)) && !(x == y && std::signbit(x) == std::signbit(y))) return false;
  }
  return true;
}

std::string text(mlir::ModuleOp module) {
  std::string s;
  llvm::raw_string_ostream(s) << module;
  return s;
}

unsigned num_ops(mlir::ModuleOp module) {
  unsigned n = 0;
  module.walk([&](mlir::Operation*) { ++n; });
  return n;
}

mlir::LogicalResult prune(mlir::ModuleOp module) {
  mlir::PassManager manager(module.getContext());
  manager.addPass(passes::createPrune());
  return manager.run(module);
}

/// Empty if prune keeps what `c` does; `fewer` counts the ops that went.
std::string problem(const Case& c, unsigned* fewer = nullptr) {
  compiler::LeasedContext context;
  ir::BlobTable blobs;
  auto module = ir::importGraph(c.graph, context.get(), blobs);
  context.spend(static_cast<unsigned>(c.graph.num_ops()));
  const unsigned before_ops = num_ops(*module);
  const std::string before_text = text(*module);
  const Seen before = Player(c, blobs).run(*module);
  if (failed(prune(*module)) || failed(mlir::verify(*module))) return "prune failed on\n" + before_text;
  if (fewer) *fewer = before_ops - std::min(before_ops, num_ops(*module));
  const Seen after = Player(c, blobs).run(*module);
  std::string why;
  if (before.events != after.events) why = "other prints or faults";
  for (std::size_t i = 0; i < before.results.size(); ++i)
    if (!same(before.results[i], after.results[i])) why = "output " + std::to_string(i) + " differs";
  return why.empty() ? why : why + "\n" + before_text + "\n" + text(*module);
}

}  // namespace

TEST_CASE("A pruned graph gives the same results, prints and faults") {
  const auto [first, last, only] = Seeds(500);
  unsigned gone = 0;
  for (std::uint64_t seed = first; seed < last; ++seed) {
    const Case c = random_case(seed, {.ops = 24});
    unsigned fewer = 0;
    if (problem(c, &fewer).empty()) {
      gone += fewer;
      continue;
    }
    const Case small = shrink(c.copy(), [](const Case& smaller) { return !problem(smaller).empty(); });
    FAIL("seed " << seed << ": " << problem(small));
  }
  INFO("ops that were dropped: " << gone);
  CHECK((only || gone > 0));  // else nothing was tried
}

TEST_CASE("What prune takes for the same is the same for zeros, infinities, NaN and the ends of each dtype") {
  Builder b;
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const HostTensor floats = tensor<float>({10}, {0.0f, -0.0f, inf, -inf, nan, 1e-42f, 1.5f, -3.7f, 3e9f, -1e20f});
  const HostTensor whole = tensor<std::int64_t>({8}, {0, -1, 1, 255, INT32_MIN, UINT32_MAX, INT64_MIN, INT64_MAX});
  const ValueId f = b.argument(floats.type, "f"), i = b.argument(whole.type, "i");
  for (float n : {0.0f, -0.0f, 1.0f, -1.0f})
    for (OpKind kind : {OpKind::add, OpKind::sub, OpKind::mul, OpKind::div, OpKind::max, OpKind::min}) {
      const ValueId c = b.constant(scalar(n)), d = b.constant(scalar(static_cast<std::int64_t>(n)));
      for (ValueId v : {b.op(kind, {f, c}), b.op(kind, {c, f}), b.op(kind, {i, d}), b.op(kind, {d, i})}) b.result(v);
    }
  for (ValueId x : {f, i}) {
    b.result(b.op(OpKind::neg, {b.op(OpKind::neg, {x})}));
    b.result(b.op(OpKind::max, {x, x}));
    for (OpKind kind : {OpKind::reduce_sum, OpKind::reduce_max})
      b.result(b.op(kind, {x}, {std::vector<std::int64_t>{}, false}));
    // Every way of three casts.
    for (Dtype first : every_dtype)
      for (Dtype second : every_dtype)
        for (Dtype third : every_dtype) {
          ValueId v = x;
          for (Dtype t : {first, second, third}) v = b.op(OpKind::cast, {v}, {t});
          b.result(v);
        }
  }
  unsigned fewer = 0;
  CHECK(problem({std::move(b.graph), {floats, whole}}, &fewer) == "");
  CHECK(fewer > 0);
}

TEST_CASE("A thousand ops in a row, and as many equal ones, are pruned") {
  Builder b;
  const ValueId x = b.argument({f32, {64}}, "x");
  for (int chain = 0; chain < 2; ++chain) {
    ValueId y = x;
    for (int i = 0; i < 1000; ++i) y = b.op(i % 2 ? OpKind::add : OpKind::mul, {y, x});
    b.result(y);
  }
  compiler::LeasedContext context;
  ir::BlobTable blobs;
  auto module = ir::importGraph(b.graph, context.get(), blobs);
  mlir::PassManager manager(context.get());
  manager.addPass(passes::createPrune());
  REQUIRE(succeeded(manager.run(*module)));
  CHECK(num_ops(*module) == 1003);
}
