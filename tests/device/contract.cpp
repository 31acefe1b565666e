// docs/devices.md, sentence by sentence, on the null device: its memory traps, its work runs late, its failures come to order.
#include <burin/burin.h>

#include "tests/support/catch.h"
#include "tests/support/null_device.h"

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <filesystem>
#include <thread>

using namespace burin;
using testing::NullDeviceFixture;
using Floats = std::vector<float>;

namespace {

Tensor values(std::initializer_list<float> list) { return Tensor(std::vector<float>(list)); }
Tensor indices(std::initializer_list<std::int32_t> list) { return Tensor(std::vector<std::int32_t>(list)); }

std::string message_of(auto&& run) {
  try {
    run();
  } catch (const BurinError& e) { return e.what(); }
  return "";
}
bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// A function that faults where the index is out of range.
Tensor pick(const Tensor& x, const Tensor& at) { return gather(x, at, 0) * 2.0f; }
// The same with state: it is scaled, whatever the index.
Tensor pick_and_scale(Tensor& state, const Tensor& x, const Tensor& at) {
  Tensor picked = gather(x, at, 0);
  state = state * 3.0f;
  return picked;
}

sigjmp_buf after_trap;
void trapped(int) { siglongjmp(after_trap, 1); }

}  // namespace

// -- where values are ----------------------------------------------------------------------------------------------------

TEST_CASE("the CPU is a device, and the device of everything where nobody says otherwise") {
  CHECK(Device().name() == "cpu");
  CHECK(Device::named("cpu") == Device::cpu());
  CHECK(values({1}).device() == Device::cpu());
  CHECK((values({1}) + 1).device() == Device::cpu());
  CHECK(values({1, 2}).to(Device::cpu()).to_vector<float>() == Floats{1, 2});
}

TEST_CASE("a device that does not exist is an error that names those there are") {
  NullDeviceFixture null;
  CHECK(mentions(message_of([] { Device::named("cuda:0"); }), "there is no device \"cuda:0\""));
  CHECK(mentions(message_of([] { Device::named("null:7"); }), "this process has cpu, null:0, null:1"));
  CHECK_THROWS_AS(Device::named(""), InvalidArgument);
}

TEST_CASE("a tensor moves to a device and back with its values, its dtype and its shape") {
  NullDeviceFixture null;
  Tensor x = Tensor({{1, 2, 3}, {4, 5, 6}});
  Tensor there = x.to(null.device);
  CHECK(there.device() == null.device);
  CHECK(there.type() == x.type());
  CHECK(there.to_vector<std::int32_t>() == x.to_vector<std::int32_t>());
  CHECK(there.to(Device::cpu()).device() == Device::cpu());
  CHECK(x.to(Device::cpu()).data<std::int32_t>() == x.data<std::int32_t>());  // there already
  const auto copies = null.machine.statistics().copies;
  there.to(null.device);
  CHECK(null.machine.statistics().copies == copies);
  CHECK(to_string(there) == to_string(x));
  CHECK(values({7}).to(null.device).item<float>() == 7);
  CHECK(zeros({0, 3}).to(null.device).to_vector<float>().empty());
}

TEST_CASE("the memory of another device is not the host's: a stray access traps") {
  NullDeviceFixture null;
  void* address = null.machine.allocate(64);
  struct sigaction act{}, old{};
  act.sa_handler = trapped;
  sigaction(SIGSEGV, &act, &old);
  bool trap = true;
  if (sigsetjmp(after_trap, 1) == 0) { trap = *static_cast<volatile char*>(address) != 0 && false; }
  sigaction(SIGSEGV, &old, nullptr);
  CHECK(trap);
  null.machine.deallocate(address, 64);
}

TEST_CASE("data() of a tensor elsewhere is an error that tells the remedy") {
  NullDeviceFixture null;
  Tensor x = values({1}).to(null.device);
  CHECK(mentions(message_of([&] { (void)x.data<float>(); }), "x.to(Device::cpu())"));
  CHECK_THROWS_AS(x.to_dlpack(), InvalidArgument);
  CHECK(x.to(Device::cpu()).data<float>()[0] == 1);
}

TEST_CASE("what is created follows the scope") {
  NullDeviceFixture null;
  DeviceScope scope(null.device);
  CHECK(values({1, 2}).device() == null.device);
  CHECK(zeros({2, 2}).device() == null.device);
  CHECK(iota({4}, 0, f32).device() == null.device);
  CHECK(full({2}, 3.0f).to_vector<float>() == Floats{3, 3});
  CHECK(zeros({}).device() == null.device);
  CHECK(iota({4}, 0, f32).to_vector<float>() == Floats{0, 1, 2, 3});
  {
    DeviceScope inner(Device::cpu());
    CHECK(zeros({1}).device() == Device::cpu());
  }
  CHECK(zeros({1}).device() == null.device);
  CHECK(Variable(0.0f).value().device() == null.device);
}

