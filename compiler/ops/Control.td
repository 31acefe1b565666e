//===- Control.td - ops with regions -----------------------------------------------------------------------------===//
// Their result types follow their regions (compiler/graph/graph.h says which shape each region has).
#ifndef BURIN_OPS_CONTROL_TD
#define BURIN_OPS_CONTROL_TD

include "compiler/ops/OpBase.td"

class Burin_RegionOp<string mnemonic> : Burin_Op<mnemonic> {
  let shapeRule = "regions";
  let reference = "regions";
  let lowering = "region";
  let registers = "no";
  let cheap = "no";
  let inplace = "none";
  let derivative = "none: it is differentiated while it is recorded";
  let batching = "custom";
  let effects = "none";
  let precision = "follow";
  let fusion = "barrier";
  let hidden = 1;
}

def Burin_IfOp : Burin_RegionOp<"if"> {
  let summary = "Runs one of two regions.";
  let description = [{Recorded by `cond`. Both regions yield values of the same types, which are the results.}];
  let math = "y = cond ? then() : otherwise()";
  let example = "Tensor y = cond(Tensor(true), [] { return Tensor(1.0f); }, [] { return Tensor(2.0f); });  // 1";
  let arguments = (ins In<"[]: which region">:$cond);
  let results = (outs Outs<"what the region yields">:$results);
  let regions = (region AnyRegion:$then, AnyRegion:$otherwise);
  let constraints_ = [C<"scalar", "cond has rank 0">, C<"region-types", "both regions yield the same types">];
  let dtypes = "bool -> none";
  let registers = "yes";
}

def Burin_WhileOp : Burin_RegionOp<"while"> {
  let version = 2;
  let summary = "Runs a region as long as a test holds.";
  let description = [{
    Recorded by `while_loop`. `test` takes the carried values and yields a bool[] and values; while it holds, `body` takes
    those values and yields the next carried ones. The results are what `test` handed on when it did not hold. One trip
    more than `max_trips` is a fault, and the loop ends there.
  }];
  let math = "while (again, v) = test(c), again: c = body(v); y = v";
  let example = "Tensor i = 0;\nwhile_loop([&] { return i < 10; }, [&] { i = i + 3; });  // i is 12";
  let arguments = (ins Ins<"[...]: what is carried at first">:$inits,
                       Arg<Burin_DimListAttr, "how often the body runs at most, or nothing: no bound">:$max_trips,
                       Arg<Burin_FlagAttr, "the test fails by then of itself, so nothing has to count">:$certain);
  let results = (outs Outs<"what `test` handed on at last">:$results);
  let regions = (region AnyRegion:$test, AnyRegion:$body);
  let constraints_ = [C<"region-types", "body yields the types that test takes">];
  let dtypes = "each -> none";
  let registers = "yes";
}

def Burin_RematOp : Burin_RegionOp<"remat"> {
  let summary = "Runs a region whose derivative computes it again rather than keeping what it made.";
  let description = [{
    Recorded by `remat`. The region takes the operands and reads nothing else. Compiled, it stands where the op stood.
  }];
  let math = "y = body(x)";
  let example = "Tensor y = remat([](const Tensor& x) { return x * x; })(Tensor(3.0f));  // 9";
  let arguments = (ins Ins<"[...]: what the region takes">:$operands);
  let results = (outs Outs<"what the region yields">:$results);
  let regions = (region AnyRegion:$body);
  let constraints_ = [C<"region-types", "the region takes the operands' types and yields the results'">];
  let dtypes = "each -> none";
}

def Burin_CustomGradientOp : Burin_RegionOp<"custom_gradient"> {
  let summary = "Runs a region that brings its derivative, a second region.";
  let description = [{
    Recorded by `custom_gradient`. `body` takes the operands. `backward` takes the operands, the results and a cotangent for
    each floating result, and yields a cotangent for each floating operand among the first `arguments`; it is no part of what
    is compiled. Neither region reads anything else.
  }];
  let math = "y = body(x); the cotangent of x is backward(x, y, that of y)";
  let example = "auto f = custom_gradient([](const Tensor& x) { return x; }, [](const Tensor&, const Tensor&, const Tensor& w) { return -w; });\nTensor y = f(Tensor(3.0f));  // 3";
  let arguments = (ins Ins<"[...]: what the regions take">:$operands,
                       Arg<Burin_IntAttr, "how many of the operands are arguments; the others are captured">:$arguments);
  let results = (outs Outs<"what `body` yields">:$results);
  let regions = (region AnyRegion:$body, AnyRegion:$backward);
  let constraints_ = [C<"region-types", "the regions take and yield what the description says">];
  let dtypes = "each -> none";
}

def Burin_AfterOp : Burin_Op<"after"> {
  let summary = "Gives a tensor, but not before another one is known.";
  let description = [{
    What is computed from its result is not merged with what was computed from x: the derivative of `remat` computes again
    from it. No work is done for it.
  }];
  let math = "y = x";
  let example = "Tensor y = grad(remat([](const Tensor& x) { return x * x; }))(Tensor(3.0f));  // 6";
  let arguments = (ins In<"[...]">:$x, In<"[...]: what is waited for">:$token);
  let results = (outs Out<"x's shape">:$result);
  let constraints_ = [];
  let unconstrained = 1;
  let dtypes = "any, each";
  let shapeRule = "shape_rules::after";
  let reference = "kernel: reference::after";
  let lowering = "host";
  let registers = "no";
  let cheap = "no";
  let inplace = "none";
  let derivative = "custom";
  let batching = "custom";
  let effects = "none";
  let precision = "follow";
  let fusion = "shape";
  let hidden = 1;
}

#endif
