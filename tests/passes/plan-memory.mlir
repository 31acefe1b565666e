// Where --plan-memory puts tensors, and when it copies.
// RUN: burin-opt %s --split-input-file --plan-memory | FileCheck %s

// The last kernel writes the caller's result; the first two share the arena by turns: %0 is dead when %2 is made.
// CHECK-LABEL: @burin_entry(
// CHECK-SAME:    %[[X:.+]]: !burin_host.buffer, %[[OUT:.+]]: !burin_host.buffer)
// CHECK-SAME:    burin.arena = #burin.dims<[896]>
// CHECK-DAG:     %[[A:.+]] = burin_host.slot at <[{{[0-9]+}}]> bytes <[400]>
// CHECK:         burin_host.launch @f(%[[X]]) ->
// CHECK:         burin_host.launch @f(%{{.+}}) ->
// CHECK:         burin_host.launch @f(%{{.+}}) ->
// CHECK:         burin_host.launch @f(%{{.+}}) -> (%[[OUT]])
// CHECK-NOT:     burin_host.copy
module {
  func.func @main(%x: tensor<100xf32>) -> tensor<100xf32> {
    %0 = burin.launch @f(%x) sizes <[]> : (tensor<100xf32>) -> tensor<100xf32>
    %1 = burin.launch @f(%0) sizes <[]> : (tensor<100xf32>) -> tensor<100xf32>
    %2 = burin.launch @f(%1) sizes <[]> : (tensor<100xf32>) -> tensor<100xf32>
    %3 = burin.launch @f(%2) sizes <[]> : (tensor<100xf32>) -> tensor<100xf32>
    return %3 : tensor<100xf32>
  }
  module @kernels {
    func.func private @f(tensor<100xf32>) -> tensor<100xf32> attributes {burin.kernel}
  }
}

// -----

// Kernels that allow it work in place, all the way in the caller's result: no arena.
// CHECK-LABEL: @burin_entry(
// CHECK-SAME:    %[[X:.+]]: !burin_host.buffer, %[[OUT:.+]]: !burin_host.buffer)
// CHECK-SAME:    burin.arena = #burin.dims<[0]>
// CHECK:         burin_host.launch @f(%[[X]]) -> (%[[OUT]])
// CHECK:         burin_host.launch @f(%[[OUT]]) -> (%[[OUT]])
module {
  func.func @main(%x: tensor<100xf32>) -> tensor<100xf32> {
    %0 = burin.launch @f(%x) sizes <[]> : (tensor<100xf32>) -> tensor<100xf32>
    %1 = burin.launch @f(%0) sizes <[]> : (tensor<100xf32>) -> tensor<100xf32>
    return %1 : tensor<100xf32>
  }
  module @kernels {
    func.func private @f(tensor<100xf32>) -> tensor<100xf32> attributes {burin.kernel, burin.inplace = array<i64: 0, 0>}
  }
}

// -----

