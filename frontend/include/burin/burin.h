// The public API of Burin: tensors, ops, functions that are traced and compiled, control flow.
#pragma once
#include <burin/autograph.h>
#include <burin/composites.h>
#include <burin/control.h>
#include <burin/custom_gradient.h>
#include <burin/function.h>
#include <burin/grad.h>
#include <burin/gradient_tape.h>
#include <burin/jacobian.h>
#include <burin/loops.h>
#include <burin/ops.h>
#include <burin/optimizers.h>
#include <burin/promotion.h>
#include <burin/random.h>
#include <burin/tensor.h>
#include <burin/variable.h>
#include <burin/vmap.h>
