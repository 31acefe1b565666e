// Hints that hold code: what an error proposes stands, word for word, in a program that compiles and runs here.
// tests/repo/hints.py finds the hints in the sources that no case here follows.
#include "tests/errors/messages.h"
#include "tests/support/catch.h"

#include <cctype>
#include <filesystem>
#include <functional>

using namespace burin;

namespace {

struct Program {
  std::function<void()> run;
  std::string text;
};
#define PROGRAM(...)                   \
  Program {                            \
    [&] { __VA_ARGS__; }, #__VA_ARGS__ \
  }

std::string hint_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const BurinError& e) { return e.error.hint; }
  return "no error";
}

std::string without_spaces(const std::string& s) {
  std::string out;
  for (char c : s)
    if (!std::isspace(static_cast<unsigned char>(c))) out += c;
  return out;
}

/// The calls and braced values of a text, each with what stands before it: `any(x)`, `x.to(Device::cpu())`. Where arguments are
/// left out, as in `mean(...)` or `close()`, as far as its parenthesis.
std::vector<std::string> code_in(const std::string& hint) {
  std::vector<std::string> found;
  for (std::size_t i = 0; i < hint.size(); ++i) {
    if (hint[i] != '(' && hint[i] != '{') continue;
    std::size_t from = i;
    while (from > 0 && (std::isalnum(static_cast<unsigned char>(hint[from - 1])) ||
                        std::string_view("_:.<>").find(hint[from - 1]) != std::string_view::npos))
      --from;
    if (hint.substr(0, i).ends_with(" = ")) from = hint.rfind(' ', i - 4) + 1;
    if (from == i) continue;  // a remark in parentheses
    std::size_t end = i;
    for (int depth = 0; end < hint.size(); ++end) {
      if (hint[end] == '(' || hint[end] == '{') ++depth;
      if ((hint[end] == ')' || hint[end] == '}') && --depth == 0) break;
    }
    REQUIRE(end < hint.size());
    const std::string inside = hint.substr(i + 1, end - i - 1);
    found.push_back(hint.substr(from, inside.empty() || inside.starts_with("..") ? i + 1 - from : end + 1 - from));
    i = end;
  }
  return found;
}

void follow(const std::string& hint, const std::function<void()>& fails, const std::vector<Program>& programs) {
  INFO(hint);
  if (fails) CHECK(hint_of(fails) == hint);
  const auto pieces = code_in(hint);
  CHECK_FALSE(pieces.empty());
  for (const std::string& code : pieces) {
    INFO(code);
    CHECK(std::any_of(programs.begin(), programs.end(), [&](const Program& p) {
      return without_spaces(p.text).find(without_spaces(code)) != std::string::npos;
    }));
  }
  for (const Program& p : programs) {
    INFO(p.text);
    CHECK_NOTHROW(p.run());
  }
}

const Tensor vec = {1.0f, 2.0f}, vec3 = {1.0f, 2.0f, 3.0f}, whole = {1, 2};
const Tensor mat = {{1.0f, 2.0f, 3.0f}, {4.0f, 5.0f, 6.0f}};
Tensor choose(const Tensor& condition) {
  return cond(condition, [] { return vec; }, [] { return -vec; });
}

}  // namespace

TEST_CASE("code is found in a hint, remarks are not") {
  CHECK(code_in("keep it (as it is), or use a.b(c(1), {2}) or x::y({\"z\"}); close() it, or f(...)") ==
        std::vector<std::string>{"a.b(c(1), {2})", "x::y({\"z\"})", "close(", "f("});
  CHECK(code_in("say .sizes = {g(1)}") == std::vector<std::string>{".sizes = {g(1)}"});
}

