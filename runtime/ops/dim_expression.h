// Size expressions in normal form and the process-wide table that interns them; the inside of Dim.
// A polynomial with integer coefficients over atoms (names, floordiv, max). Depends on <burin/dim.h> only.
#pragma once
#include <burin/dim.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace burin::dims {

/// An atom is known by its number in the table; `atom(id)` tells what it is.
using AtomId = std::uint32_t;
enum class AtomKind : std::uint8_t { name, floordiv, max };
struct Atom {
  AtomKind kind = AtomKind::name;
  std::vector<Dim> arguments;  // floordiv: dividend, divisor; max: two or more, sorted by text
  std::string text;            // canonical: what orders atoms in every process alike
  bool nonnegative = true;
};
const Atom& atom(AtomId);
inline constexpr std::size_t max_name = 255;         // characters
inline constexpr std::size_t max_alternatives = 64;  // of a max: each is compared with each
/// Nullopt when the table is full (some million atoms).
std::optional<AtomId> intern_atom(AtomKind, std::vector<Dim> arguments, std::string text, bool nonnegative);

/// coefficient × product of atoms; the atoms sorted by text, repeated for powers.
struct Term {
  std::int64_t coefficient = 0;
  std::vector<AtomId> atoms;
};
/// Terms in decreasing graded lexicographic order, no zero coefficient, no two with the same atoms; empty is 0.
using Polynomial = std::vector<Term>;

/// The polynomial of any Dim but overflow. By value for numbers, so that callers need not tell them apart.
Polynomial polynomial(Dim);
/// The Dim of a polynomial in normal form: a number where it is one, else interned; overflow where it is too large.
Dim intern(const Polynomial&);
/// The greatest of two or more, of numbers too; overflow where too many remain. In dim.cpp.
Dim max_of(std::vector<Dim>);
/// Canonical text of any Dim.
std::string text(Dim);
std::uint64_t text_hash(Dim);

/// Below zero, zero, above zero in the order that Polynomial keeps (which multiplication respects).
int compare_monomials(const std::vector<AtomId>&, const std::vector<AtomId>&);

/// Arithmetic on normal forms; false: a coefficient left 64 bits or the result has too many terms.
bool add(const Polynomial&, const Polynomial&, std::int64_t scale, Polynomial& out);  // a + scale * b
bool multiply(const Polynomial&, const Polynomial&, Polynomial& out);
/// Whether every value is >= 0 for non-negative names, as far as signs of coefficients show it.
bool nonnegative(const Polynomial&);
/// Whether a - b is, found without interning anything.
bool never_less(Dim a, Dim b);

}  // namespace burin::dims
