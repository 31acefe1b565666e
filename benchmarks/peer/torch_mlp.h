// libtorch's training step of the same perceptron, behind a function: its headers cost half a minute of compiling.
#pragma once
#include <functional>
#include <string>

namespace burin::bench {

struct TorchMlp {
  std::string name;            ///< `libtorch 1.13.1`
  std::function<void()> step;  ///< empty where libtorch is not installed
};
/// 784-256-128-10, batch 128, SGD with momentum 0.9 or Adam.
TorchMlp torch_mlp(bool adam, int threads);

}  // namespace burin::bench
