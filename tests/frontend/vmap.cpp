// vmap against a loop over the lanes: every batching rule, control flow with conditions that differ by lane, nesting, gradients.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <cmath>
#include <functional>

using namespace burin;

namespace {

using Map = std::function<Tensor(const Tensor&, const Tensor&)>;
struct Case {
  const char* name;
  Shape x, y;  // of one lane
  Map map;
};

Tensor numbers(const Shape& shape, double phase) {
  std::vector<double> v(static_cast<std::size_t>(shape.num_elements().value()));
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = std::sin(phase + 1.7 * static_cast<double>(i));
  return Tensor(v, shape);
}
Shape with_lanes(std::int64_t lanes, const Shape& one) {
  Shape s{lanes};
  for (Dim d : one) s.push_back(d);
  return s;
}
Tensor lane(const Tensor& x, std::int64_t i) { return gather(x, Tensor(i), 0); }

/// Positions 0 … n - 1 that differ by lane.
Tensor positions(const Tensor& y, std::int64_t n) { return cast(abs(y) * static_cast<double>(n) * 0.999, i64); }

const std::vector<Case> cases = {
    {"elementwise, same rank", {3}, {3}, [](const Tensor& x, const Tensor& y) { return x * y + exp(x) - abs(y); }},
    {"elementwise, other ranks",
     {2, 3},
     {3},
     [](const Tensor& x, const Tensor& y) { return where(x > y, x, y * 2.0); }},
    {"with a number", {}, {2, 3}, [](const Tensor& x, const Tensor& y) { return max(x, y) + 1.0; }},
    {"cast", {3}, {3}, [](const Tensor& x, const Tensor& y) { return cast(cast(x * 9.0, i32), f64) + y; }},
    {"reductions",
     {2, 3},
     {3},
     [](const Tensor& x, const Tensor& y) { return reduce_sum(x, 0) * reduce_max(x) + mean(y); }},
    {"kept axes", {2, 3}, {2, 1}, [](const Tensor& x, const Tensor& y) { return reduce_max(x, -1, true) + y; }},
    {"argmin", {2, 4}, {4}, [](const Tensor& x, const Tensor& y) { return cast(argmin(x, 1), f64) + sum(y); }},
    {"cumsum",
     {2, 3},
     {2, 3},
     [](const Tensor& x, const Tensor& y) { return cumsum(x, 1, true, true) + cumsum(y, 0); }},
    {"matmul", {2, 3}, {3, 4}, [](const Tensor& x, const Tensor& y) { return matmul(x, y); }},
    {"matmul in batches", {5, 2, 3}, {3, 4}, [](const Tensor& x, const Tensor& y) { return matmul(x, y); }},
    {"moves",
     {2, 3},
     {3, 2},
     [](const Tensor& x, const Tensor& y) { return concatenate({transpose(x), reshape(y, {3, 2})}, 1); }},
    {"broadcast_to",
     {3},
     {2, 1},
     [](const Tensor& x, const Tensor& y) { return broadcast_to(x, {2, 3}) * broadcast_to(y, {2, 3}); }},
    {"slice", {5, 3}, {2, 2}, [](const Tensor& x, const Tensor& y) { return slice(x, {1, 0}, {2, 2}, {2, 1}) + y; }},
    {"pad", {3}, {}, [](const Tensor& x, const Tensor& y) { return pad(x, y, {1}, {2}, 1); }},
    {"gather", {4, 3}, {2}, [](const Tensor& x, const Tensor& y) { return gather(x, positions(y, 4), 0); }},
    {"gather along the last axis",
     {2, 4},
     {2, 2},
     [](const Tensor& x, const Tensor& y) { return gather(x, positions(y, 4), 1); }},
    {"scatter_add", {4}, {3}, [](const Tensor& x, const Tensor& y) { return scatter_add(x, positions(y, 4), y); }},
    {"scatter",
     {3, 4},
     {3, 2},
     [](const Tensor& x, const Tensor& y) {
       return scatter(x, positions(slice(y, {0, 0}, {1, 2}), 2), reshape(y, {3, 1, 2}), 1);
     }},
    {"cond",
     {3},
     {},
     [](const Tensor& x, const Tensor& y) { return cond(y > 0.0, [&] { return x * y; }, [&] { return exp(x); }); }},
    {"cond that could fault",
     {3},
     {},
     [](const Tensor& x, const Tensor& y) {
       Tensor at = cast(y * 3.0, i64);  // negative: out of range
       return cond(y > 0.0, [&] { return gather(x, at, 0); }, [&] { return sum(x); });
     }},
    {"while",
     {},
     {2},
     [](const Tensor& x, const Tensor& y) {
       Tensor z = y, n = abs(x) + 0.1;
       while_loop([&] { return n < 2.0; },
                  [&] {
                    n = n * 1.5;
                    z = z * 0.5 + n;
                  });
       return z;
     }},
    {"while with the same trips",
     {2},
     {2},
     [](const Tensor& x, const Tensor& y) {
       Tensor z = x;
       for_loop(3, [&](const Tensor& i) { z = z * y + cast(i, f64); });
       return z;
     }},
    {"scan",
     {4, 2},
     {2},
     [](const Tensor& x, const Tensor& y) {
       return scan([](const Tensor& c, const Tensor& v) { return std::pair(c * 0.5 + v, c * v); }, y, x).second;
     }},
    {"a loop in a branch in a loop",
     {2},
     {},
     [](const Tensor& x, const Tensor& y) {
       Tensor z = x, n = y;
       while_loop([&] { return n < 1.0; },
                  [&] {
                    cond(sum(z) > 0.0, [&] { for_loop(2, [&](const Tensor&) { z = z * 0.5; }); }, [&] { z = z + n; });
                    n = n + 0.4;
                  },
                  {.max_trips = 8});
       return z;
     }},
};

void check_equal(const Tensor& got, const Tensor& want) {
  REQUIRE(got.type() == want.type());
  auto g = got.to_vector<double>(), w = want.to_vector<double>();
  for (std::size_t i = 0; i < g.size(); ++i) CHECK(g[i] == Approx(w[i]).epsilon(1e-12).margin(1e-12));
}

Tensor stacked(const std::vector<Tensor>& lanes) {
  std::vector<Tensor> rows;
  for (const Tensor& t : lanes) rows.push_back(expand_dims(t, 0));
  return concatenate(rows, 0);
}

}  // namespace

