// What is printed, in which order and how often: the same at every level, in regions, nested functions, under transforms and
// from a saved file.
#include "tests/support/catch.h"
#include "tests/support/child.h"

#include <burin/burin.h>
#include <burin/rt/rt.h>

using namespace burin;
using test::TemporaryFolder;

namespace {

// Collects labels and first elements while it lives.
struct Printed {
  std::vector<std::string> lines;
  Printed() {
    burin_rt_set_print_sink(
        [](void* user, const char* label, std::int64_t size, std::int32_t, std::int32_t, const std::int64_t*,
           const void* data) {
          std::string line(label, static_cast<std::size_t>(size));
          line += " " + std::to_string(static_cast<int>(*static_cast<const float*>(data)));
          static_cast<Printed*>(user)->lines.push_back(line);
        },
        this);
  }
  ~Printed() { burin_rt_set_print_sink(nullptr, nullptr); }
  std::vector<std::string> take() { return std::exchange(lines, {}); }
};
using Lines = std::vector<std::string>;

const Level levels[] = {Level::eager, Level::graph, Level::no_fuse, Level::full};

// Prints between ops that fuse, in a branch, in a loop whose trips the values decide, and in a nested function.
Tensor program(const Tensor& x) {
  Tensor y = x * 2;
  print(y, "doubled");
  y = y + 1;
  print(x, "given");
  cond(reduce_sum(x) > 0.0f, [&] { print(y, "positive"); }, [&] { print(y, "negative"); });
  static auto inner = function([](const Tensor& v) {
    print(v, "inner");
    return v * v;
  });
  Tensor z = inner(y);
  Tensor i = 0.0f;
  while_loop([&] { return i < 3.0f; },
             [&] {
               print(i, "trip");
               i = i + 1;
             });
  print(z, "last");
  return z;
}
const Lines expected = {"doubled 4", "given 2", "positive 5", "inner 5", "trip 0", "trip 1", "trip 2", "last 25"};

}  // namespace

TEST_CASE("prints come in program order at every level, each time") {
  Printed printed;
  for (Level level : levels) {
    INFO("level " << static_cast<int>(level));
    auto f = function([](const Tensor& x) { return program(x); }, {.level = level});
    LevelScope scope(level);
    f(Tensor({2.0f, 1.0f}));
    CHECK(printed.take() == expected);
    f(Tensor({2.0f, 1.0f}));
    CHECK(printed.take() == expected);
    f(Tensor({-2.0f, 1.0f}));
    CHECK(printed.take()[2] == "negative -3");
  }
}

TEST_CASE("a saved function prints as it did") {
  Printed printed;
  TemporaryFolder folder;
  const std::string file = folder.path / "f.burin";
  auto f = function([](const Tensor& x) { return program(x); });
  f.trace(spec<f32>({"n"}));
  CHECK(printed.take().empty());
  f.save(file);
  for (Level level : {Level::graph, Level::full}) {
    load(file, level)(Tensor({2.0f, 1.0f}));
    CHECK(printed.take() == expected);
  }
}

TEST_CASE("derivatives print once: what the function prints, in its order") {
  Printed printed;
  auto loss = [](const Tensor& x) { return reduce_sum(program(x)); };
  const Tensor x({2.0f, 1.0f});
  for (Level level : levels) {
    INFO("level " << static_cast<int>(level));
    auto first = function([&](const Tensor& v) { return grad(loss)(v); }, {.level = level});
    LevelScope scope(level);
    CHECK(first(x).to_vector<float>() == std::vector<float>{20, 12});
    CHECK(printed.take() == expected);
    auto second =
        function([&](const Tensor& v) { return grad([&](const Tensor& w) { return reduce_sum(grad(loss)(w)); })(v); },
                 {.level = level});
    CHECK(second(x).to_vector<float>() == std::vector<float>{8, 8});
    CHECK(printed.take() == expected);
    auto forward = function([&](const Tensor& v) { return jvp(loss, v, full({2}, 1.0f)).second; }, {.level = level});
    CHECK(forward(x).item<float>() == 32);
    CHECK(printed.take() == expected);
  }
}
