// A size asked for as a number.
#include <burin/burin.h>

#include "tests/support/catch.h"

using namespace burin;

TEST_CASE("A size that is not a number says so when one is asked for") {
  CHECK(static_cast<std::int64_t>(Dim(3)) == 3);
  CHECK_THROWS_AS(static_cast<std::int64_t>(Dim("n")), TraceError);
  CHECK_THROWS_WITH(Dim("n").value(), Catch::Contains("'n' is not a number while tracing"));
  CHECK_THROWS_AS(Dim::overflow().value(), InvalidArgument);
}

TEST_CASE("Sizes have an order, and a size that has none beside another says so with the user's line") {
  const Dim n("n"), three(3);
  int trips = 0;
  for (std::int64_t i = 0; i < three; ++i) ++trips;
  CHECK(trips == 3);
  CHECK(three > 2u);
  CHECK(3 <= three);
  CHECK_FALSE(three >= 4);
  CHECK(three == 3);
  CHECK(4 != three);
  CHECK_FALSE(three == -1);
  // Certain for each number that the name may stand for.
  CHECK(n < n + 1);
  CHECK(n >= 0);
  CHECK(-1 < n);
  CHECK_FALSE(n > n);
  CHECK(n != -1);
  CHECK((n + 2) != 1);
  CHECK_THROWS_WITH(n == 2, Catch::Contains("size: whether n == 2 is not known while tracing [size-unknown]") &&
                                Catch::Contains("size_of(n)"));
  CHECK_THROWS_WITH(2 >= n, Catch::Contains("whether 2 >= n is") && Catch::Contains("dim.cpp:"));
  CHECK_THROWS_AS(n < Dim("m"), TraceError);
  CHECK_THROWS_AS(n != 0, TraceError);
  CHECK_THROWS_AS(Dim::overflow() < 3, InvalidArgument);
  CHECK_THROWS_AS(Dim::overflow() == 3, InvalidArgument);
}

TEST_CASE("A size is a number among tensors, and for a named one what the call binds it to") {
  auto f = [](const Tensor& x) {
    Tensor y = sum(x, 0) / x.shape(0) + x.shape(0) % 4;
    Tensor i = std::int64_t{0};
    while_loop([&] { return i < x.shape(0); }, [&] { i = i + 1; });
    return std::pair(y * (x.shape(0) / 2), where(i == x.shape(0), x.shape(0), -1));
  };
  auto named = function(f, {.signature = {spec<f32>({"n", 2})}});
  auto known = function(f);
  const Tensor x = {{1.0f, 2.0f}, {3.0f, 4.0f}, {5.0f, 9.0f}};
  for (const auto& [y, n] : {f(x), named(x), known(x)}) {
    CHECK(y.to_vector<float>() == std::vector<float>{6, 8});
    CHECK(n.item<std::int64_t>() == 3);
  }
  const Tensor small = {1, 2, 3};
  CHECK((small * small.shape(0)).dtype() == i32);  // weak, as a C++ number
  CHECK(function([](const Tensor& t) { return t * t.shape(0); }, {.signature = {spec<i32>({"n"})}})(small).dtype() ==
        i32);
  Variable v(0.0f);
  v = x.shape(0);
  v += x.shape(1);
  CHECK(v.item<float>() == 5);
}

TEST_CASE("A host decision on a size is exact where reduce_retracing would give it a name") {
  auto f = function([](const Tensor& x) { return x.shape(0) == 1 ? x * 0 : x * 2; }, {.reduce_retracing = true});
  for (int n : {3, 4, 1, 5}) {
    const Tensor y = f(full({n}, 1.0f));
    CHECK(y.to_vector<float>() == std::vector<float>(static_cast<std::size_t>(n), n == 1 ? 0.0f : 2.0f));
  }
}
