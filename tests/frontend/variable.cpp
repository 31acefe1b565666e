// Variables: what a program over them means eagerly, traced and as plain C++, and what a caller may rely on.
#include "tests/support/catch.h"

#include "frontend/value/variable.h"

#include <burin/burin.h>

#include <functional>
#include <random>

using namespace burin;

namespace {

const Level all_levels[] = {Level::eager, Level::graph, Level::no_fuse, Level::full};
const Level traced_levels[] = {Level::graph, Level::no_fuse, Level::full};
const Level compiled_levels[] = {Level::no_fuse, Level::full};

Tensor ramp(std::int64_t n, float from = 0) { return cast(iota({n}), f32) * 0.5f + from; }
const void* memory(const Variable& v) { return v.value().data<float>(); }
std::vector<float> values(const Variable& v) { return v.to_vector<float>(); }
std::vector<float> values(const Tensor& t) { return t.to_vector<float>(); }

template <class F> std::string error_of(F&& f) {
  try {
    f();
  } catch (const BurinError& e) { return std::string(e.error.tag) + ": " + e.error.message; }
  return "no error";
}

struct Dense {
  Variable w, b;
  Tensor operator()(const Tensor& x) const { return matmul(x, w) + b; }
  void decay() { w *= 0.5f; }
};

}  // namespace

TEST_CASE("a variable is a place: copies name it, reads take its value") {
  Variable v(Tensor({1.0f, 2.0f}), "v"), same = v;
  Tensor before = v;
  same = Tensor({3.0f, 4.0f});
  CHECK(values(v) == std::vector<float>{3, 4});
  CHECK(values(before) == std::vector<float>{1, 2});
  CHECK(v.same_as(same));
  v += same;
  v -= 1;
  v *= 2;
  v /= Tensor({1.0f, 7.0f});
  CHECK(values(v) == std::vector<float>{10, 2});
  CHECK(values(v + v) == std::vector<float>{20, 4});
  CHECK(values(-v) == std::vector<float>{-10, -2});
  CHECK(sum(v).item<float>() == 12);
  CHECK(v.type() == TensorType{f32, {2}});
  CHECK(to_string(v) == to_string(v.value()));
  Variable other(Tensor({0.0f, 0.0f}));
  other.assign(v);
  v = Tensor({5.0f, 5.0f});
  CHECK(values(other) == std::vector<float>{10, 2});
  CHECK_FALSE(other.same_as(v));
}

TEST_CASE("fetch_add gives the value before") {
  for (Level level : all_levels) {
    Variable count(std::int64_t{5});
    auto f = function(
        [&] {
          Tensor before = count.fetch_add(2);
          return before * 10 + count;
        },
        {.level = level});
    CHECK(f().item<std::int64_t>() == 57);
    CHECK(f().item<std::int64_t>() == 79);
    CHECK(count.fetch_add(1).item<std::int64_t>() == 9);
    CHECK(count.item<std::int64_t>() == 10);
  }
}

TEST_CASE("a variable is strong: a number takes its dtype") {
  Variable v(1.0f), n(std::int64_t{3});
  v = 2;
  n = 4;
  n += 1;
  CHECK(v.dtype() == f32);
  CHECK(n.item<std::int64_t>() == 5);
  CHECK((Tensor({1.0, 2.0}) + v).dtype() == f64);
  CHECK(error_of([&] { n = 1.5f; }).find("variable-type: the variable made at ") == 0);
  Variable small(cast(Tensor(3), u8), "small");
  CHECK(error_of([&] { small = 300; }).find("number-range: variable 'small': the number 300") == 0);
}