// Named sizes: offsets are computed at the call.
// CHECK-LABEL: @burin_entry(
// CHECK-SAME:    burin.sizes = ["n"]
// CHECK:         burin_host.slot at <[0]> bytes <["4*n"]>
// CHECK:         burin_host.launch @f({{.+}}) -> ({{.+}}) sizes <["n"]>
module {
  func.func @main(%x: tensor<?xf32, #burin.dims<["n"]>>) -> tensor<?xf32, #burin.dims<["n"]>> attributes {burin.sizes = ["n"]} {
    %0 = burin.launch @f(%x) sizes <["n"]> : (tensor<?xf32, #burin.dims<["n"]>>) -> tensor<?xf32, #burin.dims<["n"]>>
    %1 = burin.launch @f(%0) sizes <["n"]> : (tensor<?xf32, #burin.dims<["n"]>>) -> tensor<?xf32, #burin.dims<["n"]>>
    return %1 : tensor<?xf32, #burin.dims<["n"]>>
  }
  module @kernels {
    func.func private @f(tensor<?xf32, #burin.dims<["n"]>>, index) -> tensor<?xf32, #burin.dims<["n"]>> attributes {burin.kernel}
  }
}

// -----

// State that is read after its new value is known keeps its old bytes until the end.
// CHECK-LABEL: @burin_entry(
// CHECK-SAME:    %[[P:.+]]: !burin_host.buffer, %[[NEXT:.+]]: !burin_host.buffer, %[[OUT:.+]]: !burin_host.buffer)
// CHECK:         %[[T:.+]] = burin_host.slot
// CHECK:         burin_host.launch @f(%[[P]]) -> (%[[T]])
// CHECK:         burin_host.launch @f(%[[P]]) -> (%[[OUT]])
// CHECK:         burin_host.copy %[[T]] to %[[NEXT]]
module {
  func.func @main(%p: tensor<100xf32> {burin.input = "state"}) -> (tensor<100xf32> {burin.state = 0 : i32}, tensor<100xf32>) {
    %0 = burin.launch @f(%p) sizes <[]> : (tensor<100xf32>) -> tensor<100xf32>
    %1 = burin.launch @f(%p) sizes <[]> : (tensor<100xf32>) -> tensor<100xf32>
    return %0, %1 : tensor<100xf32>, tensor<100xf32>
  }
  module @kernels {
    func.func private @f(tensor<100xf32>) -> tensor<100xf32> attributes {burin.kernel, burin.inplace = array<i64: 0, 0>}
  }
}

// -----

// Faults are looked for before state is written.
// CHECK-LABEL: @burin_entry(
// CHECK:         burin_host.launch @g
// CHECK:         burin_host.check_faults
// CHECK-NEXT:    burin_host.launch @f(
module {
  func.func @main(%p: tensor<100xf32> {burin.input = "state"}, %x: tensor<100xf32>) -> (tensor<100xf32> {burin.state = 0 : i32}, tensor<100xf32>) {
    %0 = burin.launch @g(%x) sizes <[]> may_fault : (tensor<100xf32>) -> tensor<100xf32>
    %1 = burin.launch @f(%p) sizes <[]> : (tensor<100xf32>) -> tensor<100xf32>
    return %1, %0 : tensor<100xf32>, tensor<100xf32>
  }
  module @kernels {
    func.func private @f(tensor<100xf32>) -> tensor<100xf32> attributes {burin.kernel, burin.inplace = array<i64: 0, 0>}
    func.func private @g(tensor<100xf32>) -> tensor<100xf32> attributes {burin.kernel}
  }
}

// -----

// A loop keeps its carried value in the caller's result and updates it in place.
// CHECK-LABEL: @burin_entry(
// CHECK-SAME:    %[[X:.+]]: !burin_host.buffer, %[[OUT:.+]]: !burin_host.buffer)
// CHECK:         burin_host.copy %[[X]] to %[[OUT]]
// CHECK:         scf.while
// CHECK:           burin_host.launch @again(%[[OUT]]) -> (%[[C:.+]]) sizes
// CHECK:           %[[B:.+]] = burin_host.load %[[C]]
// CHECK:           scf.condition(%[[B]])
// CHECK:           burin_host.launch @f(%[[OUT]]) -> (%[[OUT]])
// CHECK-NOT:       burin_host.copy
// CHECK:           scf.yield
module {
  func.func @main(%x: tensor<100xf32>) -> tensor<100xf32> {
    %0 = burin.while %x {certain = false, max_trips = #burin.dims<[]>} : (tensor<100xf32>) -> tensor<100xf32> with (%v: tensor<100xf32>) {
      %again = burin.launch @again(%v) sizes <[]> : (tensor<100xf32>) -> tensor<i1>
      burin.yield %again, %v : tensor<i1>, tensor<100xf32>
    } with (%v: tensor<100xf32>) {
      %1 = burin.launch @f(%v) sizes <[]> : (tensor<100xf32>) -> tensor<100xf32>
      burin.yield %1 : tensor<100xf32>
    }
    return %0 : tensor<100xf32>
  }
  module @kernels {
    func.func private @f(tensor<100xf32>) -> tensor<100xf32> attributes {burin.kernel, burin.inplace = array<i64: 0, 0>}
    func.func private @again(tensor<100xf32>) -> tensor<i1> attributes {burin.kernel}
  }
}

// -----

// Two states are exchanged: one old value is put aside, whether the caller's memory is the same or not.
// CHECK-LABEL: @burin_entry(
// CHECK-SAME:    %[[A:.+]]: !burin_host.buffer, %[[B:.+]]: !burin_host.buffer, %[[X:.+]]: !burin_host.buffer, %[[Y:.+]]: !burin_host.buffer)
// CHECK:         %[[T:.+]] = burin_host.slot
// CHECK:         burin_host.copy %[[A]] to %[[T]]
// CHECK-NEXT:    burin_host.copy %[[B]] to %[[X]]
// CHECK-NEXT:    burin_host.copy %[[T]] to %[[Y]]
module {
  func.func @main(%a: tensor<100xf32> {burin.input = "state"}, %b: tensor<100xf32> {burin.input = "state"}) -> (tensor<100xf32> {burin.state = 0 : i32}, tensor<100xf32> {burin.state = 1 : i32}) {
    return %b, %a : tensor<100xf32>, tensor<100xf32>
  }
  module @kernels {
  }
}

// -----

// The old value is a result: it is copied before the new one, which had to wait in the arena, takes its place.
// CHECK-LABEL: @burin_entry(
// CHECK-SAME:    %[[P:.+]]: !burin_host.buffer, %[[NEXT:.+]]: !burin_host.buffer, %[[OUT:.+]]: !burin_host.buffer)
// CHECK:         %[[T:.+]] = burin_host.slot
// CHECK:         burin_host.launch @f(%[[P]]) -> (%[[T]])
// CHECK:         burin_host.copy %[[P]] to %[[OUT]]
// CHECK-NEXT:    burin_host.copy %[[T]] to %[[NEXT]]
module {
  func.func @main(%p: tensor<100xf32> {burin.input = "state"}) -> (tensor<100xf32> {burin.state = 0 : i32}, tensor<100xf32>) {
    %0 = burin.launch @f(%p) sizes <[]> : (tensor<100xf32>) -> tensor<100xf32>
    return %0, %p : tensor<100xf32>, tensor<100xf32>
  }
  module @kernels {
    func.func private @f(tensor<100xf32>) -> tensor<100xf32> attributes {burin.kernel, burin.inplace = array<i64: 0, 0>}
  }
}

// -----

// Workspace: what blocks share is a slot while its launch runs, if its size is known; the rest is used by turns. Nothing is
// refused once the call has begun, so state is written where it is computed.
// CHECK-LABEL: @burin_entry(
// CHECK-SAME:    %[[P:.+]]: !burin_host.buffer, %[[NEXT:.+]]: !burin_host.buffer, %[[OUT:.+]]: !burin_host.buffer)
// CHECK-SAME:    burin.arena = #burin.dims<[320]>
// CHECK-SAME:    burin.workspaces = {{\[\[}}"g: no memory for the workspace of f32[100]{{.*}}", #burin.dims<[0, 100]>]]
// CHECK:         %[[S:.+]] = burin_host.slot at <[0]> bytes <[300]>
// CHECK:         %[[W:.+]] = burin_host.workspace at <[0]>
// CHECK:         burin_host.launch @g(%[[P]]) -> (%[[OUT]]) workspace(%[[S]], %[[W]] : !burin_host.buffer, !burin_host.buffer)
// CHECK:         burin_host.launch @f(%[[P]]) -> (%[[NEXT]]) sizes
// CHECK-NOT:     burin_host.check_faults
module {
  func.func @main(%p: tensor<100xf32> {burin.input = "state"}) -> (tensor<100xf32> {burin.state = 0 : i32}, tensor<100xf32>) {
    %1 = burin.launch @g(%p) sizes <[]> : (tensor<100xf32>) -> tensor<100xf32>
    %0 = burin.launch @f(%p) sizes <[]> : (tensor<100xf32>) -> tensor<100xf32>
    return %0, %1 : tensor<100xf32>, tensor<100xf32>
  }
  module @kernels {
    func.func private @f(tensor<100xf32>) -> tensor<100xf32> attributes {burin.kernel, burin.inplace = array<i64: 0, 0>}
    func.func private @g(tensor<100xf32>) -> tensor<100xf32> attributes {burin.kernel, burin.workspace = #burin.dims<[300, 100]>}
  }
}

// -----

// Workspace by named sizes: launches that need equally much are one entry, and each worker's part begins behind what is shared.
// CHECK-LABEL: @burin_entry(
// CHECK-SAME:    burin.arena = #burin.dims<[0, "4*n"]>
// CHECK-SAME:    burin.workspaces = {{\[\[}}"f: no memory for the workspace of f32[n]{{.*}}", #burin.dims<["8*n", "n + 64"]>]]
// CHECK:         %[[A:.+]] = burin_host.workspace at <[0]>
// CHECK:         %[[B:.+]] = burin_host.workspace at <["64*ceildiv(n, 8)"]>
// CHECK:         burin_host.launch @f({{.+}}) -> ({{.+}}) workspace(%[[A]], %[[B]] :
module {
  func.func @main(%x: tensor<?xf32, #burin.dims<["n"]>>) -> tensor<?xf32, #burin.dims<["n"]>> attributes {burin.sizes = ["n"]} {
    %0 = burin.launch @f(%x) sizes <["n"]> : (tensor<?xf32, #burin.dims<["n"]>>) -> tensor<?xf32, #burin.dims<["n"]>>
    %1 = burin.launch @f(%0) sizes <["n"]> : (tensor<?xf32, #burin.dims<["n"]>>) -> tensor<?xf32, #burin.dims<["n"]>>
    return %1 : tensor<?xf32, #burin.dims<["n"]>>
  }
  module @kernels {
    func.func private @f(tensor<?xf32, #burin.dims<["n"]>>, index) -> tensor<?xf32, #burin.dims<["n"]>> attributes {burin.kernel, burin.workspace = #burin.dims<["8*size0", "size0 + 64"]>}
  }
}

// -----

// A value that is copied to state at the end is not overwritten by the last kernel that reads it.
// CHECK-LABEL: @burin_entry(
// CHECK-SAME:    %[[P:.+]]: !burin_host.buffer, %[[NEXT:.+]]: !burin_host.buffer, %[[OUT:.+]]: !burin_host.buffer)
// CHECK:         %[[T:.+]] = burin_host.slot
// CHECK:         burin_host.launch @g(%[[P]]) -> (%[[T]])
// CHECK:         burin_host.launch @f(%[[T]]) -> (%[[OUT]])
// CHECK:         burin_host.check_faults
// CHECK-NEXT:    burin_host.copy %[[T]] to %[[NEXT]]
module {
  func.func @main(%p: tensor<100xf32> {burin.input = "state"}) -> (tensor<100xf32> {burin.state = 0 : i32}, tensor<100xf32>) {
    %0 = burin.launch @g(%p) sizes <[]> may_fault : (tensor<100xf32>) -> tensor<100xf32>
    %1 = burin.launch @f(%0) sizes <[]> : (tensor<100xf32>) -> tensor<100xf32>
    return %0, %1 : tensor<100xf32>, tensor<100xf32>
  }
  module @kernels {
    func.func private @f(tensor<100xf32>) -> tensor<100xf32> attributes {burin.kernel, burin.inplace = array<i64: 0, 0>}
    func.func private @g(tensor<100xf32>) -> tensor<100xf32> attributes {burin.kernel}
  }
}

// -----

// A loop that may exceed its bound counts; nothing else here may fault, so it asks for none.
// CHECK-LABEL: @burin_entry(
// CHECK:         %[[ZERO:.+]] = arith.constant 0 : i64
// CHECK:         scf.while (%[[N:.+]] = %[[ZERO]]) : (i64) -> i64 {
// CHECK-NOT:       burin_host.faulted
// CHECK:           %[[B:.+]] = burin_host.load
// CHECK:           %[[GO:.+]] = burin_host.bound %[[B]] after %[[N]] trips of <["n"]> op 7
// CHECK:           scf.condition(%[[GO]]) %[[N]]
// CHECK:           %[[NEXT:.+]] = arith.addi
// CHECK:           scf.yield %[[NEXT]]
// CHECK:         burin_host.check_faults
module {
  func.func @main(%x: tensor<?xf32, #burin.dims<["n"]>>) -> tensor<?xf32, #burin.dims<["n"]>> attributes {burin.sizes = ["n"]} {
    %0 = burin.while %x {max_trips = #burin.dims<["n"]>, certain = false, burin.op = 7 : i32} : (tensor<?xf32, #burin.dims<["n"]>>) -> tensor<?xf32, #burin.dims<["n"]>> with (%v: tensor<?xf32, #burin.dims<["n"]>>) {
      %again = burin.launch @again(%v) sizes <["n"]> : (tensor<?xf32, #burin.dims<["n"]>>) -> tensor<i1>
      burin.yield %again, %v : tensor<i1>, tensor<?xf32, #burin.dims<["n"]>>
    } with (%v: tensor<?xf32, #burin.dims<["n"]>>) {
      %1 = burin.launch @f(%v) sizes <["n"]> : (tensor<?xf32, #burin.dims<["n"]>>) -> tensor<?xf32, #burin.dims<["n"]>>
      burin.yield %1 : tensor<?xf32, #burin.dims<["n"]>>
    }
    return %0 : tensor<?xf32, #burin.dims<["n"]>>
  }
  module @kernels {
    func.func private @f(tensor<?xf32, #burin.dims<["n"]>>, index) -> tensor<?xf32, #burin.dims<["n"]>> attributes {burin.kernel}
    func.func private @again(tensor<?xf32, #burin.dims<["n"]>>, index) -> tensor<i1> attributes {burin.kernel}
  }
}

// -----

// A loop with what may fault ends with the trip that did: the test is not run again.
// CHECK-LABEL: @burin_entry(
// CHECK:         scf.while
// CHECK-NEXT:      %[[F:.+]] = burin_host.faulted
// CHECK-NEXT:      %[[GO:.+]] = scf.if %[[F]] -> (i1) {
// CHECK-NEXT:        %[[NO:.+]] = arith.constant false
// CHECK-NEXT:        scf.yield %[[NO]]
// CHECK-NEXT:      } else {
// CHECK-NEXT:        burin_host.launch @again
// CHECK-NEXT:        %[[B:.+]] = burin_host.load
// CHECK-NEXT:        scf.yield %[[B]]
// CHECK:           scf.condition(%[[GO]])
module {
  func.func @main(%x: tensor<100xf32>) -> tensor<100xf32> {
    %0 = burin.while %x {certain = false, max_trips = #burin.dims<[]>} : (tensor<100xf32>) -> tensor<100xf32> with (%v: tensor<100xf32>) {
      %again = burin.launch @again(%v) sizes <[]> : (tensor<100xf32>) -> tensor<i1>
      burin.yield %again, %v : tensor<i1>, tensor<100xf32>
    } with (%v: tensor<100xf32>) {
      %1 = burin.launch @f(%v) sizes <[]> may_fault : (tensor<100xf32>) -> tensor<100xf32>
      burin.yield %1 : tensor<100xf32>
    }
    return %0 : tensor<100xf32>
  }
  module @kernels {
    func.func private @f(tensor<100xf32>) -> tensor<100xf32> attributes {burin.kernel, burin.inplace = array<i64: 0, 0>}
    func.func private @again(tensor<100xf32>) -> tensor<i1> attributes {burin.kernel}
  }
}