TEST_CASE("a Variable that begins with a number is where the scope said, and stays") {
  NullDeviceFixture null;
  auto make = [&] {
    DeviceScope scope(null.device);
    return Variable(1.5f);
  };
  Variable v = make();
  v += 1.0f;
  v.assign(v.value() * 2.0f);
  CHECK(v.value().device() == null.device);
  v.assign(4.0f);
  CHECK(v.value().device() == null.device);
  CHECK(v.value().item<float>() == 4);
}

TEST_CASE("a view of host memory is on the CPU, whatever the scope") {
  NullDeviceFixture null;
  DeviceScope scope(null.device);
  const Floats host{1, 2};
  CHECK(Tensor::view(std::span<const float>(host), {2}).device() == Device::cpu());
  Tensor x = values({1, 2}).to(Device::cpu());
  CHECK(Tensor::from_dlpack(x.to_dlpack()).device() == Device::cpu());
}

TEST_CASE("ops run where their operands are; C++ numbers go along; the library creates beside what it is given") {
  NullDeviceFixture null;
  Tensor x = values({1, 2, 3}).to(null.device);
  Tensor y = 2 * x + 1.5f;
  CHECK(y.device() == null.device);
  CHECK(y.to_vector<float>() == Floats{3.5f, 5.5f, 7.5f});
  Tensor number = 2.0f;
  CHECK((x * number).to_vector<float>() == Floats{2, 4, 6});
  CHECK(one_hot(indices({1, 0}).to(null.device), 2, f32).to_vector<float>() == Floats{0, 1, 1, 0});
  CHECK(zeros_like(x).device() == null.device);
  CHECK(mean(x).item<float>() == 2);
  CHECK(softmax(x, 0).device() == null.device);
}

TEST_CASE("tensors of two devices in one op, or one call, are an error that tells the remedy") {
  NullDeviceFixture null;
  Tensor here = values({1}), there = values({2}).to(null.device);
  const std::string told = message_of([&] { here + there; });
  CHECK(mentions(told, "add: its tensors are on two devices, cpu and null:0"));
  CHECK(mentions(told, "x.to(Device::named("));
  auto f = function([](const Tensor& a, const Tensor& b) { return a + b; });
  CHECK_THROWS_AS(f(here, there), InvalidArgument);
  CHECK_THROWS_AS(f(there, here), InvalidArgument);
  CHECK(f(there, there).item<float>() == 4);
  CHECK_THROWS_AS(f(here, there), InvalidArgument);
  CHECK(f(here, here).item<float>() == 2);
  auto g = function([&](const Tensor& a) { return a + here; });
  CHECK(mentions(message_of([&] { g(there); }), "two devices"));
  CHECK(g(here).item<float>() == 2);
  Variable v(values({1}));
  CHECK_THROWS_AS(v.assign(there), InvalidArgument);
  CHECK_THROWS_AS(v += there, InvalidArgument);
  CHECK(v.value().item<float>() == 1);
}

// -- where functions run -------------------------------------------------------------------------------------------------

TEST_CASE("a function runs where its arguments are, else where the scope says, else on the CPU") {
  NullDeviceFixture null;
  auto twice = function([](const Tensor& x) { return x * 2; });
  Tensor x = values({1, 2});
  CHECK(twice(x.to(null.device)).device() == null.device);
  CHECK(twice(x).device() == Device::cpu());
  auto none = function([] { return iota({3}, 0, f32); });
  CHECK(none().device() == Device::cpu());
  DeviceScope scope(null.device);
  CHECK(none().device() == null.device);
  CHECK(none().to_vector<float>() == Floats{0, 1, 2});
  CHECK(twice(x).device() == Device::cpu());
  CHECK(twice(Tensor(3.0f)).device() == null.device);
}

TEST_CASE("two devices of one kind and chip share a trace") {
  NullDeviceFixture first(0), second(1);
  auto f = function([](const Tensor& x) { return x + 1; });
  Tensor x = values({1});
  CHECK(f(x.to(first.device)).device() == first.device);
  Tensor y = f(x.to(second.device));
  CHECK(y.device() == second.device);
  CHECK(y.item<float>() == 2);
  CHECK(f.stats().traces == 1);
  f(x);
  CHECK(f.stats().traces == 2);
  CHECK(mentions(f.explain(), "device: null:0 -> cpu"));
}

