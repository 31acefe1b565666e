// Random programs under random stacks of transforms: eagerly, recorded and compiled alike; jvp and vjp transposes of each other;
// vmap what a loop over lanes gives; derivatives central differences. BURIN_TEST_SEED replays one seed, BURIN_TEST_GRAPHS sets
// how many; a failure prints the smallest program and stack that show it.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <random>
#include <sstream>

using namespace burin;

namespace {

constexpr std::int64_t n = 3;  // every value is f64[3]
using Map = std::function<Tensor(const Tensor&)>;

// ---- Programs ------------------------------------------------------------------------------------------------------------

enum Kind : int {
  add_,
  mul_,
  tanh_,
  exp_,
  ratio_,
  scale_,
  reduce_,
  cumsum_,
  matmul_,
  gather_,
  rotate_,
  scatter_,
  smooth_,
  root_,
  log_,
  where_,
  abs_,
  max_,
  cond_,
  for_,
  while_,
  scan_,
  map_,
  kinds
};
const char* const names[] = {"(a + b) * 0.7",
                             "tanh(a) * b",
                             "tanh(a)",
                             "exp(tanh(a))",
                             "a / (1 + b * b)",
                             "a * k + 0.2",
                             "a * tanh(sum(b))",
                             "cumsum(a) * 0.4",
                             "matmul(m, a)",
                             "gather(a)",
                             "rotate(a)",
                             "scatter_add(a, b)",
                             "softplus(a)",
                             "sqrt(a * a + 0.1)",
                             "log(1 + a * a)",
                             "where(a > b, a, b * 0.5)",
                             "abs(a)",
                             "max(a, b)",
                             "cond(sum(a) > k, .., ..)",
                             "for_loop(y = a, ..)",
                             "while_loop(y = a, ..)",
                             "scan(a)",
                             "map(a)"};

struct Step {
  Kind kind;
  unsigned a, b;  // operands: positions among the values, counted around
  double k;
  std::vector<Step> body, other;
};
using Steps = std::vector<Step>;

Steps random_steps(std::mt19937_64& r, int count, int depth) {
  std::uniform_real_distribution<double> number(-1, 1);
  Steps made;
  for (int i = 0; i < count; ++i) {
    Step s{static_cast<Kind>(r() % (depth < 2 ? kinds : cond_)),
           static_cast<unsigned>(r() % 64),
           static_cast<unsigned>(r() % 64),
           number(r),
           {},
           {}};
    if (s.kind == cond_ || s.kind == for_ || s.kind == while_)
      s.body = random_steps(r, 1 + static_cast<int>(r() % 3), depth + 1);
    if (s.kind == cond_) s.other = random_steps(r, 1 + static_cast<int>(r() % 3), depth + 1);
    made.push_back(std::move(s));
  }
  return made;
}

/// How near a run came to where a choice changes: derivatives say nothing about differences there. Null: nobody asks.
thread_local double* margin = nullptr;
void near(const Tensor& distance) {
  if (!margin) return;
  for (double d : distance.to_vector<double>()) *margin = std::min(*margin, std::abs(d));
}

Tensor run(const Steps& steps, std::vector<Tensor> values);

Tensor with(const Steps& steps, const std::vector<Tensor>& values, const Tensor& last) {
  std::vector<Tensor> all = values;
  all.push_back(last);
  return run(steps, std::move(all));
}

Tensor apply_step(const Step& s, const std::vector<Tensor>& values) {
  const Tensor a = values[s.a % values.size()], b = values[s.b % values.size()];
  const double k = s.k;
  switch (s.kind) {
    case add_: return (a + b) * 0.7;
    case mul_: return tanh(a) * b;
    case tanh_: return tanh(a);
    case exp_: return exp(tanh(a));
    case ratio_: return a / (1.0 + b * b);
    case scale_: return a * k + 0.2;
    case reduce_: return a * tanh(sum(b));
    case cumsum_: return cumsum(a, 0, k > 0.5, k < 0) * 0.4;
    case matmul_: {
      const Tensor m({{0.3, k, -0.2}, {0.1, 0.4, -k}, {k, 0.2, 0.5}});
      return reshape(matmul(m, reshape(a, {n, 1})), {n});
    }
    case gather_: return gather(a, k > 0 ? Tensor({2, 0, 0}) : Tensor({1, 2, 0}), 0);
    case rotate_: return concatenate({slice(a, {1}, {2}), slice(a, {0}, {1})}, 0);
    case scatter_: return scatter_add(a * 0.5, Tensor({2, 0, 2}), b * 0.4, 0);
    case smooth_: return softplus(a);
    case root_: return sqrt(a * a + 0.1);
    case log_: return log(1.0 + a * a);
    case where_: near(a - b); return where(a > b, a, b * 0.5);
    case abs_: near(a); return abs(a);
    case max_: near(a - b); return max(a, b);
    case cond_:
      near(sum(a) - k);
      return cond(sum(a) > k, [&] { return run(s.body, values); }, [&] { return run(s.other, values); });
    case for_: {
      Tensor y = a;
      for_loop(3, [&](const Tensor& i) {
        if (k < -0.3) continue_if(i == 1);
        y = with(s.body, values, y);
        if (k > 0) {
          near(sum(y) - k);
          break_if(sum(y) > k);
        }
        y = y * 0.8 + a * 0.1;
      });
      return y;
    }
    case while_: {
      Tensor y = a, trips = std::int64_t{0};
      auto test = [&] {
        near(sum(y) - k);
        return (sum(y) > k) & (trips < 4);
      };
      while_loop(test,
                 [&] {
                   y = with(s.body, values, y) * 0.5 - 0.1;
                   trips = trips + 1;
                 },
                 {.max_trips = 4});
      return y;
    }
    case scan_:
      return scan([&](const Tensor& c, const Tensor& v) { return std::pair(tanh(c * k + v), c * v + 0.3); },
                  sum(b) * 0.2, a, {.reverse = k > 0})
          .second;
    case map_: return burin::map([&](const Tensor& v) { return tanh(v * k) + v * sum(b) * 0.1; }, a);
    case kinds: break;
  }
  return a;
}

Tensor run(const Steps& steps, std::vector<Tensor> values) {
  values.reserve(values.size() + steps.size());
  for (const Step& s : steps) values.push_back(apply_step(s, values));
  return values.back();
}

// ---- Stacks of transforms -------------------------------------------------------------------------------------------------

enum class Transform { gradient, jvp, vjp, vmap, function };
const char* const transform_names[] = {"grad", "jvp", "vjp", "vmap", "function"};
const std::vector<double> scales = {1.0, 0.5, -1.0};  // of the lanes of vmap

Tensor direction() { return Tensor({0.6, -0.8, 0.3}); }
Tensor rows(const Tensor& x) {
  std::vector<Tensor> each;
  for (double s : scales) each.push_back(expand_dims(x * s, 0));
  return concatenate(each, 0);
}

Map transformed(const Map& f, Transform t) {
  switch (t) {
    case Transform::gradient: return grad([f](const Tensor& x) { return sum(f(x) * direction()); });
    case Transform::jvp: return [f](const Tensor& x) { return burin::jvp(f, x, direction()).second; };
    case Transform::vjp: return [f](const Tensor& x) { return burin::vjp(f, x).second(direction()); };
    case Transform::vmap: return [f](const Tensor& x) { return reduce_sum(burin::vmap(f)(rows(x)), 0); };
    case Transform::function: return burin::function(f, {.name = "inner", .level = Level::graph});
  }
  return f;
}

struct Program {
  Steps steps;
  std::vector<Transform> stack;
  Map base() const {
    return [steps = steps](const Tensor& x) { return run(steps, {x, x * x * 0.5}); };
  }
  Map map() const {
    Map f = base();
    for (Transform t : stack) f = transformed(f, t);
    return f;
  }
};

Program random_program(std::uint64_t seed) {
  std::mt19937_64 r(seed * 0x9e3779b97f4a7c15u + 1);
  Program p;
  p.steps = random_steps(r, 2 + static_cast<int>(r() % 5), 0);
  int derivatives = 0;
  for (int i = static_cast<int>(r() % 4); i > 0; --i) {
    const auto t = static_cast<Transform>(r() % 5);
    const bool derives = t == Transform::gradient || t == Transform::jvp || t == Transform::vjp;
    if (derives && derivatives == 2) continue;  // the checks take one derivative more
    derivatives += derives;
    p.stack.push_back(t);
  }
  return p;
}

void print_steps(std::ostream& out, const Steps& steps, const std::string& pad) {
  for (const Step& s : steps) {
    out << pad << names[s.kind] << "  a = #" << s.a << ", b = #" << s.b << ", k = " << s.k << '\n';
    print_steps(out, s.body, pad + "  | ");
    print_steps(out, s.other, pad + "  : ");
  }
}
std::string to_text(const Program& p) {
  std::ostringstream out;
  out << "values #0 = x, #1 = x * x * 0.5, then a value a step (numbers counted around), the last is the result\n";
  print_steps(out, p.steps, "  ");
  for (Transform t : p.stack) out << "under " << transform_names[static_cast<int>(t)] << '\n';
  return out.str();
}

// ---- What must hold -------------------------------------------------------------------------------------------------------

std::vector<double> doubles(const Tensor& t) { return t.to_vector<double>(); }
double dot(const Tensor& a, const Tensor& b) { return sum(a * b).item<double>(); }

/// Empty, or how two lists differ beyond the tolerance, which is relative to the greatest of them, at least 1.
std::string compare(const char* what, const std::vector<double>& got, const std::vector<double>& want,
                    double tolerance) {
  double greatest = 1;
  for (double w : want)
    if (std::isfinite(w)) greatest = std::max(greatest, std::abs(w));
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]))) continue;
    if (std::abs(got[i] - want[i]) <= tolerance * greatest) continue;
    std::ostringstream out;
    out << what << ": element " << i << " is " << got[i] << ", expected " << want[i];
    return out.str();
  }
  return {};
}

