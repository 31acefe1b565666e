// What a compile costs: a further function or training step in a running process, the first of a fresh one (from exec to exit, dynamic
// linking included), the same from the disk cache, and a long chain. Traces and the one call are included.
#include "benchmarks/bench.h"

#include <burin/burin.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

namespace burin::bench {
namespace {

struct Params {
  Tensor w1, b1, w2, b2;
};
Tensor mlp(const Params& p, const Tensor& x) { return matmul(relu(matmul(x, p.w1) + p.b1), p.w2) + p.b2; }
Tensor filled(std::int64_t rows, std::int64_t columns) {
  return Tensor(std::vector<float>(static_cast<std::size_t>(rows * columns), 0.5f), {rows, columns});
}

/// Runs the program that makes and calls one mlp, with these variables, and waits for it.
void run_child(const std::vector<std::string>& variables) {
  std::vector<char*> environment;
  for (const std::string& v : variables) environment.push_back(const_cast<char*>(v.c_str()));
  environment.push_back(nullptr);
  char program[] = BURIN_BENCH_CHILD;
  char* arguments[] = {program, nullptr};
  pid_t child;
  int status = 1;
  if (posix_spawn(&child, program, nullptr, nullptr, arguments, environment.data()) != 0 ||
      waitpid(child, &status, 0) < 0 || status != 0)
    throw std::runtime_error("bench_compile: the child process failed");
}

}  // namespace

void suite(Rows& rows) {
  auto size = std::make_shared<std::int64_t>(64);  // another width each time: no cache knows the graph
  rows.add({.name = "mlp_second",
            .ours =
                [=] {
                  std::int64_t n = (*size += 1);
                  keep(burin::function(mlp)(Params{filled(64, n), filled(1, n), filled(n, 10), filled(1, 10)},
                                            filled(32, 64))
                           .defined());
                },
            .once = true});
  rows.add(
      {.name = "train_step",
       .ours =
           [=] {
             std::int64_t n = (*size += 1);
             Params p{filled(64, n), filled(1, n), filled(n, 10), filled(1, 10)};
             const Adam adam;
             auto state = adam.init(p);
             const auto step = [](Params& q, Adam::State<Params>& s, const Adam& o, const Tensor& x, const Tensor& t) {
               auto [loss, g] = value_and_grad([&](const Params& r) { return softmax_cross_entropy(mlp(r, x), t); })(q);
               o.update(q, g, s);
               return loss;
             };
             keep(burin::function(step)(p, state, adam, filled(32, 64), zeros({32}, i32)).defined());
           },
       .once = true});
  rows.add({.name = "mlp_first", .ours = [] { run_child({"BURIN_CACHE_BYTES=0"}); }, .once = true});

  std::string cache = (std::filesystem::temp_directory_path() / ("burin-bench-" + std::to_string(getpid()))).string();
  std::vector<std::string> cached = {"BURIN_CACHE_DIR=" + cache, "BURIN_CACHE_BYTES=1G"};
  run_child(cached);
  std::shared_ptr<void> cleaner(nullptr, [cache](void*) { std::filesystem::remove_all(cache); });
  rows.add({.name = "mlp_disk_hit", .ours = [cached, cleaner] { run_child(cached); }, .once = true});

  auto factor = std::make_shared<float>(1.0f);
  rows.add({.name = "chain_1000",
            .ours =
                [=] {
                  float c = (*factor += 1e-3f);
                  Tensor x = {1.0f, 2.0f, 3.0f};
                  keep(burin::function([c](const Tensor& t) {
                         Tensor y = t;
                         for (int i = 0; i < 500; ++i) y = y * c + t;
                         return y;
                       })(x)
                           .defined());
                },
            .once = true});
}

}  // namespace burin::bench