TEST_CASE("another shape or dtype is an error that names the variable") {
  Variable v(Tensor({1.0f, 2.0f}), "weights");
  const std::string shape = "variable-type: variable 'weights' holds f32[2]; the value assigned is f32[3]",
                    dtype = "variable-type: variable 'weights' holds f32[2]; the value assigned is f64[2]";
  CHECK(error_of([&] { v = Tensor({1.0f, 2.0f, 3.0f}); }) == shape);
  CHECK(error_of([&] { v = Tensor({1.0, 2.0}); }) == dtype);
  CHECK(error_of([&] { v += Tensor({1.0, 2.0}); }) == dtype);
  CHECK(error_of([&] { v = Tensor(); }).find("undefined") == 0);
  for (Level level : traced_levels) {
    auto f = function([&](const Tensor& x) { v = x; }, {.level = level});
    CHECK(error_of([&] { f(Tensor({1.0f, 2.0f, 3.0f})); }) == shape);
    CHECK(error_of([&] { f(Tensor({1.0, 2.0})); }) == dtype);
    f(Tensor({7.0f, 8.0f}));
  }
  CHECK(values(v) == std::vector<float>{7, 8});
}

TEST_CASE("a function uses the value at each call, from one trace") {
  for (Level level : traced_levels) {
    Variable scale(2.0f, "scale");
    auto f = function([&](const Tensor& x) { return x * scale + scale; }, {.level = level});
    CHECK(values(f(Tensor({1.0f, 2.0f}))) == std::vector<float>{4, 6});
    scale = 3.0f;
    CHECK(values(f(Tensor({1.0f, 2.0f}))) == std::vector<float>{6, 9});
    CHECK(f.stats().traces == 1);
    CHECK(to_string(f).find("state") != std::string::npos);
  }
}

TEST_CASE("assignments in a function show after the call, reads in it see them at once") {
  for (Level level : all_levels) {
    INFO("level " << static_cast<int>(level));
    Variable v(Tensor({1.0f, 2.0f})), untouched(5.0f);
    auto f = function(
        [&](const Tensor& x) {
          Tensor first = v;
          v = v + x;
          Tensor second = v;
          v += 10;
          v = v * untouched;
          return std::vector<Tensor>{first, second, v};
        },
        {.level = level});
    auto out = f(Tensor({1.0f, 1.0f}));
    CHECK(values(out[0]) == std::vector<float>{1, 2});
    CHECK(values(out[1]) == std::vector<float>{2, 3});
    CHECK(values(out[2]) == std::vector<float>{60, 65});
    CHECK(values(v) == std::vector<float>{60, 65});
    CHECK(values(f(Tensor({0.0f, 0.0f}))[1]) == std::vector<float>{60, 65});
    CHECK(values(out[2]) == std::vector<float>{60, 65});
    CHECK(untouched.item<float>() == 5);
  }
}

TEST_CASE("variables in structs, by pointer, by member function and captured by value") {
  for (Level level : all_levels) {
    Dense layer{Variable(Tensor({{1.0f, 0.0f}, {0.0f, 1.0f}})), Variable(Tensor({1.0f, 2.0f}))};
    Dense* at = &layer;
    Variable calls(std::int64_t{0});
    auto f = function(
        [at, calls](const Tensor& x) mutable {
          Tensor y = (*at)(x);
          at->decay();
          calls += 1;
          return y;
        },
        {.level = level});
    CHECK(values(f(Tensor(std::vector<float>{1, 1}, {1, 2}))) == std::vector<float>{2, 3});
    CHECK(values(f(Tensor(std::vector<float>{1, 1}, {1, 2}))) == std::vector<float>{1.5, 2.5});
    CHECK(calls.item<std::int64_t>() == 2);
    std::vector<Variable> list{layer.w, layer.b};
    auto clear = function(
        [list] {
          for (Variable v : list) v = zeros(v.shape());
        },
        {.level = level});
    clear();
    CHECK(values(layer.b) == std::vector<float>{0, 0});
  }
}

