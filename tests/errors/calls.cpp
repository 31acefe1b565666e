// Whole calls that must fail, eagerly and through `function` at every level: the same words, nothing left behind, and the
// next good call works.
#include "runtime/core/allocator.h"
#include "tests/errors/messages.h"
#include "tests/support/catch.h"

#include <list>
#include <stdexcept>
#include <thread>

using namespace burin;

namespace {

using Tensors = std::vector<Tensor>;
using Callable = std::function<Tensor(const Tensors&)>;

const Tensor vec = {1.0f, 2.0f}, vec3 = {1.0f, 2.0f, 3.0f};
const Tensor mat = {{1.0f, 2.0f, 3.0f}, {4.0f, 5.0f, 6.0f}};  // [2,3]
const Tensor tall = {{1.0f, 2.0f}, {3.0f, 4.0f}, {5.0f, 6.0f}};

struct Thrown {
  std::string text, where;
};
Thrown thrown_by(const std::function<void()>& call) {
  try {
    call();
  } catch (const BurinError& e) {
    return {e.error.message + " [" + e.error.tag + "]" + (e.error.hint.empty() ? "" : " hint: " + e.error.hint),
            e.error.where};
  }
  return {"no error", ""};
}

/// What the error says of `bad` in every mode; "fault": at a call that has been traced before.
enum class When { tracing, running };

std::string refused_once(const Callable& f, const Tensors& bad, const Tensors& good, When when) {
  const Thrown eager = thrown_by([&] { f(bad); });
  CHECK(eager.where.find("at tests/errors/calls.cpp:") == 0);
  const auto want = f(good).to_vector<float>();
  for (Level level : {Level::graph, Level::no_fuse, Level::full}) {
    INFO("level " << static_cast<int>(level));
    auto traced = function([&](const Tensors& ts) { return f(ts); }, {.name = "probe", .level = level});
    const std::size_t kept = when == When::running ? 1 : 0;
    for (int i = 0; i < 2; ++i) {
      const Thrown late = thrown_by([&] { traced(bad); });
      CHECK(late.text == eager.text);
      const std::string in = when == When::tracing ? "while tracing \"probe\" " : "in \"probe\" ";
      CHECK(late.where == in + eager.where);
      CHECK(traced.stats().entries == kept);
    }
    CHECK(traced(good).to_vector<float>() == want);
    CHECK(thrown_by([&] { traced(bad); }).text == eager.text);
    CHECK(traced(good).to_vector<float>() == want);
    bool one_signature = bad.size() == good.size();
    for (std::size_t i = 0; one_signature && i < bad.size(); ++i) one_signature = bad[i].type() == good[i].type();
    CHECK(traced.stats().entries == (when == When::tracing || one_signature ? 1 : 2));
  }
  return eager.text;
}

/// Twice, so that what the second round leaves behind is a leak.
std::string refused(const Callable& f, const Tensors& bad, const Tensors& good, When when = When::tracing) {
  std::string text = refused_once(f, bad, good, when);
  rt::trim_memory();
  const auto before = rt::memory_stats().live_bytes;
  CHECK(refused_once(f, bad, good, when) == text);
  rt::trim_memory();
  CHECK(rt::memory_stats().live_bytes == before);
  return text;
}

}  // namespace

TEST_CASE("a call with operands that do not fit says so in every mode, and the next good call works") {
  CHECK(refused([](const Tensors& t) { return t[0] + t[1]; }, {mat, vec}, {mat, vec3}) ==
        "add: shapes do not broadcast: a is f32[2,3], b is f32[2]; expected each size, from the last axis on, to be "
        "equal or 1 [shape-mismatch] hint: did you mean reshape(b, {2, 1})?");
  CHECK(
      refused([](const Tensors& t) { return matmul(t[0], t[1]); }, {mat, mat}, {mat, tall}) ==
      "matmul: inner dimensions differ: lhs is f32[2,3], rhs is f32[2,3]; expected rhs dim 0 to be 3 [shape-mismatch] "
      "hint: did you mean transpose(rhs)?");
  CHECK(refused([](const Tensors& t) { return matmul(t[0], t[1]); }, {mat, vec3}, {mat, tall}) ==
        "matmul: operands are not matrices: lhs is f32[2,3], rhs is f32[3]; expected rank 2 or more for both [rank] "
        "hint: did you mean reshape(rhs, {3, 1})?");
  CHECK(refused([](const Tensors& t) { return exp(t[0]); }, {Tensor({1, 2})}, {vec}) ==
        "exp: x is i32[2]; expected dtype bf16|f16|f32|f64 [dtype] hint: did you mean exp(cast(x, f32))?");
  CHECK(refused([](const Tensors& t) { return reduce_sum(t[0], 1); }, {vec}, {mat}) ==
        "reduce_sum: axis 1 is out of range: x is f32[2]; expected 0 or -1 [axis]");
  CHECK(refused([](const Tensors& t) { return reshape(t[0], {6}); }, {vec}, {mat}) ==
        "reshape: numbers of elements differ: x is f32[2] (2 elements), shape is [6] (6); expected as many "
        "[element-count]");
}

