//===- Random.td - ops that make random numbers ------------------------------------------------------------------===//
// Stateless: the same key and counter give the same bits on every device and in every mode.
#ifndef BURIN_OPS_RANDOM_TD
#define BURIN_OPS_RANDOM_TD

include "compiler/ops/OpBase.td"

def Burin_RandomBitsOp : Burin_Op<"random_bits"> {
  let summary = "Makes random bits, by Philox 4x32-10, from a key and a counter.";
  let description = [{
    Element i is word i mod 4 of the block whose counter is `counter` with i div 4 added to its first two words taken as one
    64-bit number, low word first. (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3. SC 2011.)
  }];
  let math = "y[i] = Philox4x32-10(counter + ⌊i / 4⌋, key)[i mod 4]";
  let example = "Tensor key(std::vector<std::uint32_t>{1, 2});\nTensor counter(std::vector<std::uint32_t>{0, 0, 0, 0});\nTensor y = random_bits(key, counter, {3});";
  let arguments = (ins In<"[2]">:$key, In<"[4]">:$counter, Arg<Burin_DimListAttr, "the result's shape">:$shape);
  let results = (outs Out<"`shape`">:$result);
  let constraints_ = [C<"shape-mismatch", "key is u32[2] and counter is u32[4]">,
                      C<"negative-size", "no size is negative">];
  let dtypes = "u32 -> u32";
  let shapeRule = "shape_rules::random_bits";
  let reference = "kernel: reference::random_bits";
  let lowering = "loops";
  let registers = "no";
  let cheap = "no";
  let inplace = "none";
  let derivative = "none: its result is bits";
  let batching = "custom";
  let effects = "none";
  let precision = "follow";
  let fusion = "barrier";
}

#endif
