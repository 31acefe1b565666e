// Runs the generated programs as doubles, as eager tensors and traced at a level, and compares all three exactly.
// usage: fuzz_control [graph|no_fuse|full] [FUNCTION]
#include <burin/burin.h>

#include "compiler/graph/graph.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace plain {
std::vector<double (*)(double, double)> functions();
}
namespace traced {
std::vector<burin::Tensor (*)(burin::Tensor, burin::Tensor)> functions();
}

using burin::Tensor;

int main(int argc, char** argv) {
  auto native = plain::functions();
  auto programs = traced::functions();
  int wrong = 0, refused = 0, runs = 0, only = -1;
  auto level = burin::Level::graph;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "no_fuse") level = burin::Level::no_fuse;
    else if (std::string(argv[i]) == "full") level = burin::Level::full;
    else if (std::string(argv[i]) != "graph") only = std::atoi(argv[i]);
  }
  for (std::size_t k = 0; k < programs.size(); ++k) {
    if (only >= 0 && only != static_cast<int>(k)) continue;
    auto compiled = burin::function(programs[k], {.name = "f" + std::to_string(k), .level = level});
    for (double x : {-2.0, 0.0, 1.0, 2.0, 5.0})
      for (double y : {-1.0, 0.0, 3.0}) {
        double want = native[k](x, y), eager = 0, got = 0;
        try {
          eager = programs[k](Tensor(x), Tensor(y)).item<double>();
          got = compiled(Tensor(x), Tensor(y)).item<double>();
        } catch (const std::exception& e) {
          if (refused++ < 10) std::printf("f%zu(%g, %g) refused: %s\n", k, x, y, e.what());
          continue;
        }
        ++runs;
        auto same = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
        if ((!same(eager, want) || !same(got, want)) && wrong++ < 10)
          std::printf("f%zu(%g, %g): want %g, eager %g, traced %g\n", k, x, y, want, eager, got);
      }
    for (auto& g : compiled.graphs())
      if (auto ok = verify(*g); !ok && refused++ < 10)
        std::printf("f%zu: the graph does not verify: %s\n", k, ok.error().text().c_str());
    if (only >= 0) std::printf("%s\n", to_string(compiled).c_str());
  }
  std::printf("%zu functions, %d runs, %d wrong, %d refused\n", programs.size(), runs, wrong, refused);
  return wrong + refused != 0;
}