TEST_CASE("hints of conditions and reductions work when followed") {
  follow(
      "say of how many: any(x) or all(x)", [] { choose(vec > 1); },
      { PROGRAM(Tensor x = vec > 1; choose(any(x))), PROGRAM(Tensor x = vec > 1; choose(all(x))) });
  follow(
      "say of how many: any(x != 0) or all(x != 0)", [] { choose(vec); },
      { PROGRAM(Tensor x = vec; choose(any(x != 0))), PROGRAM(Tensor x = vec; choose(all(x != 0))) });
  CHECK(hint_of([] { choose(sum(vec)); }) == "compare, for example x != 0");
  CHECK_NOTHROW(choose(sum(vec) != 0));
  follow("compare first, for example any(x != 0)", [] { any(vec); }, { PROGRAM(Tensor x = vec; any(x != 0)) });
  follow("compare first, for example all(x != 0)", [] { all(vec); }, { PROGRAM(Tensor x = vec; all(x != 0)) });
  follow(
      "its size along an axis is shape(axis)", [] { for_loop(whole, [](const Tensor&) {}); },
      { PROGRAM(Axis axis = 0; for_loop(whole.shape(axis), [](const Tensor&) {})) });
  follow(
      "use to_vector<T>() for more", [] { (void)vec.item<float>(); },
      { PROGRAM(using T = float; (void)vec.to_vector<T>()) });
  follow("did you mean exp(cast(x, f32))?", [] { exp(whole); }, { PROGRAM(Tensor x = whole; exp(cast(x, f32))) });
}

TEST_CASE("hints of shapes work when followed") {
  follow("did you mean reshape(b, {2, 1})?", [] { mat + vec; }, { PROGRAM(Tensor b = vec; mat + reshape(b, {2, 1})) });
  follow(
      "did you mean reshape(rhs, {3, 1})?", [] { matmul(mat, vec3); },
      { PROGRAM(Tensor rhs = vec3; matmul(mat, reshape(rhs, {3, 1}))) });
  follow(
      "did you mean reshape(lhs, {1, 2})?", [] { matmul(vec, mat); },
      { PROGRAM(Tensor lhs = vec; matmul(reshape(lhs, {1, 2}), mat)) });
  follow(
      "did you mean transpose(rhs)?", [] { matmul(mat, mat); },
      { PROGRAM(Tensor rhs = mat; matmul(mat, transpose(rhs))) });
  const Tensor wide = ones({2, 4});
  follow(
      "did you mean transpose(lhs)?", [&] { matmul(mat, wide); },
      { PROGRAM(Tensor lhs = mat; matmul(transpose(lhs), wide)) });
  follow(
      "slice takes sizes, not ends: did you mean slice(x, {1}, {1})?", [] { slice(vec, {1}, {2}); },
      { PROGRAM(Tensor x = vec; slice(x, {1}, {1})) });
}

