// See Loops.h.
#include "compiler/codegen/null/Loops.h"

#include "compiler/codegen/loops/LoopLowering.h"
#include "compiler/codegen/loops/SmallLoop.h"
#include "compiler/ir/Types.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace burin::codegen::null {
using namespace mlir;

namespace {

Type stored(Type Scalar) { return Scalar.isInteger(1) ? IntegerType::get(Scalar.getContext(), 8) : Scalar; }

class NullBlock final : public LoopBlock {
public:
  /// `Elements`: of each buffer, as bodies have them.
  NullBlock(ImplicitLocOpBuilder &B, func::FuncOp Function, ArrayRef<Type> Elements)
      : LoopBlock(B), Function(Function), Elements(Elements) {}

  Value size(unsigned K) override { return Function.getArgument(static_cast<unsigned>(Elements.size()) + K); }
  Value differ(BufferNumber X, BufferNumber Y) override {
    auto address = [&](BufferNumber I) -> Value {
      return memref::ExtractAlignedPointerAsIndexOp::create(B, Function.getArgument(I));
    };
    return arith::CmpIOp::create(B, arith::CmpIPredicate::ne, address(X), address(Y));
  }
  Type held(Type Scalar) override { return Scalar; }
  Value load(BufferNumber From, Value At, const Lanes &, Type As) override {
    Value V = memref::LoadOp::create(B, Function.getArgument(From), ValueRange{place(At)});
    if (Elements[From].isInteger(1))
      return arith::CmpIOp::create(B, arith::CmpIPredicate::ne, V, number(V.getType(), 0));
    return V.getType() == As ? V : arith::ExtFOp::create(B, As, V).getResult();
  }
  void store(BufferNumber To, Value At, Value V, const Lanes &, Type) override {
    Type T = stored(Elements[To]);
    if (V.getType().isInteger(1)) V = arith::ExtUIOp::create(B, T, V);
    if (V.getType() != T) V = arith::TruncFOp::create(B, T, V);
    memref::StoreOp::create(B, V, Function.getArgument(To), ValueRange{place(At)});
  }
  void storeWords(BufferNumber To, Value At, ArrayRef<Value> Words, Value Size, const Lanes &L) override {
    for (auto [J, Word] : llvm::enumerate(Words)) {
      Value Here = add(At, static_cast<int64_t>(J));
      when(less(Here, Size),
           [&, W = Word] { store(To, Here, arith::TruncIOp::create(B, Elements[To], W), L, Elements[To]); });
    }
  }
  void copy(BufferNumber To, Value ToAt, BufferNumber From, Value FromAt, Value Count) override {
    loop(index(0), Count, [&](Value I) {
      Value V = memref::LoadOp::create(B, Function.getArgument(From), ValueRange{place(add(FromAt, I))});
      memref::StoreOp::create(B, V, Function.getArgument(To), ValueRange{place(add(ToAt, I))});
    });
  }
  Value splat(Value Scalar, const Lanes &) override { return Scalar; }
  Value counted(Value Start, const Lanes &) override { return Start; }
  Value repeat(Operation *Op, ArrayRef<Value> Operands) override {
    Operation *Copy = B.insert(Op->clone());
    Copy->setOperands(Operands);
    return Copy->getResult(0);
  }
  void faultAt(burin_rt_fault_kind Kind, int32_t Op, Value At, Value Found) override {
    Value Numbers[] = {arith::ConstantOp::create(B, B.getI32IntegerAttr(Kind)),
                       arith::ConstantOp::create(B, B.getI32IntegerAttr(Op)), At, Found};
    func::CallOp::create(B, "burin_fault", TypeRange{}, Numbers);
  }
  Value faulted() override {
    return func::CallOp::create(B, "burin_faulted", TypeRange{B.getI1Type()}, ValueRange{}).getResult(0);
  }
  void run(Value Count, int, Tail, function_ref<void(Value, const Lanes &)> Step) override {
    // The order is nobody's business: from the end, so that whoever relies on one is found.
    loop(index(0), Count, [&](Value I) { Step(sub(sub(Count, index(1)), I), Lanes{}); });
  }
  Value scan(Value Lo, Value Hi, Type As, bool Back, Term Each, Sums Out) override {
    return loop(index(0), sub(Hi, Lo), {number(As, 0)}, [&](Value I, ValueRange Before) -> Values {
      Value At = Back ? sub(sub(Hi, index(1)), I) : add(Lo, I), Through = addElements(Before[0], Each(At, Lanes{}));
      Out(At, Lanes{}, {Before[0], Through});
      return {Through};
    })[0];
  }

private:
  Value place(Value At) { return arith::IndexCastOp::create(B, B.getIndexType(), At); }
  func::FuncOp Function;
  SmallVector<Type> Elements;
};

class Writer {
public:
  Writer(const Kernel &Of, ArrayRef<Type> Elements)
      : Of(Of), Module(Of.Function->getParentOfType<ModuleOp>()), Elements(Elements),
        B(Of.Function->getLoc(), Module.getContext()) {
    B.setInsertionPointToEnd(Module.getBody());
    declare("burin_fault", B.getFunctionType({B.getI32Type(), B.getI32Type(), B.getI64Type(), B.getI64Type()}, {}));
    declare("burin_faulted", B.getFunctionType({}, {B.getI1Type()}));
  }
  /// A function of the buffers, the sizes and, if it is a block, its number; it gives what `Body` gives, if anything.
  void function(const std::string &Name, bool Block, bool Gives, function_ref<Value(NullBlock &, Value Block)> Body) {
    SmallVector<Type> Arguments;
    for (Type T : Elements) Arguments.push_back(MemRefType::get({ShapedType::kDynamic}, stored(T)));
    Arguments.append(Of.NumSizes + (Block ? 1 : 0), B.getI64Type());
    SmallVector<Type> Results(Gives ? 1 : 0, B.getI64Type());
    B.setInsertionPointToEnd(Module.getBody());
    auto Function = func::FuncOp::create(B, Name, B.getFunctionType(Arguments, Results));
    B.setInsertionPointToStart(Function.addEntryBlock());
    NullBlock Inside(B, Function, Elements);
    Value Made = Body(Inside, Block ? Value(Function.getArguments().back()) : Value());
    func::ReturnOp::create(B, Gives ? ValueRange(Made) : ValueRange());
  }
  /// Notes on the kernel how it is run.
  void finish(size_t NumPhases, ArrayRef<unsigned> Order) {
    func::FuncOp Function = Of.Function;
    Function->setAttr(phasesAttrName, B.getI64IntegerAttr(static_cast<int64_t>(NumPhases)));
    Function->setAttr(orderAttrName, B.getDenseI64ArrayAttr(SmallVector<int64_t>(Order.begin(), Order.end())));
  }

private:
  void declare(StringRef Name, FunctionType T) {
    if (!Module.lookupSymbol(Name)) func::FuncOp::create(B, Name, T).setPrivate();
  }
  const Kernel &Of;
  ModuleOp Module;
  SmallVector<Type> Elements;
  ImplicitLocOpBuilder B;
};

} // namespace

