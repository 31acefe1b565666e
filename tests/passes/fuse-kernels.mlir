// What --fuse-kernels puts into one kernel, what it leaves apart, and that it says so.
// RUN: burin-opt %s --split-input-file --fuse-kernels=explain=false | FileCheck %s
// RUN: burin-opt %s --split-input-file --fuse-kernels="explain=false single" | FileCheck %s --check-prefix=SINGLE
// RUN: burin-opt %s --split-input-file --fuse-kernels 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// A chain with a broadcast input and a trailing reduction is one kernel; at level no_fuse it is three.
// CHECK-LABEL: @chain(
// CHECK-SAME:    %[[X:.+]]: tensor<4x8xf32>, %[[B:.+]]: tensor<8xf32>)
// CHECK:         %[[R:.+]] = burin.fusion "add_exp_reduce_sum"(%{{.+}} = %[[X]] : {{.+}}, %{{.+}} = %[[B]] :
// CHECK:           %[[SUM:.+]] = burin.add
// CHECK:           %[[EXP:.+]] = burin.exp %[[SUM]]
// CHECK:           %[[RED:.+]] = burin.reduce_sum %[[EXP]]
// CHECK:           burin.yield %[[RED]] : tensor<4xf32>
// CHECK-NOT:     burin.fusion
// CHECK:         return %[[R]]
// SINGLE-LABEL: @chain(
// SINGLE-COUNT-3: burin.fusion "{{add|exp|reduce_sum}}"
// REMARK: remark: kernel 'add_exp_reduce_sum' holds 3 ops, reads 2 tensors and writes 1
func.func @chain(%x: tensor<4x8xf32>, %b: tensor<8xf32>) -> tensor<4xf32> {
  %0 = burin.add %x, %b : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %1 = burin.exp %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = burin.reduce_sum %1 {axes = array<i64: 1>, keepdims = false} : (tensor<4x8xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

// -----

// A value that is also returned becomes a second result of the kernel, not a second kernel.
// CHECK-LABEL: @two_results(
// CHECK:         %[[R:.+]]:2 = burin.fusion "exp_add"
// CHECK:           %[[EXP:.+]] = burin.exp
// CHECK:           %[[SUM:.+]] = burin.add %[[EXP]]
// CHECK:           burin.yield %[[EXP]], %[[SUM]]
// CHECK:         return %[[R]]#0, %[[R]]#1
func.func @two_results(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %0 = burin.exp %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = burin.add %0, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0, %1 : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// Both reductions of a softmax and what stands between them are one kernel.
// CHECK-LABEL: @softmax(
// CHECK:         burin.fusion "reduce_max_sub_exp_reduce_sum_and_1_more"
// CHECK-NOT:     burin.fusion
// CHECK:         return
func.func @softmax(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %m = burin.reduce_max %x {axes = array<i64: 1>, keepdims = true} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %s = burin.sub %x, %m : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %e = burin.exp %s : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %t = burin.reduce_sum %e {axes = array<i64: 1>, keepdims = true} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %d = burin.div %e, %t : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}

// -----

// A product reads transposed operands where they are: no kernel of its own for the transpose, operands in the op's order.
// CHECK-LABEL: @gradients(
// CHECK-SAME:    %[[X:.+]]: tensor<8x4xf32>, %[[G:.+]]: tensor<8x6xf32>, %[[W:.+]]: tensor<4x6xf32>)
// CHECK:         %[[DW:.+]] = burin.fusion "matmul"(%[[XI:.+]] = %[[X]] : {{.+}}, %[[GI:.+]] = %[[G]] :
// CHECK:           %[[XT:.+]] = burin.transpose %[[XI]]
// CHECK:           burin.matmul %[[XT]], %[[GI]]
// CHECK:         %[[DX:.+]] = burin.fusion "matmul"(%[[GJ:.+]] = %[[G]] : {{.+}}, %[[WI:.+]] = %[[W]] :
// CHECK:           %[[WT:.+]] = burin.transpose %[[WI]]
// CHECK:           burin.matmul %[[GJ]], %[[WT]]
// CHECK:         return %[[DW]], %[[DX]]
// SINGLE-LABEL: @gradients(
// SINGLE-COUNT-2: burin.fusion "transpose"
func.func @gradients(%x: tensor<8x4xf32>, %g: tensor<8x6xf32>, %w: tensor<4x6xf32>)
    -> (tensor<4x6xf32>, tensor<8x4xf32>) {
  %xt = burin.transpose %x {permutation = array<i64: 1, 0>} : (tensor<8x4xf32>) -> tensor<4x8xf32>
  %dw = burin.matmul %xt, %g : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  %wt = burin.transpose %w {permutation = array<i64: 1, 0>} : (tensor<4x6xf32>) -> tensor<6x4xf32>
  %dx = burin.matmul %g, %wt : (tensor<8x6xf32>, tensor<6x4xf32>) -> tensor<8x4xf32>
  return %dw, %dx : tensor<4x6xf32>, tensor<8x4xf32>
}

// -----

// A transpose that something else reads too, or of other axes, is a kernel as before.
// CHECK-LABEL: @transposed_for_others(
// CHECK:         burin.fusion "transpose"
// CHECK:         burin.fusion "matmul"
// CHECK:         burin.fusion "transpose"
// CHECK:         burin.fusion "matmul"
func.func @transposed_for_others(%x: tensor<4x4xf32>, %y: tensor<2x4x4xf32>)
    -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x2x2xf32>) {
  %xt = burin.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %0 = burin.matmul %xt, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %yt = burin.transpose %y {permutation = array<i64: 1, 0, 2>} : (tensor<2x4x4xf32>) -> tensor<4x2x4xf32>
  %ys = burin.transpose %y {permutation = array<i64: 1, 2, 0>} : (tensor<2x4x4xf32>) -> tensor<4x4x2xf32>
  %1 = burin.matmul %yt, %ys : (tensor<4x2x4xf32>, tensor<4x4x2xf32>) -> tensor<4x2x2xf32>
  return %xt, %0, %1 : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x2x2xf32>
}

// -----

// Sizes with names fuse as numbers do.
// CHECK-LABEL: @named(
// CHECK:         burin.fusion "exp_exp"
func.func @named(%x: tensor<?x8xf32, #burin.dims<["n", 8]>>) -> tensor<?x8xf32, #burin.dims<["n", 8]>> {
  %0 = burin.exp %x : (tensor<?x8xf32, #burin.dims<["n", 8]>>) -> tensor<?x8xf32, #burin.dims<["n", 8]>>
  %1 = burin.exp %0 : (tensor<?x8xf32, #burin.dims<["n", 8]>>) -> tensor<?x8xf32, #burin.dims<["n", 8]>>
  return %1 : tensor<?x8xf32, #burin.dims<["n", 8]>>
}

// -----

// Slices, padded tensors and joined ones are read where they come from, by all kernels that read them.
// CHECK-LABEL: @reads(
// CHECK-SAME:    %[[X:.+]]: tensor<4x8xf32>, %[[Y:.+]]: tensor<4x2xf32>, %[[V:.+]]: tensor<f32>)
// CHECK:         %[[A:.+]] = burin.fusion "add"(
// CHECK:           %[[S:.+]] = burin.slice
// CHECK:           %[[P:.+]] = burin.pad
// CHECK:           %[[C:.+]] = burin.concatenate
// CHECK:           burin.add %[[P]], %[[C]]
// CHECK:         %[[B:.+]] = burin.fusion "reduce_max"(
// CHECK-NOT:     burin.fusion
// CHECK:         return %[[A]], %[[B]]
// SINGLE-LABEL: @reads(
// SINGLE-DAG:     burin.fusion "slice"
// SINGLE-DAG:     burin.fusion "pad"
// SINGLE-DAG:     burin.fusion "concatenate"
// REMARK: remark: kernel 'add' holds 4 ops, reads 3 tensors and writes 1
func.func @reads(%x: tensor<4x8xf32>, %y: tensor<4x2xf32>, %v: tensor<f32>) -> (tensor<4x10xf32>, tensor<4xf32>) {
  %s = burin.slice %x {starts = #burin.dims<[0, 1]>, sizes = #burin.dims<[4, 7]>, strides = array<i64>} : (tensor<4x8xf32>) -> tensor<4x7xf32>
  %p = burin.pad %s, %v {low = #burin.dims<[0, 1]>, high = #burin.dims<[0, 2]>, interior = array<i64>} : (tensor<4x7xf32>, tensor<f32>) -> tensor<4x10xf32>
  %c = burin.concatenate %y, %x {axis = 1 : i64} : (tensor<4x2xf32>, tensor<4x8xf32>) -> tensor<4x10xf32>
  %0 = burin.add %p, %c : (tensor<4x10xf32>, tensor<4x10xf32>) -> tensor<4x10xf32>
  %1 = burin.reduce_max %p {axes = array<i64: 1>, keepdims = false} : (tensor<4x10xf32>) -> tensor<4xf32>
  return %0, %1 : tensor<4x10xf32>, tensor<4xf32>
}

// -----

// A kernel never reads its own values elsewhere: what is shifted is in memory. It does read another kernel's.
// CHECK-LABEL: @shifted(
// CHECK:         %[[Y:.+]] = burin.fusion "exp"
// CHECK:         %[[R:.+]] = burin.fusion "add"(%{{.+}} = %[[Y]] :
// CHECK-NOT:     burin.fusion
// REMARK: remark: not fused with its operand's kernel: it reads the kernel's values at other positions
func.func @shifted(%x: tensor<9xf32>, %v: tensor<f32>) -> tensor<9xf32> {
  %y = burin.exp %x : (tensor<9xf32>) -> tensor<9xf32>
  %p = burin.pad %y, %v {low = #burin.dims<[1]>, high = #burin.dims<[0]>, interior = array<i64>} : (tensor<9xf32>, tensor<f32>) -> tensor<10xf32>
  %s = burin.slice %p {starts = #burin.dims<[0]>, sizes = #burin.dims<[9]>, strides = array<i64>} : (tensor<10xf32>) -> tensor<9xf32>
  %0 = burin.add %s, %y : (tensor<9xf32>, tensor<9xf32>) -> tensor<9xf32>
  return %0 : tensor<9xf32>
}

// -----

// Kernels are not joined when one reads the other's values elsewhere.
// CHECK-LABEL: @crossed(
// CHECK:         burin.fusion "exp"
// CHECK:         burin.fusion "tanh_add_add"
// CHECK-NOT:     burin.fusion
// CHECK:         return
// REMARK: remark: not fused with its operand's kernel: {{.+}} at other positions
func.func @crossed(%x: tensor<9xf32>, %z: tensor<9xf32>, %v: tensor<f32>) -> tensor<9xf32> {
  %y = burin.exp %x : (tensor<9xf32>) -> tensor<9xf32>
  %w = burin.tanh %z : (tensor<9xf32>) -> tensor<9xf32>
  %p = burin.pad %y, %v {low = #burin.dims<[1]>, high = #burin.dims<[0]>, interior = array<i64>} : (tensor<9xf32>, tensor<f32>) -> tensor<10xf32>
  %s = burin.slice %p {starts = #burin.dims<[0]>, sizes = #burin.dims<[9]>, strides = array<i64>} : (tensor<10xf32>) -> tensor<9xf32>
  %0 = burin.add %s, %w : (tensor<9xf32>, tensor<9xf32>) -> tensor<9xf32>
  %1 = burin.add %0, %y : (tensor<9xf32>, tensor<9xf32>) -> tensor<9xf32>
  return %1 : tensor<9xf32>
}

// -----

// What is put between elements, what a product reads, and what has too many places to come from is in memory.
// CHECK-LABEL: @in_memory(
// CHECK:         burin.fusion "pad"
// CHECK:         burin.fusion "neg"
// CHECK:         burin.fusion "slice"
// CHECK:         burin.fusion "matmul"
// CHECK:         burin.fusion "concatenate"
// CHECK:         burin.fusion "neg"
// REMARK-DAG: remark: not read in its readers' kernels: it puts something between elements
// REMARK-DAG: remark: not read in its readers' kernels: 'burin.matmul' reads it in memory
// REMARK-DAG: remark: not read in its readers' kernels: there are too many places to look for an element
func.func @in_memory(%x: tensor<4x4xf32>, %v: tensor<f32>) -> (tensor<4x7xf32>, tensor<2x4xf32>, tensor<36x4xf32>) {
  %p = burin.pad %x, %v {low = #burin.dims<[0, 0]>, high = #burin.dims<[0, 0]>, interior = array<i64: 0, 1>} : (tensor<4x4xf32>, tensor<f32>) -> tensor<4x7xf32>
  %0 = burin.neg %p : (tensor<4x7xf32>) -> tensor<4x7xf32>
  %s = burin.slice %x {starts = #burin.dims<[1, 0]>, sizes = #burin.dims<[2, 4]>, strides = array<i64>} : (tensor<4x4xf32>) -> tensor<2x4xf32>
  %1 = burin.matmul %s, %x : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %c = burin.concatenate %x, %x, %x, %x, %x, %x, %x, %x, %x {axis = 0 : i64} : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<36x4xf32>
  %2 = burin.neg %c : (tensor<36x4xf32>) -> tensor<36x4xf32>
  return %0, %1, %2 : tensor<4x7xf32>, tensor<2x4xf32>, tensor<36x4xf32>
}

// -----

// Leaves alone: ops over different elements stay apart, and a function without ops stays as it is.
// CHECK-LABEL: @unrelated(
// CHECK:         burin.fusion "exp"
// CHECK:         burin.fusion "exp"
func.func @unrelated(%x: tensor<4x8xf32>, %y: tensor<3xf32>) -> (tensor<4x8xf32>, tensor<3xf32>) {
  %0 = burin.exp %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = burin.exp %y : (tensor<3xf32>) -> tensor<3xf32>
  return %0, %1 : tensor<4x8xf32>, tensor<3xf32>
}

// CHECK-LABEL: @nothing(
// CHECK-NEXT:    return
func.func @nothing(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  return %x : tensor<4x8xf32>
}

// -----

// A loop over few scalars is one kernel, with the constants that it reads and the branch that it holds. Results that nobody
// reads are none of the kernel's. At level no_fuse the host runs it.
// CHECK-LABEL: @small_loop(
// CHECK-SAME:    %[[X:.+]]: tensor<f32>, %[[N:.+]]: tensor<i32>)
// CHECK-NEXT:    %[[R:.+]] = burin.fusion "while_less_if_add"(%{{.+}} = %[[X]] : tensor<f32>, %[[LIMIT:.+]] = %[[N]] : tensor<i32>) -> tensor<f32> {
// CHECK-DAG:       %[[ZERO:.+]] = burin.constant {value = dense<0>
// CHECK-DAG:       burin.constant {value = dense<1>
// CHECK:           burin.while %{{.+}}, %[[ZERO]]
// CHECK:             burin.less %{{.+}}, %[[LIMIT]]
// CHECK:             burin.if
// CHECK-NOT:     burin.fusion
// CHECK:         return %[[R]]
// SINGLE-LABEL: @small_loop(
// SINGLE:         burin.while
// SINGLE:           burin.fusion "less"
// REMARK: remark: kernel 'while_less_if_add' is a whole loop, reads 2 tensors and writes 1
func.func @small_loop(%x: tensor<f32>, %n: tensor<i32>) -> tensor<f32> {
  %zero = burin.constant {value = dense<0> : tensor<i32>} : () -> tensor<i32>
  %one = burin.constant {value = dense<1> : tensor<i32>} : () -> tensor<i32>
  %0:2 = burin.while %x, %zero {certain = false, max_trips = #burin.dims<[]>} : (tensor<f32>, tensor<i32>) -> (tensor<f32>, tensor<i32>) with (%v: tensor<f32>, %i: tensor<i32>) {
    %again = burin.less %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
    burin.yield %again, %v, %i : tensor<i1>, tensor<f32>, tensor<i32>
  } with (%v: tensor<f32>, %i: tensor<i32>) {
    %c = burin.less %i, %one : (tensor<i32>, tensor<i32>) -> tensor<i1>
    %1 = burin.if %c : (tensor<i1>) -> tensor<f32> with () {
      %2 = burin.mul %v, %v : (tensor<f32>, tensor<f32>) -> tensor<f32>
      burin.yield %2 : tensor<f32>
    } with () {
      burin.yield %v : tensor<f32>
    }
    %3 = burin.add %i, %one : (tensor<i32>, tensor<i32>) -> tensor<i32>
    burin.yield %1, %3 : tensor<f32>, tensor<i32>
  }
  return %0#0 : tensor<f32>
}

// -----

// Leaves alone: a loop with an op that is not elementwise, and says why. The
// loop within is small by itself.
// CHECK-LABEL: @large_loops(
// CHECK:         burin.while
// CHECK:           burin.fusion "less"
// CHECK:           burin.fusion "while_add"
// CHECK:             burin.while
// CHECK:           burin.fusion "gather"
// REMARK: remark: the host runs this loop, a kernel at a time: its 'gather' is not computed element by element
func.func @large_loops(%x: tensor<17xf32>, %n: tensor<i32>) -> tensor<i32> {
  %0 = burin.while %n {certain = false, max_trips = #burin.dims<[]>} : (tensor<i32>) -> tensor<i32> with (%i: tensor<i32>) {
    %again = burin.less %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
    burin.yield %again, %i : tensor<i1>, tensor<i32>
  } with (%i: tensor<i32>) {
    %1 = burin.while %i {certain = false, max_trips = #burin.dims<[]>} : (tensor<i32>) -> tensor<i32> with (%j: tensor<i32>) {
      %again = burin.less %j, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
      burin.yield %again, %j : tensor<i1>, tensor<i32>
    } with (%j: tensor<i32>) {
      %2 = burin.add %j, %j : (tensor<i32>, tensor<i32>) -> tensor<i32>
      burin.yield %2 : tensor<i32>
    }
    %3 = burin.gather %x, %1 {axis = 0 : i64} : (tensor<17xf32>, tensor<i32>) -> tensor<f32>
    %4 = burin.cast %3 {dtype = i32} : (tensor<f32>) -> tensor<i32>
    burin.yield %4 : tensor<i32>
  }
  return %0 : tensor<i32>
}

// -----

// `after` has done its work once kernels are formed, and costs none.
// CHECK-LABEL: @after(
// CHECK-NOT:     burin.after
// CHECK:         burin.fusion "exp"
// CHECK-NOT:     burin.after
// CHECK:         return
// SINGLE-LABEL: @after(
// SINGLE-NOT:    burin.after
// SINGLE:        return
func.func @after(%x: tensor<4xf32>, %token: tensor<f32>) -> tensor<4xf32> {
  %0 = burin.after %x, %token : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = burin.exp %0 : (tensor<4xf32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

// An update of state comes behind a product that it does not wait for: what is behind it may fail for want of memory.
// CHECK-LABEL: @update_last(
// CHECK:         burin.fusion "matmul"
// CHECK:         burin.fusion "matmul"
// CHECK:         burin.fusion "sub"
func.func @update_last(%w: tensor<4x4xf32>, %x: tensor<4x4xf32>)
    -> (tensor<4x4xf32> {burin.state = 0 : i32}, tensor<4x4xf32>) {
  %g = burin.matmul %x, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %new = burin.sub %w, %g : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %h = burin.matmul %g, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %new, %h : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// A tensor without elements is a constant of no bytes, and what only it reads is no kernel. Where each op stays a kernel,
// one that nobody reads still has its result.
// CHECK-LABEL: @empty(
// CHECK-NEXT:    %[[NONE:.+]] = burin.constant {value = dense<> : tensor<1x0xf32>}
// CHECK-NEXT:    return %[[NONE]]
// SINGLE-LABEL: @empty(
// SINGLE:        %{{.+}} = burin.fusion "matmul"
func.func @empty(%x: tensor<2x3xf32>) -> tensor<1x0xf32> {
  %xt = burin.transpose %x {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %0 = burin.matmul %xt, %x : (tensor<3x2xf32>, tensor<2x3xf32>) -> tensor<3x3xf32>
  %1 = burin.slice %0 {starts = #burin.dims<[0, 0]>, sizes = #burin.dims<[1, 0]>, strides = array<i64: 1, 1>} : (tensor<3x3xf32>) -> tensor<1x0xf32>
  return %1 : tensor<1x0xf32>
}
