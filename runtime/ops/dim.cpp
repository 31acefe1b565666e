// Dim's arithmetic, substitution and guards, on the normal forms of dim_expression.h. Text is in dim_text.cpp.
// Every operation is total: what leaves 64 bits or grows too large is Dim::overflow().
#include <burin/dim.h>

#include "runtime/ops/dim_expression.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace burin {
namespace {

using dims::Polynomial;
using dims::Term;

enum class Operation : std::uint8_t { add, subtract, multiply, floordiv, max };

/// Results of recent operations on expressions, per thread: shape rules repeat the same few.
struct Memo {
  struct Entry {
    Operation operation{};
    std::int64_t a = 0, b = 0;
    Dim result;
  };
  std::array<Entry, 256> entries{};
  Entry& at(Operation operation, Dim a, Dim b) {
    auto h = static_cast<std::uint64_t>(a.word()) * 0x9e3779b97f4a7c15u ^
             static_cast<std::uint64_t>(b.word()) * 0xc2b2ae3d27d4eb4fu ^ static_cast<std::uint64_t>(operation);
    return entries[(h ^ (h >> 32)) % entries.size()];
  }
};

template <class F> Dim remembered(Operation operation, Dim a, Dim b, F compute) {
  if (a.is_overflow() || b.is_overflow()) return Dim::overflow();
  thread_local Memo memo;
  Memo::Entry& e = memo.at(operation, a, b);
  // A pair of zeros is the empty entry's, and right for it: every operation gives 0 on (0, 0).
  if (e.operation != operation || e.a != a.word() || e.b != b.word())
    e = {operation, a.word(), b.word(), compute(dims::polynomial(a), dims::polynomial(b))};
  return e.result;
}

Dim of(const Polynomial& p) { return dims::intern(p); }
Dim of_number(std::int64_t n) { return n == 0 ? Dim() : dims::intern({{n, {}}}); }

std::optional<std::int64_t> number(const Polynomial& p) {
  if (p.empty()) return 0;
  if (p.size() == 1 && p[0].atoms.empty()) return p[0].coefficient;
  return std::nullopt;
}

std::int64_t floor_quotient(std::int64_t a, std::int64_t b) {  // b > 0
  return a / b - (a % b < 0 ? 1 : 0);
}

/// dividend / divisor when both the coefficient and the atoms divide.
std::optional<Term> exact_quotient(const Term& dividend, const Term& divisor) {
  if (divisor.coefficient == 0 || divisor.coefficient == -1 || dividend.coefficient % divisor.coefficient != 0)
    return std::nullopt;  // -1 would overflow on the least number, and no divisor of ours is below zero
  Term q{dividend.coefficient / divisor.coefficient, {}};
  std::size_t j = 0;
  for (dims::AtomId a : dividend.atoms) {
    if (j < divisor.atoms.size() && divisor.atoms[j] == a) ++j;
    else q.atoms.push_back(a);
  }
  if (j != divisor.atoms.size()) return std::nullopt;
  return q;
}

/// Long division; the quotient when nothing remains. Graded lexicographic order makes it decide exactness.
std::optional<Polynomial> exact_quotient(Polynomial dividend, const Polynomial& divisor) {
  Polynomial quotient;
  while (!dividend.empty()) {
    auto q = exact_quotient(dividend[0], divisor[0]);
    Polynomial product;
    if (!q || !dims::multiply(divisor, {*q}, product) || !dims::add(dividend, product, -1, dividend) ||
        !dims::add(quotient, {*q}, 1, quotient))
      return std::nullopt;
  }
  return quotient;
}

Dim atom_of(dims::AtomKind kind, std::vector<Dim> arguments, bool nonnegative) {
  std::vector<Dim> shown = arguments;
  std::string text = kind == dims::AtomKind::max ? "max(" : "floordiv(";
  if (kind == dims::AtomKind::floordiv && arguments[1].is_known()) {  // floordiv(n + 7, 8) reads ceildiv(n, 8)
    const Polynomial dividend = dims::polynomial(arguments[0]);
    if (dividend.back().atoms.empty() && dividend.back().coefficient == arguments[1].value() - 1) {
      text = "ceildiv(";
      shown[0] = of(Polynomial(dividend.begin(), dividend.end() - 1));
    }
  }
  for (std::size_t i = 0; i < shown.size(); ++i) text += (i > 0 ? ", " : "") + dims::text(shown[i]);
  auto id = dims::intern_atom(kind, std::move(arguments), text + ')', nonnegative);
  return id ? dims::intern({{1, {*id}}}) : Dim::overflow();
}

/// floordiv(a, b) for a dividend whose coefficients lie in [0, b): cancels what divisor and names have in common, and
/// merges a floordiv of a floordiv.
Dim reduced_floordiv(Polynomial a, std::int64_t b) {
  std::int64_t common = b;
  for (const Term& t : a)
    if (!t.atoms.empty()) common = std::gcd(common, t.coefficient);
  for (Term& t : a) t.coefficient /= common;
  if (a.back().coefficient == 0) a.pop_back();
  b /= common;
  if (b == 1) return of(a);
  if (a.size() == 1 && a[0].coefficient == 1 && a[0].atoms.size() == 1) {
    const dims::Atom& inner = dims::atom(a[0].atoms[0]);
    std::int64_t product;
    if (inner.kind == dims::AtomKind::floordiv && inner.arguments[1].is_known() &&
        !__builtin_mul_overflow(inner.arguments[1].value(), b, &product))
      return floordiv(inner.arguments[0], product);
  }
  return atom_of(dims::AtomKind::floordiv, {of(a), b}, dims::nonnegative(a));
}

/// floordiv(sum c_i m_i, b) = sum floor(c_i / b) m_i + floordiv(sum (c_i mod b) m_i, b): the remainder is canonical.
Dim floordiv_by_number(const Polynomial& a, std::int64_t b) {
  if (b <= 0) return b == 0 ? Dim() : Dim::overflow();
  Polynomial whole, rest;
  for (const Term& t : a) {
    const std::int64_t q = floor_quotient(t.coefficient, b), r = t.coefficient - q * b;
    if (q != 0) whole.push_back({q, t.atoms});
    if (r != 0) rest.push_back({r, t.atoms});
  }
  if (rest.empty() || (rest.size() == 1 && rest[0].atoms.empty())) return of(whole);
  return of(whole) + reduced_floordiv(std::move(rest), b);
}

Dim floordiv_by_expression(const Polynomial& a, const Polynomial& b) {
  if (auto q = exact_quotient(a, b)) return of(*q);
  Polynomial whole, rest;
  for (const Term& t : a) {
    auto q = b.size() == 1 ? exact_quotient(t, b[0]) : std::nullopt;
    if (q) whole.push_back(*q);
    else rest.push_back(t);
  }
  const bool nonnegative = dims::nonnegative(rest) && dims::nonnegative(b);
  return of(whole) + atom_of(dims::AtomKind::floordiv, {of(rest), of(b)}, nonnegative);
}

/// The alternatives of a max: its arguments if `d` is one, else `d`.
void append_alternatives(Dim d, std::vector<Dim>& out) {
  const Polynomial p = dims::polynomial(d);
  if (p.size() == 1 && p[0].coefficient == 1 && p[0].atoms.size() == 1) {
    const dims::Atom& a = dims::atom(p[0].atoms[0]);
    if (a.kind == dims::AtomKind::max) {
      out.insert(out.end(), a.arguments.begin(), a.arguments.end());
      return;
    }
  }
  out.push_back(d);
}

}  // namespace

