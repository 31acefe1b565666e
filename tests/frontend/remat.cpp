// remat: the derivative computes the body again and keeps its arguments only; seen in the graphs.
#include "tests/support/catch.h"
#include "tests/support/differences.h"

#include <burin/burin.h>

#include "compiler/graph/graph.h"

#include <iostream>
#include <sstream>

using namespace burin;
using burin::test::check_close;
using burin::test::differences;

namespace {

const Tensor x({0.4, -0.3, 0.9});

Tensor block(const Tensor& t) { return tanh(tanh(t * 1.5) * t + 0.2); }
Tensor kept(const Tensor& t) { return sum(block(block(t)) * t); }
Tensor again(const Tensor& t) {
  auto f = remat(block);
  return sum(f(f(t)) * t);
}

std::size_t count(const Graph& g, OpKind kind) {
  std::size_t n = 0;
  for (std::uint32_t i = 0; i < g.num_ops(); ++i) n += g.op(OpId{i}).kind == kind;
  return n;
}
/// Ops of the one graph of a function that takes this gradient.
std::shared_ptr<const Graph> graph_of(const std::function<Tensor(const Tensor&)>& loss) {
  auto f = function([&](const Tensor& t) { return grad(loss)(t); }, {.level = Level::graph});
  f(x);
  return f.graphs()[0];
}
/// The values that the one loop of a graph stacks: results of rank 2 that it carries.
std::size_t stacks(const Graph& g) {
  std::size_t n = 0;
  for (OpId id : g.block(BlockId::top).ops) {
    const Op& op = g.op(id);
    if (op.kind == OpKind::while_)
      for (std::uint32_t i = 0; i < op.num_results; ++i) n += g.type(g.result(op, i)).shape.rank() == 2;
  }
  return n;
}

}  // namespace

TEST_CASE("remat changes no value and no derivative") {
  CHECK(again(x).item<double>() == kept(x).item<double>());
  const auto want = differences(kept, x);
  check_close(grad(again)(x), want);
  for (Level level : {Level::graph, Level::no_fuse, Level::full}) {
    check_close(function([](const Tensor& t) { return grad(again)(t); }, {.level = level})(x), want);
    check_close(grad(function(again, {.level = level}))(x), want);
  }
  auto second = [](const Tensor& t) { return grad([](const Tensor& s) { return sum(grad(again)(s)); })(t); };
  const auto slopes = differences([](const Tensor& t) { return sum(grad(kept)(t)); }, x);
  check_close(second(x), slopes, 1e-5);
  check_close(function(second)(x), slopes, 1e-5);
}

TEST_CASE("remat's derivative computes the body again, behind the cotangent") {
  const auto with = graph_of(again), without = graph_of(kept);
  CHECK(count(*without, OpKind::tanh) == 4);
  CHECK(count(*with, OpKind::tanh) == 8);
  CHECK(count(*with, OpKind::after) == 2);
  CHECK(count(*with, OpKind::remat) == 2);
}

TEST_CASE("a loop keeps remat's arguments of each trip, and nothing else of it") {
  auto loop = [](auto body) {
    return [body](const Tensor& t) mutable {
      Tensor y = t, i = std::int64_t{0};
      while_loop([&] { return i < 4; },
                 [&] {
                   y = body(y);
                   i += 1;
                 },
                 {.max_trips = 4});
      return sum(y);
    };
  };
  auto plain = loop(block);
  auto light = loop(remat(block));
  const auto want = differences(plain, x);
  check_close(grad(light)(x), want);
  check_close(function([&](const Tensor& t) { return grad(light)(t); })(x), want);
  CHECK(stacks(*graph_of(light)) == 1);
  CHECK(stacks(*graph_of(plain)) > 1);
}

