// What the passes after fuse-kernels make of loops together: what a loop carries is updated in place.
// RUN: burin-opt %s --split-input-file --fuse-kernels=explain=false --outline-kernels --lower-to-linalg --plan-memory | FileCheck %s

// A stack that each trip writes a row of lives in the caller's result: read and then written there, never copied.
// CHECK-LABEL: @burin_entry(
// CHECK-SAME:    %[[X:[^:]+]]: !burin_host.buffer, %[[N:[^:]+]]: !burin_host.buffer, %[[ROW:[^:]+]]: !burin_host.buffer, %[[OUT:[^:]+]]: !burin_host.buffer)
// CHECK:         burin_host.copy %[[X]] to %[[OUT]]
// CHECK:         scf.while
// CHECK:           burin_host.launch @gather_{{[0-9]+}}(%[[OUT]], %[[I:[^)]+]])
// CHECK:           burin_host.launch @scatter_{{[0-9]+}}(%[[OUT]], %[[I]], %{{[^)]+}}) -> (%[[OUT]])
// CHECK-NOT:       burin_host.copy
// CHECK:           scf.yield
// CHECK:         func.func @scatter_{{.+}}{burin.inplace = array<i64: 0, 0>
func.func @main(%x: tensor<1000x32xf32>, %n: tensor<i32>, %row: tensor<32xf32>) -> tensor<1000x32xf32> {
  %zero = burin.constant {value = dense<0> : tensor<i32>} : () -> tensor<i32>
  %one = burin.constant {value = dense<1> : tensor<i32>} : () -> tensor<i32>
  %0:2 = burin.while %x, %zero {certain = false, max_trips = #burin.dims<[]>} : (tensor<1000x32xf32>, tensor<i32>) -> (tensor<1000x32xf32>, tensor<i32>) with (%v: tensor<1000x32xf32>, %i: tensor<i32>) {
    %again = burin.less %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
    burin.yield %again, %v, %i : tensor<i1>, tensor<1000x32xf32>, tensor<i32>
  } with (%v: tensor<1000x32xf32>, %i: tensor<i32>) {
    %1 = burin.gather %v, %i {axis = 0 : i64} : (tensor<1000x32xf32>, tensor<i32>) -> tensor<32xf32>
    %2 = burin.mul %1, %row : (tensor<32xf32>, tensor<32xf32>) -> tensor<32xf32>
    %3 = burin.scatter %v, %i, %2 {axis = 0 : i64} : (tensor<1000x32xf32>, tensor<i32>, tensor<32xf32>) -> tensor<1000x32xf32>
    %4 = burin.add %i, %one : (tensor<i32>, tensor<i32>) -> tensor<i32>
    burin.yield %3, %4 : tensor<1000x32xf32>, tensor<i32>
  }
  return %0#0 : tensor<1000x32xf32>
}

// -----

// The old stack is read behind the update: the new one is made apart and copied.
// CHECK-LABEL: @burin_entry(
// CHECK-SAME:    %[[X:[^:]+]]: !burin_host.buffer, %[[N:[^:]+]]: !burin_host.buffer, %[[ROW:[^:]+]]: !burin_host.buffer, %[[OUT:[^:]+]]: !burin_host.buffer)
// CHECK:         scf.while
// CHECK:           burin_host.launch @scatter_add_{{[0-9]+}}(%[[OUT]], %{{[^)]+}}, %{{[^)]+}}) -> (%[[NEW:.+]]) sizes
// CHECK:           burin_host.launch @gather_{{[0-9]+}}(%[[OUT]],
// CHECK:           burin_host.copy %[[NEW]] to %[[OUT]] bytes <[128000]>
// CHECK:           scf.yield
func.func @main(%x: tensor<1000x32xf32>, %n: tensor<i32>, %row: tensor<32xf32>) -> tensor<1000x32xf32> {
  %0:2 = burin.while %x, %row {certain = false, max_trips = #burin.dims<[]>} : (tensor<1000x32xf32>, tensor<32xf32>) -> (tensor<1000x32xf32>, tensor<32xf32>) with (%v: tensor<1000x32xf32>, %r: tensor<32xf32>) {
    %0 = burin.reduce_sum %r {axes = array<i64: 0>, keepdims = false} : (tensor<32xf32>) -> tensor<f32>
    %again = burin.less %0, %0 : (tensor<f32>, tensor<f32>) -> tensor<i1>
    burin.yield %again, %v, %r : tensor<i1>, tensor<1000x32xf32>, tensor<32xf32>
  } with (%v: tensor<1000x32xf32>, %r: tensor<32xf32>) {
    %1 = burin.scatter_add %v, %n, %r {axis = 0 : i64} : (tensor<1000x32xf32>, tensor<i32>, tensor<32xf32>) -> tensor<1000x32xf32>
    %2 = burin.gather %v, %n {axis = 0 : i64} : (tensor<1000x32xf32>, tensor<i32>) -> tensor<32xf32>
    burin.yield %1, %2 : tensor<1000x32xf32>, tensor<32xf32>
  }
  return %0#0 : tensor<1000x32xf32>
}

// -----

