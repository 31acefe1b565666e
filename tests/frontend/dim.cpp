// A size asked for as a number.
#include <burin/dim.h>
#include <burin/error.h>

#include "tests/support/catch.h"

using namespace burin;

TEST_CASE("A size that is not a number says so when one is asked for") {
  CHECK(static_cast<std::int64_t>(Dim(3)) == 3);
  CHECK_THROWS_AS(static_cast<std::int64_t>(Dim("n")), TraceError);
  CHECK_THROWS_WITH(Dim("n").value(), Catch::Contains("'n' is not a number while tracing"));
  CHECK_THROWS_AS(Dim::overflow().value(), InvalidArgument);
}
