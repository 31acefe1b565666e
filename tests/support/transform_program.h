// Random programs over tensors f64[n] for differential tests of transforms: a seed gives steps, `run` carries them out with
// the public functions. They take any n, a named one among them, and fault nowhere.
#pragma once
#include <burin/burin.h>

#include <ostream>
#include <random>
#include <vector>

namespace burin::test {

enum class Step : int {
  add,
  mul,
  tanh,
  exp,
  ratio,
  scale,
  reduce,
  cumsum,
  matmul,
  gather,
  rotate,
  scatter,
  smooth,
  root,
  log,
  where,
  abs,
  max,
  sigmoid,
  integer,
  noise,
  dropout,
  stop,
  cond,
  choose,
  repeat,
  until,
  counted,
  scan,
  sweep,
  map,
  host,
  remat,
  custom,
  call,
  update,
  donate,
  tape,
  grad,
  jvp,
  vmap,
  count,
};

struct Node {
  Step kind{};
  unsigned a = 0, b = 0;  ///< operands: positions among the values, counted around
  unsigned m = 0;         ///< how many, where that may differ
  double k = 0;
  std::vector<Node> body, other;
};
using Nodes = std::vector<Node>;

struct ProgramOptions {
  int depth = 3;        ///< of steps in steps
  int derivatives = 1;  ///< of steps that differentiate, in each other
  bool forward = true;  ///< no step that forward mode refuses
};
/// As many steps, at random.
Nodes random_nodes(std::mt19937_64&, int count, const ProgramOptions&);
/// The last value that the steps give from these.
Tensor run(const Nodes&, std::vector<Tensor> values);
void print(std::ostream&, const Nodes&, const std::string& pad = "  ");
bool contains(const Nodes&, Step);

/// How near a run came to where a choice changes: derivatives say nothing about differences there. Null: nobody asks.
inline thread_local double* margin = nullptr;
/// The level of functions that programs call.
inline thread_local Level inner_level = Level::graph;

}  // namespace burin::test
