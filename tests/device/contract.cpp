// docs/devices.md, sentence by sentence, on the null device: its memory traps, its work runs late. What fails is in failures.cpp.
#include <burin/burin.h>

#include "tests/support/catch.h"
#include "tests/support/null_device.h"

#include <csetjmp>
#include <csignal>
#include <filesystem>

using namespace burin;
using namespace burin::testing;
using Floats = std::vector<float>;

namespace {

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
