// Few: elements stand inside the list or in memory of their own, and are made and destroyed once each way.
#include "runtime/ops/few.h"

#include "tests/support/catch.h"

#include <memory>
#include <vector>

using burin::Few;

namespace {

std::vector<int> values(const Few<std::shared_ptr<int>, 2>& list) {
  std::vector<int> v;
  for (auto& p : list) v.push_back(*p);
  return v;
}

}  // namespace

TEST_CASE("a list of few grows out of its own room and is moved, copied and destroyed whole") {
  auto counted = std::make_shared<int>(7);
  for (std::size_t n : {0u, 1u, 2u, 3u, 9u}) {
    CAPTURE(n);
    {
      Few<std::shared_ptr<int>, 2> list;
      for (std::size_t i = 0; i < n; ++i) list.push_back(counted);
      CHECK(list.size() == n);
      CHECK(list.empty() == (n == 0));
      CHECK(counted.use_count() == static_cast<long>(n) + 1);
      const auto at = reinterpret_cast<std::uintptr_t>(list.data()), self = reinterpret_cast<std::uintptr_t>(&list);
      const bool inside = self < at && at < self + sizeof list;
      CHECK(inside == (n <= 2));

      Few<std::shared_ptr<int>, 2> moved = std::move(list);
      CHECK(list.empty());  // NOLINT: it may be used again
      CHECK(values(moved) == std::vector<int>(n, 7));
      CHECK(counted.use_count() == static_cast<long>(n) + 1);

      list.push_back(std::make_shared<int>(1));
      list = moved;
      CHECK(values(list) == std::vector<int>(n, 7));
      CHECK(counted.use_count() == 2 * static_cast<long>(n) + 1);
      list = Few<std::shared_ptr<int>, 2>();
      CHECK(counted.use_count() == static_cast<long>(n) + 1);
    }
    CHECK(counted.use_count() == 1);
  }
}

TEST_CASE("a list of few can be made with its elements, or with room for them") {
  Few<int, 3> list{1, 2, 3, 4};
  list.emplace_back(5);
  CHECK(std::vector<int>(list.begin(), list.end()) == std::vector<int>{1, 2, 3, 4, 5});
  CHECK(list.back() == 5);
  Few<std::vector<int>, 1> made(2);
  CHECK(made.size() == 2);
  CHECK((made[0].empty() && made[1].empty()));
  Few<int, 1> reserved;
  reserved.reserve(100);
  reserved.push_back(1);
  const int* at = reserved.data();
  for (int i = 0; i < 99; ++i) reserved.push_back(i);
  CHECK(reserved.data() == at);
}
