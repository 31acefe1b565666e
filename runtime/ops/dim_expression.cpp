// The table of interned size expressions, and polynomial arithmetic on their normal forms.
// Entries are found by their canonical text and live as long as the process; reading one takes no lock.
#include "runtime/ops/dim_expression.h"

#include "runtime/core/fork.h"
#include "runtime/core/immortal.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace burin::dims {
namespace {

// Bounds on one expression, far above what shapes need: text from files and products of sums must stay cheap.
constexpr std::size_t max_terms = 256;
constexpr std::size_t max_degree = 32;
constexpr std::size_t max_text = 4096;

struct Expression {
  Polynomial terms;
  std::string text;
  std::uint64_t hash = 0;
};

/// Append-only storage whose entries never move: a reader that got an index from a writer needs no lock.
template <class T> class StableList {
 public:
  const T& operator[](std::size_t i) const { return chunks_[i / chunk].load(std::memory_order_acquire)[i % chunk]; }
  std::size_t size() const { return size_; }
  bool full() const { return size_ == chunk * chunks_.size(); }
  /// Under the table's lock.
  std::size_t push_back(T value) {
    auto& slot = chunks_[size_ / chunk];
    if (!slot.load(std::memory_order_relaxed)) {
      owned_.push_back(std::make_unique<T[]>(chunk));
      slot.store(owned_.back().get(), std::memory_order_release);
    }
    slot.load(std::memory_order_relaxed)[size_ % chunk] = std::move(value);
    return size_++;
  }

 private:
  static constexpr std::size_t chunk = 1024;
  std::array<std::atomic<T*>, 16384> chunks_{};
  std::vector<std::unique_ptr<T[]>> owned_;
  std::size_t size_ = 0;
};

struct Table {
  rt::Mutex mutex;
  StableList<Expression> expressions;
  StableList<Atom> atoms;
  std::unordered_map<std::string_view, std::int64_t> words;  // keys point into the entries
  std::unordered_map<std::string_view, AtomId> atom_ids;
};
// Never destroyed: Dims in static objects outlive any order of destruction.
Table& table() {
  static constinit rt::Immortal<Table> t;
  return t.get();
}

std::uint64_t fnv(std::string_view s) {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (unsigned char c : s) h = (h ^ c) * 0x100000001b3u;
  return h;
}

void append_term(std::string& out, const Term& t, bool first) {
  const bool negative = t.coefficient < 0;
  if (first) out += negative ? "-" : "";
  else out += negative ? " - " : " + ";
  const std::uint64_t magnitude =
      negative ? 0 - static_cast<std::uint64_t>(t.coefficient) : static_cast<std::uint64_t>(t.coefficient);
  if (t.atoms.empty() || magnitude != 1) out += std::to_string(magnitude);
  for (std::size_t i = 0; i < t.atoms.size() && out.size() <= max_text; ++i) {
    if (i > 0 || magnitude != 1) out += '*';
    out += atom(t.atoms[i]).text;
  }
}

std::string polynomial_text(const Polynomial& p) {
  std::string out;
  for (std::size_t i = 0; i < p.size() && out.size() <= max_text; ++i) append_term(out, p[i], i == 0);
  return out;
}

}  // namespace

const Atom& atom(AtomId id) { return table().atoms[id]; }

std::optional<AtomId> intern_atom(AtomKind kind, std::vector<Dim> arguments, std::string text, bool nonnegative) {
  Table& t = table();
  std::lock_guard lock(t.mutex);
  if (auto it = t.atom_ids.find(text); it != t.atom_ids.end()) return it->second;
  if (t.atoms.full()) return std::nullopt;
  auto id = static_cast<AtomId>(t.atoms.push_back({kind, std::move(arguments), std::move(text), nonnegative}));
  t.atom_ids.emplace(t.atoms[id].text, id);
  return id;
}

