// Random programs under random stacks of transforms: eagerly, recorded and compiled alike; jvp and vjp transposes of each other;
// vmap what a loop over lanes gives; derivatives central differences; named sizes what numbers give. A failure prints the
// smallest program and stack that show it.
#include "tests/support/catch.h"
#include "tests/support/seeds.h"
#include "tests/support/transform_program.h"

#include <cmath>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <limits>
#include <sstream>

using namespace burin;
using namespace burin::test;

namespace {

using Map = std::function<Tensor(const Tensor&)>;

// ---- Stacks of transforms -------------------------------------------------------------------------------------------------

enum class Transform {
  gradient,
  jvp,
  vjp,
  vmap,
  function,
  remat,
  tape,
  jacobian,
  forward,
  custom,
  rows,
  branch,
  count
};
const char* const transform_names[] = {
    "grad", "jvp", "vjp", "vmap", "function", "remat", "tape", "jacobian", "forward jacobian", "custom_gradient",
    "scan", "cond"};
const std::vector<double> scales = {1.0, 0.5, -1.0};  // of the lanes of vmap

Tensor direction(const Tensor& x) { return tanh(iota({x.shape(0)}, 0, f64) * 0.7 - 0.8); }
Tensor rows(const Tensor& x) {
  std::vector<Tensor> each;
  for (double s : scales) each.push_back(expand_dims(x * s, 0));
  return concatenate(each, 0);
}
Tensor times(const Tensor& matrix, const Tensor& v) { return reduce_sum(matrix * v, 1); }

Map transformed(const Map& f, Transform t) {
  switch (t) {
    case Transform::gradient: return grad([f](const Tensor& x) { return sum(f(x) * direction(x)); });
    case Transform::jvp: return [f](const Tensor& x) { return burin::jvp(f, x, direction(x)).second; };
    case Transform::vjp: return [f](const Tensor& x) { return burin::vjp(f, x).second(direction(x)); };
    case Transform::vmap: return [f](const Tensor& x) { return reduce_sum(burin::vmap(f)(rows(x)), 0); };
    case Transform::function: return burin::function(f, {.name = "inner", .level = inner_level});
    case Transform::remat: return burin::remat(f);
    case Transform::tape:
      return [f](const Tensor& x) {
        GradientTape tape;
        const Tensor at = x * 1.0;
        tape.watch(at);
        const Tensor y = f(at);
        return tape.gradient(sum(y * y), at) * 0.3;
      };
    case Transform::jacobian: return [f](const Tensor& x) { return times(jacobian(f)(x), direction(x)); };
    case Transform::forward: return [f](const Tensor& x) { return times(jacobian(f, Mode::forward)(x), direction(x)); };
    case Transform::custom:
      return custom_gradient(
          f, [f](const Tensor& x, const Tensor&, const Tensor& w) { return burin::vjp(f, x).second(w); });
    case Transform::rows: return [f](const Tensor& x) { return reduce_sum(burin::map(f, rows(x)), 0); };
    case Transform::branch:
      return [f](const Tensor& x) {
        return burin::cond(sum(x) > 0.0, [&] { return f(x); }, [&] { return f(x * 0.5) + 0.1; });
      };
    case Transform::count: break;
  }
  return f;
}
bool is_forward(Transform t) { return t == Transform::jvp || t == Transform::forward; }
bool derives(Transform t) {
  return is_forward(t) || t == Transform::gradient || t == Transform::vjp || t == Transform::tape ||
         t == Transform::jacobian;
}

struct Program {
  Nodes steps;
  std::vector<Transform> stack;
  bool forward = true;  // whether forward mode goes through it
  Map base() const {
    return [steps = steps](const Tensor& x) { return run(steps, {x, x * x * 0.5}); };
  }
  Map map() const {
    Map f = base();
    for (Transform t : stack) f = transformed(f, t);
    return f;
  }
  bool has(Transform t) const { return std::find(stack.begin(), stack.end(), t) != stack.end(); }
};

Program random_program(std::uint64_t seed) {
  std::mt19937_64 r(seed * 0x9e3779b97f4a7c15u + 1);
  Program p;
  p.forward = r() % 4 != 0;
  p.steps = random_nodes(r, 1 + static_cast<int>(r() % 5), {.depth = 2, .derivatives = 1, .forward = p.forward});
  int derivatives = 0;
  for (int i = static_cast<int>(r() % 4); i > 0; --i) {
    const auto t = static_cast<Transform>(r() % static_cast<unsigned>(Transform::count));
    if (derives(t) && derivatives == 2) continue;  // the checks take one derivative more
    if (p.forward ? t == Transform::custom : is_forward(t)) continue;
    derivatives += derives(t);
    p.stack.push_back(t);
  }
  return p;
}

std::string to_text(const Program& p) {
  std::ostringstream out;
  out << "values #0 = x, #1 = x * x * 0.5, then a value a step (numbers counted around), the last is the result\n";
  print(out, p.steps);
  for (Transform t : p.stack) out << "under " << transform_names[static_cast<int>(t)] << '\n';
  return out.str();
}

// ---- What must hold -------------------------------------------------------------------------------------------------------

std::vector<double> doubles(const Tensor& t) { return t.to_vector<double>(); }
double dot(const Tensor& a, const Tensor& b) { return sum(a * b).item<double>(); }

/// Empty, or how two lists differ beyond the tolerance, which is relative to the greatest of them, at least 1.
std::string compare(const std::string& what, const std::vector<double>& got, const std::vector<double>& want,
                    double tolerance) {
  if (got.size() != want.size()) return what + ": another number of elements";
  double greatest = 1;
  for (double w : want)
    if (std::isfinite(w)) greatest = std::max(greatest, std::abs(w));
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]))) continue;
    if (std::abs(got[i] - want[i]) <= tolerance * greatest) continue;
    std::ostringstream out;
    out.precision(17);
    out << what << ": element " << i << " is " << got[i] << ", expected " << want[i];
    return out.str();
  }
  return {};
}

