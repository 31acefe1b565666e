// See transform_program.h.
#include "tests/support/transform_program.h"

#include <algorithm>
#include <cmath>

namespace burin::test {
namespace {

struct Kind {
  const char* text;
  int bodies = 0;  // that it has
};
const Kind kinds[] = {
    {"(a + b) * 0.7"},
    {"tanh(a) * b"},
    {"tanh(a)"},
    {"exp(tanh(a))"},
    {"a / (1 + b * b)"},
    {"a * k + 0.2"},
    {"a * tanh(sum(b))"},
    {"cumsum(a) * 0.4"},
    {"matmul(outer(a, b), a) / (1 + sum(a * a))"},
    {"gather(a)"},
    {"rotate(a)"},
    {"scatter_add(a, b)"},
    {"softplus(a)"},
    {"sqrt(a * a + 0.1)"},
    {"log(1 + a * a)"},
    {"where(a > b, a, b * 0.5)"},
    {"abs(a)"},
    {"max(a, b)"},
    {"sigmoid(a * k)"},
    {"a * cast(cast(b * 3, i32), f64) * 0.2"},
    {"a * normal(key)"},
    {"dropout(key, a)"},
    {"stop_gradient(a) * b"},
    {"cond(sum(a) > k, .., ..)", 2},
    {"switch_case(sum(a), .., .., a)", 2},
    {"for_loop(m, y = a, ..)", 1},
    {"while_loop(y = a, ..)", 1},
    {"for_loop(tensor, y = a, ..)", 1},
    {"scan(a)"},
    {"scan(rows, ..)", 1},
    {"map(a)"},
    {"host loop(m, y = a, ..)", 1},
    {"remat(..)(a)", 1},
    {"custom_gradient(.., vjp(..))(a, b)", 1},
    {"function(..)(a)", 1},
    {"function(by reference, ..)(a)", 1},
    {"function(by value, ..)(moved a)", 1},
    {"tape of sum(..) by a", 1},
    {"grad of sum(..) by a", 1},
    {"jvp of (..) by a along b", 1},
    {"vmap(..)(a, a * k)", 1},
};
static_assert(std::size(kinds) == static_cast<std::size_t>(Step::count));

bool derives(Step s) { return s == Step::tape || s == Step::grad || s == Step::jvp; }

void near(const Tensor& distance) {
  if (!margin) return;
  for (double d : distance.to_vector<double>()) *margin = std::min(*margin, std::abs(d));
}

Tensor with(const Nodes& steps, const std::vector<Tensor>& values, const Tensor& last) {
  std::vector<Tensor> all = values;
  all.push_back(last);
  return run(steps, std::move(all));
}

Tensor gathered(const Tensor& a, double k) {  // positions in range, some twice
  const Dim n = a.shape(0);
  const Tensor i = iota({n});
  return burin::gather(a, k > 0 ? i / 2 : size_of(n) - 1 - i, 0);
}

Tensor outer_times(const Tensor& a, const Tensor& b) {
  const Dim n = a.shape(0);
  const Tensor m = burin::matmul(reshape(a, {n, 1}), reshape(b, {1, n}));
  return reshape(burin::matmul(m, reshape(a, {n, 1})), {n}) / (1.0 + sum(a * a));
}

Tensor loop(const Node& s, const std::vector<Tensor>& values, const Tensor& a) {
  const double k = s.k;
  Tensor y = a;
  auto trip = [&](const Tensor& i) {
    if (k < -0.3) continue_if(i == 1);
    y = with(s.body, values, y);
    if (k > 0) {
      near(sum(y) - k);
      break_if(sum(y) > k);
    }
    y = y * 0.8 + a * 0.1;
  };
  if (s.kind == Step::repeat) {
    for_loop(static_cast<std::int64_t>(s.m % 4), trip);
  } else if (s.kind == Step::host) {
    for (unsigned i = 0; i < s.m % 3; ++i) y = with(s.body, values, y) * 0.9;
  } else {  // as many trips as a tensor says
    near(sum(a));
    for_loop(cast(sum(a) > 0.0, i64) * static_cast<std::int64_t>(s.m % 4), trip, {.max_trips = 4});
  }
  return y;
}

Tensor repeated_until(const Node& s, const std::vector<Tensor>& values, const Tensor& a) {
  const double k = s.k;
  Tensor y = a, trips = std::int64_t{0};
  auto test = [&] {
    near(sum(y) - k);
    return (sum(y) > k) & (trips < static_cast<std::int64_t>(s.m % 4));
  };
  while_loop(test,
             [&] {
               y = with(s.body, values, y) * 0.5 - 0.1;
               trips = trips + 1;
             },
             {.max_trips = 4});
  return y;
}

Tensor swept(const Node& s, const std::vector<Tensor>& values, const Tensor& a, const Tensor& b) {
  std::vector<Tensor> list;
  const unsigned n = 1 + s.m % 4;
  for (unsigned i = 0; i < n; ++i) list.push_back(expand_dims(i % 2 ? b * s.k : a * (0.5 + i), 0));
  struct Carry {
    Tensor y, count;
  };
  auto step = [&](const Carry& c, const Tensor& row) {
    const Tensor y = with(s.body, values, c.y * 0.6 + row * 0.3);
    return std::pair(Carry{y, c.count + 1}, y * cast(c.count, f64));
  };
  auto [last, rows] = burin::scan(step, Carry{a, Tensor(std::int64_t{1})}, concatenate(list, 0),
                                  {.reverse = s.k > 0, .unroll = 1 + s.m / 4 % 3});
  return last.y * 0.5 + reduce_sum(rows, 0) * 0.1 * cast(last.count, f64);
}

Tensor called(const Node& s, const std::vector<Tensor>& values, const Tensor& a) {
  const FunctionOptions options{.name = "called", .level = margin ? Level::eager : inner_level};
  if (s.kind == Step::call)
    return burin::function([&](const Tensor& y) { return with(s.body, values, y); }, options)(a);
  if (s.kind == Step::update) {
    auto f = burin::function(
        [&](Tensor& y, const Tensor& by) {
          const Tensor before = y;
          for_loop(static_cast<std::int64_t>(s.m % 3), [&](const Tensor&) { y = with(s.body, values, y) + by; });
          return before * 0.1;
        },
        options);
    Tensor y = a;
    const Tensor rest = f(y, a * s.k);
    return f(y, a) + rest + y;
  }
  auto f = burin::function([&](Tensor y) { return with(s.body, values, y * 0.9) * 0.5 + y; }, options);
  Tensor y = a * 1.0;
  const Tensor kept = s.m % 2 ? y : a;
  y = f(std::move(y));
  return f(std::move(y)) + kept * 0.1;
}

Tensor derived(const Node& s, const std::vector<Tensor>& values, const Tensor& a, const Tensor& b) {
  auto f = [&](const Tensor& y) { return with(s.body, values, y); };
  if (s.kind == Step::jvp) return burin::jvp(f, a, b).second * 0.5;
  if (s.kind == Step::grad) return burin::grad([&](const Tensor& y) { return sum(f(y)); })(a) * 0.5;
  GradientTape tape({.persistent = s.m % 2 == 1});
  const Tensor x = a * 1.0;
  tape.watch(x);
  const Tensor y = f(x);
  Tensor g = tape.gradient(sum(y * x), x);
  if (s.m % 2) g = g * 0.3 + tape.gradient(sum(y), x);
  return g * 0.3;
}

Tensor taken(const Node& s, const std::vector<Tensor>& values) {
  const Tensor a = values[s.a % values.size()], b = values[s.b % values.size()];
  const double k = s.k;
  auto key = [&] { return rng::fold_in(rng::key(7), Tensor(static_cast<std::int64_t>(s.m))); };
  switch (s.kind) {
    case Step::add: return (a + b) * 0.7;
    case Step::mul: return burin::tanh(a) * b;
    case Step::tanh: return burin::tanh(a);
    case Step::exp: return burin::exp(burin::tanh(a));
    case Step::ratio: return a / (1.0 + b * b);
    case Step::scale: return a * k + 0.2;
    case Step::reduce: return a * burin::tanh(sum(b));
    case Step::cumsum: return burin::cumsum(a, 0, k > 0.5, k < 0) * 0.4;
    case Step::matmul: return outer_times(a, b);
    case Step::gather: return gathered(a, k);
    case Step::rotate: {
      const Dim n = a.shape(0);
      return slice(concatenate({a, b}, 0), {1}, {n});
    }
    case Step::scatter: return scatter_add(a * 0.5, iota({a.shape(0)}) / 2, b * 0.4, 0);
    case Step::smooth: return softplus(a);
    case Step::root: return sqrt(a * a + 0.1);
    case Step::log: return burin::log(1.0 + a * a);
    case Step::where: near(a - b); return burin::where(a > b, a, b * 0.5);
    case Step::abs: near(a); return burin::abs(a);
    case Step::max: near(a - b); return burin::max(a, b);
    case Step::sigmoid: return burin::sigmoid(a * k);
    case Step::integer: {
      const Tensor whole = cast(cast(b * 3.0, i32), f64);
      near(b * 3.0 - whole);
      near(1.0 - burin::abs(b * 3.0 - whole));
      return a * whole * 0.2;
    }
    case Step::noise: return a * rng::normal(key(), {a.shape(0)}, f64);
    case Step::dropout: return rng::dropout(key(), a, 0.3);
    case Step::stop: return stop_gradient(a) * b;
    case Step::cond:
      near(sum(a) - k);
      return burin::cond(sum(a) > k, [&] { return run(s.body, values); }, [&] { return run(s.other, values); });
    case Step::choose: {
      const Tensor at = cast(sum(a) * 2.0, i64);
      near(sum(a) - 0.5);
      near(sum(a) - 1.0);
      return switch_case(
          at, [&] { return run(s.body, values); }, [&] { return run(s.other, values); }, [&] { return a * k; });
    }
    case Step::repeat:
    case Step::counted:
    case Step::host: return loop(s, values, a);
    case Step::until: return repeated_until(s, values, a);
    case Step::scan:
      return burin::scan(
                 [&](const Tensor& c, const Tensor& v) { return std::pair(burin::tanh(c * k + v), c * v + 0.3); },
                 sum(b) * 0.2, a, {.reverse = k > 0, .unroll = 1 + s.m % 3})
          .second;
    case Step::sweep: return swept(s, values, a, b);
    case Step::map:
      return burin::map([&](const Tensor& v) { return burin::tanh(v * k) + v * sum(b) * 0.1; }, a,
                        {.reverse = k > 0, .unroll = 1 + s.m % 3});
    case Step::remat: {
      auto f = [&](const Tensor& y) { return with(s.body, values, y); };
      return margin ? f(a) : burin::remat(f)(a);
    }
    case Step::custom: {
      auto f = [&](const Tensor& x, const Tensor& y) { return run(s.body, {x, y}); };
      auto own = custom_gradient(f, [&](const Tensor& x, const Tensor& y, const Tensor&, const Tensor& w) {
        auto [gx, gy] =
            burin::vjp([&](const std::pair<Tensor, Tensor>& p) { return f(p.first, p.second); }, std::pair(x, y))
                .second(w);
        return std::tuple(gx, gy);
      });
      return margin ? f(a, b) : own(a, b);
    }
    case Step::call:
    case Step::update:
    case Step::donate: return called(s, values, a);
    case Step::tape:
    case Step::grad:
    case Step::jvp: return derived(s, values, a, b);
    case Step::vmap: {
      auto lane = [&](const Tensor& y, const Tensor& z) { return with(s.body, values, y) * z; };
      if (margin) return lane(a, b) + lane(a * k, b);
      auto lanes = burin::vmap(lane, {.in_axes = {0, std::nullopt}, .out_axis = s.m % 2 ? 0 : 1});
      const Tensor made = lanes(concatenate({expand_dims(a, 0), expand_dims(a * k, 0)}, 0), b);
      return reduce_sum(made, s.m % 2 ? 0 : 1);
    }
    case Step::count: break;
  }
  return a;
}

}  // namespace

Nodes random_nodes(std::mt19937_64& r, int count, const ProgramOptions& options) {
  std::uniform_real_distribution<double> number(-1, 1);
  Nodes made;
  while (static_cast<int>(made.size()) < count) {
    Node s{static_cast<Step>(r() % static_cast<unsigned>(Step::count)),
           static_cast<unsigned>(r() % 64),
           static_cast<unsigned>(r() % 64),
           static_cast<unsigned>(r() % 64),
           number(r),
           {},
           {}};
    const int bodies = kinds[static_cast<int>(s.kind)].bodies;
    if (bodies > 0 && options.depth == 0) continue;
    if (derives(s.kind) && options.derivatives == 0) continue;
    if (s.kind == Step::custom && options.forward) continue;
    ProgramOptions inner = options;
    --inner.depth;
    inner.derivatives -= derives(s.kind);
    inner.forward = options.forward || s.kind == Step::jvp;
    auto steps = [&] { return random_nodes(r, 1 + static_cast<int>(r() % 3), inner); };
    if (bodies > 0) s.body = steps();
    if (bodies > 1) s.other = steps();
    made.push_back(std::move(s));
  }
  return made;
}

Tensor run(const Nodes& steps, std::vector<Tensor> values) {
  values.reserve(values.size() + steps.size());
  for (const Node& s : steps) values.push_back(taken(s, values));
  return values.back();
}

void print(std::ostream& out, const Nodes& steps, const std::string& pad) {
  for (const Node& s : steps) {
    out << pad << kinds[static_cast<int>(s.kind)].text << "  a = #" << s.a << ", b = #" << s.b << ", m = " << s.m
        << ", k = " << s.k << '\n';
    print(out, s.body, pad + "  | ");
    print(out, s.other, pad + "  : ");
  }
}

bool contains(const Nodes& steps, Step kind) {
  return std::any_of(steps.begin(), steps.end(), [&](const Node& s) {
    return s.kind == kind || contains(s.body, kind) || contains(s.other, kind);
  });
}

}  // namespace burin::test
