// The Graph as text for people: one op a line, values numbered in the order of the text, regions indented.
#include "compiler/graph/print.h"
#include "compiler/graph/graph.h"

#include <charconv>
#include <cmath>

namespace burin {
namespace {

constexpr std::int64_t shown_elements = 8;

template <class T> std::string number_text(T x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x < 0 ? "-inf" : "inf";
  char buffer[32];
  auto r = std::to_chars(buffer, buffer + sizeof buffer, x);
  return {buffer, r.ptr};
}

std::string element_text(const HostTensor& t, std::int64_t i) {
  return visit(t.type.dtype, [&]<class T>(std::type_identity<T>) -> std::string {
    if constexpr (std::is_same_v<T, bool>) return t.data<std::uint8_t>()[i] != 0 ? "true" : "false";
    else if constexpr (is_narrow_float(dtype_of<T>))
      return number_text(static_cast<double>(static_cast<float>(t.data<T>()[i])));
    else if constexpr (is_floating(dtype_of<T>)) return number_text(t.data<T>()[i]);
    else return std::to_string(t.data<T>()[i]);
  });
}

template <class List, class F> std::string list_text(const List& list, F text) {
  std::string s;
  for (const auto& x : list) s += (s.empty() ? "" : ", ") + text(x);
  return "[" + s + "]";
}

std::string quoted(std::string_view s) {
  std::string out = "\"";
  for (char c : s) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
    else out += c == '\n' ? "\\n" : "?";
  }
  return out + '"';
}

class Printer {
 public:
  Printer(const Graph& graph, bool with_lines) : graph_(graph), with_lines_(with_lines), number_(graph.num_values()) {}

  std::string run() {
    out_ = graph_.name + "(";
    for (std::size_t i = 0; i < graph_.inputs().size(); ++i) {
      const Input& in = graph_.inputs()[i];
      if (i > 0) out_ += ",";
      out_ += "\n    " + define(in.value) + ": " + to_string(graph_.type(in.value)) + " " + std::string(name(in.kind));
      if (!in.name.empty()) out_ += " " + quoted(in.name);
    }
    out_ += ") {\n";
    for (const Guard& g : graph_.guards()) out_ += "  guard " + to_string(g) + "\n";
    ops(BlockId::top, 1);
    out_ += "  return";
    for (std::size_t i = 0; i < graph_.outputs().size(); ++i) {
      const Output& o = graph_.outputs()[i];
      out_ += (i > 0 ? ", " : " ") + use(o.value);
      if (o.kind == OutputKind::state) out_ += " to state " + use(graph_.inputs()[*o.overwrites].value);
      if (!o.name.empty()) out_ += " " + quoted(o.name);
    }
    out_ += "\n}\n";
    return std::move(out_);
  }

 private:
  std::string define(ValueId v) {
    number_[index(v)] = next_;
    return "%" + std::to_string(next_++);
  }
  std::string use(ValueId v) const { return "%" + std::to_string(number_[index(v)]); }

  void ops(BlockId b, int depth) {
    for (OpId id : graph_.block(b).ops) op(graph_.op(id), depth);
  }

  void op(const Op& op, int depth) {
    const OpInfo& info = op_info(op.kind);
    const std::string indent(static_cast<std::size_t>(2 * depth), ' ');
    // Numbers of results come before those inside regions, so that a region op reads top down.
    std::string results, types;
    for (std::uint32_t i = 0; i < op.num_results; ++i) {
      const ValueId v = graph_.result(op, i);
      results += (i > 0 ? ", " : "") + define(v);
      types += (i > 0 ? ", " : "") + to_string(graph_.type(v));
    }
    out_ += indent + (results.empty() ? "" : results + " = ") + std::string(info.mnemonic) + "(";
    const char* comma = "";
    for (ValueId v : graph_.operands(op)) {
      out_ += comma + use(v);
      comma = ", ";
    }
    for (std::size_t i = 0; i < op.attributes.size(); ++i) {
      const auto* dims = std::get_if<std::vector<Dim>>(&op.attributes[i]);
      const auto* flag = std::get_if<bool>(&op.attributes[i]);
      // A loop without a bound, or without the certainty of one.
      if (!op.regions.empty() && ((dims && dims->empty()) || (flag && !*flag))) continue;
      out_ += comma + (i < info.attributes.size() ? std::string(info.attributes[i].name) + "=" : "") +
              to_string(op.attributes[i]);
      comma = ", ";
    }
    out_ += ")" + (types.empty() ? "" : " : " + types);
    const bool known = with_lines_ && op.line != 0;
    const std::string line = known ? "  // " + to_string(graph_.line(op.line)) : "";
    if (op.regions.empty()) {
      out_ += line + "\n";
      return;
    }
    out_ += " {" + line + "\n";
    const char* titles[2] = {"then", "else"};
    if (region_kind(op.kind) == RegionKind::loop) titles[0] = "test", titles[1] = "body";
    if (region_kind(op.kind) == RegionKind::scope) titles[0] = "body", titles[1] = "backward";
    for (std::size_t i = 0; i < op.regions.size(); ++i) region(op.regions[i], titles[i], depth + 1);
    out_ += indent + "}\n";
  }

