// The op records, control flow, transforms and training on the null device: results are those of the CPU.
#include <burin/burin.h>

#include "frontend/record/dispatch.h"
#include "frontend/value/node.h"
#include "tests/support/goldens.h"
#include "tests/support/null_device.h"

using namespace burin;
using namespace burin::test;
using burin::testing::NullDeviceFixture;
using Floats = std::vector<float>;

namespace {

std::vector<Tensor> on_device(std::span<const HostTensor> inputs, Device device) {
  std::vector<Tensor> tensors;
  for (const HostTensor& input : inputs)
    tensors.push_back(burin::detail::HandleAccess::make(burin::detail::make_eager(input)).to(device));
  return tensors;
}

Result<std::vector<HostTensor>> read(const Tensor& y) {
  return std::vector<HostTensor>{burin::detail::read_value(*burin::detail::HandleAccess::node(y).get())};
}

Tensor ramp(std::int64_t rows, std::int64_t columns) {
  return reshape(iota({rows * columns}, 0, f32), {rows, columns}) * 0.1f;
}

}  // namespace

TEST_CASE("ops compute on the null device what NumPy computes") {
  NullDeviceFixture null;
  DeviceScope scope(null.device);
  check_goldens([&](OpKind kind, std::span<const HostTensor> inputs,
                    const Attributes& attributes) -> Result<std::vector<HostTensor>> {
    std::vector<Tensor> tensors = on_device(inputs, null.device);
    std::vector<Arg> args(tensors.begin(), tensors.end());
    try {
      Tensor y = burin::detail::dispatch(kind, args, attributes, burin::detail::promote_none);
      if (y.device() != null.device) return Error{ErrorCode::internal, "not on the device", "device", "", ""};
      return read(y);
    } catch (const BurinError& e) { return e.error; }
  });
}

TEST_CASE("functions of one op compute on the null device what NumPy computes") {
  NullDeviceFixture null;
  DeviceScope scope(null.device);
  check_goldens([&](OpKind kind, std::span<const HostTensor> inputs,
                    const Attributes& attributes) -> Result<std::vector<HostTensor>> {
    auto traced = function([&](const std::vector<Tensor>& ts) {
      std::vector<Arg> args(ts.begin(), ts.end());
      return burin::detail::dispatch(kind, args, attributes, burin::detail::promote_none);
    });
    try {
      return read(traced(on_device(inputs, null.device)));
    } catch (const BurinError& e) { return e.error; }
  });
}

TEST_CASE("ops on the null device refuse what the catalogue forbids, in the same words") {
  NullDeviceFixture null;
  DeviceScope scope(null.device);
  check_refusals([&](OpKind kind, std::span<const HostTensor> inputs,
                     const Attributes& attributes) -> Result<std::vector<HostTensor>> {
    std::vector<Tensor> tensors = on_device(inputs, null.device);
    std::vector<Arg> args(tensors.begin(), tensors.end());
    try {
      return read(burin::detail::dispatch(kind, args, attributes, burin::detail::promote_none));
    } catch (const BurinError& e) { return e.error; }
  });
}

TEST_CASE("control flow is on the device: in functions, and eagerly by reading conditions") {
  NullDeviceFixture null;
  auto collatz = [](const Tensor& start) {
    Tensor n = start, steps = cast(start, i32) * 0;
    while_loop([&] { return n > 1; },
               [&] {
                 n = cond(n - n / 2 * 2 == 0, [&] { return n / 2; }, [&] { return 3 * n + 1; });
                 steps = steps + 1;
               });
    return steps;
  };
  Tensor six = Tensor(std::vector<std::int64_t>{6}, {}).to(null.device);
  CHECK(collatz(six).item<std::int32_t>() == 8);
  auto f = function(collatz);
  Tensor steps = f(six);
  CHECK(steps.device() == null.device);
  CHECK(null.machine.waiting() > 0);
  CHECK(steps.item<std::int32_t>() == 8);
}

TEST_CASE("transforms run beside their values: gradients, tangents, lanes, Jacobians") {
  NullDeviceFixture null;
  auto f = [](const Tensor& x) { return sum(tanh(x) * x); };
  Tensor x = ramp(1, 4), there = x.to(null.device);
  const Floats want = grad(f)(x).to_vector<float>();
  Tensor g = grad(f)(there);
  CHECK(g.device() == null.device);
  CHECK(g.to_vector<float>() == want);
  CHECK(grad(function(f))(there).to_vector<float>() == want);
  CHECK(grad([&](const Tensor& y) { return sum(grad(f)(y)); })(there).to_vector<float>() ==
        grad([&](const Tensor& y) { return sum(grad(f)(y)); })(x).to_vector<float>());
  auto rows = vmap([](const Tensor& row) { return softmax(row, 0) * 2.0f; });
  CHECK(rows(ramp(2, 3).to(null.device)).to_vector<float>() == rows(ramp(2, 3)).to_vector<float>());
  auto square = [](const Tensor& v) { return v * v; };
  Tensor v = iota({3}, 0, f32) + 1;
  CHECK(jacobian(square)(v.to(null.device)).to_vector<float>() == jacobian(square)(v).to_vector<float>());
}

