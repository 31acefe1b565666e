// Named sizes that no memory holds: refused in the words of the op, before anything runs, compiled or not.
#include "tests/errors/messages.h"
#include "tests/support/catch.h"

#include <burin/rt/rt.h>

using namespace burin;

namespace {

const std::vector<Level> levels{Level::graph, Level::no_fuse, Level::full};

/// How the text of the level `graph`, which knows the numbers, ends that of compiled code, which has the names.
std::string named(Level level, const std::string& number, const std::string& name, std::string text) {
  return text.replace(text.find('%'), 1, level == Level::graph ? number : name);
}

}  // namespace

TEST_CASE("a temporary whose bytes leave 64 bits is refused, though the argument is empty") {
  const Tensor empty = zeros({1LL << 62, 0}), good = {{1.0f, 2.0f}, {3.0f, 4.0f}};
  for (Level level : levels) {
    auto sums = function([](const Tensor& x) { return sum(cumsum(sum(x, 1))); },
                         {.name = "sums", .level = level, .signature = {spec<f32>({"n", "k"})}});
    auto picks = function([](const Tensor& x, const Tensor& at) { return gather(sum(x, 1), at); },
                          {.name = "picks", .level = level, .signature = {spec<f32>({"n", "k"}), spec<i32>({"m"})}});
    const std::string text =
        named(level, "4611686018427387904", "n",
              "reduce_sum: no memory for the result f32[%] (more than 2^62 bytes) [out-of-memory]");
    for (int i = 0; i < 2; ++i) {
      CHECK(error_of<DeviceError>([&] { sums(empty); }) == text);
      CHECK(error_of<DeviceError>([&] { picks(empty, Tensor({0})); }) == text);
      CHECK(sums(good).item<float>() == 13);
      CHECK(picks(good, Tensor({1})).to_vector<float>() == std::vector<float>{7});
    }
  }
}

TEST_CASE("a product of named sizes that leaves 64 bits is refused where it never gets memory, and nothing has run") {
  const Tensor many = zeros({1 << 16}), good = {1.0f, 2.0f};
  for (Level level : levels) {
    int prints = 0;
    burin_rt_set_print_sink([](void* count, const char*, std::int64_t, std::int32_t, std::int32_t, const std::int64_t*,
                               const void*) { ++*static_cast<int*>(count); },
                            &prints);
    auto fused = function(
        [](const Tensor& x) {
          print(x, "x");
          const Dim n = x.shape(0);
          return sum(broadcast_to(1.0f, {n, n, n, n}));
        },
        {.name = "fused", .level = level, .signature = {spec<f32>({"n"})}});
    auto kept = function(
        [](const Tensor& x) {
          const Dim n = x.shape(0);
          return sum(cumsum(reshape(broadcast_to(x, {n, n, n, n}), {n * n * n * n})));
        },
        {.name = "kept", .level = level, .signature = {spec<f32>({"n"})}});
    const std::string text =
        "broadcast_to: no memory for the result f32[%,%,%,%] (more than 2^62 bytes) [out-of-memory]";
    std::string of_call = text;
    while (of_call.find('%') != of_call.npos) of_call = named(level, "65536", "n", of_call);
    CHECK(error_of<DeviceError>([&] { fused(many); }) == of_call);
    CHECK(prints == 0);
    CHECK(error_of<DeviceError>([&] { kept(many); }) == of_call);
    CHECK(fused(good).item<float>() == 16);
    CHECK(prints == 1);
    CHECK(kept(good).item<float>() == 200);
    burin_rt_set_print_sink(nullptr, nullptr);
  }
}

TEST_CASE("a call beyond the memory limit names its largest temporary, and state is as it was") {
  for (Level level : {Level::no_fuse, Level::full}) {
    Tensor state = {1.0f};
    auto step = function(
        [](Tensor& s, const Tensor& x) {
          const Dim n = x.shape(0);
          Tensor wide = cumsum(broadcast_to(x, {n, n}));
          s = s + 1;
          return sum(cumsum(wide, 0));
        },
        {.name = "step", .level = level, .signature = {spec<f32>({1}), spec<f32>({"n"})}});
    const std::string text = error_of<DeviceError>([&] { step(state, zeros({1 << 22})); });
    INFO(text);
    CHECK(text.find("no memory for the result f32[n,n] (70368744177664 bytes, ") != text.npos);
    CHECK(text.find(" with all temporaries) [out-of-memory]") != text.npos);
    CHECK(state.item<float>() == 1);
    step(state, Tensor({1.0f, 2.0f}));
    CHECK(state.item<float>() == 2);
  }
}

TEST_CASE("a static result whose bytes could not be rounded up is refused when it is recorded") {
  auto large = [](const Tensor& x) { return sum(broadcast_to(x, {2305843009213693951})); };
  CHECK(error_in_both<InvalidArgument>(large, Tensor(1.0f)) ==
        "broadcast_to: the result would be f32[2305843009213693951], which no memory can hold [too-large]");
}
