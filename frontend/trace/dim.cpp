// The throwing parts of Dim and Shape: a size asked for as a number, a shape of too many. In the frontend because they raise.
#include "frontend/trace/recorder.h"
#include "runtime/ops/shape_refused.h"

namespace burin {

namespace {

[[noreturn]] void raise_unknown(Dim d) {
  Error e;
  if (d.is_overflow()) {
    e.message = "size: it does not fit in 64 bits";
    e.tag = "size-overflow";
  } else {
    e.code = ErrorCode::trace;
    e.message = "size: '" + to_string(d) + "' is not a number while tracing";
    e.tag = "size-unknown";
    e.hint = "keep it a Dim (ops take Dims as sizes), or give the input signature a number there";
  }
  detail::fail(std::move(e), {});  // a conversion has no room for its line
}

[[maybe_unused]] const bool sizes_raise = [] {
  detail::value_refused = raise_unknown;
  detail::shape_refused = [](std::size_t rank) {
    detail::fail({ErrorCode::invalid_argument,
                  "shape: " + std::to_string(rank) + " sizes were given; a tensor has at most " +
                      std::to_string(max_rank) + " axes",
                  "rank", "", "join axes: one size for several"},
                 {});
  };
  return true;
}();

}  // namespace

// Declared below the frontend, which knows no BURIN_API; exported by this library all the same.
__attribute__((visibility("default"))) Dim::operator std::int64_t() const {
  if (auto n = constant_value(*this)) return *n;
  raise_unknown(*this);
}

}  // namespace burin
