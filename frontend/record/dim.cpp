// The throwing parts of Dim and Shape: a size asked for as a number or compared with one, a shape of too many. In the frontend
// because they raise.
#include <burin/sizes.h>

#include "frontend/record/recorder.h"
#include "runtime/ops/shape_refused.h"

namespace burin {

namespace {

[[noreturn]] void raise_unknown(Dim d) {
  Error e;
  if (d.is_overflow()) {
    e.message = "size: it does not fit in 64 bits, or is an expression beyond 256 terms or 4096 characters";
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

[[noreturn]] void raise_undecided(Dim difference, const std::string& asked, const std::source_location& where) {
  if (difference.is_overflow()) raise_unknown(difference);
  detail::fail(
      {ErrorCode::trace, "size: whether " + asked + " is not known while tracing", "size-unknown", "",
       "decide by tensors: size_of(n) gives the size as one, for cond, where and loops; or give the input signature a "
       "number there"},
      where);
}

}  // namespace

namespace detail {

bool in_order(Dim a, SizeOrder order, Dim b, const std::source_location& where) {
  const bool turned = order == SizeOrder::greater || order == SizeOrder::greater_equal;
  const bool strict = order == SizeOrder::less || order == SizeOrder::greater;
  const Dim more = turned ? a - b : b - a;  // is it above 0, or 0 and above?
  if (const auto n = constant_value(more)) return strict ? *n > 0 : *n >= 0;
  if (provably_nonnegative(strict ? more - 1 : more)) return true;
  if (provably_nonnegative(strict ? Dim(0) - more : Dim(-1) - more)) return false;
  constexpr const char* written[] = {" < ", " <= ", " > ", " >= "};
  raise_undecided(more, to_string(a) + written[static_cast<int>(order)] + to_string(b), where);
}

bool size_is(Dim d, Dim number) {
  if (const auto certain = decide({Guard::Kind::equal, d, number})) return *certain;
  raise_undecided(d - number, to_string(d) + " == " + to_string(number), {});  // an operator has no room for its line
}

}  // namespace detail

// Declared below the frontend, which knows no BURIN_API; exported by this library all the same.
__attribute__((visibility("default"))) Dim::operator std::int64_t() const {
  if (auto n = constant_value(*this)) return *n;
  raise_unknown(*this);
}

}  // namespace burin