TEST_CASE("more ops with operands that do not fit say so in every mode, and the next good call works") {
  const Tensor yes = Tensor({1.0f, 0.0f}) > 0.5f;
  CHECK(refused([](const Tensors& t) { return where(t[0], t[1], t[1]); }, {vec, vec}, {yes, vec}) ==
        "where: cond is f32[2]; expected dtype bool [dtype] hint: compare, for example cond != 0");
  CHECK(refused([](const Tensors& t) { return concatenate({t[0], t[1]}, 0); }, {vec, mat}, {vec, vec3}) ==
        "concatenate: ranks differ: operands[0] is f32[2], operands[1] is f32[2,3]; expected the same rank for all "
        "[rank-mismatch]");
  CHECK(refused([](const Tensors& t) { return gather(t[0], t[1]); }, {vec, vec}, {vec, Tensor({1, 0})}) ==
        "gather: indices is f32[2]; expected dtype " + to_string(integer_dtypes) +
            " [dtype] hint: cast indices to i64 first");
  CHECK(refused([](const Tensors& t) { return transpose(t[0], {1, 0}); }, {vec}, {mat}) ==
        "transpose: axis 1 is out of range: x is f32[2]; expected 0 or -1 [axis]");
  CHECK(refused([](const Tensors& t) { return slice(t[0], {1}, {2}); }, {vec}, {vec3}) ==
        "slice: the block leaves x at axis 0: x is f32[2], start 1, size 2, stride 1; expected positions from 0 to 1 "
        "[out-of-bounds] hint: slice takes sizes, not ends: did you mean slice(x, {1}, {1})?");
  auto trees = [](const Tensor& t) {
    const Tensors one = {t}, two = {t, t};
    return tree_map([](const Tensor& a, const Tensor& b) { return a + b; }, two, one)[0];
  };
  CHECK(error_in_both<InvalidArgument>(trees, vec) ==
        "tree_map: the trees differ: tree 1 has 2 elements, tree 2 has 1 element [tree]");
}

TEST_CASE("a branch or loop that does not fit says so in every mode, and the next good call works") {
  CHECK(refused([](const Tensors& t) { return cond(t[0] > 0, [&] { return t[0]; }, [&] { return -t[0]; }); }, {vec},
                {sum(vec)}) ==
        "cond: the condition is bool[2]; expected bool[] [condition] hint: say of how many: any(x) or all(x)");
  auto doubled = [](const Tensors& t) {
    Tensor y = t[0], trips = 0;
    while_loop([&] { return trips < 2; },
               [&] {
                 y = concatenate({y, t[1]});
                 trips += 1;
               });
    return y;
  };
  const std::string text = refused(doubled, {vec, vec}, {vec, Tensor(std::vector<float>(), Shape{0})});
  INFO(text);
  CHECK(text.find("f32[4]") != std::string::npos);
  CHECK(text.find("[carried-type]") != std::string::npos);
}

TEST_CASE("an index out of range is a fault in every mode, and the next good call works") {
  auto rows = [](const Tensors& t) { return gather(t[0], t[1]) * 2; };
  CHECK(refused(rows, {vec3, Tensor({0, 3})}, {vec3, Tensor({0, 2})}, When::running) ==
        "gather: index 3 is out of range, at element 1 of the indices [index-out-of-range] hint: positions along that "
        "axis "
        "are 0 to 2");
  CHECK(refused(rows, {mat, Tensor({-1})}, {mat, Tensor({1})}, When::running) ==
        "gather: index -1 is out of range, at element 0 of the indices [index-out-of-range] hint: positions along that "
        "axis "
        "are 0 to 1");
  auto adds = [](const Tensors& t) { return scatter_add(t[0], t[1], t[2]); };
  CHECK(refused(adds, {vec3, Tensor({1, 7}), vec}, {vec3, Tensor({1, 1}), vec}, When::running) ==
        "scatter_add: index 7 is out of range, at element 1 of the indices [index-out-of-range] hint: positions along "
        "that "
        "axis are 0 to 2");
}

