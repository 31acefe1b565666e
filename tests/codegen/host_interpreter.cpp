// The host program without its code: passes make it, the interpreter walks it, and the referee plays every kernel, on the
// catalogue ops that outline-kernels left. So fusion and memory plan are tried apart from code generation.
#include "compiler/codegen/host/HostInterpreter.h"
#include "compiler/driver/ContextPool.h"
#include "compiler/ir/Import.h"
#include "passes/Passes.h"

#include "tests/support/graphs.h"
#include "tests/support/random_graph.h"
#include "tests/support/seeds.h"

#include "mlir/Pass/PassManager.h"

using namespace burin;
using namespace burin::test;

namespace {

/// Runs a kernel function op by op, loops included. Inputs and results are memory; sizes are known by then.
class Player {
 public:
  using Fault = std::function<void(burin_rt_fault_kind, std::int32_t op, std::int64_t index, std::int64_t value)>;
  Player(mlir::func::FuncOp kernel, std::span<const std::int64_t> sizes, const Fault& fault)
      : kernel_(kernel),
        names_(kernel->getAttrOfType<ir::DimsAttr>(ir::kernelSizesAttrName)),
        sizes_(sizes),
        fault_(fault) {}

  mlir::LogicalResult run(std::span<void* const> buffers) {
    unsigned next = 0;
    for (mlir::BlockArgument argument : kernel_.getArguments()) {
      if (argument.getType().isIndex()) continue;
      HostTensor t{*ir::toTensorType(argument.getType()), {}};
      for (std::size_t d = 0; d < t.type.shape.size(); ++d) t.type.shape[d] = known(t.type.shape[d]);
      t.buffer = Buffer::adopt(buffers[next++], t.num_bytes(), [] {});
      values_[argument] = t;
    }
    if (failed(run(kernel_.getBody().front()))) return mlir::failure();
    for (mlir::Value v : kernel_.getBody().front().getTerminator()->getOperands()) {
      const HostTensor& tensor = values_[v];
      std::memcpy(buffers[next++], tensor.buffer.data(), static_cast<std::size_t>(tensor.num_bytes()));
    }
    return mlir::success();
  }

 private:
  Dim known(Dim d) const {
    for (unsigned k = 0; k < names_.size(); ++k)
      if (d == names_.dim(k)) return sizes_[k];
    return d;
  }
  std::vector<HostTensor> all(mlir::ValueRange values) {
    std::vector<HostTensor> tensors;
    for (mlir::Value v : values) tensors.push_back(values_[v]);
    return tensors;
  }
  template <class Values> void bind(Values&& to, const std::vector<HostTensor>& tensors) {
    for (auto [v, t] : llvm::zip(to, tensors)) values_[v] = t;
  }

  mlir::LogicalResult run(mlir::Block& block) {
    for (mlir::Operation& op : block.without_terminator())
      if (failed(mlir::isa<ir::WhileOp>(op) ? loop(op) : mlir::isa<ir::IfOp>(op) ? branch(op) : step(op)))
        return mlir::failure();
    return mlir::success();
  }

  mlir::LogicalResult step(mlir::Operation& op) {
    const OpInfo& info = *ir::catalogueInfo(&op);
    auto attributes = ir::toAttributes(&op, info, true);
    for (Attribute& a : *attributes)
      if (auto* dims = std::get_if<std::vector<Dim>>(&a))
        for (Dim& d : *dims) d = known(d);
    auto made = run_reference(info.kind, all(op.getOperands()), *attributes);
    if (!made) return op.emitError(made.error().text());
    bind(op.getResults(), *made);
    return mlir::success();
  }

  mlir::LogicalResult branch(mlir::Operation& op) {
    mlir::Block& taken = op.getRegion(*values_[op.getOperand(0)].data<std::uint8_t>() ? 0 : 1).front();
    if (failed(run(taken))) return mlir::failure();
    bind(op.getResults(), all(taken.getTerminator()->getOperands()));
    return mlir::success();
  }

  mlir::LogicalResult loop(mlir::Operation& op) {
    mlir::Block &test = op.getRegion(0).front(), &body = op.getRegion(1).front();
    auto bound = mlir::cast<ir::DimsAttr>(op.getAttr("max_trips"));
    bind(test.getArguments(), all(op.getOperands()));
    for (std::int64_t trips = 0;; ++trips) {
      if (failed(run(test))) return mlir::failure();
      auto handed = all(test.getTerminator()->getOperands());
      const bool again = *handed.front().data<std::uint8_t>() != 0;
      handed.erase(handed.begin());
      const bool exceeds = again && bound.size() != 0 && trips >= known(bound.dim(0)).value();
      if (exceeds)
        fault_(BURIN_RT_FAULT_TRIP_COUNT,
               static_cast<std::int32_t>(op.getAttrOfType<mlir::IntegerAttr>(ir::opAttrName).getInt()), 0,
               known(bound.dim(0)).value());
      if (!again || exceeds) {
        bind(op.getResults(), handed);
        return mlir::success();
      }
      bind(body.getArguments(), handed);
      if (failed(run(body))) return mlir::failure();
      bind(test.getArguments(), all(body.getTerminator()->getOperands()));
    }
  }

