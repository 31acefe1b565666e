// Leaves of trees: lists, paths and structure.
#include <burin/tree.h>

#include "frontend/trace/recorder.h"

namespace burin::detail {

std::string to_string(const Path& p) {
  if (!p.parent)
    return !p.name.empty() ? std::string(p.name) : p.index >= 0 ? "arg" + std::to_string(p.index) : "value";
  std::string s = to_string(*p.parent);
  return p.name.empty() ? s + "[" + std::to_string(p.index) + "]" : s + "." + std::string(p.name);
}

void Leaves::tensor(Tensor& t, const Path& p) {
  tensors.push_back(&t);
  if (want_paths) paths.push_back(to_string(p));
}
void Leaves::host(const HostValue& h, const Path&) {
  std::uint64_t hash = h.bits ^ static_cast<std::uint64_t>(h.kind) << 60;
  for (unsigned char c : h.text) hash = (hash ^ c) * 0x100000001b3u;
  statics.push_back(hash);
}
void Leaves::length(std::size_t n, const Path&) { statics.push_back(n); }

void adopt(const Leaves& l) noexcept {
  if (recorder)
    for (auto* t : l.tensors) HandleAccess::adopt(*t);
}

void check_same_structure(const Leaves& a, const Leaves& b, const char* what) {
  if (a.tensors.size() == b.tensors.size() && a.statics == b.statics) return;
  fail({ErrorCode::invalid_argument,
        std::string(what) + ": the trees differ in structure: one has " + std::to_string(a.tensors.size()) +
            " tensors, the other " + std::to_string(b.tensors.size()) +
            (a.tensors.size() == b.tensors.size() ? ", and their host values or lengths differ" : ""),
        "tree", "", "use the same containers with the same lengths and host values"},
       {});
}

}  // namespace burin::detail
