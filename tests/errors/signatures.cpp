// What an input signature, a shape or a key cannot be: told where it is written, with the remedy.
#include "tests/errors/messages.h"
#include "tests/support/catch.h"

#include <cstring>

using namespace burin;

namespace {
const Tensor x = {1.0f, 2.0f};
auto with(std::vector<Spec> signature) {
  return function([](const Tensor& a, const Tensor& b) { return a + b; },
                  {.name = "pair", .level = Level::graph, .signature = std::move(signature)});
}
template <class F> std::string whole_text(F&& f) {
  try {
    f();
  } catch (const BurinError& e) { return e.what(); }
  return "no error";
}
}  // namespace

TEST_CASE("a spec that no call can fit is refused where the function is made") {
  CHECK(error_of<InvalidArgument>([] { with({spec<f32>({"my batch"}), spec<f32>()}); }) ==
        "pair: spec 0 of the input signature has a size called \"my batch\" [signature]");
  CHECK(error_of<InvalidArgument>([] { with({spec<f32>(), spec<f32>({-1, 3})}); }) ==
        "pair: spec 1 of the input signature has the negative size -1 [signature]");
  CHECK(error_of([] { with({spec<f32>({"n", 8}), spec<f32>({Dim("n") * 2 + 1})}); }) == "no error");
}

TEST_CASE("an argument beside its spec is told with the sizes bound so far") {
  auto f = with({spec<f32>({"n"}), spec<f32>({"n"})});
  CHECK(error_of<InvalidArgument>([&] { f(x, Tensor({1.0f, 2.0f, 3.0f})); }) ==
        "pair: arg1 is f32[3]; the input signature asks for f32[n] with n = 2 [signature]");
  CHECK(f(x, x).to_vector<float>() == std::vector<float>{2, 4});
}

TEST_CASE("a shape of more elements than 64 bits count is refused") {
  const std::int64_t many = std::int64_t{1} << 40;
  CHECK(error_of<InvalidArgument>([&] { Tensor(std::vector<float>{1}, {many, many}); }) ==
        "tensor: the shape has more elements than 64 bits count [too-large]");
}

TEST_CASE("wrong dtypes come with the cast or comparison that mends them") {
  auto hint = [](auto f) {
    try {
      f();
    } catch (const InvalidArgument& e) { return e.error.hint; }
    return std::string("no error");
  };
  CHECK(hint([] { sum(x > 0); }) == "to count, cast x to i64 first");
  CHECK(hint([] { where(x, x, x); }) == "compare, for example cond != 0");
  CHECK(hint([] { gather(x, x); }) == "cast indices to i64 first");
  CHECK(hint([] { exp(Tensor({1, 2})); }) == "did you mean exp(cast(x, f32))?");
}

TEST_CASE("errors of constructors and of load name the user's line") {
  const std::string line = "at " + std::string(__FILE__) + ":";
  CHECK(whole_text([] { Tensor({{1.0f, 2.0f}, {3.0f}}); }).find(line) != std::string::npos);
  CHECK(whole_text([] { Tensor(std::vector<float>{1, 2, 3}, {2, 2}); }).find(line) != std::string::npos);
  CHECK(whole_text([] { load("/nowhere/f.burin"); }).find(line) != std::string::npos);
}

TEST_CASE("an optional that did not change is not named where a retrace is explained") {
  struct P {
    std::optional<Tensor> o;
    Tensor w;
  };
  auto f = function([](const P& p) { return p.w + *p.o; }, {.name = "f", .level = Level::graph});
  f({ones({1}), ones({2})});
  f({ones({1}), ones({3})});
  const std::string story = f.explain();
  CHECK(story.find("arg0.w: f32[2] -> f32[3]") != std::string::npos);
  CHECK(story.find("arg0.o") == std::string::npos);
}

TEST_CASE("a size read as a number while tracing names the trace") {
  auto f = function([](const Tensor& t) { return t * static_cast<float>(static_cast<std::int64_t>(t.shape(0))); },
                    {.name = "f", .level = Level::graph, .signature = {spec<f32>({"n"})}});
  CHECK(whole_text([&] { f(x); }).find("while tracing \"f\"") != std::string::npos);
}

TEST_CASE("retraces for a number's weak type and for a container's length have a remedy") {
  auto f = function([](const Tensor& t) { return t + 1; }, {.level = Level::graph});
  f(Tensor(0.0f));
  f(zeros({}));
  CHECK(f.explain().find("hint: a number is weakly typed") != std::string::npos);
  auto g = function([](const std::vector<Tensor>& v) { return v[0] + 1; }, {.level = Level::graph});
  g({x});
  g({x, x});
  CHECK(g.explain().find("hint: a container's length is part of the key") != std::string::npos);
}
