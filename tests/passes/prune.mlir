// What --prune removes, what it must leave, and that merged ops keep both lines.
// RUN: burin-opt %s --split-input-file --prune | FileCheck %s
// RUN: burin-opt %s --split-input-file --prune --mlir-print-debuginfo | FileCheck %s --check-prefix=LINES

// Subtracting zero and multiplying by one change nothing; adding +0 would turn -0 into 0, so it stays.
// CHECK-LABEL: @identities(
// CHECK-SAME:    %[[X:.+]]: tensor<4xf32>)
// CHECK-NOT:     burin.sub
// CHECK-NOT:     burin.mul
// CHECK:         %[[R:.+]] = burin.add %[[X]], %{{.+}} :
// CHECK:         return %[[R]]
func.func @identities(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = burin.constant {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %one = burin.constant {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %0 = burin.sub %x, %zero : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = burin.mul %0, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = burin.add %1, %zero : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

// -----

// Integers have one zero.
// CHECK-LABEL: @integer_zero(
// CHECK-SAME:    %[[X:.+]]: tensor<4xi32>)
// CHECK-NEXT:    return %[[X]]
func.func @integer_zero(%x: tensor<4xi32>) -> tensor<4xi32> {
  %zero = burin.constant {value = dense<0> : tensor<i32>} : () -> tensor<i32>
  %0 = burin.add %x, %zero : (tensor<4xi32>, tensor<i32>) -> tensor<4xi32>
  return %0 : tensor<4xi32>
}

// -----

// A neutral operand that broadcasts decides the shape: the op stays.
// CHECK-LABEL: @shape_matters(
// CHECK:         burin.mul
func.func @shape_matters(%x: tensor<1xf32>) -> tensor<4xf32> {
  %one = burin.constant {value = dense<1.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %0 = burin.mul %x, %one : (tensor<1xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// Small constants are folded by the referee.
// CHECK-LABEL: @folded(
// CHECK-NEXT:    %[[C:.+]] = burin.constant {value = dense<[3.000000e+00, 5.000000e+00]> : tensor<2xf32>}
// CHECK-NEXT:    return %[[C]]
func.func @folded() -> tensor<2xf32> {
  %a = burin.constant {value = dense<[1.0, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %b = burin.constant {value = dense<[2.0, 3.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = burin.add %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// Equal ops are merged, in regions with those around them too; the one that is left has both lines.
// CHECK-LABEL: @merged(
// CHECK:         %[[E:.+]] = burin.exp
// CHECK-NOT:     burin.exp
// CHECK:         burin.add %[[E]], %[[E]]
// LINES-LABEL: @merged(
// LINES:         burin.exp {{.+}} loc(#[[FUSED:.+]])
// LINES-DAG:   #[[A:.+]] = loc("model.cpp":3:4)
// LINES-DAG:   #[[B:.+]] = loc("model.cpp":5:6)
// LINES:       #[[FUSED]] = loc(fused[#[[A]], #[[B]]])
func.func @merged(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = burin.exp %x : (tensor<4xf32>) -> tensor<4xf32> loc("model.cpp":3:4)
  %1 = burin.exp %x : (tensor<4xf32>) -> tensor<4xf32> loc("model.cpp":5:6)
  %2 = burin.add %0, %1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

// -----

// Unused ops go, but not one that may fault or print.
// CHECK-LABEL: @unused(
// CHECK-NOT:     burin.exp
// CHECK:         burin.gather
// CHECK-NEXT:    burin.print
// CHECK-NEXT:    return
func.func @unused(%x: tensor<4xf32>, %i: tensor<2xi64>) -> tensor<4xf32> {
  %0 = burin.exp %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = burin.gather %x, %i {axis = 0 : i64, burin.op = 1 : i32} : (tensor<4xf32>, tensor<2xi64>) -> tensor<2xf32>
  burin.print %x {label = "x"} : (tensor<4xf32>) -> ()
  return %x : tensor<4xf32>
}

// -----

// A known condition: the branch takes the place of the `if`.
// CHECK-LABEL: @known_branch(
// CHECK-SAME:    %[[X:.+]]: tensor<4xf32>)
// CHECK-NEXT:    %[[E:.+]] = burin.exp %[[X]]
// CHECK-NEXT:    return %[[E]]
func.func @known_branch(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = burin.constant {value = dense<true> : tensor<i1>} : () -> tensor<i1>
  %0 = burin.if %c : (tensor<i1>) -> tensor<4xf32> {
    %1 = burin.exp %x : (tensor<4xf32>) -> tensor<4xf32>
    burin.yield %1 : tensor<4xf32>
  } {
    burin.yield %x : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}

// -----

// The second result of the branch and what computes it go; the first stays.
// CHECK-LABEL: @branch_results(
// CHECK:         %[[R:.+]] = burin.if %{{.+}} : (tensor<i1>) -> tensor<4xf32> {
// CHECK-NEXT:      burin.exp
// CHECK-NEXT:      burin.yield %{{.+}} : tensor<4xf32>
// CHECK-NOT:     burin.log
// CHECK:         return %[[R]]
func.func @branch_results(%c: tensor<i1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %0:2 = burin.if %c : (tensor<i1>) -> (tensor<4xf32>, tensor<4xf32>) {
    %1 = burin.exp %x : (tensor<4xf32>) -> tensor<4xf32>
    %2 = burin.log %x : (tensor<4xf32>) -> tensor<4xf32>
    burin.yield %1, %2 : tensor<4xf32>, tensor<4xf32>
  } {
    burin.yield %x, %x : tensor<4xf32>, tensor<4xf32>
  }
  return %0#0 : tensor<4xf32>
}

// -----

// A carried value that only feeds itself goes, with what computes it; the count that ends the loop stays.
// CHECK-LABEL: @carried(
// CHECK:         burin.while %{{.+}} {certain = false, max_trips = #burin.dims<[]>} : (tensor<i32>) -> tensor<i32> with (%{{.+}}: tensor<i32>) {
// CHECK-NOT:     burin.exp
// CHECK:         return
func.func @carried(%n: tensor<i32>, %x: tensor<4xf32>) -> tensor<i32> {
  %0:2 = burin.while %n, %x {certain = false, max_trips = #burin.dims<[]>} : (tensor<i32>, tensor<4xf32>) -> (tensor<i32>, tensor<4xf32>) with (%i: tensor<i32>, %v: tensor<4xf32>) {
    %ten = burin.constant {value = dense<10> : tensor<i32>} : () -> tensor<i32>
    %again = burin.less %i, %ten : (tensor<i32>, tensor<i32>) -> tensor<i1>
    burin.yield %again, %i, %v : tensor<i1>, tensor<i32>, tensor<4xf32>
  } with (%i: tensor<i32>, %v: tensor<4xf32>) {
    %one = burin.constant {value = dense<1> : tensor<i32>} : () -> tensor<i32>
    %next = burin.add %i, %one : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %grown = burin.exp %v : (tensor<4xf32>) -> tensor<4xf32>
    burin.yield %next, %grown : tensor<i32>, tensor<4xf32>
  }
  return %0#0 : tensor<i32>
}

// -----

// The ways of a whole value through ops that do nothing.
// CHECK-LABEL: @nothing_done(
// CHECK-SAME:    %[[X:.+]]: tensor<2x3xf32>)
// CHECK-NEXT:    return %[[X]]
func.func @nothing_done(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %zero = burin.constant {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %0 = burin.reshape %x {shape = #burin.dims<[2, 3]>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = burin.slice %0 {starts = #burin.dims<[0, 0]>, sizes = #burin.dims<[2, 3]>, strides = array<i64>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %2 = burin.pad %1, %zero {low = #burin.dims<[0, 0]>, high = #burin.dims<[0, 0]>, interior = array<i64: 0, 0>} : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  %3 = burin.concatenate %2 {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %4 = burin.transpose %3 {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %5 = burin.transpose %4 {permutation = array<i64: 1, 0>} : (tensor<3x2xf32>) -> tensor<2x3xf32>
  %6 = burin.reduce_max %5 {axes = array<i64>, keepdims = false} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %7 = burin.neg %6 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %8 = burin.neg %7 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %8 : tensor<2x3xf32>
}

// -----

// A sum over no axes starts from 0, which makes 0 of -0: it stays.
// CHECK-LABEL: @sum_of_one(
// CHECK:         burin.reduce_sum
func.func @sum_of_one(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = burin.reduce_sum %x {axes = array<i64>, keepdims = false} : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// One view for two, with both lines.
// CHECK-LABEL: @views(
// CHECK-SAME:    %[[X:.+]]: tensor<2x6xf32>)
// CHECK-NEXT:    %[[R:.+]] = burin.reshape %[[X]] {shape = #burin.dims<[4, 3]>}
// CHECK-NEXT:    return %[[R]]
// LINES-LABEL: @views(
// LINES:         burin.reshape {{.+}} loc(#[[FUSED:.+]])
// LINES-DAG:   #[[A:.+]] = loc("model.cpp":3:4)
// LINES-DAG:   #[[B:.+]] = loc("model.cpp":5:6)
// LINES:       #[[FUSED]] = loc(fused[#[[A]], #[[B]]])
func.func @views(%x: tensor<2x6xf32>) -> tensor<4x3xf32> {
  %0 = burin.reshape %x {shape = #burin.dims<[12]>} : (tensor<2x6xf32>) -> tensor<12xf32> loc("model.cpp":3:4)
  %1 = burin.reshape %0 {shape = #burin.dims<[4, 3]>} : (tensor<12xf32>) -> tensor<4x3xf32> loc("model.cpp":5:6)
  return %1 : tensor<4x3xf32>
}

// -----

// Casts by a dtype that holds every value are one cast; there and back is none.
// CHECK-LABEL: @casts(
// CHECK-SAME:    %[[X:.+]]: tensor<4xbf16>, %[[I:.+]]: tensor<4xi32>)
// CHECK-NEXT:    %[[C:.+]] = burin.cast %[[I]] {dtype = ui32}
// CHECK-NEXT:    return %[[X]], %[[C]]
func.func @casts(%x: tensor<4xbf16>, %i: tensor<4xi32>) -> (tensor<4xbf16>, tensor<4xui32>) {
  %0 = burin.cast %x {dtype = f32} : (tensor<4xbf16>) -> tensor<4xf32>
  %1 = burin.cast %0 {dtype = bf16} : (tensor<4xf32>) -> tensor<4xbf16>
  %2 = burin.cast %i {dtype = i64} : (tensor<4xi32>) -> tensor<4xi64>
  %3 = burin.cast %2 {dtype = ui32} : (tensor<4xi64>) -> tensor<4xui32>
  return %1, %3 : tensor<4xbf16>, tensor<4xui32>
}

// -----

// Rounding on the way stays, and so does saturation where a direct cast would wrap.
// CHECK-LABEL: @inexact_casts(
// CHECK:         burin.cast %{{.+}} {dtype = bf16}
// CHECK-NEXT:    burin.cast %{{.+}} {dtype = f32}
// CHECK-NEXT:    burin.cast %{{.+}} {dtype = f64}
// CHECK-NEXT:    burin.cast %{{.+}} {dtype = ui32}
func.func @inexact_casts(%x: tensor<4xf32>, %i: tensor<4xi32>) -> (tensor<4xf32>, tensor<4xui32>) {
  %0 = burin.cast %x {dtype = bf16} : (tensor<4xf32>) -> tensor<4xbf16>
  %1 = burin.cast %0 {dtype = f32} : (tensor<4xbf16>) -> tensor<4xf32>
  %2 = burin.cast %i {dtype = f64} : (tensor<4xi32>) -> tensor<4xf64>
  %3 = burin.cast %2 {dtype = ui32} : (tensor<4xf64>) -> tensor<4xui32>
  return %1, %3 : tensor<4xf32>, tensor<4xui32>
}

// -----

// CHECK-LABEL: @logic(
// CHECK-SAME:    %[[X:.+]]: tensor<4xi1>)
// CHECK-NEXT:    return %[[X]]
func.func @logic(%x: tensor<4xi1>) -> tensor<4xi1> {
  %yes = burin.constant {value = dense<true> : tensor<i1>} : () -> tensor<i1>
  %no = burin.constant {value = dense<false> : tensor<i1>} : () -> tensor<i1>
  %0 = burin.logical_and %x, %yes : (tensor<4xi1>, tensor<i1>) -> tensor<4xi1>
  %1 = burin.logical_or %no, %0 : (tensor<i1>, tensor<4xi1>) -> tensor<4xi1>
  %2 = burin.logical_not %1 : (tensor<4xi1>) -> tensor<4xi1>
  %3 = burin.logical_not %2 : (tensor<4xi1>) -> tensor<4xi1>
  %4 = burin.where %no, %2, %3 : (tensor<i1>, tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  return %4 : tensor<4xi1>
}

// -----

// No elements: no number either.
// CHECK-LABEL: @empty(
// CHECK:         burin.mul
func.func @empty(%x: tensor<0xf32>) -> tensor<0xf32> {
  %none = burin.constant {value = dense<> : tensor<0xf32>} : () -> tensor<0xf32>
  %0 = burin.mul %x, %none : (tensor<0xf32>, tensor<0xf32>) -> tensor<0xf32>
  return %0 : tensor<0xf32>
}

// -----

// The test fails on the way in: it runs once, prints included, and the body never.
// CHECK-LABEL: @no_trip(
// CHECK-SAME:    %[[X:.+]]: tensor<4xf32>)
// CHECK-NOT:     burin.while
// CHECK:         burin.print %[[X]]
// CHECK-NEXT:    return %[[X]]
func.func @no_trip(%x: tensor<4xf32>) -> tensor<4xf32> {
  %ten = burin.constant {value = dense<10> : tensor<i32>} : () -> tensor<i32>
  %0:2 = burin.while %ten, %x {certain = false, max_trips = #burin.dims<[]>} : (tensor<i32>, tensor<4xf32>) -> (tensor<i32>, tensor<4xf32>) with (%i: tensor<i32>, %v: tensor<4xf32>) {
    burin.print %v {label = "v"} : (tensor<4xf32>) -> ()
    %again = burin.less %i, %ten : (tensor<i32>, tensor<i32>) -> tensor<i1>
    burin.yield %again, %i, %v : tensor<i1>, tensor<i32>, tensor<4xf32>
  } with (%i: tensor<i32>, %v: tensor<4xf32>) {
    burin.yield %i, %v : tensor<i32>, tensor<4xf32>
  }
  return %0#1 : tensor<4xf32>
}

// -----

// What a loop hands round unchanged is not carried.
// CHECK-LABEL: @invariant(
// CHECK-SAME:    %[[N:.+]]: tensor<i32>, %[[X:.+]]: tensor<i32>)
// CHECK:         %[[R:.+]] = burin.while %[[N]] {certain = false, max_trips = #burin.dims<[]>} : (tensor<i32>) -> tensor<i32>
// CHECK:           burin.add %{{.+}}, %[[X]] :
// CHECK:         return %[[R]], %[[X]]
func.func @invariant(%n: tensor<i32>, %x: tensor<i32>) -> (tensor<i32>, tensor<i32>) {
  %ten = burin.constant {value = dense<10> : tensor<i32>} : () -> tensor<i32>
  %0:2 = burin.while %n, %x {certain = false, max_trips = #burin.dims<[]>} : (tensor<i32>, tensor<i32>) -> (tensor<i32>, tensor<i32>) with (%i: tensor<i32>, %v: tensor<i32>) {
    %again = burin.less %i, %ten : (tensor<i32>, tensor<i32>) -> tensor<i1>
    burin.yield %again, %i, %v : tensor<i1>, tensor<i32>, tensor<i32>
  } with (%i: tensor<i32>, %v: tensor<i32>) {
    %next = burin.add %i, %v : (tensor<i32>, tensor<i32>) -> tensor<i32>
    burin.yield %next, %v : tensor<i32>, tensor<i32>
  }
  return %0#0, %0#1 : tensor<i32>, tensor<i32>
}

// -----

// A carried value is dead when only a loop within, and its own next value, read it.
// CHECK-LABEL: @carried_through_two(
// CHECK:         burin.while %{{.+}} {certain = false, max_trips = #burin.dims<[]>} : (tensor<i32>) -> tensor<i32>
// CHECK-NOT:     burin.while
// CHECK-NOT:     burin.exp
// CHECK:         return
func.func @carried_through_two(%n: tensor<i32>, %x: tensor<4xf32>) -> tensor<i32> {
  %ten = burin.constant {value = dense<10> : tensor<i32>} : () -> tensor<i32>
  %one = burin.constant {value = dense<1> : tensor<i32>} : () -> tensor<i32>
  %0:2 = burin.while %n, %x {certain = false, max_trips = #burin.dims<[]>} : (tensor<i32>, tensor<4xf32>) -> (tensor<i32>, tensor<4xf32>) with (%i: tensor<i32>, %v: tensor<4xf32>) {
    %again = burin.less %i, %ten : (tensor<i32>, tensor<i32>) -> tensor<i1>
    burin.yield %again, %i, %v : tensor<i1>, tensor<i32>, tensor<4xf32>
  } with (%i: tensor<i32>, %v: tensor<4xf32>) {
    %inner:2 = burin.while %i, %v {certain = false, max_trips = #burin.dims<[]>} : (tensor<i32>, tensor<4xf32>) -> (tensor<i32>, tensor<4xf32>) with (%j: tensor<i32>, %w: tensor<4xf32>) {
      %more = burin.less %j, %ten : (tensor<i32>, tensor<i32>) -> tensor<i1>
      burin.yield %more, %j, %w : tensor<i1>, tensor<i32>, tensor<4xf32>
    } with (%j: tensor<i32>, %w: tensor<4xf32>) {
      %next_j = burin.add %j, %one : (tensor<i32>, tensor<i32>) -> tensor<i32>
      %grown = burin.exp %w : (tensor<4xf32>) -> tensor<4xf32>
      burin.yield %next_j, %grown : tensor<i32>, tensor<4xf32>
    }
    %next = burin.add %i, %one : (tensor<i32>, tensor<i32>) -> tensor<i32>
    burin.yield %next, %inner#1 : tensor<i32>, tensor<4xf32>
  }
  return %0#0 : tensor<i32>
}

// -----

// In check mode every op keeps its place in the graph, since it may fault there: nothing is folded or dropped.
// CHECK-LABEL: @checked(
// CHECK:         burin.log
// CHECK:         burin.sub
func.func @checked(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = burin.constant {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %0 = burin.log %x {burin.op = 1 : i32} : (tensor<4xf32>) -> tensor<4xf32>
  %1 = burin.sub %x, %zero {burin.op = 2 : i32} : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

// Leaves alone: nothing here is equal, known or unused.
// CHECK-LABEL: @leaves_alone(
// CHECK:         burin.exp
// CHECK:         burin.log
// CHECK:         burin.sub
func.func @leaves_alone(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = burin.exp %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = burin.log %x : (tensor<4xf32>) -> tensor<4xf32>
  %2 = burin.sub %0, %1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

// -----

// What stands behind `after` is computed again: it is not merged with what was computed before.
// CHECK-LABEL: @computed_again(
// CHECK-COUNT-2: burin.exp
func.func @computed_again(%x: tensor<4xf32>, %token: tensor<f32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = burin.exp %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = burin.after %x, %token : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = burin.exp %1 : (tensor<4xf32>) -> tensor<4xf32>
  return %0, %2 : tensor<4xf32>, tensor<4xf32>
}
