// Sizes, shapes, tensor types and guards as text, and back. Text comes from files too: length and depth are bounded.
#include <burin/dim.h>

#include "runtime/ops/dim_expression.h"

#include <charconv>

namespace burin {
namespace {

constexpr std::size_t max_input = 8192;
constexpr int max_depth = 64;

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_part(char c) { return is_name_start(c) || (c >= '0' && c <= '9'); }

/// sum := ['-'] product (('+' | '-') product)*, product := factor ('*' factor)*,
/// factor := number | name | function '(' sum ',' sum ... ')' | '(' sum ')'
/// Works on polynomials: what is interned stays for the life of the process, so only results are.
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  std::optional<Dim> size() {
    Polynomial p;
    return sum(p) ? interned(p) : std::nullopt;
  }
  bool at_end() {
    skip_space();
    return rest_.empty();
  }
  bool eat(std::string_view token) {
    skip_space();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  bool eat(char c) { return eat(std::string_view(&c, 1)); }

 private:
  using Polynomial = dims::Polynomial;

  static std::optional<Dim> interned(const Polynomial& p) {
    const Dim d = dims::intern(p);
    return d.is_overflow() ? std::nullopt : std::optional(d);
  }
  void skip_space() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }

  bool sum(Polynomial& total) {
    if (++depth_ > max_depth) return false;
    std::int64_t sign = eat('-') ? -1 : 1;
    total.clear();
    for (Polynomial next;;) {
      if (!product(next) || !dims::add(total, next, sign, total)) return false;
      if (eat('+')) sign = 1;
      else if (eat('-')) sign = -1;
      else break;
    }
    --depth_;
    return true;
  }
  bool product(Polynomial& total) {
    if (!factor(total)) return false;
    for (Polynomial next; eat('*');)
      if (!factor(next) || !dims::multiply(total, next, total)) return false;
    return true;
  }
  bool factor(Polynomial& out) {
    skip_space();
    if (rest_.empty()) return false;
    if (eat('(')) return sum(out) && eat(')');
    if (!is_name_start(rest_.front())) {
      std::int64_t n = 0;
      auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), n);
      if (error != std::errc() || n < 0) return false;
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      out = dims::polynomial(Dim(n));
      return true;
    }
    std::size_t size = 1;
    while (size < rest_.size() && is_name_part(rest_[size])) ++size;
    const std::string_view word = rest_.substr(0, size);
    rest_.remove_prefix(size);
    if (eat('(')) return function(word, out);
    auto id =
        size <= dims::max_name ? dims::intern_atom(dims::AtomKind::name, {}, std::string(word), true) : std::nullopt;
    if (id) out = {{1, {*id}}};
    return id.has_value();
  }
  bool function(std::string_view word, Polynomial& out) {
    std::vector<Dim> arguments;
    do {
      auto next = size();
      if (!next) return false;
      arguments.push_back(*next);
    } while (eat(','));
    Dim result;
    if (word == "max" && arguments.size() >= 2) result = dims::max_of(std::move(arguments));
    else if (word == "floordiv" && arguments.size() == 2) result = floordiv(arguments[0], arguments[1]);
    else if (word == "ceildiv" && arguments.size() == 2) result = ceildiv(arguments[0], arguments[1]);
    else return false;
    if (result.is_overflow() || !eat(')')) return false;
    out = dims::polynomial(result);
    return true;
  }

  std::string_view rest_;
  int depth_ = 0;
};

}  // namespace

std::string to_string(Dim d) { return dims::text(d); }

std::optional<Dim> parse_dim(std::string_view text) {
  if (text.size() > max_input) return std::nullopt;
  Parser parser(text);
  auto d = parser.size();
  return d && parser.at_end() ? d : std::nullopt;
}

std::string to_string(const Guard& g) {
  auto bracketed = [](Dim d) {
    std::string s = to_string(d);
    return s.find(' ') == std::string::npos ? s : "(" + s + ")";
  };
  switch (g.kind) {
    case Guard::Kind::equal: return to_string(g.lhs) + " == " + to_string(g.rhs);
    case Guard::Kind::divisible: return bracketed(g.lhs) + " % " + bracketed(g.rhs) + " == 0";
    case Guard::Kind::at_least: return to_string(g.lhs) + " >= " + to_string(g.rhs);
  }
  return "?";
}

std::optional<Guard> parse_guard(std::string_view text) {
  if (text.size() > 2 * max_input) return std::nullopt;
  Parser parser(text);
  Guard g;
  auto lhs = parser.size();
  if (!lhs) return std::nullopt;
  if (parser.eat("==")) g.kind = Guard::Kind::equal;
  else if (parser.eat(">=")) g.kind = Guard::Kind::at_least;
  else if (parser.eat("%")) g.kind = Guard::Kind::divisible;
  else return std::nullopt;
  auto rhs = parser.size();
  if (!rhs || (g.kind == Guard::Kind::divisible && !parser.eat("== 0")) || !parser.at_end()) return std::nullopt;
  g.lhs = *lhs;
  g.rhs = *rhs;
  return g;
}

std::string to_string(const Shape& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i > 0 ? "," : "") + to_string(shape[i]);
  return out + "]";
}

std::string to_string(const TensorType& type) { return std::string(name(type.dtype)) + to_string(type.shape); }

std::optional<TensorType> parse_tensor_type(std::string_view text) {
  if (text.size() > max_rank * max_input) return std::nullopt;
  const std::size_t bracket = text.find('[');
  if (bracket == std::string_view::npos) return std::nullopt;
  auto dtype = parse_dtype(text.substr(0, bracket));
  if (!dtype) return std::nullopt;
  TensorType type{*dtype, {}};
  Parser parser(text.substr(bracket + 1));
  if (parser.eat(']')) return parser.at_end() ? std::optional(type) : std::nullopt;
  do {
    auto d = parser.size();
    if (!d || constant_value(*d).value_or(0) < 0 || type.shape.rank() == max_rank) return std::nullopt;
    type.shape.push_back(*d);
  } while (parser.eat(','));
  return parser.eat(']') && parser.at_end() ? std::optional(type) : std::nullopt;
}

}  // namespace burin
