// The digests of a Graph's body. Values are numbered in the order of the walk and sizes enter by their text, so that the
// digests are the same in every process and after a round through a file.
#include "compiler/graph/graph.h"

#include <nettle/sha2.h>
#include <xxhash.h>

#include <bit>
#include <cstring>

namespace burin {
namespace {

std::array<std::uint8_t, 32> sha256(const void* data, std::size_t size) {
  sha256_ctx state;
  sha256_init(&state);
  sha256_update(&state, size, static_cast<const std::uint8_t*>(data));
  std::array<std::uint8_t, 32> result;
  sha256_digest(&state, result.size(), result.data());
  return result;
}

/// Collects the body as words, which are digested in one go. What has any length, a text, a size or a constant, is one word
/// or two of XXH3; `exact`: its bytes, or their SHA-256, so that different bodies have different words.
class Walker {
 public:
  Walker(const Graph& graph, bool exact) : graph_(graph), exact_(exact), number_(graph.num_values()) {
    words_.reserve(32 * graph.num_ops() + 64);
  }

  const std::vector<std::uint64_t>& words() {
    word(graph_.inputs().size());
    for (const Input& in : graph_.inputs()) {
      word(static_cast<std::uint64_t>(in.kind));
      define(in.value);
    }
    word(graph_.guards().size());
    for (const Guard& g : graph_.guards()) {
      word(static_cast<std::uint64_t>(g.kind));
      size(g.lhs);
      size(g.rhs);
    }
    block(graph_.block(BlockId::top));
    word(graph_.outputs().size());
    for (const Output& out : graph_.outputs()) {
      word(static_cast<std::uint64_t>(out.kind));
      word(out.overwrites ? *out.overwrites + 1 : 0);
      use(out.value);
    }
    return words_;
  }

 private:
  void word(std::uint64_t w) { words_.push_back(w); }
  void use(ValueId v) { word(number_[index(v)]); }
  void define(ValueId v) {
    number_[index(v)] = ++next_;
    type(graph_.type(v));
  }
  void size(Dim d) {
    word(d.is_known() ? 0 : 1);  // a number may equal an expression's hash
    if (!d.is_known() && exact_) return text(to_string(d));
    word(d.is_known() ? static_cast<std::uint64_t>(d.value()) : stable_hash(d));
  }
  void type(const TensorType& t) {
    word(static_cast<std::uint64_t>(t.dtype) << 8 | static_cast<std::uint64_t>(t.shape.rank()));
    for (Dim d : t.shape) size(d);
  }
  void bytes(const void* data, std::size_t n) {
    word(n);
    if (!exact_) return word(XXH3_64bits(data, n));
    if (n == 0) return;
    const std::size_t at = words_.size();
    words_.resize(at + (n + 7) / 8);
    std::memcpy(words_.data() + at, data, n);
  }
  void text(std::string_view s) { bytes(s.data(), s.size()); }
  void constant(const Constant& c) {
    if (!exact_) {
      word(c.digest[0]);
      word(c.digest[1]);
      return;
    }
    type(c.value.type);
    const auto n = static_cast<std::size_t>(c.value.num_bytes());
    if (n <= 1024) return bytes(c.value.buffer.data(), n);
    const auto digest = sha256(c.value.buffer.data(), n);
    bytes(digest.data(), digest.size());
  }
  void attribute(const Attribute& a) {
    word(a.index());
    if (auto* i = std::get_if<std::int64_t>(&a)) word(static_cast<std::uint64_t>(*i));
    else if (auto* f = std::get_if<double>(&a)) word(std::bit_cast<std::uint64_t>(*f));
    else if (auto* b = std::get_if<bool>(&a)) word(*b ? 1 : 0);
    else if (auto* t = std::get_if<Dtype>(&a)) word(static_cast<std::uint64_t>(*t));
    else if (auto* s = std::get_if<std::string>(&a)) text(*s);
    else if (auto* l = std::get_if<std::vector<std::int64_t>>(&a)) bytes(l->data(), l->size() * sizeof(std::int64_t));
    else if (auto* ds = std::get_if<std::vector<Dim>>(&a)) {
      word(ds->size());
      for (Dim d : *ds) size(d);
    } else {
      constant(*std::get<std::shared_ptr<const Constant>>(a));
    }
  }
  void block(const Block& b) {
    word(b.arguments.size());
    for (ValueId v : b.arguments) define(v);
    word(b.ops.size());
    for (OpId id : b.ops) {
      const Op& op = graph_.op(id);
      const OpInfo& info = op_info(op.kind);  // by mnemonic and version: enumerators change with the catalogue
      word(XXH3_64bits_withSeed(info.mnemonic.data(), info.mnemonic.size(), static_cast<std::uint64_t>(info.version)));
      word(std::uint64_t{op.num_operands} << 32 | op.num_results);
      word(op.attributes.size() << 32 | op.regions.size());
      for (ValueId v : graph_.operands(op)) use(v);
      for (const Attribute& a : op.attributes) attribute(a);
      for (BlockId r : op.regions) block(graph_.block(r));
      for (std::uint32_t i = 0; i < op.num_results; ++i) define(graph_.result(op, i));
    }
    word(b.yields.size());
    for (ValueId v : b.yields) use(v);
  }

  const Graph& graph_;
  const bool exact_;
  std::vector<std::uint32_t> number_;
  std::uint32_t next_ = 0;
  std::vector<std::uint64_t> words_;
};

}  // namespace

std::array<std::uint64_t, 2> hash(const Graph& graph) {
  Walker walker(graph, false);
  const auto& words = walker.words();
  const XXH128_hash_t h = XXH3_128bits(words.data(), words.size() * sizeof(std::uint64_t));
  return {h.low64, h.high64};
}

std::array<std::uint8_t, 32> secure_hash(const Graph& graph) {
  Walker walker(graph, true);
  const auto& words = walker.words();
  return sha256(words.data(), words.size() * sizeof(std::uint64_t));
}

}  // namespace burin
