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
// CHECK:         burin.while %{{.+}} : (tensor<i32>) -> tensor<i32> with (%{{.+}}: tensor<i32>) {
// CHECK-NOT:     burin.exp
// CHECK:         return
func.func @carried(%n: tensor<i32>, %x: tensor<4xf32>) -> tensor<i32> {
  %0:2 = burin.while %n, %x : (tensor<i32>, tensor<4xf32>) -> (tensor<i32>, tensor<4xf32>) with (%i: tensor<i32>, %v: tensor<4xf32>) {
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
