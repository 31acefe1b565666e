// break_if and continue_if: in each loop, in branches, in returned state, under gradients and lanes; and the entry points for
// rewritten code. tests/frontend/fuzz runs random programs with them.
#include "compiler/graph/graph.h"
#include "runtime/core/allocator.h"
#include "tests/errors/messages.h"
#include "tests/support/catch.h"
#include "tests/support/differences.h"

#include <burin/burin.h>

#include <functional>

using namespace burin;

namespace {

using Program = std::function<Tensor(const Tensor&)>;

/// What f gives eagerly; requires the same of the recorded graph, of compiled code, and of lanes.
std::vector<double> everywhere(const Program& f, const Tensor& x) {
  const auto eager = f(x).to_vector<double>();
  CHECK(function(f, {.level = Level::graph})(x).template to_vector<double>() == eager);
  CHECK(function(f)(x).template to_vector<double>() == eager);
  auto lanes = vmap(f)(concatenate({expand_dims(x, 0), expand_dims(x, 0)}, 0)).template to_vector<double>();
  CHECK(std::vector<double>(lanes.begin(), lanes.begin() + static_cast<std::ptrdiff_t>(eager.size())) == eager);
  return eager;
}

std::size_t count_ops(const Graph& g, OpKind kind) {
  std::size_t n = 0;
  auto visit = [&](auto& self, BlockId b) -> void {
    for (OpId o : g.block(b).ops) {
      n += g.op(o).kind == kind;
      for (BlockId r : g.op(o).regions) self(self, r);
    }
  };
  visit(visit, BlockId::top);
  return n;
}

}  // namespace

TEST_CASE("break_if leaves the loop, and what was assigned before stays") {
  auto f = [](const Tensor& x) {
    Tensor y = x, trips = 0.0;
    while_loop([&] { return trips < 10.0; },
               [&] {
                 y = y * 2.0;
                 break_if(sum(y) > 20.0);
                 trips = trips + 1.0;
               });
    return concatenate({y, expand_dims(trips, 0)}, 0);
  };
  CHECK(everywhere(f, Tensor({1.0, 2.0})) == std::vector<double>{8, 16, 2});
  CHECK(everywhere(f, Tensor({-1.0, 0.0})) == std::vector<double>{-1024, 0, 10});
}

TEST_CASE("continue_if goes on with the next trip") {
  auto f = [](const Tensor& x) {
    Tensor y = x;
    for_loop(5, [&](const Tensor& i) {
      continue_if((i == 1) | (i == 3));
      y = y * 10.0 + cast(i, f64);
    });
    return y;
  };
  CHECK(everywhere(f, Tensor({0.0})) == std::vector<double>{24});
}

TEST_CASE("an exit in a branch skips what follows the branch too") {
  auto f = [](const Tensor& x) {
    Tensor y = x, n = 0.0;
    for_loop(6, [&](const Tensor& i) {
      n = n + 1.0;
      cond(
          sum(y) > 3.0,
          [&] {
            y = y - 1.0;
            cond(i == 4, [&] { break_if(true); });
            continue_if(i > 2);
            y = y + 0.5;
          },
          [&] { y = y + 2.0; });
      y = y * 2.0;
    });
    return concatenate({y, expand_dims(n, 0)}, 0);
  };
  CHECK(everywhere(f, Tensor({0.0})) == std::vector<double>{11, 5});
}

TEST_CASE("a branch that returns may be left, and so may a loop whose body returns its state") {
  auto f = [](const Tensor& x) {
    Tensor y = x;
    for_loop(4, [&](const Tensor& i) {
      Tensor step = cond(
          i < 2,
          [&] {
            continue_if(i == 0);
            return y * 2.0;
          },
          [&] {
            break_if(true);
            return y;
          });
      y = y + step;
    });
    return y;
  };
  CHECK(everywhere(f, Tensor({1.0})) == std::vector<double>{3});
  auto g = [](const Tensor& x) {
    return while_loop(
        x, [](const Tensor& y) { return sum(y) < 100.0; },
        [](const Tensor& y) {
          break_if(sum(y) > 10.0);
          return y * 3.0;
        });
  };
  CHECK(everywhere(g, Tensor({1.0})) == std::vector<double>{27});
}