  mlir::func::FuncOp kernel_;
  ir::DimsAttr names_;
  std::span<const std::int64_t> sizes_;
  const Fault& fault_;
  llvm::DenseMap<mlir::Value, HostTensor> values_;
};

struct Played {
  codegen::host::HostStatus status = codegen::host::HostStatus::failed;
  std::string errors;
  std::vector<HostTensor> outputs;
  std::vector<burin_rt_fault> faults;
};

Played play(const Case& c, bool single) {
  Played played;
  compiler::LeasedContext context;
  context.spend(static_cast<unsigned>(c.graph.num_ops()) + 20);
  mlir::ScopedDiagnosticHandler handler(context.get(), [&](mlir::Diagnostic& d) {
    if (d.getSeverity() == mlir::DiagnosticSeverity::Error) played.errors += d.str() + "\n";
    return mlir::success();
  });
  ir::BlobTable blobs;
  auto module = ir::importGraph(c.graph, context.get(), blobs);
  mlir::PassManager manager(context.get());
  if (!single) manager.addPass(passes::createPrune());
  manager.addPass(passes::createFuseKernels({single, false}));
  manager.addPass(passes::createOutlineKernels());
  manager.addPass(passes::createPlanMemory());
  if (failed(manager.run(*module))) return played;
  auto entry = module->lookupSymbol<mlir::func::FuncOp>(ir::entryName);
  auto kernels = module->lookupSymbol<mlir::ModuleOp>(ir::kernelsModuleName);

  std::vector<std::int64_t> sizes;
  std::vector<DimBinding> bindings;
  std::vector<std::string> names = c.graph.size_names();
  for (const std::string& name : names)
    for (std::size_t i = 0, found = 0; i < c.inputs.size() && !found; ++i) {
      const Shape& shape = c.graph.type(c.graph.inputs()[i].value).shape;
      for (std::size_t d = 0; d < shape.size() && !found; ++d)
        if (shape[d] == Dim(name))
          found = 1, sizes.push_back(c.inputs[i].type.shape[d].value()), bindings.push_back({name, sizes.back()});
    }
  std::vector<void*> buffers;
  for (const HostTensor& input : c.inputs) buffers.push_back(const_cast<void*>(input.buffer.data()));
  if (auto order = entry->getAttrOfType<mlir::ArrayAttr>(ir::blobsAttrName))
    for (auto blob : order.getAsRange<ir::BlobAttr>())
      buffers.push_back(
          const_cast<void*>(blobs.blobs()[static_cast<std::size_t>(blobs.find(blob))]->value.buffer.data()));
  for (const Output& output : c.graph.outputs()) {
    HostTensor t{c.graph.type(output.value), {}};
    for (std::size_t d = 0; d < t.type.shape.size(); ++d) t.type.shape[d] = substitute(t.type.shape[d], bindings);
    t.buffer = Buffer::allocate(t.num_bytes());
    buffers.push_back(t.buffer.mutable_data());
    played.outputs.push_back(t);
  }
  codegen::host::HostMachine machine;
  machine.launch = [&](llvm::StringRef name, std::span<void* const> b, std::span<const std::int64_t> s) {
    return Player(kernels.lookupSymbol<mlir::func::FuncOp>(name), s, machine.fault).run(b);
  };
  machine.faulted = [&] { return !played.faults.empty(); };
  machine.fault = [&](burin_rt_fault_kind kind, std::int32_t op, std::int64_t index, std::int64_t value) {
    played.faults.push_back({kind, op, index, value});
  };
  played.status = codegen::host::interpretHostProgram(entry, buffers, sizes, machine);
  return played;
}

std::string problem(const Case& c, bool single) {
  auto expected = reference(c);
  if (!expected) return expected.error().text();
  if (!expected->decided) return {};
  Played played = play(c, single);
  if (played.status != codegen::host::HostStatus::done) return "failed: " + played.errors;
  return difference(*expected, played.outputs);
}

}  // namespace

TEST_CASE("Random graphs run through passes and memory plan as the referee has them") {
  const Seeds seeds(500);
  for (bool single : {false, true})
    for (std::uint64_t seed = seeds.first; seed < seeds.last; ++seed) {
      Case c = random_case(seed);
      if (problem(c, single).empty()) continue;
      Case small = shrink(c.copy(), [&](const Case& smaller) { return !problem(smaller, single).empty(); });
      FAIL("seed " << seed << (single ? ", one op a kernel: " : ", fused: ") << problem(small, single) << "\n"
                   << test::to_string(small));
    }
}

TEST_CASE("A host program stops a loop at its bound") {
  // Doubles x until it is 100 or more, in at most n trips, where n is the size of a second argument.
  Builder b;
  const ValueId x = b.argument({Dtype::f32, {}}, "x");
  b.result(b.argument({Dtype::f32, {"n"}}, "like"));
  const ValueId limit = b.constant(scalar(100.0f));
  using Values = std::vector<ValueId>;
  b.result(b.loop(
      {x}, [&](Values v) { return Values{b.op(OpKind::less, {v[0], limit}), v[0]}; },
      [&](Values v) { return Values{b.op(OpKind::add, {v[0], v[0]})}; }, Dim("n"))[0]);
  REQUIRE(verify(b.graph));
  auto loop = static_cast<std::int32_t>(b.graph.num_ops() - 1);
  for (bool single : {false, true}) {
    Case fits{b.graph.copy(), {scalar(20.0f), tensor<float>({3}, {0, 0, 0})}};
    Played played = play(fits, single);
    CHECK(played.status == codegen::host::HostStatus::done);
    CHECK(*played.outputs[1].data<float>() == 160);
    CHECK(played.faults.empty());

    Case exceeds{b.graph.copy(), {scalar(20.0f), tensor<float>({2}, {0, 0})}};
    played = play(exceeds, single);
    CHECK(played.status == codegen::host::HostStatus::faulted);
    REQUIRE(played.faults.size() == 1);
    CHECK(played.faults[0].kind == BURIN_RT_FAULT_TRIP_COUNT);
    CHECK(played.faults[0].op == loop);
    CHECK(played.faults[0].value == 2);
  }
}
