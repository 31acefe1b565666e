// The peer of train/mlp_step: eager libtorch, as its C++ users write it.
#include "benchmarks/peer/torch_mlp.h"

#ifdef BURIN_BENCH_TORCH
#include <torch/torch.h>
#include <torch/version.h>
#endif

namespace burin::bench {

#ifdef BURIN_BENCH_TORCH

TorchMlp torch_mlp(bool adam, int threads) {
  torch::set_num_threads(threads);
  torch::manual_seed(1);
  torch::nn::Sequential model(torch::nn::Linear(784, 256), torch::nn::ReLU(), torch::nn::Linear(256, 128),
                              torch::nn::ReLU(), torch::nn::Linear(128, 10));
  std::shared_ptr<torch::optim::Optimizer> optimizer;
  if (adam) optimizer = std::make_shared<torch::optim::Adam>(model->parameters(), torch::optim::AdamOptions(1e-5));
  else
    optimizer = std::make_shared<torch::optim::SGD>(model->parameters(), torch::optim::SGDOptions(1e-4).momentum(0.9));
  const torch::Tensor x = torch::randn({128, 784}), labels = torch::randint(10, {128});
  auto step = [=]() mutable {
    optimizer->zero_grad();
    torch::Tensor loss = torch::nn::functional::cross_entropy(model->forward(x), labels);
    loss.backward();
    optimizer->step();
  };
  return {"libtorch " TORCH_VERSION, step};
}

#else

TorchMlp torch_mlp(bool, int) { return {}; }

#endif

}  // namespace burin::bench