TEST_CASE("what scan has not reached is zero") {
  auto f = [](const Tensor& x) {
    auto [last, ys] = scan(
        [](const Tensor& c, const Tensor& v) {
          break_if(v > 4.0);
          continue_if(v == 2.0);
          return std::pair(c + v, c * 10.0 + v);
        },
        Tensor(0.0), x);
    return concatenate({ys, expand_dims(last, 0)}, 0);
  };
  CHECK(everywhere(f, Tensor({1.0, 2.0, 3.0, 5.0, 6.0})) == std::vector<double>{1, 0, 13, 0, 0, 4});
  auto g = [](const Tensor& x) {
    return map(
        [](const Tensor& v) {
          continue_if(v < 0.0);
          return v * v;
        },
        x, {.reverse = true});
  };
  CHECK(everywhere(g, Tensor({2.0, -1.0, 3.0})) == std::vector<double>{4, 0, 9});
}

TEST_CASE("a test is not asked again once the loop was left") {
  auto f = [](const Tensor& x) {
    Tensor i = 0, total = 0.0;
    while_loop([&] { return gather(x, i, 0) >= 0.0; },  // out of range from 3 on
               [&] {
                 total = total + gather(x, i, 0);
                 i = i + 1;
                 break_if(i == 3);
               });
    return expand_dims(total, 0);
  };
  CHECK(everywhere(f, Tensor({1.0, 2.0, 3.0})) == std::vector<double>{6});
}

TEST_CASE("a loop that the host decides is unrolled, and a tensor may leave it") {
  auto f = [](const Tensor& x) {
    Tensor y = x;
    int trips = 0;
    while_loop([&] { return trips++ < 5; },
               [&] {
                 continue_if(sum(y) == 3.0);
                 break_if(sum(y) > 6.0);
                 y = y * 2.0;
               });
    return y;
  };
  CHECK(everywhere(f, Tensor({1.0})) == std::vector<double>{8});
  CHECK(everywhere(f, Tensor({3.0})) == std::vector<double>{3});
  int made = 0;
  while_loop([&] { return true; }, [&] { break_if(++made == 4); });
  CHECK(made == 4);
  auto known = function(
      [&](const Tensor& x) {
        made = 0;
        while_loop([&] { return true; }, [&] { break_if(++made == 3); });
        return x + made;
      },
      {.level = Level::graph});
  CHECK(known(Tensor(1.0)).item<double>() == 4);
  CHECK(count_ops(*known.graphs()[0], OpKind::if_) == 0);
}

TEST_CASE("a Variable is assigned only as far as a trip goes") {
  for (Level level : {Level::eager, Level::graph, Level::full}) {
    Variable seen(Tensor({0.0}), "seen"), stop(Tensor(false), "stop");
    auto f = function(
        [&](const Tensor& x) {
          Tensor y = x;
          for_loop(6, [&](const Tensor& i) {
            seen += 1.0;
            continue_if(i == 1);
            stop = sum(y) > 5.0;
            break_if(stop);
            seen += 10.0;
            y = y * 2.0;
          });
          return y;
        },
        {.level = level});
    CHECK(f(Tensor({1.0})).item<double>() == 8);
    CHECK(seen.item<double>() == 35);
  }
}

TEST_CASE("gradients pass through loops that are left") {
  const std::vector<Program> losses = {
      [](const Tensor& x) {
        Tensor y = x;
        for_loop(6, [&](const Tensor& i) {
          y = tanh(y * 1.3) + x * 0.2;
          continue_if(i == 1);
          break_if(sum(y) > 0.9);
          y = y * y + 0.3;
        });
        return sum(y * x);
      },
      [](const Tensor& x) {
        auto [last, ys] = scan(
            [&](const Tensor& c, const Tensor& v) {
              break_if(v > 2.5);
              cond(v == 1.0, [&] { continue_if(true); });
              return std::pair(tanh(c + v * x), c * c);
            },
            x, Tensor({0.0, 1.0, 2.0, 3.0}));
        return sum(last) + sum(ys);
      },
  };
  const Tensor x({0.4, -0.3, 0.9});
  for (const Program& loss : losses) {
    const auto want = test::differences(loss, x);
    const auto eager = grad(loss)(x).to_vector<double>();
    const auto recorded = function(grad(loss), {.level = Level::graph})(x).template to_vector<double>();
    const auto compiled = function(grad(loss))(x).template to_vector<double>();
    for (std::size_t i = 0; i < want.size(); ++i) {
      CHECK(eager[i] == Approx(want[i]).epsilon(1e-5).margin(1e-7));
      CHECK(recorded[i] == Approx(eager[i]).epsilon(1e-12));
      CHECK(compiled[i] == Approx(eager[i]).epsilon(1e-10));
    }
  }
}

