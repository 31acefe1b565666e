// docs/devices.md, sentence by sentence: faults, and failures of the device that come to order.
#include <burin/burin.h>

#include "tests/support/catch.h"
#include "tests/support/null_device.h"

#include <atomic>
#include <thread>

using namespace burin;
using namespace burin::testing;
using Floats = std::vector<float>;

namespace {

// A function that faults where the index is out of range.
Tensor pick(const Tensor& x, const Tensor& at) { return gather(x, at, 0) * 2.0f; }
// The same with state: it is scaled, whatever the index.
Tensor pick_and_scale(Tensor& state, const Tensor& x, const Tensor& at) {
  Tensor picked = gather(x, at, 0);
  state = state * 3.0f;
  return picked;
}

}  // namespace

// -- faults --------------------------------------------------------------------------------------------------------------

TEST_CASE("a fault is told by the first read of what it left without a value, with op and line") {
  NullDeviceFixture null;
  auto f = function(pick);
  Tensor x = values({1, 2}).to(null.device);
  Tensor bad;
  CHECK_NOTHROW(bad = f(x, indices({5}).to(null.device)));
  const std::string told = message_of([&] { bad.to_vector<float>(); });
  CHECK(mentions(told, "gather: index 5 is out of range"));
  CHECK(mentions(told, "failures.cpp"));
  CHECK(f(x, indices({1}).to(null.device)).item<float>() == 4);
}

TEST_CASE("each read, and each call that is given it, tells what the first told: the words of the CPU") {
  NullDeviceFixture null;
  auto f = function(pick);
  auto told_on = [&](Device d) {
    return message_of([&] { f(values({1, 2}).to(d), indices({5}).to(d)).to_vector<float>(); });
  };
  CHECK(told_on(null.device) == told_on(Device::cpu()));
  Tensor x = values({1, 2}).to(null.device);
  Tensor bad = f(x, indices({6}).to(null.device));
  const std::string told = message_of([&] { bad.to_vector<float>(); });
  CHECK(mentions(told, "index 6 is out of range"));
  CHECK(message_of([&] { bad.to_vector<float>(); }) == told);
  CHECK(message_of([&] { f(bad, indices({0}).to(null.device)); }) == told);
  CHECK(f(x, indices({0}).to(null.device)).item<float>() == 2);
}

TEST_CASE("synchronize tells it too") {
  NullDeviceFixture null;
  Tensor x = values({1, 2}).to(null.device);
  Tensor bad = gather(x, indices({5}).to(null.device), 0);
  CHECK_THROWS_AS(null.device.synchronize(), DeviceError);
  CHECK_NOTHROW(null.device.synchronize());
  CHECK_THROWS_AS(bad.to_vector<float>(), DeviceError);  // it never gets a value
}

TEST_CASE("reading a value that was there before the fault neither throws nor clears it") {
  NullDeviceFixture null;
  Tensor x = values({1, 2}).to(null.device);
  Tensor good = x * 2;
  Tensor bad = gather(x, indices({9}).to(null.device), 0);
  CHECK(good.to_vector<float>() == Floats{2, 4});
  CHECK(x.to_vector<float>() == Floats{1, 2});
  CHECK_THROWS_AS(null.device.synchronize(), DeviceError);
}

TEST_CASE("after a fault later calls change no state, and their results throw when read") {
  NullDeviceFixture null;
  auto step = function(pick_and_scale);
  Tensor x = values({1, 2}).to(null.device), in_range = indices({0}).to(null.device),
         out_of_range = indices({3}).to(null.device);
  Tensor state = values({1}).to(null.device);
  step(state, x, in_range);
  Tensor first = step(state, x, out_of_range);
  Tensor second = step(state, x, in_range);
  Tensor third = second + 1;
  CHECK(state.item<float>() == 3);
  CHECK(mentions(message_of([&] { third.item<float>(); }), "index 3 is out of range"));
  CHECK(state.item<float>() == 3);
  step(state, x, in_range);
  CHECK(state.item<float>() == 9);
  CHECK_THROWS_AS(first.item<float>(), DeviceError);
  CHECK_THROWS_AS(second.item<float>(), DeviceError);
}

TEST_CASE("state that was given fresh memory gets the old value back") {
  NullDeviceFixture null;
  auto step = function(pick_and_scale);
  Tensor x = values({1, 2}).to(null.device), out_of_range = indices({3}).to(null.device);
  Tensor state = values({5}).to(null.device), held = state;  // somebody else sees it
  step(state, x, out_of_range);
  Tensor copy = state;
  step(state, x, out_of_range);
  CHECK_THROWS_AS(null.device.synchronize(), DeviceError);
  CHECK(state.item<float>() == 5);
  CHECK(copy.item<float>() == 5);
  CHECK(held.item<float>() == 5);
}

