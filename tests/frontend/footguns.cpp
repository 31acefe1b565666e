// Footguns: what is silently wrong in libraries of this kind. Each is an error that names the remedy, a warning, or behaviour
// that is documented and held here. What stands in tests/errors is not repeated: docs/testing.md has the list.
#include "tests/errors/messages.h"
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <burin/rt/rt.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

using namespace burin;

namespace {

const FunctionOptions graph_level{.name = "f", .level = Level::graph};
const Tensor x = {1.0f, 2.0f};
const std::vector<float> one_two = {1, 2};

std::vector<float> floats(const Tensor& t) { return t.to_vector<float>(); }

/// The message of the error that a trace of f gives; afterwards nothing is being traced, and x is what it was.
template <class E = TraceError> std::string refused(const std::function<Tensor(const Tensor&)>& f) {
  const std::string text = error_of<E>([&] { function(f, graph_level)(x); });
  CHECK(floats(x) == one_two);
  CHECK(floats(x + 1) == std::vector<float>{2, 3});
  return text;
}
bool mentions(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

}  // namespace

// ---- Values that change behind a trace -----------------------------------------------------------------------------------

TEST_CASE("a captured tensor that is assigned later keeps its value in the trace; as a parameter it does not") {
  Tensor k = 2.0f;
  auto f = function([&](const Tensor& t) { return t * k; }, graph_level);
  CHECK(floats(f(x)) == std::vector<float>{2, 4});
  k = 5.0f;
  CHECK(floats(f(x)) == std::vector<float>{2, 4});
  auto g = function([](const Tensor& t, const Tensor& factor) { return t * factor; }, graph_level);
  CHECK(floats(g(x, k)) == std::vector<float>{5, 10});
}

TEST_CASE("a captured number is part of the trace, and so is what the lambda does to the host: it runs once") {
  float k = 2;
  int calls = 0;
  auto f = function(
      [&](const Tensor& t) {
        ++calls;
        return t * k;
      },
      graph_level);
  f(x);
  k = 5;
  CHECK(floats(f(x)) == std::vector<float>{2, 4});
  CHECK(calls == 1);
  CHECK(floats(f(Tensor({1.0f}))) == std::vector<float>{5});  // a new signature is a new trace
  CHECK(calls == 2);
}

TEST_CASE("a counter of the host in a body counts recordings, one of tensors counts trips") {
  int host = 0;
  auto f = function(
      [&](const Tensor& t) {
        Tensor y = t, trips = 0;
        while_loop([&] { return sum(y) < 40; },
                   [&] {
                     y = y * 2;
                     ++host;
                     trips += 1;
                   });
        return cast(trips, f32);
      },
      graph_level);
  CHECK(f(x).item<float>() == 4);
  CHECK(host == 1);
  cond(sum(x) > 0, [&] { ++host; }, [&] { host += 100; });  // eagerly: an if
  CHECK(host == 2);
}

TEST_CASE("an argument assigned inside is the callee's own, unless it is taken by reference") {
  auto by_value = function(
      [](Tensor t) {
        t = t * 2;
        return t;
      },
      graph_level);
  Tensor a = x;
  CHECK(floats(by_value(a)) == std::vector<float>{2, 4});
  CHECK(floats(a) == one_two);
  auto by_reference = function([](Tensor& t) { t = t * 2; }, graph_level);
  by_reference(a);
  CHECK(floats(a) == std::vector<float>{2, 4});
  CHECK(floats(x) == one_two);
}

TEST_CASE("a result kept from an earlier call does not change when the function is called again") {
  auto f = function([](const Tensor& t) { return t * 2; });
  const Tensor first = f(x), view = first;
  const float* data = first.data<float>();
  for (int i = 0; i < 4; ++i) f(x + static_cast<float>(i));
  CHECK(floats(first) == std::vector<float>{2, 4});
  CHECK(view.data<float>() == data);
}

// ---- Reading values, deciding on the host ---------------------------------------------------------------------------------

TEST_CASE("a value read in a body, a branch, a test or a lane is an error that names what to use") {
  const std::string text = "item: the f32[] tensor has no value yet, it is being traced [value-while-tracing]";
  CHECK(refused([](const Tensor& t) {
          Tensor y = t;
          while_loop([&] { return sum(y) < 9; }, [&] { y = y * (sum(y).item<float>() > 1 ? 2 : 3); });
          return y;
        }) == text);
  CHECK(refused([](const Tensor& t) {
          return cond(sum(t) > 0, [&] { return t * sum(t).item<float>(); }, [&] { return t; });
        }) == text);
  CHECK(refused([](const Tensor& t) {
          Tensor y = t;
          while_loop([&] { return sum(y).item<float>() < 9; }, [&] { y = y * 2; });
          return y;
        }) == text);
  CHECK(error_of<TraceError>([] { vmap([](const Tensor& v) { return v * v.item<float>(); })(x); }) == text);
  try {
    function([](const Tensor& t) { return t * sum(t).item<float>(); }, graph_level)(x);
    FAIL("no error");
  } catch (const TraceError& e) {
    mentions(e.error.hint, "burin::cond or burin::while_loop");
    mentions(e.error.where, "footguns.cpp");
  }
}

TEST_CASE("an if of the host on a named size is an error, not a decision for every size") {
  auto f = function([](const Tensor& t) { return static_cast<std::int64_t>(t.shape(0)) > 3 ? t * 2 : t; },
                    {.name = "f", .level = Level::graph, .signature = {spec<f32>({"n"})}});
  mentions(error_of<TraceError>([&] { f(x); }), "n");
  auto rows = function(
      [](const Tensor& t) {
        Tensor y = t;
        for (std::int64_t i = 0; i < static_cast<std::int64_t>(t.shape(0)); ++i) y = y + 1;
        return y;
      },
      {.name = "f", .level = Level::graph, .signature = {spec<f32>({"n"})}});
  mentions(error_of<TraceError>([&] { rows(x); }), "n");
  auto counted = function(
      [](const Tensor& t) {
        Tensor y = t;
        for_loop(t.shape(0), [&](const Tensor&) { y = y + 1; });
        return y;
      },
      {.name = "f", .level = Level::graph, .signature = {spec<f32>({"n"})}});
  CHECK(floats(counted(x)) == std::vector<float>{3, 4});
  CHECK(floats(counted(Tensor({1.0f}))) == std::vector<float>{2});
  CHECK(counted.stats().traces == 1);
}

TEST_CASE("a size baked where it is known is a trace for each size") {
  auto f = function([](const Tensor& t) { return static_cast<std::int64_t>(t.shape(0)) > 3 ? t * 2 : t; }, graph_level);
  CHECK(floats(f(x)) == one_two);
  CHECK(floats(f(Tensor({1.0f, 1.0f, 1.0f, 1.0f}))) == std::vector<float>{2, 2, 2, 2});
  CHECK(f.stats().traces == 2);
}

// ---- Regions -----------------------------------------------------------------------------------------------------------------

TEST_CASE("a tensor assigned on only some paths and then read is an error that names the branch") {
  const std::string part = "is assigned on only some paths of the branch or loop at line ";
  mentions(refused([](const Tensor& t) {
             Tensor y;
             cond(sum(t) > 0, [&] { y = t; });
             return y * 2;
           }),
           part);
  mentions(refused([](const Tensor& t) {
             Tensor y, n = 0;
             while_loop([&] { return n < 3; },
                        [&] {
                          y = t * 2;
                          n += 1;
                        });
             return y + 1;
           }),
           part);
  mentions(refused([](const Tensor& t) {
             Tensor y;
             for_loop(3, [&](const Tensor& i) {
               break_if(i == 1);
               y = t;
             });
             return y + 1;
           }),
           part);
  mentions(refused([](const Tensor& t) {
             Tensor y;
             switch_case(cast(sum(t), i32), [&] { y = t; }, [&] {}, [&] { y = -t; });
             return y + 1;
           }),
           part);
  CHECK(floats(function(
            [](const Tensor& t) {
              Tensor y;
              cond(sum(t) > 0, [&] { y = t; }, [&] { y = -t; });
              return y;
            },
            graph_level)(x)) == one_two);
}

TEST_CASE("a container of tensors that grows in a body is an error") {
  const std::string part = "made inside outlive";
  auto grown = [](auto store) {
    return [store](const Tensor& t) {
      Tensor n = sum(t);
      while_loop([&] { return n < 10; },
                 [&] {
                   n = n + 1;
                   store(n);
                 });
      return n;
    };
  };
  auto list = std::make_shared<std::vector<Tensor>>();
  mentions(refused(grown([list](const Tensor& n) { list->push_back(n); })), part);
  list->clear();
  auto table = std::make_shared<std::map<int, Tensor>>();
  mentions(refused(grown([table](const Tensor& n) { (*table)[0] = n; })), part);
  table->clear();
  auto maybe = std::make_shared<std::optional<Tensor>>();
  mentions(refused(grown([maybe](const Tensor& n) { maybe->emplace(n); })), part);
  maybe->reset();
  auto held = std::make_shared<std::shared_ptr<Tensor>>();
  mentions(refused(grown([held](const Tensor& n) { *held = std::make_shared<Tensor>(n); })), part);
  held->reset();
  // The remedy: scan stacks.
  CHECK(floats(function([](const Tensor& t) { return map([](const Tensor& v) { return v * v; }, t); },
                        graph_level)(x)) == std::vector<float>{1, 4});
}

TEST_CASE("a container that shrinks or moves its tensors in a body is an error; with room it is not touched") {
  mentions(refused([](const Tensor& t) {
             std::vector<Tensor> v{t, t};
             for_loop(2, [&](const Tensor&) { v.clear(); });
             return t;
           }),
           "destroyed inside it");
  mentions(refused([](const Tensor& t) {
             std::vector<Tensor> v{t};
             cond(sum(t) > 0, [&] { v.push_back(t); });
             return v[0];
           }),
           "");
  CHECK(floats(function(
            [](const Tensor& t) {
              std::vector<Tensor> v{t, t};
              for_loop(2, [&](const Tensor&) {
                v[0] = v[0] + 1;
                std::swap(v[0], v[1]);
              });
              return v[0] + v[1] * 10;
            },
            graph_level)(x)) == std::vector<float>{22, 33});
}

TEST_CASE("a tensor made inside a region and kept is an error when it is used, also one kept from another trace") {
  static std::optional<Tensor> kept;
  const std::string kept_from = "a traced tensor f32[2], made at tests/frontend/footguns.cpp:";
  mentions(refused([](const Tensor& t) {
             cond(sum(t) > 0, [&] { kept = t * 2; });
             return t;
           }),
           "outlives it");
  CHECK(error_of<TraceError>([] { (void)(*kept + 1); }).find(kept_from) == 0);
  mentions(refused([](const Tensor& t) { return t + *kept; }), "[after-trace]");
  kept.reset();
  Tensor leaked;
  auto f = function(
      [&](const Tensor& t) {
        const Tensor* inner = nullptr;
        cond(sum(t) > 0, [&] {
          const Tensor y = t * 2;
          inner = &y;
          leaked = leaked.defined() ? leaked : t;
        });
        (void)inner;
        return t;
      },
      graph_level);
  CHECK_THROWS_AS(f(x), TraceError);
  CHECK_FALSE(leaked.defined());
}

TEST_CASE("a lambda kept from a body and called later finds that its tensors are gone") {
  mentions(refused([](const Tensor& t) {
             std::function<Tensor()> later;
             cond(sum(t) > 0, [&] {
               Tensor y = t * 2;
               later = [y] { return y; };
             });
             return later();
           }),
           "outlives it");
}

TEST_CASE("a test that assigns is an error, eagerly too") {
  auto f = [](const Tensor& t) {
    Tensor n = sum(t), tries = 0;
    while_loop(
        vars("tries", tries),
        [&] {
          tries += 1;
          return n < 10;
        },
        [&] { n = n * 2; });
    return n;
  };
  CHECK(error_in_both<TraceError>(f, x) == "'tries' is assigned inside a loop's test [assigned-in-test]");
}

TEST_CASE("a tensor outside the function that is assigned in a region stays as it was") {
  Tensor best = 0.0f;
  mentions(refused([&](const Tensor& t) {
             cond(sum(t) > 0, [&] { best = sum(t); });
             return t;
           }),
           "is assigned to a tensor outside \"f\" [assigned-outside]");
  CHECK(best.item<float>() == 0);
}

TEST_CASE("carried state that changes its type names each tensor that does") {
  auto f = [](const Tensor& t) {
    Tensor y = t, n = cast(sum(t), i32), fine = sum(t);
    int trips = 0;
    while_loop(
        vars("y", y, "n", n, "fine", fine), [&] { return sum(y) < 100; },
        [&] {
          y = concatenate({y, y});
          n = n + 0.5f;
          fine = fine + 1;
          if (++trips > 50) throw std::logic_error("endless");
        });
    return y;
  };
  const std::string text = error_in_both<InvalidArgument>(f, x);
  mentions(text, "'y' is f32[2] before the loop");
  mentions(text, "and f32[4] after a trip");
  mentions(text, "'n' is i32[] before the loop");
  mentions(text, "and f32[] after a trip");
  CHECK(text.find("'fine'") == std::string::npos);
  CHECK(text.find("[carried-type]") != std::string::npos);
}

TEST_CASE("branches whose results differ are told of each, by name and path") {
  struct Two {
    Tensor a, b;
  };
  const std::string text = refused<InvalidArgument>([](const Tensor& t) {
    Tensor y = t;
    Two r = cond(
        sum(t) > 0,
        [&] {
          y = sum(y);
          return Two{t, t};
        },
        [&] { return Two{cast(t, i32), sum(t)}; });
    return r.a + y;
  });
  mentions(text, "is f32[] after the then branch");
  mentions(text, "result.a is f32[2] after the then branch");
  mentions(text, "and i32[2] after the else branch");
  mentions(text, "result.b is f32[2] after the then branch");
}

// ---- Calls -------------------------------------------------------------------------------------------------------------------

TEST_CASE("recursion that a tensor decides is an error, whether of the function or of the callable") {
  static std::function<Tensor(const Tensor&)> self;
  auto f = function([](const Tensor& t) { return self(t) + 1; }, graph_level);
  self = [&](const Tensor& t) { return f(t); };
  CHECK(error_of<TraceError>([&] { f(x); }) == "\"f\" calls itself while it is being traced [recursion]");
  std::function<Tensor(const Tensor&)> factorial = [&](const Tensor& n) {
    return cond(n < 2, [&] { return n; }, [&] { return n * factorial(n - 1); });
  };
  mentions(refused([&](const Tensor& t) { return factorial(sum(t)); }), "[recursion]");
  CHECK(factorial(Tensor(5.0f)).item<float>() == 120);  // eagerly it ends
}

TEST_CASE("a function called from its own trace through another one is an error, and both work afterwards") {
  static std::function<Tensor(const Tensor&)> back;
  auto inner =
      function([](const Tensor& t) { return back ? back(t) : t * 2; }, {.name = "inner", .level = Level::graph});
  auto outer = function([&](const Tensor& t) { return inner(t) + 1; }, {.name = "outer", .level = Level::graph});
  back = [&](const Tensor& t) { return outer(t); };
  CHECK(error_of<TraceError>([&] { outer(x); }) == "\"outer\" calls itself while it is being traced [recursion]");
  back = nullptr;
  CHECK(floats(outer(x)) == std::vector<float>{3, 5});
  CHECK(floats(inner(x)) == std::vector<float>{2, 4});
}

TEST_CASE("one handle given to two by-reference parameters is an error; two handles of one value are not") {
  auto f = function(
      [](Tensor& a, Tensor& b) {
        a = a + 1;
        b = b * 2;
      },
      graph_level);
  Tensor a = x, b = x;
  CHECK(error_of<InvalidArgument>([&] { f(a, a); }) ==
        "f: one tensor is given to two by-reference parameters [aliased-state]");
  f(a, b);
  CHECK(floats(a) == std::vector<float>{2, 3});
  CHECK(floats(b) == std::vector<float>{2, 4});
}

TEST_CASE("a host loop that unrolls beyond measure warns and names the remedy") {
  static std::string warnings;
  warnings.clear();
  burin_rt_set_warning_sink([](void*, const char* s, std::size_t n) { warnings.append(s, n) += '\n'; }, nullptr);
  function(
      [](const Tensor& t) {
        Tensor y = t;
        for (int i = 0; i < 6'000; ++i) y = -y;
        return y;
      },
      {.name = "long", .level = Level::graph})(x);
  burin_rt_set_warning_sink(nullptr, nullptr);
  mentions(warnings, "long: 6000 of the trace's 6000 ops were recorded at tests/frontend/footguns.cpp:");
  mentions(warnings, "for_loop");
  mentions(warnings, "scan");
}

TEST_CASE("a loop whose test sees nothing of what the body assigns warns: it would run for ever") {
  static std::string warnings;
  warnings.clear();
  burin_rt_set_warning_sink([](void*, const char* s, std::size_t n) { warnings.append(s, n) += '\n'; }, nullptr);
  auto f = function(
      [](const Tensor& t) {
        Tensor n = 9, y = t;
        while_loop([=] { return n < 3; }, [=, &y]() mutable { n += 1, y = y * 2; });
        return y;
      },
      {.name = "f", .level = Level::graph});
  CHECK(floats(f(x)) == one_two);  // not at all
  mentions(warnings, "f: the test of the while_loop at tests/frontend/footguns.cpp:");
  mentions(warnings, "reads nothing that the body assigns");
  warnings.clear();
  function(
      [](const Tensor& t) {
        Tensor n = 9;
        while_loop([=] { return n < 3; }, [=]() mutable { n += 1; }, {.max_trips = 5});
        return t;
      },
      {.name = "g", .level = Level::graph})(x);
  mentions(warnings, "g: the test of the while_loop at tests/frontend/footguns.cpp:");
  mentions(warnings, "it runs into its max_trips or not at all");
  warnings.clear();
  function(
      [](const Tensor& t) {
        Tensor n = 0;
        while_loop([&] { return n < 3; }, [&] { n += 1; });
        while_loop([&] { return sum(t) > 0; }, [&] { n += 1, break_if(n > 5); });
        for_loop(n, [&](const Tensor&) { n += 1; });
        ag::do_while_(vars(), [&] { n += 1; }, [&] { return n < 20; });
        return n;
      },
      {.name = "f", .level = Level::graph})(x);
  burin_rt_set_warning_sink(nullptr, nullptr);
  CHECK(warnings.empty());
}

// ---- Derivatives ----------------------------------------------------------------------------------------------------------

TEST_CASE("a derivative of what has none is an error that says what to do") {
  auto message = [](auto f) { return error_of<BurinError>(f); };
  mentions(message([] { grad([](const Tensor& t) { return t * 2.0f; })(x); }), "a gradient needs a scalar");
  mentions(message([] { grad([](const Tensor& t) { return sum(cast(t, i32)); })(x); }), "i32[]");
  mentions(message([] { grad([](const Tensor& t) { return sum(t); })(Tensor({1, 2})); }), "'x' is i32[2]");
  mentions(message([] { jvp([](const Tensor& t) { return t; }, x, Tensor({1.0f})); }), "f32[1]");
  CHECK(floats(grad([](const Tensor& t) { return sum(x) + 0 * sum(t); })(x)) == std::vector<float>{0, 0});
}

TEST_CASE("a gradient whose argument is captured as well sees only its parameter") {
  const Tensor w = {3.0, 4.0};
  auto loss = [&](const Tensor& q) { return sum(q * w); };
  CHECK(grad(loss)(w).to_vector<double>() == std::vector<double>{3, 4});
}

TEST_CASE("trees that differ are an error wherever two trees meet") {
  struct P {
    std::vector<Tensor> v;
  };
  const P two{{x, x}}, one{{x}};
  mentions(
      error_of<InvalidArgument>([&] { tree_map([](const Tensor& a, const Tensor& b) { return a + b; }, two, one); }),
      "tree_map: the trees differ at v: tree 1 has 2 elements, tree 2 has 1 element");
  mentions(error_of<InvalidArgument>([&] { jvp([](const P& p) { return p.v[0]; }, two, one); }), "[tree]");
  mentions(refused<InvalidArgument>([&](const Tensor& t) {
             return cond(
                 sum(t) > 0, [&] { return std::vector<Tensor>{t}; }, [&] { return std::vector<Tensor>{t, t}; })[0];
           }),
           "[tree]");
  auto shrinks = [](const Tensor& t) {
    return while_loop(
        std::vector<Tensor>{t, t}, [](const std::vector<Tensor>& v) { return sum(v[0]) < 10; },
        [](const std::vector<Tensor>& v) { return std::vector<Tensor>{v[0] * 2}; })[0];
  };
  mentions(error_in_both<InvalidArgument>(shrinks, x), "while_loop: the trees differ in structure");
}