TEST_CASE("each lane leaves by itself") {
  auto f = [](const Tensor& x) {
    Tensor y = x;
    for_loop(8, [&](const Tensor&) {
      break_if(y > 10.0);
      continue_if(y < 0.0);
      y = y * 2.0;
    });
    return y;
  };
  const Tensor xs({1.0, 3.0, 20.0, -1.0, 0.0});
  const std::vector<double> want = {16, 12, 20, -1, 0};
  CHECK(vmap(f)(xs).to_vector<double>() == want);
  CHECK(function(vmap(f))(xs).to_vector<double>() == want);
}

TEST_CASE("an exit that is certain makes no branch, and one op less is recorded for a test without effects") {
  auto f = function(
      [](const Tensor& x) {
        Tensor y = x;
        while_loop([&] { return sum(y) < 10.0; },
                   [&] {
                     y = y * 2.0;
                     break_if(sum(y) > 5.0);
                   });
        return y;
      },
      {.level = Level::graph});
  f(Tensor({1.0}));
  const Graph& g = *f.graphs()[0];
  CHECK(count_ops(g, OpKind::if_) == 1);
  CHECK(count_ops(g, OpKind::logical_and) == 1);
}

TEST_CASE("what an exit cannot do says so, in the same words eagerly and traced") {
  CHECK(error_of<TraceError>([] { break_if(false); }) == "break_if: there is no loop around it [outside-loop]");
  const Tensor x = {1.0f, 2.0f};
  CHECK(error_in_both<TraceError>(
            [](const Tensor& t) {
              continue_if(sum(t) > 0);
              return t;
            },
            x) == "continue_if: there is no loop around it [outside-loop]");
  auto shaped = [](const Tensor& t) {
    Tensor y = t;
    for_loop(2, [&](const Tensor&) { break_if(y > 0); });
    return y;
  };
  CHECK(error_in_both<InvalidArgument>(shaped, x) == "break_if: the condition is bool[2]; expected bool[] [condition]");
  auto through = [](const Tensor& t) {
    Tensor y = t;
    for_loop(2, [&](const Tensor&) {
      y = grad([&](const Tensor& q) {
        break_if(sum(q) > 0);
        return sum(q * q);
      })(y);
    });
    return y;
  };
  CHECK(error_in_both<TraceError>(through, x) ==
        "break_if: the loop is outside of the function that is differentiated, vmapped or traced here [exit-through]");
  auto grows = [](const Tensor& t) {
    Tensor y = t;
    while_loop(
        vars("y", y), [&] { return sum(y) < 100; },
        [&] {
          break_if(sum(y) < 0);
          y = concatenate({y, y});
        });
    return y;
  };
  const std::string text = error_in_both<InvalidArgument>(grows, x);
  INFO(text);
  CHECK(text.find("while_loop: 'y' is f32[2] before the loop") == 0);
  CHECK(text.find("and f32[4] after a trip") != std::string::npos);
  auto in_test = [](const Tensor& t) {
    Tensor n = sum(t);
    while_loop(
        [&] {
          break_if(n > 3);
          return n < 10;
        },
        [&] { n = n + 1; });
    return n;
  };
  CHECK(error_in_both<TraceError>(in_test, x) == "break_if: there is no loop around it [outside-loop]");
  CHECK_THROWS_WITH(map(
                        [](const Tensor& v) {
                          continue_if(true);
                          return v;
                        },
                        x),
                    Catch::Contains("no trip reached its end, so the results have no type"));
  CHECK((x + 1).to_vector<float>() == std::vector<float>{2, 3});
}

TEST_CASE("an exception that leaves a body with exits leaves nothing behind") {
  bool angry = true;
  auto f = function(
      [&](const Tensor& x) {
        Tensor y = x;
        for_loop(3, [&](const Tensor& i) {
          break_if(sum(y) > 50.0);
          cond(i == 1, [&] {
            continue_if(sum(y) > 5.0);
            if (angry) throw std::runtime_error("mine");
            y = y + 1.0;
          });
          y = y * 2.0;
        });
        return y;
      },
      {.level = Level::graph});
  const Tensor x({1.0});
  CHECK_THROWS_AS(f(x), std::runtime_error);
  CHECK_THROWS_AS(f(x), std::runtime_error);
  CHECK((x + 1.0).item<double>() == 2);
  angry = false;
  CHECK(f(x).item<double>() == 12);
}