namespace dims {

bool never_less(Dim a, Dim b) {
  Polynomial difference;
  return add(polynomial(a), polynomial(b), -1, difference) && nonnegative(difference);
}

Dim max_of(std::vector<Dim> given) {
  std::vector<Dim> all, kept;
  for (Dim d : given) append_alternatives(d, all);
  if (all.size() > 2 * max_alternatives) return Dim::overflow();
  std::sort(all.begin(), all.end(), [](Dim x, Dim y) { return text(x) < text(y); });
  all.erase(std::unique(all.begin(), all.end()), all.end());
  for (Dim d : all)  // drop what another alternative is never below; all differ, so never both of a pair
    if (std::none_of(all.begin(), all.end(), [&](Dim e) { return e != d && never_less(e, d); })) kept.push_back(d);
  if (kept.size() == 1) return kept[0];
  if (kept.size() > max_alternatives) return Dim::overflow();
  const bool nonnegative = std::any_of(kept.begin(), kept.end(), provably_nonnegative);
  return atom_of(AtomKind::max, std::move(kept), nonnegative);
}

}  // namespace dims

namespace detail {

std::int64_t intern_number(std::int64_t negative) { return dims::intern({{negative, {}}}).word(); }

Dim add(Dim a, Dim b) {
  return remembered(Operation::add, a, b, [](const Polynomial& x, const Polynomial& y) {
    Polynomial r;
    return dims::add(x, y, 1, r) ? of(r) : Dim::overflow();
  });
}
Dim subtract(Dim a, Dim b) {
  return remembered(Operation::subtract, a, b, [](const Polynomial& x, const Polynomial& y) {
    Polynomial r;
    return dims::add(x, y, -1, r) ? of(r) : Dim::overflow();
  });
}
Dim multiply(Dim a, Dim b) {
  return remembered(Operation::multiply, a, b, [](const Polynomial& x, const Polynomial& y) {
    Polynomial r;
    return dims::multiply(x, y, r) ? of(r) : Dim::overflow();
  });
}

}  // namespace detail

Dim::Dim(std::string_view size_name) {
  std::string name(size_name);
  if (name.size() > dims::max_name)  // made into none, which whoever takes names refuses in these words
    name = name.substr(0, 32) + "... (" + std::to_string(name.size()) + " characters)";
  auto id = dims::intern_atom(dims::AtomKind::name, {}, std::move(name), true);
  word_ = id ? dims::intern({{1, {*id}}}).word() : overflow_word;
}