/// What is wrong with the program at this point, or nothing. `differences` counts the points where differences were asked.
std::string problem_at(const Program& p, const Tensor& x, const Tensor& v, int& differences, bool compile_all) {
  const Map f = p.map();
  const Tensor w({-0.4, 0.9, 0.5});
  auto everything = [&](const Tensor& at) {
    const Tensor lanes = concatenate({expand_dims(at, 0), expand_dims(v, 0)}, 0);
    return concatenate({f(at), jvp(f, at, v).second, vjp(f, at).second(w), reshape(vmap(f)(lanes), {2 * n})}, 0);
  };
  const auto eager = doubles(everything(x));
  std::string why;
  auto check = [&](std::string found) {
    if (why.empty()) why = std::move(found);
  };
  check(compare("recorded", doubles(burin::function(everything, {.level = Level::graph})(x)), eager, 1e-9));
  if (compile_all) {
    check(compare("compiled", doubles(burin::function(everything, {.level = Level::full})(x)), eager, 1e-8));
  } else {
    const std::vector<double> value(eager.begin(), eager.begin() + n);
    check(compare("compiled", doubles(burin::function(f, {.level = Level::full})(x)), value, 1e-8));
  }
  const Tensor slope = jvp(f, x, v).second;
  check(compare("<w, jvp v> against <vjp w, v>", {dot(slope, w)}, {dot(vjp(f, x).second(w), v)}, 1e-9));
  const Tensor lanes = concatenate({expand_dims(x, 0), expand_dims(v, 0)}, 0);
  check(compare("vmap against calls", doubles(vmap(f)(lanes)), doubles(concatenate({f(x), f(v)}, 0)), 1e-9));
  double nearest = std::numeric_limits<double>::infinity();
  margin = &nearest;
  for (double s : scales)
    for (double t : scales)
      for (double u : scales) p.base()(x * (s * t * u));
  margin = nullptr;
  if (nearest > 1e-3) {
    ++differences;
    const double h = 1e-5;
    const auto central = doubles((f(x + v * h) - f(x - v * h)) / (2 * h));
    check(compare("jvp against central differences", doubles(slope), central, 1e-5));
  }
  return why;
}
std::string problem(const Program& p, int& differences, bool compile_all = true) {
  try {
    return problem_at(p, Tensor({0.7, -0.4, 0.2}), Tensor({0.5, 0.3, -0.9}), differences, compile_all);
  } catch (const std::exception& e) {
    margin = nullptr;
    return std::string("an error: ") + e.what();
  }
}