void writeLoops(const Kernel &Of, const LoopPlan &Plan) {
  LoopKernel Loops(Of, Plan);
  SmallVector<Type> Elements;
  for (unsigned I = 0; I < Loops.numBuffers(); ++I) Elements.push_back(Loops.element(I));
  SmallVector<unsigned> Order = Of.Order;
  if (Loops.hasWorkspace()) { // there is one worker
    Elements.push_back(Loops.workspaceElement());
    Order.push_back(Of.workspaceAt());
  }
  Writer W(Of, Elements);
  for (auto [I, Phase] : llvm::enumerate(Loops.phases())) {
    std::string Number = std::to_string(I);
    W.function(Of.Name + ".blocks" + Number, false, true, [&](NullBlock &E, Value) { return Phase.Blocks(E); });
    W.function(Of.Name + ".p" + Number, true, false, [&](NullBlock &E, Value Block) {
      Phase.Each(E, Block);
      return Value();
    });
  }
  W.finish(Loops.phases().size(), Order);
}

LogicalResult writeSmallLoop(const Kernel &Of) {
  SmallVector<Type> Elements = smallLoopElements(Of);
  Writer W(Of, Elements);
  LogicalResult Done = success();
  W.function(Of.Name + ".blocks0", false, true, [](NullBlock &E, Value) { return E.index(1); });
  W.function(Of.Name + ".p0", true, false, [&](NullBlock &E, Value) {
    Done = codegen::writeSmallLoop(Of, E);
    return Value();
  });
  W.finish(1, llvm::to_vector(llvm::seq<unsigned>(0, static_cast<unsigned>(Elements.size()))));
  return Done;
}

} // namespace burin::codegen::null