std::optional<std::int64_t> constant_value(Dim d) {
  if (d.is_known()) return d.value();
  if (d.is_overflow()) return std::nullopt;
  return number(dims::polynomial(d));
}

bool provably_nonnegative(Dim d) {
  return d.is_known() || (!d.is_overflow() && dims::nonnegative(dims::polynomial(d)));
}

Dim floordiv(Dim a, Dim b) {
  if (a.is_known() && b.is_known()) return b.value() == 0 ? Dim() : Dim::from_word(a.value() / b.value());
  return remembered(Operation::floordiv, a, b, [](const Polynomial& x, const Polynomial& y) {
    auto n = number(y);
    return n ? floordiv_by_number(x, *n) : floordiv_by_expression(x, y);
  });
}

Dim ceildiv(Dim a, Dim b) { return b == Dim(0) ? Dim() : floordiv(a + b - 1, b); }

Dim max(Dim a, Dim b) {
  if (a.is_known() && b.is_known()) return a.value() < b.value() ? b : a;
  return remembered(Operation::max, a, b, [&](const Polynomial&, const Polynomial&) { return dims::max_of({a, b}); });
}

void collect_names(Dim d, std::vector<std::string>& names) {
  if (d.is_known() || d.is_overflow()) return;
  for (const Term& t : dims::polynomial(d)) {
    for (dims::AtomId id : t.atoms) {
      const dims::Atom& a = dims::atom(id);
      for (Dim argument : a.arguments) collect_names(argument, names);
      if (a.kind == dims::AtomKind::name && std::find(names.begin(), names.end(), a.text) == names.end())
        names.push_back(a.text);
    }
  }
}

std::optional<std::string_view> lone_name(Dim d) {
  if (d.is_known() || d.is_overflow()) return std::nullopt;
  const Polynomial p = dims::polynomial(d);
  if (p.size() != 1 || p[0].coefficient != 1 || p[0].atoms.size() != 1) return std::nullopt;
  const dims::Atom& a = dims::atom(p[0].atoms[0]);
  if (a.kind != dims::AtomKind::name) return std::nullopt;
  return std::string_view(a.text);
}

Dim substitute(Dim d, std::span<const DimBinding> bindings) {
  if (d.is_known() || d.is_overflow() || bindings.empty()) return d;
  auto value_of = [&](dims::AtomId id) -> Dim {
    const dims::Atom& a = dims::atom(id);
    if (a.kind == dims::AtomKind::name) {
      auto it = std::find_if(bindings.begin(), bindings.end(), [&](const DimBinding& b) { return b.name == a.text; });
      return it != bindings.end() ? it->value : dims::intern({{1, {id}}});
    }
    Dim r = substitute(a.arguments[0], bindings);
    if (a.kind == dims::AtomKind::floordiv) return floordiv(r, substitute(a.arguments[1], bindings));
    std::vector<Dim> all{r};
    for (std::size_t i = 1; i < a.arguments.size(); ++i) all.push_back(substitute(a.arguments[i], bindings));
    if (std::any_of(all.begin(), all.end(), [](Dim x) { return x.is_overflow(); })) return Dim::overflow();
    return dims::max_of(std::move(all));
  };
  Dim sum = 0;
  for (const Term& t : dims::polynomial(d)) {
    Dim product = of_number(t.coefficient);
    bool nothing = false;  // a factor of 0 makes 0, whatever the others would overflow to
    for (dims::AtomId id : t.atoms) {
      const Dim factor = value_of(id);
      nothing |= factor == Dim(0);
      product = product * factor;
    }
    if (!nothing) sum = sum + product;
  }
  return sum;
}

std::uint64_t stable_hash(Dim d) { return dims::text_hash(d); }

std::optional<bool> decide(const Guard& guard, std::span<const DimBinding> bindings) {
  const Dim lhs = substitute(guard.lhs, bindings), rhs = substitute(guard.rhs, bindings);
  if (lhs.is_overflow() || rhs.is_overflow()) return std::nullopt;
  const Dim difference = lhs - rhs;
  switch (guard.kind) {
    case Guard::Kind::equal:
      if (difference == Dim(0)) return true;
      if (provably_nonnegative(difference - 1) || provably_nonnegative(Dim(-1) - difference)) return false;
      return std::nullopt;
    case Guard::Kind::at_least:
      if (provably_nonnegative(difference)) return true;
      if (provably_nonnegative(Dim(-1) - difference)) return false;
      return std::nullopt;
    case Guard::Kind::divisible: {
      const Dim rest = lhs - floordiv(lhs, rhs) * rhs;
      if (rest == Dim(0)) return true;
      if (auto r = constant_value(rest)) return *r == 0;
      const auto n = constant_value(rhs);
      if (!n || *n <= 0) return std::nullopt;
      // Terms that the number divides do not matter: what is left decides if it is a number.
      Polynomial left;
      for (const Term& t : dims::polynomial(lhs))
        if (t.coefficient % *n != 0) left.push_back(t);
      if (auto c = number(left)) return *c % *n == 0;
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace burin