TEST_CASE("exchanged handles are put back") {
  NullDeviceFixture null;
  auto exchange = function([](Tensor& a, Tensor& b, const Tensor& x, const Tensor& at) {
    std::swap(a, b);
    return gather(x, at, 0);
  });
  Tensor a = values({1}).to(null.device), b = values({2}).to(null.device), x = values({0}).to(null.device);
  exchange(a, b, x, indices({0}).to(null.device));
  CHECK(a.item<float>() == 2);
  CHECK(b.item<float>() == 1);
  exchange(a, b, x, indices({4}).to(null.device));
  CHECK_THROWS_AS(null.device.synchronize(), DeviceError);
  CHECK(a.item<float>() == 2);
  CHECK(b.item<float>() == 1);
}

TEST_CASE("Variables keep what they had when a call, or an op, that assigned them fails") {
  NullDeviceFixture null;
  DeviceScope scope(null.device);
  Variable v(values({1}), "v");
  Tensor x = values({1, 2});
  auto f = function([&](const Tensor& at) {
    Tensor picked = gather(x, at, 0);
    v += 1.0f;
    return picked;
  });
  f(indices({0}));
  f(indices({7}));
  f(indices({0}));
  CHECK_THROWS_AS(null.device.synchronize(), DeviceError);
  CHECK(v.value().item<float>() == 2);
  v += gather(x, indices({7}), 0);
  v.assign(gather(x, indices({7}), 0));
  CHECK_THROWS_AS(null.device.synchronize(), DeviceError);
  CHECK(v.value().item<float>() == 2);
  f(indices({0}));
  CHECK(v.value().item<float>() == 3);
}

TEST_CASE("state of a call under a tape is put back as well") {
  NullDeviceFixture null;
  auto step = function(pick_and_scale);
  Tensor x = values({1, 2}).to(null.device), state = values({2}).to(null.device);
  auto loss = [&](const Tensor& w) { return sum(step(state, w, indices({6}).to(null.device))); };
  grad(loss)(x);
  CHECK_THROWS_AS(null.device.synchronize(), DeviceError);
  CHECK(state.item<float>() == 2);
}

TEST_CASE("a tensor that a failure left without a value is refused once the failure has been told") {
  NullDeviceFixture null;
  Tensor x = values({1, 2}).to(null.device);
  Tensor bad = gather(x, indices({5}).to(null.device), 0);
  CHECK_THROWS_AS(null.device.synchronize(), DeviceError);
  CHECK(mentions(message_of([&] { bad + 1; }), "index 5 is out of range"));
  auto f = function([](const Tensor& a) { return a + 1; });
  CHECK_THROWS_AS(f(bad), DeviceError);
  CHECK(f(x).to_vector<float>() == Floats{2, 3});
}

TEST_CASE("no kernel may both fault and write state: such a launch is refused") {
  NullDeviceFixture null;
  rt::Launch launch{};
  launch.may_fault = launch.writes_state = true;
  rt::Stream& stream = null.machine.stream();
  stream.wait(stream.launch(launch));
  CHECK(stream.failure().status == BURIN_RT_INTERNAL);
  stream.recover();
}

TEST_CASE("what a call only hands on has the value that it had, whatever fails") {
  NullDeviceFixture null;
  auto f = function([](const Tensor& x, const Tensor& at) { return std::pair(x, gather(x, at, 0)); });
  auto [same, bad] = f(values({1, 2}).to(null.device), indices({8}).to(null.device));
  CHECK(same.to_vector<float>() == Floats{1, 2});
  CHECK_THROWS_AS(bad.to_vector<float>(), DeviceError);
}

TEST_CASE("what is wrong with a call itself is thrown by the call, and nothing has changed") {
  NullDeviceFixture null;
  auto step = function([](Tensor& p, const Tensor& x) { p = p + matmul(x, x); });
  Tensor p = zeros({2, 2}).to(null.device);
  CHECK_THROWS_AS(step(p, zeros({2, 3}).to(null.device)), InvalidArgument);
  CHECK_THROWS_AS(step(p, zeros({2, 2})), InvalidArgument);
  null.device.synchronize();
  CHECK(p.to_vector<float>() == Floats(4, 0));
  step(p, full({2, 2}, 1.0f).to(null.device));
  CHECK(p.to_vector<float>() == Floats(4, 2));
}

TEST_CASE("threads share a device; a failure in one is told to whoever reads what it left without a value") {
  NullDeviceFixture null;
  auto f = function([](const Tensor& x) { return x * 2 + 1; });
  Tensor x = values({3}).to(null.device);
  f(x);
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) right += f(x).item<float>() == 7;
    });
  for (auto& t : threads) t.join();
  CHECK(right == 150);
}

// -- failures of the device ----------------------------------------------------------------------------------------------

