// Leaves of trees: lists, paths and structure.
#include <burin/tree.h>

#include "frontend/record/recorder.h"

#include <bit>
#include <charconv>

namespace burin::detail {

std::string to_string(const Path& p) {
  if (!p.parent)
    return !p.name.empty() ? std::string(p.name) : p.index >= 0 ? "arg" + std::to_string(p.index) : "value";
  std::string s = to_string(*p.parent);
  return p.name.empty() ? s + "[" + std::to_string(p.index) + "]" : s + "." + std::string(p.name);
}

namespace {

/// The path below the root: `layers[0].w`; empty for the root itself.
std::string below_root(const Path& p) {
  if (!p.parent) return "";
  std::string s = below_root(*p.parent);
  if (p.name.empty()) return s + "[" + std::to_string(p.index) + "]";
  return s.empty() ? std::string(p.name) : s + "." + std::string(p.name);
}

std::string number(double x) {
  char buffer[32];
  std::string s(buffer, std::to_chars(buffer, buffer + sizeof buffer, x).ptr);
  return s.find_first_not_of("-0123456789") == std::string::npos ? s + ".0" : s;
}

std::string words(const HostValue& h) {
  switch (h.kind) {
    case HostValue::Kind::boolean: return h.bits ? "true" : "false";
    case HostValue::Kind::integer: return std::to_string(static_cast<std::int64_t>(h.bits));
    case HostValue::Kind::real: return number(std::bit_cast<double>(h.bits));
    case HostValue::Kind::text: return "'" + std::string(h.text) + "'";
  }
  return "";
}

}  // namespace

void Outline::tensor(Tensor& t, const Path& p) { parts.push_back({below_root(p), "a tensor", &t}); }
void Outline::host(const HostValue& h, const Path& p) { parts.push_back({below_root(p), words(h)}); }
void Outline::length(std::size_t n, const Path& p) {
  parts.push_back({below_root(p), std::to_string(n) + (n == 1 ? " element" : " elements")});
}

void trees_differ(const Outline& a, const Outline& b, int number, const char* who) {
  std::size_t i = 0;
  while (i < a.parts.size() && i < b.parts.size() && a.parts[i].what == b.parts[i].what) ++i;
  const auto has = [&](const Outline& o) { return i < o.parts.size() ? o.parts[i].what : "nothing"; };
  const std::string& path = i < a.parts.size() ? a.parts[i].path : i < b.parts.size() ? b.parts[i].path : "";
  fail({ErrorCode::invalid_argument,
        std::string(who) + ": the trees differ" + (path.empty() ? "" : " at " + path) + ": tree 1 has " + has(a) +
            ", tree " + std::to_string(number) + " has " + has(b),
        "tree", "", "use the same containers with the same lengths and host values"},
       {});
}

void leaves_do_not_fit(const Leaves& tree, std::size_t given, const std::source_location& where) {
  fail({ErrorCode::invalid_argument,
        "tree_unflatten: " + std::to_string(given) + " tensors for a tree that has " +
            std::to_string(tree.tensors.size()),
        "tree", "", "give as many as tree_leaves of the tree has, in its order"},
       where);
}

void Leaves::tensor(Tensor& t, const Path& p) {
  statics.push_back(0x7465'6e73'6f72u);  // where tensors stand is part of the structure
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

void check_same_structure(const Leaves& a, const Leaves& b, const char* what, const std::source_location& where) {
  if (a.tensors.size() == b.tensors.size() && a.statics == b.statics) return;
  fail({ErrorCode::invalid_argument,
        std::string(what) + ": the trees differ in structure: one has " + std::to_string(a.tensors.size()) +
            " tensors, the other " + std::to_string(b.tensors.size()) +
            (a.tensors.size() == b.tensors.size() ? ", and their host values or lengths differ" : ""),
        "tree", "", "use the same containers with the same lengths and host values"},
       where);
}

}  // namespace burin::detail