// A branch that writes the stack and one that hands it on (a loop that may end early has such): neither copies.
// CHECK-LABEL: @burin_entry(
// CHECK-SAME:    %[[X:[^:]+]]: !burin_host.buffer, %[[N:[^:]+]]: !burin_host.buffer, %[[ROW:[^:]+]]: !burin_host.buffer, %[[OUT:[^:]+]]: !burin_host.buffer)
// CHECK:         scf.while
// CHECK:           scf.if %{{[0-9]+}} {
// CHECK-NEXT:        burin_host.launch @scatter_{{[0-9]+}}(%[[OUT]], %{{[^)]+}}, %{{[^)]+}}) -> (%[[OUT]])
// CHECK-NOT:       burin_host.copy
// CHECK:           scf.yield
func.func @main(%x: tensor<1000x32xf32>, %n: tensor<i32>, %row: tensor<32xf32>) -> tensor<1000x32xf32> {
  %one = burin.constant {value = dense<1> : tensor<i32>} : () -> tensor<i32>
  %0:2 = burin.while %x, %one {certain = false, max_trips = #burin.dims<[]>} : (tensor<1000x32xf32>, tensor<i32>) -> (tensor<1000x32xf32>, tensor<i32>) with (%v: tensor<1000x32xf32>, %i: tensor<i32>) {
    %again = burin.less %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
    burin.yield %again, %v, %i : tensor<i1>, tensor<1000x32xf32>, tensor<i32>
  } with (%v: tensor<1000x32xf32>, %i: tensor<i32>) {
    %c = burin.less %one, %i : (tensor<i32>, tensor<i32>) -> tensor<i1>
    %1 = burin.if %c : (tensor<i1>) -> tensor<1000x32xf32> with () {
      %2 = burin.scatter %v, %i, %row {axis = 0 : i64} : (tensor<1000x32xf32>, tensor<i32>, tensor<32xf32>) -> tensor<1000x32xf32>
      burin.yield %2 : tensor<1000x32xf32>
    } with () {
      burin.yield %v : tensor<1000x32xf32>
    }
    %3 = burin.add %i, %one : (tensor<i32>, tensor<i32>) -> tensor<i32>
    burin.yield %1, %3 : tensor<1000x32xf32>, tensor<i32>
  }
  return %0#0 : tensor<1000x32xf32>
}

// -----

// A branch that reads the old stack behind the new one needs both.
// CHECK-LABEL: @burin_entry(
// CHECK-SAME:    %[[X:[^:]+]]: !burin_host.buffer, %[[N:[^:]+]]: !burin_host.buffer, %[[ROW:[^:]+]]: !burin_host.buffer, %[[OUT:[^:]+]]: !burin_host.buffer)
// CHECK:         scf.while
// CHECK:           scf.if %{{[0-9]+}} {
// CHECK-NEXT:        burin_host.launch @scatter_{{[0-9]+}}(%[[OUT]], %{{[^)]+}}, %{{[^)]+}}) -> (%[[NEW:.+]]) sizes
// CHECK-NEXT:        burin_host.launch @gather_{{[0-9]+}}(%[[OUT]],
// CHECK:           burin_host.copy %[[NEW]] to %[[OUT]] bytes <[128000]>
func.func @main(%x: tensor<1000x32xf32>, %n: tensor<i32>, %row: tensor<32xf32>) -> tensor<1000x32xf32> {
  %0:2 = burin.while %x, %row {certain = false, max_trips = #burin.dims<[]>} : (tensor<1000x32xf32>, tensor<32xf32>) -> (tensor<1000x32xf32>, tensor<32xf32>) with (%v: tensor<1000x32xf32>, %r: tensor<32xf32>) {
    %again = burin.less %n, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
    burin.yield %again, %v, %r : tensor<i1>, tensor<1000x32xf32>, tensor<32xf32>
  } with (%v: tensor<1000x32xf32>, %r: tensor<32xf32>) {
    %c = burin.less %n, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
    %1:2 = burin.if %c : (tensor<i1>) -> (tensor<1000x32xf32>, tensor<32xf32>) with () {
      %2 = burin.scatter %v, %n, %r {axis = 0 : i64} : (tensor<1000x32xf32>, tensor<i32>, tensor<32xf32>) -> tensor<1000x32xf32>
      %3 = burin.gather %v, %n {axis = 0 : i64} : (tensor<1000x32xf32>, tensor<i32>) -> tensor<32xf32>
      burin.yield %2, %3 : tensor<1000x32xf32>, tensor<32xf32>
    } with () {
      burin.yield %v, %r : tensor<1000x32xf32>, tensor<32xf32>
    }
    burin.yield %1#0, %1#1 : tensor<1000x32xf32>, tensor<32xf32>
  }
  return %0#0 : tensor<1000x32xf32>
}

// -----

// A loop that is a kernel counts its own trips: where it may exceed its bound the launch may fault.
// CHECK-LABEL: @burin_entry(
// CHECK-NOT:     scf.while
// CHECK:         burin_host.launch @while_add_0({{.+}}) -> ({{.+}}) sizes <["n"]>
// CHECK-NEXT:    burin_host.check_faults
// CHECK:         func.func @while_add_0(%{{[^:]+}}: tensor<i32> {{{.*}}}, %{{[^:]+}}: index)
func.func @main(%x: tensor<i32>, %like: tensor<?xf32, #burin.dims<["n"]>>) -> tensor<i32> attributes {burin.sizes = ["n"]} {
  %limit = burin.constant {value = dense<100> : tensor<i32>} : () -> tensor<i32>
  %0 = burin.while %x {max_trips = #burin.dims<["n"]>, certain = false, burin.op = 7 : i32} : (tensor<i32>) -> tensor<i32> with (%v: tensor<i32>) {
    %again = burin.less %v, %limit : (tensor<i32>, tensor<i32>) -> tensor<i1>
    burin.yield %again, %v : tensor<i1>, tensor<i32>
  } with (%v: tensor<i32>) {
    %1 = burin.add %v, %v : (tensor<i32>, tensor<i32>) -> tensor<i32>
    burin.yield %1 : tensor<i32>
  }
  return %0 : tensor<i32>
}