TEST_CASE("an optimiser's state is made beside the parameters") {
  NullDeviceFixture null;
  std::vector<Tensor> p{full({2}, 1.0f).to(null.device)};
  Adam adam{.learning_rate = 0.5};
  auto state = adam.init(p);
  CHECK(state.step.device() == null.device);
  adam.update(p, {full({2}, 3.0f).to(null.device)}, state);
  CHECK(p[0].to_vector<float>()[0] == Approx(0.5f));
  CHECK(Sgd().init(p).step.device() == null.device);
}

TEST_CASE("random numbers are the same on every device") {
  NullDeviceFixture null;
  Generator here(5);
  const Floats want = rng::normal(here, {6}).to_vector<float>();
  DeviceScope scope(null.device);
  Generator there(5);
  Tensor drawn = rng::normal(there, {6});
  CHECK(drawn.device() == null.device);
  CHECK(drawn.to_vector<float>() == want);
}

TEST_CASE("scan, and the gradient through it, run on the device") {
  NullDeviceFixture null;
  auto loss = function([](const Tensor& w, const Tensor& xs) {
    Tensor h = zeros_like(w);
    for_loop(xs.shape(0), [&](const Tensor& i) { h = tanh(w * h + gather(xs, i, 0)); });
    return sum(h);
  });
  Tensor w = ramp(1, 3), xs = reshape(ramp(4, 3), {4, 1, 3});
  auto [y, g] = value_and_grad(loss)(w, xs);
  auto [z, k] = value_and_grad(loss)(w.to(null.device), xs.to(null.device));
  CHECK(z.device() == null.device);
  CHECK(z.item<float>() == Approx(y.item<float>()));
  CHECK(difference(*read(k)->begin(), *read(g)->begin(), {.rtol = 1e-5}) == "");
}

namespace {

struct Layer {
  Tensor w, b;
};
using Params = std::vector<Layer>;

Tensor mlp(const Params& p, const Tensor& images) {
  Tensor h = images;
  for (std::size_t i = 0; i + 1 < p.size(); ++i) h = relu(matmul(h, p[i].w) + p[i].b);
  return matmul(h, p.back().w) + p.back().b;
}
Tensor train(Params& p, Adam::State<Params>& state, const Adam& adam, const Tensor& images, const Tensor& labels) {
  auto [loss, gradient] =
      value_and_grad([&](const Params& q) { return softmax_cross_entropy(mlp(q, images), labels); })(p);
  adam.update(p, gradient, state);
  return loss;
}

// What the training example does, on few made-up digits; the losses.
Floats losses_on(Device device) {
  DeviceScope scope(device);
  Generator random(3);
  Params p;
  for (auto [from, to] : {std::pair<std::int64_t, std::int64_t>{12, 16}, {16, 5}})
    p.push_back({rng::normal(random, {from, to}) * 0.3f, zeros({to})});
  const Adam adam{.learning_rate = 0.02};
  auto state = adam.init(p);
  Tensor images = rng::normal(random, {20, 12}), labels = iota({20}, 0, i32) - iota({20}, 0, i32) / 5 * 5;
  auto step = function(train, {.level = Level::graph});
  std::vector<Tensor> told;
  for (int i = 0; i < 8; ++i) told.push_back(step(p, state, adam, images, labels));
  Floats losses;
  for (auto& t : told) losses.push_back(t.item<float>());
  return losses;
}

}  // namespace

TEST_CASE("training with state runs on the null device without waiting, and gives the losses of the CPU") {
  NullDeviceFixture null;
  const Floats want = losses_on(Device::cpu());
  CHECK(want.back() < want.front() * 0.8f);
  null.machine.clear_log();
  CHECK(losses_on(null.device) == want);
  CHECK(null.logged("download") == 8);  // the losses, and nothing else
}

TEST_CASE("a training step that fails leaves parameters and the optimiser's state as they were") {
  NullDeviceFixture null;
  DeviceScope scope(null.device);
  Params p{{full({3, 2}, 0.5f), zeros({2})}};
  const Adam adam{.learning_rate = 0.1};
  auto state = adam.init(p);
  auto step = function(train);
  Tensor images = full({4, 3}, 1.0f), good = zeros({4}, i32), bad = full({4}, 9, i32);
  step(p, state, adam, images, good);
  const Floats w = p[0].w.to_vector<float>(), b = p[0].b.to_vector<float>();
  step(p, state, adam, images, bad);
  step(p, state, adam, images, good);
  CHECK_THROWS_AS(null.device.synchronize(), DeviceError);
  CHECK(p[0].w.to_vector<float>() == w);
  CHECK(p[0].b.to_vector<float>() == b);
  step(p, state, adam, images, good);
  CHECK(p[0].w.to_vector<float>() != w);
}
