// Where errors happened, in words; throwing them with the user's line.
#include "frontend/record/recorder.h"

namespace burin {

namespace detail {

std::string place(const std::source_location& w) { return std::string(w.file_name()) + ":" + std::to_string(w.line()); }

std::string where_text(const std::source_location& where) {
  Recorder* r = context_if_any();
  const std::source_location& w = r ? r->user_line(where) : where;
  std::string at = w.line() ? "at " + place(w) : "";
  if (at.empty() && r && r->replay_line)
    at = "at " + std::string(r->replay_line->file) + ":" + std::to_string(r->replay_line->line);
  if (!r || !r->trace) return at;
  return "while tracing \"" + r->trace->name + "\"" + (at.empty() ? "" : " " + at);
}

void fail(Error e, const std::source_location& where) {
  if (e.where.empty()) e.where = where_text(where);
  raise(std::move(e));
}

}  // namespace detail
}  // namespace burin
