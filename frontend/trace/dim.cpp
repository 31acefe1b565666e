// The one throwing part of Dim: a size asked for as a number. Stands in the frontend because it raises.
#include <burin/dim.h>
#include <burin/error.h>

namespace burin {

// Declared below the frontend, which knows no BURIN_API; exported by this library all the same.
__attribute__((visibility("default"))) Dim::operator std::int64_t() const {
  if (auto n = constant_value(*this)) return *n;
  Error e;
  if (is_overflow()) {
    e.message = "size: it does not fit in 64 bits";
    e.tag = "size-overflow";
  } else {
    e.code = ErrorCode::trace;
    e.message = "size: '" + to_string(*this) + "' is not a number while tracing";
    e.tag = "size-unknown";
    e.hint = "keep it a Dim (ops take Dims as sizes), or give the input signature a number there";
  }
  raise(std::move(e));
}

}  // namespace burin
