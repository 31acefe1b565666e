// Faults, in every mode: a loop's bound on its trips, and which of several faults a call reports.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <functional>

using namespace burin;

namespace {

using Function = std::function<Tensor(const Tensor&)>;

/// What the call says, without the place behind it.
std::string message_of(const Function& f, const Tensor& x) {
  try {
    (void)f(x);
    return "no error";
  } catch (const BurinError& e) {
    std::string text = e.what();
    return text.substr(0, text.find('\n'));
  }
}

/// Eagerly, on the graph, compiled one op a kernel, and compiled.
template <class F> void everywhere(F f, const Tensor& x, const std::string& message) {
  CHECK_THAT(message_of(f, x), Catch::Contains(message));
  for (Level level : {Level::graph, Level::no_fuse, Level::full}) {
    INFO("level " << static_cast<int>(level));
    CHECK_THAT(message_of(function(f, {.level = level}), x), Catch::Contains(message));
  }
}
template <class F> void everywhere_fine(F f, const Tensor& x, std::vector<float> wanted) {
  CHECK(f(x).template to_vector<float>() == wanted);
  for (Level level : {Level::graph, Level::no_fuse, Level::full})
    CHECK(function(f, {.level = level})(x).template to_vector<float>() == wanted);
}

const Tensor table = Tensor({1.0f, 2.0f, 3.0f});

}  // namespace

TEST_CASE("one trip more than max_trips is an error") {
  auto f = [](const Tensor& x) {
    Tensor y = x;
    while_loop([&] { return reduce_max(y) < 100.0f; }, [&] { y = y * 2.0f; }, {.max_trips = 3});
    return y;
  };
  everywhere_fine(f, Tensor(20.0f), {160});
  everywhere_fine(f, Tensor(200.0f), {200});
  everywhere(f, Tensor(1.0f), "while: more than 3 trips");
}

TEST_CASE("a loop that is not used keeps its bound") {
  auto f = [](const Tensor& x) {
    Tensor y = x;
    while_loop([&] { return reduce_max(y) < 100.0f; }, [&] { y = y * 2.0f; }, {.max_trips = 3});
    return x + 1.0f;
  };
  everywhere_fine(f, Tensor(20.0f), {21});
  everywhere(f, Tensor(1.0f), "while: more than 3 trips");
}

TEST_CASE("a bound may be a named size") {
  auto f = [](const Tensor& x) {
    Tensor y = sum(x);
    while_loop([&] { return y < 100.0f; }, [&] { y = y * 2.0f; }, {.max_trips = x.shape()[0]});
    return y;
  };
  for (Level level : {Level::graph, Level::no_fuse, Level::full}) {
    auto g = function(f, {.level = level, .signature = {spec<f32>({"n"})}});
    CHECK(g(Tensor({10.0f, 10.0f, 5.0f})).item<float>() == 100);
    CHECK_THAT(message_of(g, Tensor({10.0f, 10.0f})), Catch::Contains("while: more than 2 trips"));
    CHECK(g(Tensor({1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f})).item<float>() == 192);
  }
}

TEST_CASE("a bound holds for each run of a loop within a loop") {
  auto f = [](const Tensor& x) {
    Tensor total = x, i = 0;
    while_loop([&] { return i < 3; },
               [&] {
                 Tensor j = 0;
                 while_loop([&] { return j < i * 2; },
                            [&] {
                              total = total + 1.0f;
                              j += 1;
                            },
                            {.max_trips = 4});
                 i += 1;
               },
               {.max_trips = 3});
    return total;
  };
  everywhere_fine(f, Tensor(0.0f), {6});
  auto narrow = [](const Tensor& x) {
    Tensor total = x, i = 0;
    while_loop([&] { return i < 1000000000; },
               [&] {
                 Tensor j = 0;
                 while_loop([&] { return j < i; }, [&] { j += 1; }, {.max_trips = 4});
                 total = total + cast(j, f32);
                 i += 1;
               });
    return total;
  };
  everywhere(narrow, Tensor(0.0f), "while: more than 4 trips");
}

TEST_CASE("an earlier trip's fault is the one reported, whatever its op") {
  // The op that faults on the first trip stands behind the one that faults on the second.
  auto f = [](const Tensor& x) {
    Tensor y = sum(x), i = 0;
    while_loop([&] { return i < 4; },
               [&] {
                 y = y + gather(table, i * 7, 0);
                 y = y + gather(table, 5 - i, 0);
                 i += 1;
               });
    return y;
  };
  everywhere(f, Tensor({1.0f}), "gather: index 5 is out of range");
  // The test of a later trip, too.
  auto in_test = [](const Tensor& x) {
    Tensor y = sum(x), i = 0;
    while_loop([&] { return gather(table, i * 3, 0) + y < 1000.0f; },
               [&] {
                 y = y + gather(table, i + 4, 0);
                 i += 1;
               });
    return y;
  };
  everywhere(in_test, Tensor({1.0f}), "gather: index 4 is out of range");
}