TEST_CASE("hints of signatures and traces work when followed") {
  auto add = [](const Tensor& a, const Tensor& b) { return a + b; };
  const FunctionOptions two{.level = Level::graph, .signature = {spec<f32>({"n"})}};
  follow("give a spec for each tensor, in order, or name some by path: spec<f32>(\"arg1\", {\"batch\"})",
         [&] { function(add, two)(vec, vec); },
         {PROGRAM(function(add, {.level = Level::graph, .signature = {spec<f32>("arg1", {"batch"})}})(vec, vec))});
  follow("give each spec its path, as in spec<f32>(\"arg1\", {\"batch\"})",
         [&] {
           function(add, {.level = Level::graph, .signature = {spec<f32>("arg0", {"n"}), spec<f32>({"n"})}})(vec, vec);
         },
         {PROGRAM(function(add, {.level = Level::graph, .signature = {spec<f32>("arg1", {"batch"})}})(vec, vec))});
  const std::string file = (std::filesystem::temp_directory_path() / "burin_hints").string();
  auto power = [](int n, const Tensor& x) { return x * static_cast<float>(n); };
  follow(
      "name the arguments once: trace(3, spec<f32>({\"batch\", 128}))",
      [&] { function(power, {.signature = {spec<f32>({"batch", 128})}}).save(file); },
      {
        PROGRAM(auto f = function(power, {.level = Level::graph}); f.trace(3, spec<f32>({"batch", 128})); f.save(file))
      });
  follow(
      "call it once, name the arguments once in trace(..), or add arg0 to it",
      [&] { function(add, {.signature = {spec<f32>("arg1", {"batch"})}}).save(file); },
      {
        PROGRAM(auto f = function(add, {.level = Level::graph}); f.trace(spec<f32>({2}), spec<f32>({2})); f.save(file))
      });
  auto one = [](const Tensor& x) { return x * 2; };
  follow(
      "call it once, or trace it: trace(spec<f32>({\"batch\", 128}))", [&] { function(one).save(file); },
      { PROGRAM(auto f = function(one, {.level = Level::graph}); f.trace(spec<f32>({"batch", 128})); f.save(file)) });
  std::filesystem::remove(file);
  auto retraced = function(one, {.level = Level::graph});
  retraced(vec);
  retraced(vec3);
  const std::string named = "name the size in an input signature: .signature = {spec<f32>(\"arg0\", {\"n0\"})}";
  CHECK(retraced.explain().find(named) != std::string::npos);
  follow(named, {}, {
    PROGRAM(auto f = function(one, {.level = Level::graph, .signature = {spec<f32>("arg0", {"n0"})}}); f(vec); f(vec3);
            REQUIRE(f.stats().traces == 1))
  });
  auto weak = function(one, {.level = Level::graph});
  weak(Tensor(0.0f));
  weak(zeros({}));
  const std::string typed =
      "a number is weakly typed, a result is not; begin with zeros(...), full(...) or cast(...) for one trace";
  CHECK(weak.explain().find(typed) != std::string::npos);
  follow(typed, {}, {
    PROGRAM(auto f = function(one, {.level = Level::graph}); f(zeros({})); f(full({}, 1.0f));
            f(cast(Tensor(1.0f), f32)); REQUIRE(f.stats().traces == 1))
  });
  auto sized = [](const Tensor& x) { return x.shape(0) > 3 ? x : -x; };
  follow(
      "decide by tensors: size_of(n) gives the size as one, for cond, where and loops; or give the input signature a "
      "number there",
      [&] { function(sized, two)(vec); },
      {PROGRAM(function(
          [](const Tensor& x) {
            Dim n = x.shape(0);
            return where(size_of(n) > 3, x, -x);
          },
          two)(vec))});
}