TEST_CASE("a launch that fails is told like a fault, and leaves state as it was") {
  NullDeviceFixture null;
  auto step = function([](Tensor& p) { p = p * 2; });
  Tensor p = values({3}).to(null.device);
  null.device.synchronize();
  for (int n : {1, 2, 3}) {
    null.machine.fail_launch(n);
    for (int i = 0; i < 3; ++i) step(p);
    CHECK(mentions(message_of([&] { null.device.synchronize(); }), "failed on the device"));
    CHECK(p.item<float>() == 3.0f * static_cast<float>(1 << (n - 1)));
    p = values({3}).to(null.device);
  }
  step(p);
  CHECK(p.item<float>() == 6);
}

TEST_CASE("a failed copy leaves all states of its call as they were, also where another has been written") {
  NullDeviceFixture null;
  auto step = function([](Tensor& a, Tensor& b, Tensor& c) {
    a = a * 2;
    b = b * 3;
    c = c * 5;
  });
  int failures = 0;
  for (int n : {1, 2, 3, 4}) {
    Tensor a = values({1}).to(null.device), b = values({1, 1}).to(null.device), c = values({1}).to(null.device);
    step(a, b, c);
    null.device.synchronize();
    null.machine.fail_copy(n);
    step(a, b, c);
    const bool failed = mentions(message_of([&] { null.device.synchronize(); }), "failed on the device");
    null.machine.fail_copy(0);
    failures += failed;
    CHECK(a.item<float>() == (failed ? 2 : 4));
    CHECK(b.to_vector<float>() == (failed ? Floats{3, 3} : Floats{9, 9}));
    CHECK(c.item<float>() == (failed ? 5 : 25));
  }
  CHECK(failures > 0);
}

TEST_CASE("memory that states had is let go of, call after call") {
  NullDeviceFixture null;
  auto step = function([](Tensor& a, Tensor& b) {
    a = a + b;
    b = b + 1;
  });
  Tensor a = values({0}).to(null.device), b = values({1}).to(null.device);
  step(a, b);
  null.device.synchronize();
  const auto live = null.machine.statistics().live_bytes;
  for (int i = 0; i < 10; ++i) step(a, b);
  null.device.synchronize();
  CHECK(null.machine.statistics().live_bytes == live);
  CHECK(a.item<float>() == 66);
  CHECK(b.item<float>() == 12);
}

TEST_CASE("a copy that fails poisons the stream: later calls change no state until somebody is told") {
  NullDeviceFixture null;
  auto step = function([](Tensor& p) { p = p + 1; });
  Tensor p = values({1}).to(null.device);
  step(p);
  null.device.synchronize();
  null.machine.fail_copy(1);
  Tensor lost = values({9}).to(null.device);
  step(p);
  Tensor later = p * 2;
  CHECK(p.item<float>() == 2);
  CHECK(mentions(message_of([&] { later.item<float>(); }), "a copy to null:0 failed"));
  CHECK(p.item<float>() == 2);
  step(p);
  CHECK(p.item<float>() == 3);
  CHECK_THROWS_AS(lost.item<float>(), DeviceError);
}

TEST_CASE("a copy that fails is told, and the next works") {
  NullDeviceFixture null;
  null.machine.fail_copy(1);
  Tensor x = values({1}).to(null.device);
  CHECK(mentions(message_of([&] { x.item<float>(); }), "a copy to null:0 failed"));
  Tensor y = values({2}).to(null.device);
  null.device.synchronize();
  null.machine.fail_copy(1);
  CHECK(mentions(message_of([&] { y.item<float>(); }), "a copy from null:0 failed"));
  CHECK(y.item<float>() == 2);
}

TEST_CASE("a device out of memory is told at the call, with the bytes; state is untouched and the next call works") {
  NullDeviceFixture null;
  auto f = function([](Tensor& p, const Tensor& x) {
    p = p + 1;
    return broadcast_to(x, {1024, 1024});
  });
  Tensor p = values({1}).to(null.device), x = values({2}).to(null.device);
  null.device.synchronize();
  null.machine.set_memory_limit(null.machine.statistics().live_bytes + 1000);
  const std::string told = message_of([&] { f(p, x); });
  CHECK(mentions(told, "out of memory: null:0"));
  CHECK(mentions(told, "4194304 bytes"));
  CHECK(p.item<float>() == 1);
  CHECK_THROWS_AS(zeros({1024}).to(null.device), DeviceError);
  CHECK((x + 1).item<float>() == 3);
  null.machine.set_memory_limit(INT64_MAX);
  CHECK(f(p, x).shape() == Shape{1024, 1024});
  CHECK(p.item<float>() == 2);
}

TEST_CASE("freed memory serves again once the stream gets so far") {
  NullDeviceFixture null;
  null.device.synchronize();
  null.machine.set_memory_limit(null.machine.statistics().live_bytes + 3000);
  Tensor x = zeros({256}).to(null.device);
  for (int i = 0; i < 20; ++i) x = x + 1;
  CHECK(x.to_vector<float>()[255] == 20);
}