TEST_CASE("a graph is on one device: moving a tensor while tracing is an error") {
  NullDeviceFixture null;
  auto f = function([&](const Tensor& x) { return x.to(null.device); });
  CHECK_THROWS_AS(f(values({1})), TraceError);
}

TEST_CASE("a saved function runs where it is loaded") {
  NullDeviceFixture null;
  const std::string file = (std::filesystem::temp_directory_path() / "burin_devices_test.burin").string();
  Tensor w = values({10, 20}).to(null.device);
  Variable calls(values({0}).to(null.device), "calls");
  auto f = function([&](const Tensor& x) {
    calls += 1.0f;
    return x * w;
  });
  f(values({1, 2}).to(null.device));
  f.save(file);
  auto on_cpu = load(file, Level::graph);
  CHECK(on_cpu(values({1, 2}))[0].to_vector<float>() == Floats{10, 40});
  auto there = load(file, {.device = null.device});
  Tensor y = there(values({1, 2}).to(null.device))[0];
  CHECK(y.device() == null.device);
  CHECK(y.to_vector<float>() == Floats{10, 40});
  CHECK_THROWS_AS(there(values({1, 2})), InvalidArgument);
  {
    DeviceScope scope(null.device);
    CHECK(load(file)(values({1, 2}))[0].device() == null.device);
  }
  std::filesystem::remove(file);
}

TEST_CASE("moving is differentiable: the cotangent, or the tangent, goes along") {
  NullDeviceFixture null;
  auto loss = [&](const Tensor& x) { return sum(x.to(null.device) * 3.0f).to(Device::cpu()) * 2.0f; };
  Tensor x = values({1, 2});
  auto [y, g] = value_and_grad(loss)(x);
  CHECK(y.item<float>() == 18);
  CHECK(g.device() == Device::cpu());
  CHECK(g.to_vector<float>() == Floats{6, 6});
  auto [p, t] = jvp(loss, x, values({1, 0}));
  CHECK(t.device() == Device::cpu());
  CHECK(t.item<float>() == 6);
}

// -- calls are asynchronous ----------------------------------------------------------------------------------------------

TEST_CASE("a call returns at once; reading waits") {
  NullDeviceFixture null;
  Tensor x = values({1, 2}).to(null.device);
  auto f = function([](const Tensor& a) { return a * a; });
  Tensor y = f(f(x));
  CHECK(null.machine.waiting() == 3);  // the upload and two launches
  CHECK(null.logged("run") == 0);
  CHECK(y.to_vector<float>() == Floats{1, 16});
  CHECK(null.machine.waiting() == 0);
}

TEST_CASE("synchronize waits for everything") {
  NullDeviceFixture null;
  Tensor y = values({1}).to(null.device) + 1;
  CHECK(null.machine.waiting() > 0);
  null.device.synchronize();
  CHECK(null.machine.waiting() == 0);
}

TEST_CASE("host data may change once it has been given") {
  NullDeviceFixture null;
  Floats host{1, 2};
  Tensor x = Tensor::view(std::span<const float>(host), {2}).to(null.device);
  host = {8, 9};
  CHECK(x.to_vector<float>() == Floats{1, 2});
}

TEST_CASE("memory that is let go of serves what was submitted before") {
  NullDeviceFixture null;
  Tensor y;
  {
    Tensor x = values({3}).to(null.device);
    y = x * x;
  }
  CHECK(y.item<float>() == 9);
}

TEST_CASE("state is overwritten in place where nobody else holds it, call after call, without waiting") {
  NullDeviceFixture null;
  auto step = function([](Tensor& p) { p = p + 1; });
  Tensor p = values({0}).to(null.device);
  step(p);
  const auto before = null.machine.statistics().allocations;
  for (int i = 0; i < 4; ++i) step(p);
  CHECK(null.machine.waiting() > 0);
  CHECK(p.item<float>() == 5);
  Tensor seen = p;
  step(p);
  CHECK(seen.item<float>() == 5);
  CHECK(p.item<float>() == 6);
  CHECK(null.machine.statistics().allocations > before);
}

// -- faults --------------------------------------------------------------------------------------------------------------

TEST_CASE("a fault is told by the first read of what it left without a value, with op and line") {
  NullDeviceFixture null;
  auto f = function(pick);
  Tensor x = values({1, 2}).to(null.device);
  Tensor bad;
  CHECK_NOTHROW(bad = f(x, indices({5}).to(null.device)));
  const std::string told = message_of([&] { bad.to_vector<float>(); });
  CHECK(mentions(told, "gather: index 5 is out of range"));
  CHECK(mentions(told, "contract.cpp"));
  CHECK(f(x, indices({1}).to(null.device)).item<float>() == 4);
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