TEST_CASE("hints of regions and transforms work when followed") {
  follow(
      "make it GradientTape tape({.persistent = true}), or ask for all sources at once",
      [] {
        GradientTape tape;
        tape.watch(vec);
        const Tensor y = sum(vec * vec);
        (void)tape.gradient(y, vec);
        (void)tape.gradient(y, vec);
      },
      {
        PROGRAM(GradientTape tape({.persistent = true}); tape.watch(vec); Tensor y = sum(vec * vec);
                (void)tape.gradient(y, vec); (void)tape.gradient(y, vec))
      });
  follow(
      "reduce it, for example with mean(...)",
      [] {
        GradientTape tape;
        tape.watch(vec);
        (void)tape.gradient(vec * vec, vec);
      },
      { PROGRAM(GradientTape tape; tape.watch(vec); (void)tape.gradient(mean(vec * vec), vec)) });
  follow(
      "watch() it before it is used; a tensor that was assigned since holds another value",
      [] {
        GradientTape tape;
        tape.watch(vec3);
        (void)tape.gradient(sum(vec3 * vec3), vec);
      },
      { PROGRAM(GradientTape tape; tape.watch(vec); (void)tape.gradient(sum(vec * vec), vec)) });
  follow(
      "gradient() closes a tape that is not persistent",
      [] {
        GradientTape tape;
        tape.watch(vec);
        (void)tape.gradient(sum(vec * vec), vec);
        tape.watch(vec);
      },
      {
        PROGRAM(GradientTape tape({.persistent = true}); tape.watch(vec); (void)tape.gradient(sum(vec * vec), vec);
                tape.watch(vec))
      });
  follow(
      "tapes close inside out: ask the later one first, or close() it",
      [] {
        GradientTape outer, inner;
        outer.watch(vec);
        (void)outer.gradient(sum(vec * vec), vec);
      },
      {
        PROGRAM(GradientTape outer; GradientTape inner; outer.watch(vec); Tensor y = sum(vec * vec); inner.close();
                (void)outer.gradient(y, vec))
      });
  auto clipped = [](const Tensor& w, bool constant) {
    const Tensor bound = constant ? stop_gradient(w) : w * 1;
    auto clip = custom_gradient([&](const Tensor& x) { return x * bound; },
                                [](const Tensor&, const Tensor&, const Tensor& g) { return g; });
    return sum(clip(w * 2));
  };
  follow(
      "give it as an argument, or stop_gradient(...) of it where it counts as a constant",
      [&] { (void)grad([&](const Tensor& w) { return clipped(w, false); })(vec); },
      { PROGRAM((void)stop_gradient(vec); (void)grad([&](const Tensor& w) { return clipped(w, true); })(vec)) });
  follow(
      "return it; random numbers are drawn with a key there: generator.key() before the call gives one",
      [] {
        Tensor kept;
        (void)grad([&](const Tensor& w) {
          return remat([&](const Tensor& x) {
            kept = x;
            return sum(x);
          })(w);
        })(vec);
      },
      {
        PROGRAM(Generator generator(1); Tensor k = generator.key();
                remat([&](const Tensor& x) { return x * rng::uniform(k, {2}); })(vec))
      });
  Generator random(1);
  auto draws = [&](const Tensor& x) { return x + rng::uniform(random, {}); };
  follow("give VmapOptions{.randomness = Randomness::different}, or Randomness::same", [&] { vmap(draws)(vec); },
         {PROGRAM(vmap(draws, VmapOptions{.randomness = Randomness::different})(vec))});
  follow(
      "let it live until the region ends; reserve() a container that grows",
      [] {
        auto held = std::make_unique<Tensor>(vec);
        function(
            [&](const Tensor& x) {
              return cond(
                  sum(x) > 0,
                  [&] {
                    Tensor y = *held * x;
                    *held = y;
                    held.reset();
                    return y;
                  },
                  [&] { return x; });
            },
            {.level = Level::graph})(vec);
      },
      {
        PROGRAM(std::vector<Tensor> log; log.reserve(4); log.push_back(vec);
                for_loop(3, [&](const Tensor&) { log[0] = log[0] + 1; }))
      });
}

TEST_CASE("hints of keys, files and devices work when followed") {
  follow(
      "rng::key(seed) makes one", [] { rng::uniform(vec, {2}); },
      { PROGRAM(int seed = 3; rng::uniform(rng::key(seed), {2})) });
  const std::string file = (std::filesystem::temp_directory_path() / "burin_hints.safetensors").string();
  struct Old {
    Tensor w9;
  };
  struct New {
    Tensor w3;
  };
  save_tree(file, Old{vec});
  const New like{vec};
  follow("of a leaf that was renamed give both names: load_tree(file, like, {{\"w3\", \"w9\"}})",
         [&] { (void)load_tree(file, like); }, {PROGRAM((void)load_tree(file, like, {{"w3", "w9"}}))});
  std::filesystem::remove(file);
  // Errors of a second device: tests/device provokes them.
  follow("move the tensors: x.to(Device::cpu())", {}, { PROGRAM(Tensor x = vec; x.to(Device::cpu())) });
  follow("move one of them: x.to(Device::named(\"cpu\"))", {}, { PROGRAM(Tensor x = vec; x.to(Device::named("cpu"))) });
  follow("copy it: x.to(Device::cpu()), or read it with to_vector<T>() or item<T>()", {}, {
    PROGRAM(Tensor x = vec; x.to(Device::cpu())), PROGRAM(using T = float; (void)vec.to_vector<T>()),
        PROGRAM(using T = float; (void)sum(vec).item<T>())
  });
}