TEST_CASE("remat under jvp, vmap, and forward over reverse") {
  const Tensor v({1.0, -2.0, 0.5});
  auto [y, dy] = jvp(again, x, v);
  CHECK(dy.item<double>() == Approx(jvp(kept, x, v).second.item<double>()));
  check_close(hvp(again, x, v), hvp(kept, x, v).to_vector<double>());
  check_close(grad([&](const Tensor& t) { return jvp(again, t, v).second; })(x),
              grad([&](const Tensor& t) { return jvp(kept, t, v).second; })(x).to_vector<double>());
  const Tensor rows({{0.4, -0.3}, {0.9, 0.1}});
  auto lanes = [&](auto loss) { return vmap([=](const Tensor& t) { return grad(loss)(t); })(rows); };
  check_close(lanes(again), lanes(kept).to_vector<double>());
  check_close(grad([&](const Tensor& t) { return sum(vmap(again)(t)); })(rows), lanes(kept).to_vector<double>());
}

TEST_CASE("remat takes captured tensors, and derivatives by them") {
  auto loss = [](const Tensor& w) {
    const Tensor in({1.0, 2.0, 3.0});
    return sum(remat([&](const Tensor& t) { return tanh(t * w) * w; })(in));
  };
  check_close(grad(loss)(x), differences(loss, x));
  check_close(function([&](const Tensor& w) { return grad(loss)(w); })(x), differences(loss, x));
}

TEST_CASE("remat with an index that may fault, and control flow inside") {
  const Tensor at({2, 0});
  auto loss = [&](const Tensor& t) {
    return sum(remat([&](const Tensor& s) {
      Tensor y = gather(s * s, at);
      cond(sum(s) > 0.0, [&] { y = tanh(y); }, [&] { y = y * 2.0; });
      Tensor i = std::int64_t{0};
      while_loop([&] { return i < 2; },
                 [&] {
                   y = y * y + 1.0;
                   i += 1;
                 },
                 {.max_trips = 2});
      return y;
    })(t));
  };
  const auto want = differences(loss, x);
  check_close(grad(loss)(x), want);
  for (Level level : {Level::graph, Level::full})
    check_close(function([&](const Tensor& t) { return grad(loss)(t); }, {.level = level})(x), want);
}

TEST_CASE("what prints in remat prints once") {
  auto noisy = [](const Tensor& t) {
    return sum(remat([](const Tensor& s) {
      Tensor y = tanh(s);
      print(y, "seen");
      return y * y;
    })(t));
  };
  CHECK(count(*graph_of(noisy), OpKind::print) == 1);
}

TEST_CASE("the ops of a derivative stand at the lines that they derive from, and none casts to its own dtype") {
  auto check = [](auto f) {
    f(x);
    const Graph& g = *f.graphs()[0];
    for (std::uint32_t i = 0; i < g.num_ops(); ++i) {
      const Op& op = g.op(OpId{i});
      INFO(i << ": " << op_info(op.kind).mnemonic << " at " << g.line(op.line).file << ":" << g.line(op.line).line);
      CHECK(g.line(op.line).file.ends_with("remat.cpp"));
      if (op.kind == OpKind::cast) CHECK(g.type(g.result(op)).dtype != g.type(g.operands(op)[0]).dtype);
    }
  };
  auto plain = [](const Tensor& t) { return sum(tanh(t * t) / (t + 2.0)); };
  auto branch = [](const Tensor& t) { return sum(cond(sum(t) > 0.0, [&] { return exp(t); }, [&] { return t * t; })); };
  auto loop = [](const Tensor& t) {
    Tensor y = t;
    for_loop(3, [&](const Tensor&) { y = tanh(y * t); });
    return sum(y);
  };
  check(function([&](const Tensor& t) { return grad(plain)(t); }, {.level = Level::graph}));
  check(function([&](const Tensor& t) { return grad(branch)(t); }, {.level = Level::graph}));
  check(function([&](const Tensor& t) { return grad(loop)(t); }, {.level = Level::graph}));
  check(function([&](const Tensor& t) { return jvp(plain, t, t).second; }, {.level = Level::graph}));
  check(function([&](const Tensor& t) { return jvp(branch, t, t).second; }, {.level = Level::graph}));
  check(function([&](const Tensor& t) { return jvp(loop, t, t).second; }, {.level = Level::graph}));
  check(function([&](const Tensor& t) { return grad([&](const Tensor& s) { return sum(grad(loop)(s)); })(t); },
                 {.level = Level::graph}));
}