/// All programs that are one step or one transform smaller.
std::vector<Program> smaller(const Program& p) {
  std::vector<Program> made;
  for (std::size_t i = 0; i < p.stack.size(); ++i) {
    made.push_back(p);
    made.back().stack.erase(made.back().stack.begin() + static_cast<std::ptrdiff_t>(i));
  }
  const std::function<void(const Steps&, const std::function<void(Steps)>&)> visit = [&](const Steps& steps,
                                                                                         const auto& use) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
      auto put = [&](Step s) {
        Steps changed = steps;
        changed[i] = std::move(s);
        use(changed);
      };
      if (steps.size() > 1) {
        Steps changed = steps;
        changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
        use(changed);
      }
      visit(steps[i].body, [&](Steps body) {
        Step s = steps[i];
        s.body = std::move(body);
        put(std::move(s));
      });
      visit(steps[i].other, [&](Steps other) {
        Step s = steps[i];
        s.other = std::move(other);
        put(std::move(s));
      });
    }
  };
  visit(p.steps, [&](Steps steps) {
    made.push_back(p);
    made.back().steps = std::move(steps);
  });
  return made;
}

Program shrunk(Program p) {
  for (bool changed = true; changed;) {
    changed = false;
    for (Program& q : smaller(p)) {
      int ignored = 0;
      if (problem(q, ignored).empty()) continue;
      p = std::move(q);
      changed = true;
      break;
    }
  }
  return p;
}

}  // namespace

TEST_CASE("random programs under random stacks of transforms agree with every other way to compute them") {
  const char* only = std::getenv("BURIN_TEST_SEED");
  const char* count = std::getenv("BURIN_TEST_GRAPHS");
  const std::uint64_t first = only ? std::strtoull(only, nullptr, 10) : 0;
  const std::uint64_t last = only ? first + 1 : count ? std::strtoull(count, nullptr, 10) : 300;
  int differences = 0;
  for (std::uint64_t seed = first; seed < last; ++seed) {
    const Program p = random_program(seed);
    if (problem(p, differences, only || seed % 8 == 0).empty()) continue;  // compiling is what takes the time
    const Program small = shrunk(p);
    int ignored = 0;
    FAIL("seed " << seed << ": " << problem(small, ignored) << "\n" << to_text(small));
  }
  if (!only) CHECK(differences > static_cast<int>(last / 2));  // the others come near a point where a choice changes
}