TEST_CASE("an index out of range inside a loop or a branch is a fault where it runs, and none where it does not") {
  auto looped = [](const Tensors& t) {
    Tensor y = sum(t[0]) * 0, i = 0;
    while_loop([&] { return i < 4; },
               [&] {
                 y = y + gather(t[0], i + t[1]);
                 i += 1;
               });
    return y;
  };
  const Tensor four = {1.0f, 2.0f, 3.0f, 4.0f};
  CHECK(refused(looped, {four, Tensor(std::vector<int>{1}, {})}, {four, Tensor(std::vector<int>{0}, {})},
                When::running) ==
        "gather: index 4 is out of range, at element 0 of the indices [index-out-of-range] hint: positions along that "
        "axis "
        "are 0 to 3");
  auto chosen = [](const Tensors& t) {
    return cond(sum(t[0]) > 0, [&] { return gather(t[0], t[1]); }, [&] { return t[0]; });
  };
  CHECK(refused(chosen, {vec, Tensor({0, 2})}, {-vec, Tensor({0, 2})}, When::running) ==
        "gather: index 2 is out of range, at element 1 of the indices [index-out-of-range] hint: positions along that "
        "axis "
        "are 0 to 1");
}

TEST_CASE("an allocation too large is an error in every mode, and the next good call works") {
  auto cube = [](const Tensors& t) {
    const Dim n = t[0].size();
    return broadcast_to(reshape(t[0], {n, 1, 1}), {n, n, n});
  };
  const Tensor many = cast(iota({1 << 16}), f32);
  CHECK(refused(cube, {many}, {vec}, When::running) ==
        "broadcast_to: no memory for the result f32[65536,65536,65536] (1125899906842624 bytes) [out-of-memory]");
  auto beyond = [](const Tensors& t) {
    const Dim n = t[0].size();
    return broadcast_to(reshape(t[0], {n, 1, 1, 1}), {n, n, n, n});
  };
  CHECK(refused(beyond, {many}, {vec}) ==
        "broadcast_to: the result would be f32[65536,65536,65536,65536], which no memory can hold [too-large]");
}

// ---- What a lambda must not do while it is traced ------------------------------------------------------------------

namespace {

/// `misbehaves` is traced, at each level, twice; then the same function behaves. The words must be the same each time.
std::string trace_refused(const std::function<void(const Tensor&)>& misbehaves) {
  std::string text;
  for (Level level : {Level::graph, Level::full}) {
    bool bad = true;
    auto f = function(
        [&](const Tensor& t) {
          Tensor y = exp(t) * 0 + t;
          cond(sum(y) > 0, [&] {
            y = y + 1;
            if (bad) misbehaves(y);
          });
          return y * 2;
        },
        {.name = "f", .level = level});
    for (int i = 0; i < 2; ++i) {
      std::string now;
      try {
        f(vec);
        now = "no error";
      } catch (const TraceError& e) {
        now = e.error.message + " [" + e.error.tag + "]";
      } catch (const std::exception& e) { now = std::string("its own: ") + e.what(); } catch (int n) {
        now = "its own: " + std::to_string(n);
      }
      if (text.empty()) text = now;
      CHECK(now == text);
      CHECK(f.stats().entries == 0);
      CHECK((vec + 1).to_vector<float>() == std::vector<float>{2, 3});  // nothing is being traced any more
    }
    bad = false;
    CHECK(f(vec).to_vector<float>() == std::vector<float>{4, 6});
    CHECK(f.stats().entries == 1);
  }
  return text;
}

}  // namespace

TEST_CASE("what a lambda does wrong inside a region while traced is an error, and the function works afterwards") {
  CHECK(trace_refused([](const Tensor& t) { (void)sum(t).item<float>(); }) ==
        "item: the f32[] tensor has no value yet, it is being traced [value-while-tracing]");
  CHECK(trace_refused([](const Tensor& t) { (void)t.to_vector<float>(); }) ==
        "data: the f32[2] tensor has no value yet, it is being traced [value-while-tracing]");
  CHECK(trace_refused([](const Tensor&) { throw std::runtime_error("mine"); }) == "its own: mine");
  CHECK(trace_refused([](const Tensor&) { throw 42; }) == "its own: 42");
  const std::string elsewhere = trace_refused([](const Tensor& t) {
    std::exception_ptr caught;
    std::thread([&] {
      try {
        (void)(t + 1);
      } catch (...) { caught = std::current_exception(); }
    }).join();
    if (caught) std::rethrow_exception(caught);
  });
  CHECK(elsewhere.find("a traced tensor f32[2], made at tests/errors/calls.cpp:") == 0);
  CHECK(elsewhere.find(", is used in another thread than the one that traces it [other-thread]") != std::string::npos);
  static std::list<Tensor> kept;
  CHECK(trace_refused([](const Tensor& t) { kept.push_back(t * 2); }) ==
        "then branch: 1 tensor made inside outlives it (stored in a container?) [outlives-region]");
  CHECK(error_of<TraceError>([] { (void)(kept.front() + 1); }).find("[after-trace]") != std::string::npos);
  kept.clear();
}