TEST_CASE("a value that nobody else holds is updated where it is") {
  for (Level level : compiled_levels) {
    Variable v(ramp(40) + 0, "v"), w(ramp(40, 1) + 0, "w");
    auto f = function(
        [&](const Tensor& x) {
          v = v * 0.5f + x;
          w += v;
        },
        {.level = level});
    const Tensor x = ramp(40, 3);
    f(x);
    const void *at_v = memory(v), *at_w = memory(w);
    auto version = [&] { return detail::HandleAccess::node(v.value()).get()->value.buffer.version(); };
    const auto before = version();
    for (int i = 0; i < 3; ++i) f(x);
    CHECK(memory(v) == at_v);
    CHECK(memory(w) == at_w);
    CHECK(version() == before + 3);
    const Tensor held = w;
    const auto old = values(held);
    f(x);
    CHECK(memory(v) == at_v);
    CHECK(memory(w) != at_w);
    CHECK(values(held) == old);
  }
}

TEST_CASE("variables that are exchanged or left alone are not copied") {
  for (Level level : traced_levels) {
    Variable a(ramp(5)), b(ramp(5, 9)), c(ramp(5, 20));
    const void *was_a = memory(a), *was_b = memory(b), *was_c = memory(c);
    auto f = function(
        [&] {
          Tensor old = a;
          a.assign(b);
          b = old;
          c.assign(c);
          return c.value();
        },
        {.level = level});
    const Tensor y = f();
    CHECK(memory(a) == was_b);
    CHECK(memory(b) == was_a);
    CHECK(memory(c) == was_c);
    CHECK(static_cast<const void*>(y.data<float>()) == was_c);
  }
}

TEST_CASE("a call that fails changes no variable") {
  for (Level level : traced_levels) {
    Variable a(ramp(4) + 0), b(ramp(4, 3) + 0);
    auto f = function(
        [&](const Tensor& i) {
          a = a + 1;
          b = b * 2 + sum(gather(a, i));
        },
        {.level = level});
    f(Tensor({0, 3}));
    const auto was_a = values(a), was_b = values(b);
    CHECK_THROWS_AS(f(Tensor({0, 4})), DeviceError);
    CHECK(values(a) == was_a);
    CHECK(values(b) == was_b);
    f(Tensor({1, 2}));  // no lock was left
    CHECK(values(a)[0] == was_a[0] + 1);
    auto throws = function(
        [&](int n) {
          a = a + 1;
          if (n > 1) throw std::runtime_error("from the callable");
        },
        {.level = level});
    const auto now = values(a);
    CHECK_THROWS_AS(throws(2), std::runtime_error);
    CHECK(values(a) == now);
    throws(1);
    CHECK(values(a)[0] == now[0] + 1);
  }
}

TEST_CASE("a trace keeps a variable that it uses") {
  for (Level level : traced_levels) {
    auto made = [&] {
      Variable count(0.0f);
      return function(
          [count]() mutable {
            count += 1;
            return count.value();
          },
          {.level = level});
    }();
    CHECK(made().item<float>() == 1);
    CHECK(made().item<float>() == 2);
    auto v = std::make_unique<Variable>(5.0f);
    Variable* at = v.get();
    auto f = function([&](const Tensor& x) { return x + *at; }, {.level = level});
    CHECK(f(Tensor(1.0f) + 0).item<float>() == 6);
    at = nullptr;
    v.reset();
    CHECK(f(Tensor(2.0f) + 0).item<float>() == 7);  // from the trace: the callable does not run
  }
}

TEST_CASE("a function that reads a variable is called by one that updates it") {
  for (Level level : all_levels) {
    INFO("level " << static_cast<int>(level));
    Variable v(1.0f, "v");
    auto twice = function([&](const Tensor& x) { return x * v; }, {.level = level});
    auto bump = function(
        [&](const Tensor& x) {
          v += x;
          return v.value();
        },
        {.level = level});
    auto all = function(
        [&](const Tensor& x) {
          Tensor a = twice(x);
          v = v + 1;
          Tensor b = bump(x);
          return std::vector<Tensor>{a, b, twice(x), bump(x)};
        },
        {.level = level});
    for (int again = 0; again < 2; ++again) {
      v = 1.0f;
      auto out = all(Tensor(3.0f) + 0);
      const float want[] = {3, 5, 15, 8};
      for (std::size_t i = 0; i < 4; ++i) CHECK(out[i].item<float>() == want[i]);
      CHECK(v.item<float>() == 8);
    }
    CHECK(bump(Tensor(2.0f) + 0).item<float>() == 10);  // what was traced inside serves outside
    CHECK(twice(Tensor(2.0f) + 0).item<float>() == 20);
  }
}

