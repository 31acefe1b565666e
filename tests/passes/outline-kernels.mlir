// What --outline-kernels makes of a fusion: a function that code generation can read by itself, launched by the host.
// RUN: burin-opt %s --split-input-file --fuse-kernels=explain=false --outline-kernels | FileCheck %s

// Named sizes become trailing index operands; burin.shape says which size is which.
// CHECK-LABEL: func.func @named(
// CHECK-SAME:    %[[X:[^:]+]]:
// CHECK:         %[[R:.+]] = burin.launch @add_exp_0(%[[X]]) sizes <["n"]>
// CHECK:         return %[[R]]
// CHECK:       module @kernels
// CHECK:         func.func @add_exp_0(%{{.+}}: tensor<?x8xf32, {{.+}}> {burin.shape = array<i64: -1, 8>}, %{{.+}}: index)
// CHECK-SAME:      -> (tensor<?x8xf32, {{.+}}> {burin.shape = array<i64: -1, 8>})
// CHECK-SAME:      burin.kernel, burin.kernel_sizes = #burin.dims<["n"]>
func.func @named(%x: tensor<?x8xf32, #burin.dims<["n", 8]>>) -> tensor<?x8xf32, #burin.dims<["n", 8]>> {
  %0 = burin.add %x, %x : (tensor<?x8xf32, #burin.dims<["n", 8]>>, tensor<?x8xf32, #burin.dims<["n", 8]>>) -> tensor<?x8xf32, #burin.dims<["n", 8]>>
  %1 = burin.exp %0 : (tensor<?x8xf32, #burin.dims<["n", 8]>>) -> tensor<?x8xf32, #burin.dims<["n", 8]>>
  return %1 : tensor<?x8xf32, #burin.dims<["n", 8]>>
}

// -----

// Equal fusions share a function.
// CHECK-LABEL: func.func @twice(
// CHECK:         burin.launch @exp_0(
// CHECK:         burin.launch @exp_0(
// CHECK:       module @kernels
// CHECK-COUNT-1: func.func @exp_0
// CHECK-NOT:     func.func
func.func @twice(%x: tensor<3xf32>, %y: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %0 = burin.fusion "exp"(%a = %x : tensor<3xf32>) -> tensor<3xf32> {
    %1 = burin.exp %a : (tensor<3xf32>) -> tensor<3xf32>
    burin.yield %1 : tensor<3xf32>
  }
  %2 = burin.fusion "exp"(%a = %y : tensor<3xf32>) -> tensor<3xf32> {
    %3 = burin.exp %a : (tensor<3xf32>) -> tensor<3xf32>
    burin.yield %3 : tensor<3xf32>
  }
  return %0, %2 : tensor<3xf32>, tensor<3xf32>
}

// -----

// A reduction reads all of its input for each result: nothing may be in place.
// CHECK-LABEL: func.func @reduction(
// CHECK:         func.func @reduce_sum_0(
// CHECK-NOT:       burin.inplace
// CHECK:           burin.kernel
func.func @reduction(%x: tensor<4x8xf32>) -> tensor<8xf32> {
  %0 = burin.reduce_sum %x {axes = array<i64: 0>, keepdims = false} : (tensor<4x8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// Leaves alone: a function without fusions.
// CHECK-LABEL: func.func @nothing(
// CHECK-NEXT:    return
// CHECK:       module @kernels {
// CHECK-NEXT:  }
func.func @nothing(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  return %x : tensor<4x8xf32>
}
