//===- IROps.td - what the dialect has beside the catalogue ------------------------------------------------------===//
// Attributes that carry sizes and blob digests, and the ops that passes form around catalogue ops. An op of the
// catalogue never stands here: those are in compiler/ops.
#ifndef BURIN_IR_IROPS_TD
#define BURIN_IR_IROPS_TD

include "compiler/ops/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/IR/TensorEncoding.td"

class Burin_Attr<string name, string mnemonic_, list<Trait> traits = []> : AttrDef<Burin_Dialect, name, traits> {
  let mnemonic = mnemonic_;
  let hasCustomAssemblyFormat = 1;
}

def Burin_DimsAttr : Burin_Attr<"Dims", "dims", [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "A list of sizes, numbers or expressions over named sizes: `#burin.dims<[128, \"batch\"]>`.";
  let description = [{
    The encoding of tensor types whose sizes are not all numbers, and the value of attributes of kind `dim_list`. Holds
    the words of `burin::Dim`, which are interned for the life of the process.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$words);
  let extraClassDeclaration = [{
    static DimsAttr get(::mlir::MLIRContext *context, ::llvm::ArrayRef<::burin::Dim> dims);
    unsigned size() const { return getWords().size(); }
    ::burin::Dim dim(unsigned i) const { return ::burin::Dim::from_word(getWords()[i]); }
  }];
}

def Burin_BlobAttr : Burin_Attr<"Blob", "blob"> {
  let summary = "A constant above 64 elements, known by digest: `#burin.blob<\"00ff…\" : tensor<100xf32>>`.";
  let description = [{
    Attributes live as long as their context, so large elements never become one: they stay in reference-counted
    buffers that the compile session finds by digest, and reach the program as an argument.
  }];
  let parameters = (ins "uint64_t":$high, "uint64_t":$low, "::mlir::RankedTensorType":$type);
}

def Burin_YieldOp : Op<Burin_Dialect, "yield", [Pure, ReturnLike, Terminator]> {
  let summary = "Ends a region and hands its values to the op around it.";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

def Burin_FusionOp : Op<Burin_Dialect, "fusion", [IsolatedFromAbove, SingleBlock, RecursiveMemoryEffects]> {
  let summary = "A region that becomes one kernel.";
  let description = [{
    The block has one argument for each operand and yields the results. `name` is what the kernel is called in
    profiles: the ops that it holds.
  }];
  let arguments = (ins Variadic<Burin_Tensor>:$inputs, StrAttr:$name);
  let results = (outs Variadic<Burin_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Burin_LaunchOp : Op<Burin_Dialect, "launch", [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Runs a kernel function on tensors.";
  let description = [{
    `sizes` are the values of the kernel's trailing index arguments. Kernels stand in the module `@kernels`.
  }];
  let arguments = (ins Variadic<Burin_Tensor>:$inputs, FlatSymbolRefAttr:$kernel, Burin_DimListAttr:$sizes,
                       UnitAttr:$may_fault);
  let results = (outs Variadic<Burin_Tensor>:$results);
  let assemblyFormat = [{
    $kernel `(` $inputs `)` `sizes` $sizes (`may_fault` $may_fault^)? attr-dict `:` functional-type($inputs, $results)
  }];
}

#endif
