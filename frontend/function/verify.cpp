// verify_trace: a callable traced once more beside the trace that a call would run, and what differs. A trace does not see
// host values that change, nor captured tensors that are assigned to; this is how to find them.
#include "frontend/function/tracer.h"

#include <cstring>
#include <sstream>

namespace burin::detail {

namespace {

bool same_value(const HostTensor& a, const HostTensor& b) {
  if (a.type != b.type) return false;
  if (a.buffer.data() == b.buffer.data()) return true;
  return std::memcmp(a.buffer.data(), b.buffer.data(), static_cast<std::size_t>(a.num_bytes())) == 0;
}

std::string trimmed(const std::string& line) {
  auto from = line.find_first_not_of(' ');
  return from == std::string::npos ? "nothing more" : "`" + line.substr(from) + "`";
}

// The first line in which two graphs are printed differently.
std::string first_difference(const Graph& was, const Graph& is) {
  std::istringstream old_text(burin::to_string(was)), new_text(burin::to_string(is));
  std::string a, b;
  do {
    if (!std::getline(old_text, a)) a.clear();
    if (!std::getline(new_text, b)) b.clear();
  } while (a == b && (old_text || new_text));
  return "the trace has " + trimmed(a) + ", the callable would record " + trimmed(b);
}

}  // namespace

void verify_entry(FunctionState& f, Call& call, const Entry& e, Call::TraceThunk trace, void* user) {
  auto fresh = trace_entry(f, call, e.key, e.paths, trace, user);
  const std::string differs = "\"" + f.name + "\" would be traced differently now (verify_trace): ";
  const std::string hint = "a trace does not see host values or captured tensors change; pass them as arguments";
  if (hash(*fresh->graph) != hash(*e.graph))
    fail({ErrorCode::trace, differs + first_difference(*e.graph, *fresh->graph), "verify-trace", "", hint}, f.where);
  for (std::size_t i = 0; i < e.hidden.size() && i < fresh->hidden.size(); ++i) {
    if (auto& v = fresh->hidden[i].variable; v != e.hidden[i].variable)
      fail({ErrorCode::trace,
            differs + "it reaches " + (v ? describe(*v) : "a tensor") + ", the trace uses " +
                (e.hidden[i].variable ? "another variable" : "a tensor"),
            "verify-trace", "", "a trace keeps the variables that it was made with; assign to them"},
           f.where);
    if (fresh->hidden[i].variable) continue;
    const Node &was = *e.hidden[i].value.get(), &is = *fresh->hidden[i].value.get();
    if (&was == &is || same_value(read_value(was), read_value(is))) continue;
    std::string made = is.where.line() ? " made at " + place(is.where) : "";
    fail({ErrorCode::trace,
          differs + "the captured " + burin::to_string(is.value.type) + made + " has other values than the trace uses",
          "verify-trace", "", hint},
         f.where);
  }
}

}  // namespace burin::detail