TEST_CASE("faults within one trip come in program order") {
  auto f = [](const Tensor& x) {
    Tensor y = sum(x), i = 0;
    while_loop([&] { return i < 4; },
               [&] {
                 Tensor early = gather(table, i + 6, 0), late = gather(table, i + 8, 0);
                 y = y + late + early;
                 i += 1;
               });
    return y;
  };
  everywhere(f, Tensor({1.0f}), "gather: index 6 is out of range");
}

TEST_CASE("an inner loop's fault of an earlier outer trip is the one reported") {
  auto f = [](const Tensor& x) {
    Tensor y = sum(x), i = 0;
    while_loop([&] { return i < 3; },
               [&] {
                 y = y + gather(table, i * 20, 0);  // faults on the outer loop's second trip
                 Tensor j = 0;
                 while_loop([&] { return j < 3; },
                            [&] {
                              y = y + gather(table, j * 9, 0);   // faults on the inner loop's second
                              y = y + gather(table, j + 30, 0);  // and on its first
                              j += 1;
                            });
                 i += 1;
               });
    return y;
  };
  everywhere(f, Tensor({1.0f}), "gather: index 30 is out of range");
}

TEST_CASE("faults before, in and after a loop come in program order") {
  auto loop = [](Tensor& y, int offset) {
    Tensor i = 0;
    while_loop([&] { return i < 2; },
               [&] {
                 y = y + gather(table, i + offset, 0);
                 i += 1;
               });
  };
  auto before = [&](const Tensor& x) {
    Tensor y = sum(x), z = gather(table, cast(x, i32) + 50, 0);
    loop(y, 60);
    return z + y + gather(table, cast(x, i32) + 70, 0);
  };
  everywhere(before, Tensor(0.0f), "gather: index 50 is out of range");
  auto within = [&](const Tensor& x) {
    Tensor y = sum(x), z = gather(table, cast(x, i32), 0);
    loop(y, 2);
    return z + y + gather(table, cast(x, i32) + 70, 0);
  };
  everywhere(within, Tensor(0.0f), "gather: index 3 is out of range");
  auto after = [&](const Tensor& x) {
    Tensor y = sum(x), z = gather(table, cast(x, i32), 0);
    loop(y, 1);
    return z + y + gather(table, cast(x, i32) + 70, 0);
  };
  everywhere(after, Tensor(0.0f), "gather: index 70 is out of range");
}

TEST_CASE("a fault ends loops that would go on for ever with what it left") {
  auto f = [](const Tensor& x) {
    Tensor y = gather(table, cast(x, i32) + 9, 0) * 0.0f;
    while_loop([&] { return y < 1.0f; }, [&] { y = y * 2.0f; });
    return y;
  };
  for (Level level : {Level::graph, Level::no_fuse, Level::full})
    CHECK_THAT(message_of(function(f, {.level = level}), Tensor(0.0f)),
               Catch::Contains("gather: index 9 is out of range"));
}

TEST_CASE("state stays as it was where a loop exceeds its bound") {
  for (Level level : {Level::graph, Level::no_fuse, Level::full}) {
    auto f = function(
        [](Tensor& count, const Tensor& x) {
          Tensor y = x;
          while_loop([&] { return reduce_max(y) < 100.0f; }, [&] { y = y * 2.0f; }, {.max_trips = 3});
          count = count + 1.0f;
          return y;
        },
        {.level = level});
    Tensor count(1.0f);
    CHECK_THROWS_WITH(f(count, Tensor(1.0f)), Catch::Contains("more than 3 trips"));
    CHECK(count.item<float>() == 1);
    CHECK(f(count, Tensor(50.0f)).item<float>() == 100);
    CHECK(count.item<float>() == 2);
  }
}

TEST_CASE("an index is looked at only where an element stands at it") {
  const Tensor far = {9, 1};
  for (const Shape& shape : {Shape{2, 0}, Shape{0, 2, 3}}) {
    const Tensor x = zeros(shape);
    const std::int64_t axis = shape.rank() - 2;
    auto all = [=](const Tensor& x, const Tensor& i) {
      const Tensor rows = gather(x, i, axis);
      return std::tuple(rows, scatter(x, i, rows, axis), scatter_add(x, i, rows, axis));
    };
    for (Level level : {Level::eager, Level::graph, Level::full}) {
      auto [rows, set, added] = burin::function(all, {.level = level})(x, far);
      CHECK(rows.shape()[static_cast<std::size_t>(axis)] == Dim(2));
      CHECK(set.shape() == shape);
      CHECK(added.shape() == shape);
    }
    const std::vector<Spec> any = {shape.rank() == 2 ? spec<f32>({2, "k"}) : spec<f32>({"k", 2, 3}), spec<i32>({2})};
    CHECK_NOTHROW(burin::function(all, {.signature = any})(x, far));
  }
}
