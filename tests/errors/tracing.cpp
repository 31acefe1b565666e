// What a trace cannot do: each an error with the remedy, after which the function works.
#include "tests/errors/messages.h"
#include "tests/support/catch.h"

#include <optional>
#include <sstream>
#include <stdexcept>
#include <thread>

using namespace burin;

namespace {
const FunctionOptions graph_level{.name = "f", .level = Level::graph};
const Tensor x = {1.0f, 2.0f};
}  // namespace

TEST_CASE("a value read while tracing is an error that names what to use instead") {
  auto f = function([](const Tensor& t) { return t.to_vector<float>()[0] > 0 ? t : -t; }, graph_level);
  CHECK(error_of<TraceError>([&] { f(x); }) ==
        "data: the f32[2] tensor has no value yet, it is being traced [value-while-tracing]");
  auto g = function([](const Tensor& t) { return sum(t).item<float>() > 0 ? t : -t; }, graph_level);
  CHECK(error_of<TraceError>([&] { g(x); }) ==
        "item: the f32[] tensor has no value yet, it is being traced [value-while-tracing]");
}

TEST_CASE("printing a traced tensor gives its type") {
  std::string text;
  auto f = function(
      [&](const Tensor& t) {
        std::ostringstream s;
        s << t;
        text = s.str();
        return t;
      },
      graph_level);
  f(x);
  CHECK(text == "<traced f32[2]>");
}

TEST_CASE("a tensor of a trace is no use after it, which names the function and the line") {
  std::optional<Tensor> kept;
  const std::string kept_from =
      "a traced tensor f32[2], made at tests/errors/tracing.cpp:" + std::to_string(__LINE__ + 4) +
      ", is used after the trace of \"keeps\" ended [after-trace]";
  auto f = function(
      [&](const Tensor& t) {
        kept = t * 2;
        return t;
      },
      {.name = "keeps", .level = Level::graph});
  f(x);
  CHECK(error_of<TraceError>([&] { (void)(*kept + 1); }) == kept_from);
  CHECK(error_of<TraceError>([&] { (void)kept->to_vector<float>(); }) == kept_from);
}

TEST_CASE("assigning an outer tensor while tracing is an error and leaves it as it was") {
  Tensor total = 0.0f;
  auto f = function(
      [&](const Tensor& t) {
        total = total + sum(t);
        return t;
      },
      graph_level);
  CHECK(error_of<TraceError>([&] { f(x); }).find("is assigned to a tensor outside \"f\" [assigned-outside]") !=
        std::string::npos);
  CHECK(total.item<float>() == 0);
}

TEST_CASE("a tensor of a trace is no use in another thread") {
  std::string text;
  auto f = function(
      [&](const Tensor& t) {
        std::thread other([&] { text = error_of<TraceError>([&] { (void)(t + 1); }); });
        other.join();
        return t;
      },
      graph_level);
  f(x);
  CHECK(text == "a traced tensor f32[2] is used in another thread than the one that traces it [other-thread]");
}

TEST_CASE("a lambda that throws while tracing leaves nothing behind") {
  bool angry = true;
  auto f = function(
      [&](const Tensor& t) {
        Tensor y = t;
        while_loop([&] { return sum(y) < 100; },
                   [&] {
                     y = y * 2;
                     cond(
                         sum(y) > 3,
                         [&] {
                           if (angry) throw std::runtime_error("mine");
                         },
                         [] {});
                   });
        return y;
      },
      graph_level);
  CHECK_THROWS_AS(f(x), std::runtime_error);
  CHECK_THROWS_AS(f(x), std::runtime_error);
  angry = false;
  CHECK(sum(f(x)).item<float>() == 192);
  CHECK((x + 1).to_vector<float>()[0] == 2);
}

TEST_CASE("recursion is an error") {
  struct Holder {
    std::optional<TypedFunction<std::function<Tensor(const Tensor&)>, Tensor, const Tensor&>> f;
  };
  static Holder h;
  h.f = function(std::function<Tensor(const Tensor&)>([](const Tensor& t) { return (*h.f)(t) + 1; }), graph_level);
  CHECK(error_of<TraceError>([&] { (*h.f)(x); }) == "\"f\" calls itself while it is being traced [recursion]");
  h.f.reset();
}

