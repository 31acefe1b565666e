// What --check-values puts around kernels, and what it leaves alone.
// RUN: burin-opt %s --split-input-file --check-values | FileCheck %s

// A result that may hold a NaN is looked at behind the kernel; the launch says which op is to blame, and how many elements.
// CHECK-LABEL: func.func @main(
// CHECK:         %[[Y:.+]] = burin.launch @log_0(
// CHECK-NEXT:    burin.launch @check_nan_f32(%[[Y]]) sizes <[4, "n"]> may_fault
// CHECK:         func.func private @check_nan_f32() attributes {burin.check = 0 : i32
module {
  func.func @main(%x: tensor<?xf32, #burin.dims<["n"]>>) -> tensor<?xf32, #burin.dims<["n"]>> {
    %0 = burin.launch @log_0(%x) sizes <["n"]> : (tensor<?xf32, #burin.dims<["n"]>>) -> tensor<?xf32, #burin.dims<["n"]>>
    return %0 : tensor<?xf32, #burin.dims<["n"]>>
  }
  module @kernels {
    func.func @log_0(%x: tensor<?xf32, #burin.dims<["n"]>>, %n: index) -> tensor<?xf32, #burin.dims<["n"]>> attributes {burin.kernel} {
      %0 = burin.log %x {burin.op = 4 : i32} : (tensor<?xf32, #burin.dims<["n"]>>) -> tensor<?xf32, #burin.dims<["n"]>>
      return %0 : tensor<?xf32, #burin.dims<["n"]>>
    }
  }
}

// -----

// The divisor of integers is looked at before the kernel, which may write over it.
// CHECK-LABEL: func.func @main(
// CHECK-SAME:    %[[A:.+]]: tensor<2x3xi32>, %[[B:.+]]: tensor<3xi32>
// CHECK-NEXT:    burin.launch @check_division_i32_2(%[[B]]) sizes <[7, 2, 3, 1, 3]> may_fault
// CHECK-NEXT:    burin.launch @div_0(%[[A]], %[[B]])
// CHECK-NEXT:    return
module {
  func.func @main(%a: tensor<2x3xi32>, %b: tensor<3xi32>) -> tensor<2x3xi32> {
    %0 = burin.launch @div_0(%a, %b) sizes <[]> : (tensor<2x3xi32>, tensor<3xi32>) -> tensor<2x3xi32>
    return %0 : tensor<2x3xi32>
  }
  module @kernels {
    func.func @div_0(%a: tensor<2x3xi32>, %b: tensor<3xi32>) -> tensor<2x3xi32> attributes {burin.kernel} {
      %0 = burin.div %a, %b {burin.op = 7 : i32} : (tensor<2x3xi32>, tensor<3xi32>) -> tensor<2x3xi32>
      return %0 : tensor<2x3xi32>
    }
  }
}

// -----

// What only moves values is left alone.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    burin.launch @transpose_0
// CHECK-NEXT:    return
module {
  func.func @main(%a: tensor<2x3xf32>) -> tensor<3x2xf32> {
    %0 = burin.launch @transpose_0(%a) sizes <[]> : (tensor<2x3xf32>) -> tensor<3x2xf32>
    return %0 : tensor<3x2xf32>
  }
  module @kernels {
    func.func @transpose_0(%a: tensor<2x3xf32>) -> tensor<3x2xf32> attributes {burin.kernel} {
      %0 = burin.transpose %a {permutation = array<i64: 1, 0>, burin.op = 7 : i32} : (tensor<2x3xf32>) -> tensor<3x2xf32>
      return %0 : tensor<3x2xf32>
    }
  }
}