TEST_CASE("vmap agrees with a loop over lanes, eagerly, recorded and compiled") {
  constexpr std::int64_t n = 5;
  for (const Case& c : cases) {
    for (int which : {1, 2, 3}) {  // which arguments have lanes
      DYNAMIC_SECTION(c.name << ", lanes in " << which) {
        const Tensor x = numbers(which & 1 ? with_lanes(n, c.x) : c.x, 0.3);
        const Tensor y = numbers(which & 2 ? with_lanes(n, c.y) : c.y, 1.1);
        std::vector<Tensor> each;
        for (std::int64_t i = 0; i < n; ++i)
          each.push_back(c.map(which & 1 ? lane(x, i) : x, which & 2 ? lane(y, i) : y));
        VmapOptions options;
        options.in_axes = {which & 1 ? std::optional<Axis>(0) : std::nullopt,
                           which & 2 ? std::optional<Axis>(0) : std::nullopt};
        auto mapped = [&](const Tensor& a, const Tensor& b) { return vmap(c.map, options)(a, b); };
        check_equal(mapped(x, y), stacked(each));
        check_equal(function(mapped, {.level = Level::graph})(x, y), stacked(each));
        check_equal(function(mapped)(x, y), stacked(each));
      }
    }
  }
}

TEST_CASE("vmap composes with gradients and with itself") {
  auto loss = [](const Tensor& w, const Tensor& x) {
    Tensor h = x;
    for_loop(3, [&](const Tensor&) { h = tanh(h * w); });
    return sum(h * h);
  };
  const Tensor w = numbers({3}, 0.2), xs = numbers({4, 3}, 0.9);
  std::vector<Tensor> each;
  for (std::int64_t i = 0; i < 4; ++i) each.push_back(grad([&](const Tensor& v) { return loss(v, lane(xs, i)); })(w));
  VmapOptions data_only;
  data_only.in_axes = {std::nullopt, 0};
  auto per_example = [&](const Tensor& v, const Tensor& x) {
    return vmap([&](const Tensor& a, const Tensor& b) { return grad(loss)(a, b); }, data_only)(v, x);
  };
  check_equal(per_example(w, xs), stacked(each));
  check_equal(function(per_example)(w, xs), stacked(each));
  auto total = [&](const Tensor& v) { return sum(vmap(loss, data_only)(v, xs)); };
  check_equal(grad(total)(w), reduce_sum(stacked(each), 0));
  check_equal(function(grad(total))(w), reduce_sum(stacked(each), 0));
  auto outer = vmap([&](const Tensor& a) { return vmap([&](const Tensor& b) { return sum(a * b); })(xs); });
  check_equal(outer(xs), matmul(xs, transpose(xs)));
}

