// Where errors happened, in words; throwing them with the user's line.
#include "frontend/trace/recorder.h"

namespace burin {

void raise(Error e) {
  switch (e.code) {
    case ErrorCode::invalid_argument: throw InvalidArgument(std::move(e));
    case ErrorCode::trace: throw TraceError(std::move(e));
    case ErrorCode::unsupported: throw UnsupportedError(std::move(e));
    case ErrorCode::device: throw DeviceError(std::move(e));
    case ErrorCode::internal: break;
  }
  throw InternalError(std::move(e));
}

namespace detail {

std::string place(const std::source_location& w) { return std::string(w.file_name()) + ":" + std::to_string(w.line()); }

std::string where_text(const std::source_location& where) {
  Recorder* r = context_if_any();
  const std::source_location& w = r ? r->user_line(where) : where;
  std::string at = w.line() ? "at " + place(w) : "";
  if (!r || !r->trace) return at;
  return "while tracing \"" + r->trace->name + "\"" + (at.empty() ? "" : " " + at);
}

void fail(Error e, const std::source_location& where) {
  if (e.where.empty()) e.where = where_text(where);
  raise(std::move(e));
}

}  // namespace detail
}  // namespace burin