TEST_CASE("entry points: a search that returns out of a loop") {
  using namespace burin::ag;
  auto search = [](const Tensor& xs) {  // the position of 7, or -1, as native code says it
    Tensor lo = std::int64_t{0}, hi = std::int64_t{4};
    ret<Tensor> ag_return;
    while_(
        vars("lo", lo, "hi", hi, "ag_return", ag_return), [&] { return and_(go(ag_return), [&] { return lo <= hi; }); },
        [&] {
          Tensor mid = (lo + hi) / 2;
          Tensor v = gather(xs, mid, 0);
          if_(
              vars("ag_return", ag_return), v == 7.0, [&] { ag_return.set(cast(mid, f64)); },
              [&] { if_(vars("lo", lo, "hi", hi), v < 7.0, [&] { lo = mid + 1; }, [&] { hi = mid - 1; }); });
        });
    if_(vars("ag_return", ag_return), go(ag_return), [&] { ag_return.set(Tensor(-1.0)); });
    return expand_dims(ag_return.take(), 0);
  };
  CHECK(everywhere(search, Tensor({1.0, 3.0, 5.0, 7.0, 9.0})) == std::vector<double>{3});
  CHECK(everywhere(search, Tensor({7.0, 8.0, 9.0, 10.0, 11.0})) == std::vector<double>{0});
  CHECK(everywhere(search, Tensor({1.0, 2.0, 3.0, 4.0, 5.0})) == std::vector<double>{-1});
}

TEST_CASE("entry points: do reads in its test what its body made") {
  using namespace burin::ag;
  auto gcd = [](const Tensor& p) {
    Tensor x = gather(p, Tensor(0), 0), y = gather(p, Tensor(1), 0), r;
    do_while_(
        vars("x", x, "y", y),
        [&] {
          r = x;
          while_(vars("r", r), [&] { return r >= y; }, [&] { r = r - y; });
          x = y;
          y = r;
        },
        [&] { return r != 0.0; });
    return expand_dims(x + r, 0);  // r is defined: the body runs at least once
  };
  CHECK(everywhere(gcd, Tensor({12.0, 18.0})) == std::vector<double>{6});
  CHECK(everywhere(gcd, Tensor({7.0, 3.0})) == std::vector<double>{1});
}

TEST_CASE("entry points: the right side of a short circuit is asked only where the left one does not decide") {
  using namespace burin::ag;
  auto guarded = [](const Tensor& xs) {
    Tensor i = std::int64_t{0}, n = std::int64_t{3};
    while_(vars("i", i), [&] { return and_(i < n, [&] { return gather(xs, i, 0) != 5.0; }); }, [&] { i = i + 1; });
    return expand_dims(cast(i, f64), 0);
  };
  CHECK(everywhere(guarded, Tensor({4.0, 5.0, 6.0})) == std::vector<double>{1});
  CHECK(everywhere(guarded, Tensor({4.0, 6.0, 6.0})) == std::vector<double>{3});
  auto recorded = [](auto&& f) {
    auto traced = function([&](const Tensor& x) { return f(x); }, {.level = Level::graph});
    traced(Tensor({4.0, 5.0, 6.0}));
    return traced.graphs()[0];
  };
  const auto lazy = recorded(guarded);
  CHECK(count_ops(*lazy, OpKind::if_) == 1);  // gather may fault
  const auto plain = recorded([](const Tensor& x) {
    return select_(and_(sum(x) > 1.0, [&] { return sum(x) < 9.0; }), [&] { return x * 2.0; }, [&] { return x; });
  });
  CHECK(count_ops(*plain, OpKind::if_) == 0);
  CHECK(count_ops(*plain, OpKind::logical_and) == 1);
  CHECK(count_ops(*plain, OpKind::where) == 1);
  const auto other = recorded([](const Tensor& x) {
    return cast(or_(sum(x) > 1.0, [&] { return or_(false, [&] { return sum(x) < 9.0; }); }), f64);
  });
  CHECK(count_ops(*other, OpKind::if_) == 0);
  CHECK(count_ops(*other, OpKind::logical_or) == 1);
  CHECK(and_(true, [] { return false; }) == false);
  CHECK(or_(true, []() -> bool { throw std::logic_error("asked"); }));
  CHECK(select_(false, [] { return 1; }, [] { return 2.5; }) == 2.5);
}