TEST_CASE("no lanes give no results, also of a region that may fault") {
  auto lane = [](const Tensor& x) {
    Tensor y = x;
    while_loop([&] { return sum(y) < 2.0; }, [&] { y = gather(y * 2.0, Tensor({1, 0}), 0); }, {.max_trips = 9});
    return y;
  };
  const Tensor none = zeros({0, 2}, f64);
  auto all = [&](const Tensor& x) { return vmap(lane)(x); };
  for (Level level : {Level::eager, Level::graph, Level::full})
    CHECK(function(all, {.level = level})(none).type() == none.type());
  CHECK(grad([&](const Tensor& x) { return sum(all(x)); })(none).type() == none.type());
}

TEST_CASE("lanes go along any axis, in and out, and through trees") {
  struct Two {
    Tensor a, b;
  };
  auto f = [](const Two& p) { return std::pair(p.a + p.b, sum(p.a)); };
  VmapOptions options;
  options.in_axes = {-1};
  options.out_axis = -1;
  auto g = [](const Two& p) { return p.a + p.b; };
  const Tensor a = numbers({2, 3}, 0), b = numbers({2, 3}, 1);
  check_equal(vmap(g, options)(Two{a, b}), a + b);
  auto [sums, totals] = vmap(f)(Two{a, b});
  check_equal(sums, a + b);
  check_equal(totals, reduce_sum(a, 1));
}

TEST_CASE("what vmap cannot do says so") {
  auto f = [](const Tensor& x) { return x * 2.0f; };
  CHECK_THROWS_WITH(vmap(f)(Tensor(1.0f)), Catch::Contains("is f32[] and has no axis 0 for the lanes"));
  auto two = [](const Tensor& x, const Tensor& y) { return x + y; };
  CHECK_THROWS_WITH(vmap(two)(zeros({2}), zeros({3})), Catch::Contains("3 lanes; the arguments before have 2"));
  VmapOptions none;
  none.in_axes = {std::nullopt};
  CHECK_THROWS_WITH(vmap(f, none)(zeros({2})), Catch::Contains("no argument has lanes"));
  CHECK_THROWS_WITH(vmap([](const Tensor& x) { return x * x.item<float>(); })(zeros({2})), Catch::Contains("item"));
  CHECK_THROWS_WITH(vmap([](const Tensor& x) {
                      print(x, "x");
                      return x;
                    })(zeros({2})),
                    Catch::Contains("print: it cannot run in lanes of vmap"));
  Tensor outside = 0.0f;
  CHECK_THROWS_WITH(vmap([&](const Tensor& x) {
                      outside = x;
                      return x;
                    })(zeros({2})),
                    Catch::Contains("a tensor outside is assigned"));
  CHECK(f(Tensor(1.0f)).item<float>() == 2);
}