struct Checks {
  bool compile_all = true;
  bool wide = false;  // what CI has no time for
  int* differences = nullptr;
};

/// What is wrong with the program at this point, or nothing.
std::string problem_at(const Program& p, const Tensor& x, const Tensor& v, const Checks& checks) {
  const Map f = p.map();
  const Tensor w({-0.4, 0.9, 0.5});
  auto everything = [&](const Tensor& at) {
    const Tensor along = direction(at) * 1.5;
    const Tensor lanes = concatenate({expand_dims(at, 0), expand_dims(along, 0)}, 0);
    std::vector<Tensor> all{f(at), burin::vjp(f, at).second(along), reshape(burin::vmap(f)(lanes), {2 * at.shape(0)})};
    if (p.forward) all.push_back(burin::jvp(f, at, along).second);
    return concatenate(all, 0);
  };
  std::string why;
  auto check = [&](std::string found) {
    if (why.empty()) why = std::move(found);
  };
  const auto eager = doubles(everything(x));
  check(compare("recorded", doubles(burin::function(everything, {.level = Level::graph})(x)), eager, 1e-9));
  if (checks.compile_all) {
    check(compare("compiled", doubles(burin::function(everything, {.level = Level::full})(x)), eager, 1e-8));
  } else {
    const std::vector<double> value(eager.begin(), eager.begin() + 3);
    check(compare("compiled", doubles(burin::function(f, {.level = Level::full})(x)), value, 1e-8));
  }
  if (checks.wide)
    check(compare("not fused", doubles(burin::function(everything, {.level = Level::no_fuse})(x)), eager, 1e-8));

  if (checks.wide || checks.compile_all) {  // other sizes by one trace, and what is no number
    const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
    const std::vector<Spec> any{spec<f64>({"n"})};
    auto sized = burin::function(everything, {.level = Level::graph, .signature = any});
    auto compiled = burin::function(everything, {.level = Level::full, .signature = any});
    for (const Tensor& other : {Tensor({0.3}), Tensor({0.2, -0.4, 0.9, 0.1, -0.7}), Tensor({nan, 0.4, -0.3}),
                                Tensor({0.5, infinity, -infinity})}) {
      const auto recorded = doubles(sized(other));
      const std::string size = " of size " + to_string(other.shape(0));
      // Of what does not reach a result derivatives are 0 times what it is where they are recorded: NaN, perhaps.
      if (std::isfinite(sum(other).item<double>()))
        check(compare("recorded for any size," + size, recorded, doubles(everything(other)), 1e-9));
      if (!checks.wide) continue;
      check(compare("compiled for any size," + size, doubles(compiled(other)), recorded, 1e-8));
      check(compare("compiled," + size, doubles(burin::function(everything, {.level = Level::full})(other)), recorded,
                    1e-8));
    }
  }

  const Tensor pulled = burin::vjp(f, x).second(w);
  const Tensor slope = p.forward ? burin::jvp(f, x, v).second : Tensor();
  if (p.forward) check(compare("<w, jvp v> against <vjp w, v>", {dot(slope, w)}, {dot(pulled, v)}, 1e-9));
  const Tensor lanes = concatenate({expand_dims(x, 0), expand_dims(v, 0)}, 0);
  check(compare("vmap against calls", doubles(burin::vmap(f)(lanes)), doubles(concatenate({f(x), f(v)}, 0)), 1e-9));
  double nearest = std::numeric_limits<double>::infinity();
  margin = &nearest;
  for (double s : scales)
    for (double t : scales)
      for (double u : scales) p.base()(x * (s * t * u));
  margin = nullptr;
  if (nearest > 1e-3 && !contains(p.steps, Step::stop)) {
    auto central = [&](double h) { return dot((f(x + v * h) - f(x - v * h)) / (2 * h), w); };
    const double far = central(2e-5), near = central(1e-5);
    if (std::abs(far - near) < 1e-6 * std::max(1.0, std::abs(near))) {
      ++*checks.differences;
      check(compare("vjp against central differences", {dot(pulled, v)}, {near}, 1e-5));
    }
  }
  return why;
}
std::string problem(const Program& p, const Checks& checks) {
  try {
    return problem_at(p, Tensor({0.7, -0.4, 0.2}), Tensor({0.5, 0.3, -0.9}), checks);
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
  const std::function<void(const Nodes&, const std::function<void(Nodes)>&)> visit = [&](const Nodes& steps,
                                                                                         const auto& use) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
      auto put = [&](Node s) {
        Nodes changed = steps;
        changed[i] = std::move(s);
        use(changed);
      };
      if (steps.size() > 1) {
        Nodes changed = steps;
        changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
        use(changed);
      }
      visit(steps[i].body, [&](Nodes body) {
        Node s = steps[i];
        s.body = std::move(body);
        put(std::move(s));
      });
      visit(steps[i].other, [&](Nodes other) {
        Node s = steps[i];
        s.other = std::move(other);
        put(std::move(s));
      });
    }
  };
  visit(p.steps, [&](Nodes steps) {
    made.push_back(p);
    made.back().steps = std::move(steps);
  });
  return made;
}

Program shrunk(Program p, const Checks& checks) {
  for (bool changed = true; changed;) {
    changed = false;
    for (Program& q : smaller(p)) {
      if (problem(q, checks).empty()) continue;
      p = std::move(q);
      changed = true;
      break;
    }
  }
  return p;
}

}  // namespace

TEST_CASE("random programs under random stacks of transforms agree with every other way to compute them") {
  const auto [first, last, only] = test::Seeds(300);
  const bool wide = std::getenv("BURIN_TEST_WIDE") != nullptr;
  int differences = 0;
  for (std::uint64_t seed = first; seed < last; ++seed) {
    const Program p = random_program(seed);
    const Checks checks{only || wide || seed % 12 == 0, wide, &differences};  // compiling is what takes the time
    inner_level = seed % 16 == 0 ? Level::full : Level::graph;
    const std::string why = problem(p, checks);
    if (why.empty()) continue;
    const Program small = shrunk(p, checks);
    FAIL_CHECK("seed " << seed << ": " << why << "\nsmallest: " << problem(small, checks) << "\n" << to_text(small));
  }
  if (!only) CHECK(differences > static_cast<int>((last - first) / 3));  // others come near where a choice changes
}
