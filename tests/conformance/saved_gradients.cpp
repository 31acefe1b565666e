// Functions whose bodies take gradients, ahead of time: saved, compiled by burinc, and called as a C program would call them.
#include "tests/support/catch.h"
#include "tests/support/differences.h"

#include <burin/rt/rt.h>

#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <unistd.h>

using namespace burin;
using burin::test::differences;
namespace fs = std::filesystem;

namespace {

Tensor loss(const Tensor& x) {
  auto block = remat([](const Tensor& t) { return tanh(t * t + 0.3); });
  auto scaled = custom_gradient([](const Tensor& t) { return t * t; },
                                [](const Tensor& t, const Tensor&, const Tensor& w) { return 2.0 * t * w; });
  Tensor y = x, i = std::int64_t{0};
  while_loop([&] { return i < 3; },
             [&] {
               y = cond(sum(y) > 0.4, [&] { return block(y) * x; }, [&] { return scaled(y) + x; });
               i += 1;
             },
             {.max_trips = 3});
  return sum(y);
}

using AotFunction = std::int32_t (*)(const burin_rt_tensor*, const burin_rt_tensor*);

}  // namespace

TEST_CASE("burinc compiles saved functions that take gradients, of first and second order") {
  std::string name = (fs::temp_directory_path() / "burin-gradients-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()));
  const fs::path folder = name, bin = fs::read_symlink("/proc/self/exe").parent_path();
  const Tensor x({0.4, -0.3, 0.9});
  const std::vector<std::pair<std::string, std::function<Tensor(const Tensor&)>>> cases = {
      {"slope", [](const Tensor& t) { return grad(loss)(t); }},
      {"curvature", [](const Tensor& t) { return grad([](const Tensor& s) { return sum(grad(loss)(s)); })(t); }},
  };
  for (const auto& [symbol, f] : cases) {
    INFO(symbol);
    auto saved = function(f, {.name = symbol, .level = Level::graph});
    saved(x);
    const std::string stem = (folder / symbol).string();
    saved.save(stem + ".burin");
    REQUIRE(std::system(
                ((bin / "burinc").string() + " --target=x86-64 " + stem + ".burin -o " + stem + ".so").c_str()) == 0);
    void* handle = ::dlopen((stem + ".so").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) FAIL(::dlerror());
    auto call = reinterpret_cast<AotFunction>(::dlsym(handle, symbol.c_str()));
    REQUIRE(call);
    std::vector<double> in = x.to_vector<double>(), out(3);
    std::int64_t three = 3;
    const burin_rt_tensor argument{in.data(), BURIN_RT_F64, 1, &three}, result{out.data(), BURIN_RT_F64, 1, &three};
    REQUIRE(call(&argument, &result) == BURIN_RT_OK);
    const auto want =
        symbol == "slope" ? differences(loss, x) : differences([](const Tensor& t) { return sum(grad(loss)(t)); }, x);
    for (std::size_t i = 0; i < 3; ++i) CHECK(out[i] == Approx(want[i]).margin(1e-5));
    CHECK(::dlclose(handle) == 0);
  }
  fs::remove_all(folder);
}