TEST_CASE("branches and loops say which tensor changed its type, in the same words eagerly and traced") {
  auto grows = [](const Tensor& t) {
    Tensor y = t;
    int trips = 0;
    while_loop(
        vars("y", y), [&] { return sum(y) < 100; },
        [&] {
          y = concatenate({y, y});
          if (++trips > 50) throw std::logic_error("endless");
        });
    return y;
  };
  std::string text = error_in_both<InvalidArgument>(grows, x);
  CHECK(text.find("while_loop: 'y' is f32[2] before the loop") == 0);
  CHECK(text.find("and f32[4] after a trip (made at tests/errors/tracing.cpp:") != std::string::npos);
  CHECK(text.find("; a carried tensor keeps its type [carried-type]") != std::string::npos);

  auto f = function(
      [](const Tensor& t) {
        Tensor y = t;
        cond(sum(t) > 0, [&] { y = sum(t); }, [&] { y = t * 2; });
        return y;
      },
      graph_level);
  CHECK(error_of<InvalidArgument>([&] { f(x); }).find("is f32[] after the then branch") != std::string::npos);
  CHECK(error_in_both<InvalidArgument>([](const Tensor& t) { return cond(t, [&] { return t; }, [&] { return t; }); },
                                       x) == "cond: the condition is f32[2]; expected bool[] [condition]");
}

TEST_CASE("tensors that a region cannot account for are errors") {
  auto stored = function(
      [](const Tensor& t) {
        std::vector<Tensor> seen;
        Tensor n = sum(t);
        while_loop([&] { return n < 10; },
                   [&] {
                     n = n + 1;
                     seen.push_back(n * 2);
                   });
        return n;
      },
      graph_level);
  CHECK(error_of<TraceError>([&] { stored(x); }).find("made inside outlive") != std::string::npos);
  auto destroyed = function(
      [](const Tensor& t) {
        std::vector<Tensor> v{t, t};
        cond(sum(t) > 0, [&] { v.pop_back(); });
        return v[0];
      },
      graph_level);
  CHECK(error_of<TraceError>([&] { destroyed(x); }) ==
        "a tensor made before the branch or loop is destroyed inside it [destroyed-inside]");
  auto in_test = [](const Tensor& t) {
    Tensor n = sum(t);
    while_loop(
        [&] {
          n = n / 2;
          return n > 1;
        },
        [] {});
    return n;
  };
  CHECK(error_in_both<TraceError>(in_test, x).find("is assigned inside a loop's test [assigned-in-test]") !=
        std::string::npos);
  auto one_path = function(
      [](const Tensor& t) {
        Tensor y;
        cond(sum(t) > 0, [&] { y = t; });
        return y + 1;
      },
      graph_level);
  CHECK(error_of<TraceError>([&] {
          one_path(x);
        }).find("is assigned on only some paths of the branch or loop at line ") != std::string::npos);
  Tensor leaked;
  auto outside = function(
      [&](const Tensor& t) {
        Tensor* p = nullptr;
        cond(sum(t) > 0, [&] {
          static Tensor s;
          s = t * 2;
          p = &s;
        });
        return *p + 1;
      },
      graph_level);
  CHECK_THROWS_AS(outside(x), TraceError);
}

TEST_CASE("arguments that do not fit an input signature are named") {
  auto f = function([](const Tensor& a, const Tensor& b) { return a + b; },
                    {.name = "f", .level = Level::graph, .signature = {spec<f32>({"n"}), spec<f32>({"n"})}});
  CHECK(error_of<InvalidArgument>([&] { f(x, Tensor({1.0f})); }) ==
        "f: arg1 is f32[1]; the input signature asks for f32[n] with n = 2 [signature]");
  CHECK(error_of<InvalidArgument>([&] { f(x, Tensor({1, 2})); }) ==
        "f: arg1 is i32[2]; the input signature asks for f32[n] with n = 2 [signature]");
  CHECK(f(x, x).to_vector<float>() == std::vector<float>{2, 4});
  auto g = function([](Tensor& a, Tensor& b) { a = a + b; }, graph_level);
  Tensor one = x;
  CHECK(error_of<InvalidArgument>([&] { g(one, one); }) ==
        "f: one tensor is given to two by-reference parameters [aliased-state]");
  CHECK(error_of<InvalidArgument>([&] {
          Tensor none;
          g(one, none);
        }) == "f: arg1 is undefined; nothing was assigned to it [undefined]");
}

TEST_CASE("trees that differ in structure are an error") {
  struct P {
    Tensor w;
    std::vector<Tensor> v;
  };
  P a{x, {x}}, b{x, {x, x}};
  CHECK(error_of<InvalidArgument>([&] {
          tree_map([](const Tensor& s, const Tensor& t) { return s + t; }, a, b);
        }).find("tree_map: the trees differ at v: tree 1 has 1 element, tree 2 has 2 elements") == 0);
}

TEST_CASE("a retrace that is not wanted is an error with its reason") {
  auto f = function([](const Tensor& t) { return t + 1; }, graph_level);
  f(x);
  {
    NoRetraceScope scope;
    f(x);
    try {
      f(Tensor({1.0f}));
      FAIL();
    } catch (const TraceError& e) {
      CHECK(e.error.message == "a trace is needed inside a NoRetraceScope");
      CHECK(e.error.hint.find("arg0: f32[2] -> f32[1]") != std::string::npos);
    }
  }
  CHECK(f(Tensor({1.0f})).item<float>() == 2);
}