TEST_CASE("loops, choices and lanes name themselves where what they are given is of another kind") {
  const Tensor x({1.0f, 2.0f});
  auto nothing = [](const Tensor&) {};
  CHECK(error_in_both<InvalidArgument>([&](const Tensor& t) { return for_loop(sum(t), nothing), t; }, x) ==
        "for_loop: the count is f32[]; expected an integer [] [trips]");
  CHECK(error_in_both<InvalidArgument>([&](const Tensor& t) { return for_loop(cast(t, i32), nothing), t; }, x) ==
        "for_loop: the count is i32[2]; expected an integer [] [trips]");
  CHECK(error_of([&] { range(sum(x)); }) == "for_loop: the count is f32[]; expected an integer [] [trips]");
  int trips = 0;
  for_loop(-3, [&](const Tensor&) { ++trips; });  // as for a tensor
  CHECK(trips == 0);
  auto pick = [](const Tensor& t, const Tensor& index) {
    return switch_case(index, [&] { return t; }, [&] { return -t; });
  };
  CHECK(error_in_both<InvalidArgument>([&](const Tensor& t) { return pick(t, sum(t)); }, x) ==
        "switch_case: the index is f32[]; expected an integer [] [index]");
  CHECK(error_in_both<InvalidArgument>([&](const Tensor& t) { return pick(t, cast(t, i64)); }, x) ==
        "switch_case: the index is i64[2]; expected an integer [] [index]");
  try {
    switch_case(Tensor(0.5f), [] { return Tensor(1); }, [] { return Tensor(2); });
    FAIL("no error");
  } catch (const InvalidArgument& e) { CHECK_THAT(e.error.where, Catch::Contains("calls.cpp")); }
  CHECK_THAT(
      error_in_both<InvalidArgument>(
          [](const Tensor& t) {
            return scan([](const Tensor& c, const Tensor& v) { return std::pair(c + v, c); }, Tensor(0), t).second;
          },
          x),
      Catch::Contains("scan: 'carry' is i32[] before the loop"));
  CHECK(error_of<InvalidArgument>([&] {
          int row = 0;
          map([&](const Tensor& v) { return ++row == 1 ? v : cast(v, f64); }, x);
        }) ==
        "scan: a row is f64[] at one position and f32[] at the one before; rows that are stacked have one type "
        "[row-type]");
  CHECK(error_of<InvalidArgument>([&] { vmap([](const Tensor& t) { return t; }, {.in_axes = {0, 0}})(x); }) ==
        "vmap: in_axes has 2 axes; the call has 1 argument [lanes]");
}

TEST_CASE("trees that a loop carries name the loop and its line where they differ") {
  const Tensor x({1.0f, 2.0f});
  try {
    scan([](const Tensors& c, const Tensor& t) { return std::pair(Tensors{t}, c); }, Tensors{}, x);
    FAIL("no error");
  } catch (const InvalidArgument& e) {
    CHECK(e.error.message == "scan: the trees differ in structure: one has 0 tensors, the other 1");
    CHECK_THAT(e.error.where, Catch::Contains("calls.cpp"));
  }
}

TEST_CASE("an optimiser refuses parameters without a derivative") {
  Adam adam;
  Tensor p = {1, 2};
  auto state = adam.init(p);
  CHECK(error_of<InvalidArgument>([&] { adam.update(p, p, state); }) ==
        "Adam::update: params is i32[2]; expected dtype bf16|f16|f32|f64 [dtype]");
}

TEST_CASE("a retrace for an enum does not advise a Scalar of it") {
  enum class Kind { relu, tanh };
  auto f = burin::function([](const Tensor& t, Kind k) { return k == Kind::relu ? relu(t) : tanh(t); },
                           {.name = "f", .level = Level::graph});
  f(Tensor(1.0f), Kind::relu);
  f(Tensor(1.0f), Kind::tanh);
  CHECK_THAT(f.explain(), Catch::Contains("arg1: 0") && !Catch::Contains("Scalar"));
}
