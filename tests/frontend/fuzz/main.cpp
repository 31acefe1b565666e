// Runs the generated programs as doubles, as eager tensors, traced at a level, and over lanes, and compares all exactly; their
// derivatives eagerly and traced.
// usage: fuzz_control [graph|no_fuse|full] [PROGRAM]     PROGRAM: f3, e4
#include <burin/burin.h>

#include "compiler/graph/graph.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace plain {
using Program = double (*)(double, double);
std::vector<Program> functions();
std::vector<Program> exits();
std::vector<Program> entries();
}  // namespace plain
namespace traced {
using Program = burin::Tensor (*)(burin::Tensor, burin::Tensor);
std::vector<Program> functions();
std::vector<Program> exits();
std::vector<Program> entries();
}  // namespace traced

using burin::Tensor;

namespace {

struct Totals {
  burin::Level level = burin::Level::graph;
  std::string only;
  std::size_t programs = 0;
  int runs = 0, wrong = 0, refused = 0;
};

const std::vector<double> xs = {-2.0, 0.0, 1.0, 2.0, 5.0}, ys = {-1.0, 0.0, 3.0};

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

struct Names {
  std::string prefix;
  std::size_t first = 0, step = 1;
};

void run(Totals& t, const Names& names, std::vector<plain::Program> native, std::vector<traced::Program> programs,
         bool derivatives) {
  for (std::size_t k = 0; k < programs.size(); ++k) {
    const std::string name = names.prefix + std::to_string(names.first + k * names.step);
    if (!t.only.empty() && t.only != name) continue;
    ++t.programs;
    const bool transforms = t.level == burin::Level::graph || k % 4 == 0;  // compiling them is what takes the time
    auto check = [&](const char* how, double x, double y, double got, double want) {
      ++t.runs;
      if (!same(got, want) && t.wrong++ < 10)
        std::printf("%s(%g, %g): want %g, %s %g\n", name.c_str(), x, y, want, how, got);
    };
    auto refused = [&](const std::exception& e) {
      if (t.refused++ < 10) std::printf("%s refused: %s\n", name.c_str(), e.what());
    };
    auto compiled = burin::function(programs[k], {.name = name, .level = t.level});
    auto slope = [&](const Tensor& p) {
      return burin::grad([&](const Tensor& q) {
        return programs[k](burin::gather(q, Tensor(0), 0), burin::gather(q, Tensor(1), 0));
      })(p);
    };
    auto compiled_slope = burin::function(slope, {.name = name + "_slope", .level = t.level});
    std::vector<double> lanes_x, lanes_y, want;
    for (double x : xs)
      for (double y : ys) {
        lanes_x.push_back(x);
        lanes_y.push_back(y);
        want.push_back(native[k](x, y));
        try {
          check("eager", x, y, programs[k](Tensor(x), Tensor(y)).item<double>(), want.back());
          check("traced", x, y, compiled(Tensor(x), Tensor(y)).item<double>(), want.back());
          if (!derivatives || !transforms) continue;
          const Tensor p({x, y});
          const auto eager = slope(p).to_vector<double>(), recorded = compiled_slope(p).to_vector<double>();
          for (int i = 0; i < 2; ++i) check("slope traced", x, y, recorded[i], eager[i]);
        } catch (const std::exception& e) { refused(e); }
      }
    if (transforms) try {
        auto all = [&](const Tensor& a, const Tensor& b) { return burin::vmap(programs[k])(a, b); };
        const auto got = burin::function(all, {.name = name, .level = t.level})(Tensor(lanes_x), Tensor(lanes_y));
        const auto values = got.to_vector<double>();
        for (std::size_t i = 0; i < want.size(); ++i) check("lane", lanes_x[i], lanes_y[i], values[i], want[i]);
      } catch (const std::exception& e) { refused(e); }
    for (auto& g : compiled.graphs())
      if (auto ok = verify(*g); !ok && t.refused++ < 10)
        std::printf("%s: the graph does not verify: %s\n", name.c_str(), ok.error().text().c_str());
    if (!t.only.empty()) std::printf("%s\n", to_string(compiled).c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  Totals t;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "no_fuse") t.level = burin::Level::no_fuse;
    else if (word == "full") t.level = burin::Level::full;
    else if (word != "graph") t.only = word;
  }
  run(t, {"f"}, plain::functions(), traced::functions(), false);
  run(t, {"e", 1, 2}, plain::exits(), traced::exits(), true);
  run(t, {"e", 0, 2}, plain::entries(), traced::entries(), false);
  std::printf("%zu programs, %d runs, %d wrong, %d refused\n", t.programs, t.runs, t.wrong, t.refused);
  return t.programs == 0 || t.wrong + t.refused != 0;
}