Polynomial polynomial(Dim d) {
  if (!d.is_known()) return table().expressions[static_cast<std::size_t>(~d.word())].terms;
  if (d.value() == 0) return {};
  return {{d.value(), {}}};
}

Dim intern(const Polynomial& p) {
  if (p.empty()) return 0;
  if (p.size() == 1 && p[0].atoms.empty() && p[0].coefficient >= 0) return Dim::from_word(p[0].coefficient);
  if (p.size() > max_terms || p[0].atoms.size() > max_degree) return Dim::overflow();
  std::string text = polynomial_text(p);
  if (text.size() > max_text) return Dim::overflow();
  Table& t = table();
  std::lock_guard lock(t.mutex);
  if (auto it = t.words.find(text); it != t.words.end()) return Dim::from_word(it->second);
  if (t.expressions.full()) return Dim::overflow();
  const std::uint64_t hash = fnv(text);
  const auto index = static_cast<std::int64_t>(t.expressions.push_back({p, std::move(text), hash}));
  t.words.emplace(t.expressions[static_cast<std::size_t>(index)].text, ~index);
  return Dim::from_word(~index);
}

std::string text(Dim d) {
  if (d.is_known()) return std::to_string(d.value());
  if (d.is_overflow()) return "overflow!";
  return table().expressions[static_cast<std::size_t>(~d.word())].text;
}

std::uint64_t text_hash(Dim d) {
  if (d.is_known() || d.is_overflow()) return fnv(text(d));
  return table().expressions[static_cast<std::size_t>(~d.word())].hash;
}

int compare_monomials(const std::vector<AtomId>& a, const std::vector<AtomId>& b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i]) return atom(a[i]).text < atom(b[i]).text ? 1 : -1;  // the first name is the greatest
  return 0;
}

bool add(const Polynomial& a, const Polynomial& b, std::int64_t scale, Polynomial& out) {
  Polynomial r;
  r.reserve(a.size() + b.size());
  for (std::size_t i = 0, j = 0; i < a.size() || j < b.size();) {
    const int order = i == a.size() ? -1 : j == b.size() ? 1 : compare_monomials(a[i].atoms, b[j].atoms);
    if (order > 0) {
      r.push_back(a[i++]);
      continue;
    }
    Term t = b[j++];
    if (__builtin_mul_overflow(t.coefficient, scale, &t.coefficient)) return false;
    if (order == 0 && __builtin_add_overflow(t.coefficient, a[i++].coefficient, &t.coefficient)) return false;
    if (t.coefficient != 0) r.push_back(std::move(t));
  }
  if (r.size() > max_terms) return false;
  out = std::move(r);
  return true;
}

bool multiply(const Polynomial& a, const Polynomial& b, Polynomial& out) {
  if (a.size() * b.size() > 16 * max_terms) return false;
  Polynomial sum;
  for (const Term& x : a) {
    Polynomial row;  // in order, because multiplication respects the order of monomials
    row.reserve(b.size());
    for (const Term& y : b) {
      Term t;
      if (__builtin_mul_overflow(x.coefficient, y.coefficient, &t.coefficient)) return false;
      if (x.atoms.size() + y.atoms.size() > max_degree) return false;
      t.atoms.reserve(x.atoms.size() + y.atoms.size());
      auto before = [](AtomId p, AtomId q) { return p != q && atom(p).text < atom(q).text; };
      std::merge(x.atoms.begin(), x.atoms.end(), y.atoms.begin(), y.atoms.end(), std::back_inserter(t.atoms), before);
      row.push_back(std::move(t));
    }
    if (!add(sum, row, 1, sum)) return false;
  }
  out = std::move(sum);
  return true;
}

bool nonnegative(const Polynomial& p) {
  for (const Term& t : p) {
    if (t.coefficient < 0) return false;
    for (AtomId a : t.atoms)
      if (!atom(a).nonnegative) return false;
  }
  return true;
}

}  // namespace burin::dims