TEST_CASE("entry points: a choice between pure sides is differentiated as a branch") {
  using namespace burin::ag;
  auto loss = [](const Tensor& x) {
    return select_(sum(x) > 0.0, [&] { return sum(x * x * x); }, [&] { return sum(exp(x)); });
  };
  for (const Tensor& x : {Tensor({0.4, 0.9}), Tensor({-0.4, -0.9})}) {
    const auto want = test::differences(loss, x), got = function(grad(loss))(x).template to_vector<double>();
    for (std::size_t i = 0; i < want.size(); ++i) CHECK(got[i] == Approx(want[i]).epsilon(1e-6));
  }
}

TEST_CASE("entry points: flags are known until a tensor decides, and end a loop of the host") {
  using namespace burin::ag;
  int trips = 0;
  auto f = [&](const Tensor& x) {
    Tensor y = x;
    flag left;
    trips = 0;
    for (int h = 0; h < 6; ++h) {
      ++trips;
      if_(vars(), go(left), [&] {
        if (h == 3) left.set();
        if_(vars(), go(left), [&] { y = y * 2.0; });
      });
      if (stopped(left)) break;
    }
    return y;
  };
  CHECK(everywhere(f, Tensor({1.0})) == std::vector<double>{8});
  CHECK(trips == 4);
  auto g = [](const Tensor& x) {
    Tensor y = x;
    flag left;
    for (int h = 0; h < 6; ++h) {
      if_(vars(), go(left), [&] { if_(vars(), sum(y) > 3.0, [&] { left.set(); }, [&] { y = y * 2.0; }); });
      if (stopped(left)) break;
    }
    return y;
  };
  CHECK(everywhere(g, Tensor({1.0})) == std::vector<double>{4});
}

TEST_CASE("entry points: counted loops, ranges of other kinds, and steps after a continue") {
  using namespace burin::ag;
  auto f = [](const Tensor& x) {
    Tensor y = x, i = 0.0;
    each_(vars("y", y), range(3), [&](const Tensor& k) { y = y + cast(k, f64); });
    for_(
        vars("i", i), [&] { return i < 4.0; }, [&] { i += 1.0; },
        [&] {
          flag next;
          if_(vars(), i == 1.0, [&] { next.set(); });
          if_(vars(), go(next), [&] { y = y * 2.0; });
        });
    each_(vars(), std::vector<double>{1, 2}, [&](double v) { y = y + v; });
    flag left;
    each_until_(
        vars(), [&] { return go(left); }, range(cast(sum(x), i64) + 5),
        [&](const Tensor& k) {
          y = y + 100.0;
          if_(vars(), k == 1, [&] { left.set(); });
        });
    return y;
  };
  CHECK(everywhere(f, Tensor({1.0})) == std::vector<double>{235});
  auto loss = [](const Tensor& x) {  // differentiable: the range bounds it
    Tensor y = x;
    flag left;
    each_until_(
        vars(), [&] { return go(left); }, range(7),
        [&](const Tensor&) {
          y = y * y + 0.5 * x;
          if_(vars(), sum(y) > 2.0, [&] { left.set(); });
        });
    return sum(y);
  };
  const Tensor x({0.7, 0.4});
  const auto want = test::differences(loss, x), got = function(grad(loss))(x).template to_vector<double>();
  for (std::size_t i = 0; i < want.size(); ++i) CHECK(got[i] == Approx(want[i]).epsilon(1e-5));
}

TEST_CASE("a function with exits that is gone has given back what its regions held") {
  const std::int64_t before = (rt::trim_memory(), rt::memory_stats().live_bytes);
  {
    const Tensor large = cast(iota({1 << 18}), f32);
    auto f = function(
        [&](const Tensor& x) {
          Tensor y = large;
          int i = 0;
          while_loop([&] { return i < 3; },
                     [&] {
                       break_if(sum(x) < i++);
                       y = y + 1.0;  // in a region that holds what y was
                     });
          return sum(y);
        },
        {.level = Level::graph});
    f(Tensor({1.0}));
  }
  rt::trim_memory();
  CHECK(rt::memory_stats().live_bytes - before < 1 << 16);
}
