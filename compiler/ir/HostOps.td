//===- HostOps.td - the host program: a graph after plan-memory, on buffers ---------------------------------------===//
// What runs between kernels: launches, copies, reads of host scalars (for scf.if and scf.while), prints, fault checks.
// Sizes are `#burin.dims` expressions over the entry's named sizes, evaluated where they are used; there is no size
// arithmetic in SSA form. Nothing here knows a device or a tensor type.
#ifndef BURIN_IR_HOSTOPS_TD
#define BURIN_IR_HOSTOPS_TD

include "compiler/ops/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"

def BurinHost_Dialect : Dialect {
  let name = "burin_host";
  let cppNamespace = "::burin::ir::host";
  let summary = "The host program: launches and copies on buffers, between scf on host scalars.";
  let useDefaultTypePrinterParser = 1;
}

def BurinHost_BufferType : TypeDef<BurinHost_Dialect, "Buffer"> {
  let mnemonic = "buffer";
  let summary = "An address in the device's memory, 64-byte aligned unless it is the caller's.";
}

class BurinHost_Op<string mnemonic, list<Trait> traits = []> : Op<BurinHost_Dialect, mnemonic, traits>;
class Dim<string text> : Arg<Burin_DimListAttr, text>;

def BurinHost_SlotOp : BurinHost_Op<"slot", [Pure]> {
  let summary = "A place in the call's arena: one offset and a number of bytes.";
  let arguments = (ins Dim<"the byte offset, a multiple of 64">:$offset, Dim<"bytes">:$bytes);
  let results = (outs BurinHost_BufferType:$buffer);
  let assemblyFormat = "`at` $offset `bytes` $bytes attr-dict";
}

def BurinHost_WorkspaceOp : BurinHost_Op<"workspace", [Pure]> {
  let summary = "A place in the memory that launches use by turns, behind the arena's slots.";
  let arguments = (ins Dim<"the byte offset, a multiple of 64">:$offset);
  let results = (outs BurinHost_BufferType:$buffer);
  let assemblyFormat = "`at` $offset attr-dict";
}

def BurinHost_BytesOp : BurinHost_Op<"bytes", [Pure]> {
  let summary = "Elements that are known at compile time, in read-only memory.";
  let arguments = (ins ElementsAttr:$value);
  let results = (outs BurinHost_BufferType:$buffer);
  let assemblyFormat = "$value attr-dict";
}

def BurinHost_LaunchOp : BurinHost_Op<"launch", [AttrSizedOperandSegments]> {
  let summary = "Runs a kernel: buffers are its inputs, then its results, then its workspace.";
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<BurinHost_BufferType>:$inputs,
                       Variadic<BurinHost_BufferType>:$outputs, Variadic<BurinHost_BufferType>:$workspace,
                       Dim<"size operands of the kernel">:$sizes);
  let assemblyFormat = [{
    $kernel `(` $inputs `)` `->` `(` $outputs `)` (`workspace` `(` $workspace^ `:` type($workspace) `)`)? `sizes` $sizes
    attr-dict `:` type($inputs) `to` type($outputs)
  }];
}

def BurinHost_CopyOp : BurinHost_Op<"copy"> {
  let summary = "Copies bytes; the ranges are equal or do not overlap.";
  let arguments = (ins BurinHost_BufferType:$from, BurinHost_BufferType:$to, Dim<"bytes">:$bytes);
  let assemblyFormat = "$from `to` $to `bytes` $bytes attr-dict";
}

def BurinHost_ExchangeOp : BurinHost_Op<"exchange"> {
  let summary = "Exchanges the bytes of two ranges that do not overlap.";
  let arguments = (ins BurinHost_BufferType:$a, BurinHost_BufferType:$b, Dim<"bytes">:$bytes);
  let assemblyFormat = "$a `with` $b `bytes` $bytes attr-dict";
}

def BurinHost_LoadOp : BurinHost_Op<"load"> {
  let summary = "Reads a bool[] as a host scalar.";
  let arguments = (ins BurinHost_BufferType:$from);
  let results = (outs I1:$value);
  let assemblyFormat = "$from attr-dict";
}

def BurinHost_FaultedOp : BurinHost_Op<"faulted"> {
  let summary = "Whether a fault was recorded: the loops of a program that may fault ask before each test.";
  let description = [{
    The first fault in program order is the one of the least op number, except across trips of a loop. So a loop ends
    with the trip that faulted, and none of what would have been later trips can take that fault's place.
  }];
  let results = (outs I1:$value);
  let assemblyFormat = "attr-dict";
}

def BurinHost_BoundOp : BurinHost_Op<"bound"> {
  let summary = "Holds a loop to its bound: `again`, unless `trips` are as many as allowed. That is a fault of op number `op`.";
  let arguments = (ins I1:$again, I64:$trips, Dim<"trips allowed">:$most, I32Attr:$op);
  let results = (outs I1:$value);
  let assemblyFormat = "$again `after` $trips `trips` `of` $most `op` $op attr-dict";
}

def BurinHost_PrintOp : BurinHost_Op<"print"> {
  let summary = "Prints a tensor through the process's sink, in program order.";
  let arguments = (ins BurinHost_BufferType:$from, StrAttr:$label, TypeAttr:$dtype, Dim<"the shape">:$shape);
  let assemblyFormat = "$from $label $dtype $shape attr-dict";
}

def BurinHost_CheckFaultsOp : BurinHost_Op<"check_faults"> {
  let summary = "Ends the program with BURIN_RT_FAULT if a fault was recorded: nothing after it has happened.";
  let assemblyFormat = "attr-dict";
}

#endif
