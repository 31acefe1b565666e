// burin_rt_ctx as seen from generated code: constant offsets, which burin_rt checks where it is built.
#include "compiler/codegen/host/ContextAbi.h"

#include "runtime/core/abi.h"

namespace burin::codegen::host {
using namespace mlir;
namespace abi = burin::rt::abi;

namespace rt {
namespace {

Type pointer(Emitter &E) { return LLVM::LLVMPointerType::get(E.B.getContext()); }

Value member(Emitter &E, Value Of, int64_t Offset) { return E.address(Buffer(Of, E.B.getI8Type()), E.index(Offset)); }

/// Calls the function whose pointer stands at `Offset` of the context's table, with Ctx as first argument.
Value call(Emitter &E, Value Ctx, int64_t Offset, Type Result, ArrayRef<Value> Arguments) {
  Value Table = LLVM::LoadOp::create(E.B, pointer(E), member(E, Ctx, abi::functions), 8);
  Value Function = LLVM::LoadOp::create(E.B, pointer(E), member(E, Table, Offset), 8);
  SmallVector<Value> Operands{Function, Ctx};
  Operands.append(Arguments.begin(), Arguments.end());
  SmallVector<Type> Types;
  for (Value V : ArrayRef(Operands).drop_front()) Types.push_back(V.getType());
  auto Call = LLVM::CallOp::create(E.B, LLVM::LLVMFunctionType::get(Result, Types), Operands);
  Call.setNoUnwind(true);
  return isa<LLVM::LLVMVoidType>(Result) ? Value() : Call.getResult();
}

Value constant32(Emitter &E, int32_t V) { return LLVM::ConstantOp::create(E.B, E.B.getI32Type(), V); }

} // namespace

Value numThreads(Emitter &E, Value Ctx) {
  Value N = LLVM::LoadOp::create(E.B, E.B.getI32Type(), member(E, Ctx, abi::num_threads), 4);
  return LLVM::ZExtOp::create(E.B, E.B.getI64Type(), N);
}

Value worker(Emitter &E, Value Ctx) { return call(E, Ctx, abi::worker, E.B.getI64Type(), {}); }

Value arena(Emitter &E, Value Ctx, Value Bytes) { return call(E, Ctx, abi::arena, pointer(E), {Bytes}); }

void faultAt(Emitter &E, Value Ctx, int32_t Kind, int32_t Op, Value Index, Value Faulty) {
  faultAt(E, Ctx, Kind, constant32(E, Op), Index, Faulty);
}

void faultAt(Emitter &E, Value Ctx, int32_t Kind, Value Op, Value Index, Value Faulty) {
  call(E, Ctx, abi::fault_at, LLVM::LLVMVoidType::get(E.B.getContext()), {constant32(E, Kind), Op, Index, Faulty});
}

void parallelFor(Emitter &E, Value Ctx, StringRef Kernel, Value Buffers, Value Sizes, Value Blocks, Value Grain) {
  Value Function = LLVM::AddressOfOp::create(E.B, pointer(E), Kernel);
  call(E, Ctx, abi::parallel_for, LLVM::LLVMVoidType::get(E.B.getContext()), {Function, Buffers, Sizes, Blocks, Grain});
}

void print(Emitter &E, Value Ctx, Value Label, int64_t LabelSize, int32_t Dtype, int32_t Rank, Value Shape,
           Value Data) {
  call(E, Ctx, abi::print, LLVM::LLVMVoidType::get(E.B.getContext()),
       {Label, E.index(LabelSize), constant32(E, Dtype), constant32(E, Rank), Shape, Data});
}

void refuse(Emitter &E, Value Ctx, Value What, Value Bytes, Value Total) {
  auto put = [&](Value V, int64_t Offset) { LLVM::StoreOp::create(E.B, V, member(E, Ctx, Offset), 8); };
  put(Total, abi::fault_index);
  put(Bytes, abi::fault_value);
  put(What, abi::refused);
}

Value faulted(Emitter &E, Value Ctx) {
  Value Kind = LLVM::LoadOp::create(E.B, E.B.getI32Type(), member(E, Ctx, abi::fault_kind), 4);
  return E.compare(LLVM::ICmpPredicate::ne, Kind, constant32(E, BURIN_RT_FAULT_NONE));
}

} // namespace rt

} // namespace burin::codegen::host