// -- program order, by random programs --------------------------------------------------------------------------------

namespace {

struct Statement {
  enum Kind { assign, add, branch, loop, call } kind;
  int a, b, c;
  double k;
  std::vector<Statement> body, otherwise;
  mutable std::shared_ptr<std::function<void()>> function;
};
using Program = std::vector<Statement>;
constexpr int num_variables = 3;

Program random_program(std::mt19937& random, int depth) {
  auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  Program p;
  for (int n = 1 + pick(4); n > 0; --n) {
    const int kinds = depth > 0 ? 5 : 2;
    Statement s{static_cast<Statement::Kind>(pick(kinds)),
                pick(num_variables),
                pick(num_variables),
                pick(num_variables),
                (pick(8) - 4) * 0.25,
                {},
                {},
                {}};
    if (s.kind >= Statement::branch) s.body = random_program(random, depth - 1);
    if (s.kind == Statement::branch && pick(2)) s.otherwise = random_program(random, depth - 1);
    p.push_back(std::move(s));
  }
  return p;
}

void run(const Program& p, double* v) {
  for (auto& s : p) switch (s.kind) {
      case Statement::assign: v[s.a] = v[s.b] * s.k + v[s.c] * 0.5; break;
      case Statement::add: v[s.a] += v[s.b] * 0.125 + s.k; break;
      case Statement::branch: run(v[s.b] < v[s.c] + s.k ? s.body : s.otherwise, v); break;
      case Statement::loop:
        for (int i = 0; i < 3 && v[s.b] < 10; ++i) run(s.body, v);
        break;
      case Statement::call: run(s.body, v); break;
    }
}

void run(const Program& p, std::vector<Variable>& v, Level level) {
  auto at = [&](int i) -> Variable& { return v[static_cast<std::size_t>(i)]; };
  for (auto& s : p) switch (s.kind) {
      case Statement::assign: at(s.a) = at(s.b) * s.k + at(s.c) * 0.5; break;
      case Statement::add: at(s.a) += at(s.b) * 0.125 + s.k; break;
      case Statement::branch:
        cond(at(s.b) < at(s.c) + s.k, [&] { run(s.body, v, level); }, [&] { run(s.otherwise, v, level); });
        break;
      case Statement::loop: {
        Tensor i = 0;
        while_loop([&] { return (i < 3) & (at(s.b) < 10); },
                   [&] {
                     run(s.body, v, level);
                     i += 1;
                   });
        break;
      }
      case Statement::call: {
        if (!s.function)
          s.function = std::make_shared<std::function<void()>>(
              function([&s, &v, level] { run(s.body, v, level); }, {.level = level}));
        (*s.function)();
        break;
      }
    }
}

}  // namespace

TEST_CASE("random programs over variables mean the same as plain C++, eagerly and traced") {
  for (unsigned seed = 0; seed < 60; ++seed) {
    for (Level level : {Level::eager, Level::graph, Level::full}) {
      if (level == Level::full && seed % 4) continue;
      std::mt19937 random(seed);
      const Program program = random_program(random, 3);
      INFO("seed " << seed << ", level " << static_cast<int>(level));
      double want[num_variables] = {1, -2, 0.5};
      std::vector<Variable> v;
      for (double x : want) v.emplace_back(x);
      auto f = function([&] { run(program, v, level); }, {.level = level});
      for (int again = 0; again < 3; ++again) {
        f();
        run(program, want);
        for (int i = 0; i < num_variables; ++i)
          CHECK(v[static_cast<std::size_t>(i)].item<double>() == Approx(want[i]).margin(1e-9));
      }
      CHECK(f.stats().traces <= 1);
    }
  }
}