  void region(BlockId b, const char* title, int depth) {
    const std::string indent(static_cast<std::size_t>(2 * depth), ' ');
    out_ += indent + title;
    const Block& block = graph_.block(b);
    for (std::size_t i = 0; i < block.arguments.size(); ++i)
      out_ += (i > 0 ? ", " : "(") + define(block.arguments[i]) + ": " + to_string(graph_.type(block.arguments[i]));
    out_ += block.arguments.empty() ? ":\n" : "):\n";
    ops(b, depth + 1);
    out_ += indent + "  yield";
    for (std::size_t i = 0; i < block.yields.size(); ++i) out_ += (i > 0 ? ", " : " ") + use(block.yields[i]);
    out_ += "\n";
  }

  const Graph& graph_;
  bool with_lines_;
  std::vector<std::uint32_t> number_;
  std::uint32_t next_ = 0;
  std::string out_;
};

}  // namespace

std::string printable(std::string_view text, bool lines) {
  std::string out;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte >= 0x20 && byte != 0x7f) || (lines && c == '\n')) out += c;
    else (out += "\\x") += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
  }
  return out;
}

std::string_view name(InputKind kind) {
  switch (kind) {
    case InputKind::argument: return "argument";
    case InputKind::capture: return "capture";
    case InputKind::state: return "state";
    case InputKind::donated: return "donated";
  }
  return "?";
}

std::string to_string(const SourceLine& line) { return std::string(line.file) + ":" + std::to_string(line.line); }

std::string to_string(const Attribute& a) {
  if (auto* i = std::get_if<std::int64_t>(&a)) return std::to_string(*i);
  if (auto* f = std::get_if<double>(&a)) return number_text(*f);
  if (auto* b = std::get_if<bool>(&a)) return *b ? "true" : "false";
  if (auto* t = std::get_if<Dtype>(&a)) return std::string(name(*t));
  if (auto* s = std::get_if<std::string>(&a)) return quoted(*s);
  if (auto* l = std::get_if<std::vector<std::int64_t>>(&a))
    return list_text(*l, [](std::int64_t i) { return std::to_string(i); });
  if (auto* d = std::get_if<std::vector<Dim>>(&a)) return list_text(*d, [](Dim x) { return to_string(x); });
  const auto& c = std::get<std::shared_ptr<const Constant>>(a);
  if (!c) return "none";
  const std::int64_t n = c->value.num_elements();
  if (n > shown_elements) return to_string(c->value.type) + "#" + hex(c->digest).substr(0, 8);
  if (c->value.type.shape.empty()) return element_text(c->value, 0);
  std::string s;
  for (std::int64_t i = 0; i < n; ++i) s += (i > 0 ? ", " : "") + element_text(c->value, i);
  return "[" + s + "]";
}

std::string hex(std::array<std::uint64_t, 2> digest) {
  std::string s;
  for (std::uint64_t half : {digest[1], digest[0]})
    for (int shift = 60; shift >= 0; shift -= 4) s += "0123456789abcdef"[half >> shift & 15];
  return s;
}

std::string to_string(const Graph& graph, bool with_lines) { return Printer(graph, with_lines).run(); }

}  // namespace burin