TEST_CASE("loops and branches by every entry point carry variables") {
  for (Level level : all_levels) {
    INFO("level " << static_cast<int>(level));
    Variable total(0.0f, "total"), go(true), n(std::int64_t{4});
    auto f = function(
        [&](const Tensor& xs) {
          for_loop(3, [&](const Tensor& i) { total += cast(i, f32); });
          for_loop(n, [&](const Tensor&) { total += 1; });
          auto [last, ys] = scan(
              [&](const Tensor& c, const Tensor& x) {
                total += x;
                return std::pair(c + total, total.value());
              },
              0.0f, xs);
          cond(go, [&] { total += 100; });
          Tensor picked = cond(go, [&] { return total.value(); }, [&] { return -total; });
          return std::vector<Tensor>{last, ys, picked};
        },
        {.level = level});
    auto out = f(Tensor({1.0f, 2.0f, 3.0f}));
    CHECK(values(out[1]) == std::vector<float>{8, 10, 13});
    CHECK(out[0].item<float>() == 31);
    CHECK(out[2].item<float>() == 113);
    CHECK(total.item<float>() == 113);
    go = false;
    n = 0;
    out = f(Tensor({0.0f, 0.0f, 0.0f}));
    CHECK(out[2].item<float>() == -116);
    CHECK(total.item<float>() == 116);
  }
}

// -- wrong use ---------------------------------------------------------------------------------------------------------

TEST_CASE("a variable made while tracing is an error") {
  for (Level level : traced_levels) {
    auto f = function(
        [](const Tensor& x) {
          Variable v(x);
          return v.value();
        },
        {.level = level});
    CHECK(error_of([&] { f(Tensor({1.0f})); }).find("variable-in-trace: a Variable is made while") == 0);
  }
  Tensor i = 0, y = 0.0f;  // an eager loop is plain C++
  while_loop([&] { return i < 3; },
             [&] {
               Variable v(y);
               v += 2;
               y = v;
               i += 1;
             });
  CHECK(y.item<float>() == 6);
}

TEST_CASE("a loop's test and a lane of vmap assign no variable") {
  Variable v(0.0f, "v");
  auto test = function([&] {
    while_loop(
        [&] {
          v += 1;
          return v < 3;
        },
        [] {});
  });
  CHECK(error_of([&] { test(); }).find("assigned-in-test: variable 'v' is assigned inside a loop's test") == 0);
  auto lanes = vmap([&](const Tensor& x) {
    v = x;
    return x;
  });
  CHECK(error_of([&] { lanes(Tensor({1.0f, 2.0f})); }).find("assigned-outside: vmap: variable 'v'") == 0);
  CHECK(v.item<float>() == 0);
  CHECK(values(vmap([&](const Tensor& x) { return x * (v + 2); })(Tensor({1.0f, 2.0f}))) == std::vector<float>{2, 4});
}

TEST_CASE("a value of a trace does not get out by a variable") {
  Tensor leaked;
  auto f = function([&](const Tensor& x) {
    detail::Untracked untracked;  // as a library that keeps tensors behind the recorder's back would
    leaked = x;
    return x;
  });
  f(Tensor({1.0f}));
  Variable v(Tensor({0.0f}));
  CHECK(error_of([&] { v = leaked; }).find("after-trace") == 0);
  CHECK(error_of([&] { v += leaked; }).find("after-trace") == 0);
  CHECK(error_of([&] { Variable w(leaked); }).find("after-trace") == 0);
  CHECK(values(v) == std::vector<float>{0});
}

TEST_CASE("verify_trace finds that the callable reaches another variable than the trace") {
  Variable a(1.0f, "a"), b(2.0f, "b");
  Variable* at = &a;
  auto f = function([&] { return *at + 1; }, {.verify_trace = true});
  f();
  a = 5.0f;
  CHECK(f().item<float>() == 6);
  at = &b;
  CHECK(error_of([&] { f(); }).find("it reaches variable 'b', the trace uses another variable") != std::string::npos);
}

TEST_CASE("an item of a variable that is traced has no value yet") {
  Variable v(1.0f);
  auto f = function([&] { return v + v.item<float>(); });
  CHECK(error_of([&] { f(); }).find("value-while-tracing") == 0);
}
