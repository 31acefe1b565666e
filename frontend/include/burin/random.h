// Random numbers: a Generator, whose state is held by Variables, or keys that are passed on; and the distributions, which take
// either. All are made of `random_bits` (Philox 4x32-10) and public ops: one stream in eager, traced, compiled and saved code.
#pragma once
#include <burin/tensor.h>
#include <burin/variable.h>

namespace burin {

/// A stream of random numbers: a key and a counter that draws advance, held by Variables. So functions that draw have it as
/// hidden state: each call draws new numbers, and a call that throws draws none. Copies are the same stream.
/// Thread safety: as for Variable; no two draws get the same numbers.
/// Under `vmap` a draw asks for VmapOptions::randomness, and is an UnsupportedError in a loop or branch there.
/// Example: `Generator g(42);  Tensor noise = rng::normal(g, {128, 10});`
class BURIN_API Generator {
 public:
  explicit Generator(std::uint64_t seed = 0, const std::string& name = "generator",
                     std::source_location where = std::source_location::current());
  /// Begins with a key, u32[2], as rng::split makes them.
  explicit Generator(const Tensor& key, const std::string& name = "generator",
                     std::source_location where = std::source_location::current());
  /// Begins anew: the stream of a Generator made with that seed.
  void seed(std::uint64_t seed);
  /// A key of its own, u32[2], for the stateless forms; the stream goes on.
  Tensor key(std::source_location where = std::source_location::current());
  /// A stream of its own, not in traced code; this one goes on.
  Generator split(std::source_location where = std::source_location::current());

 private:
  friend class RandomSource;
  Variable key_, counter_;  // counter: i64[], in blocks of four words
};

/// Where random numbers come from: a Generator, or a key (u32[2]), which gives the same numbers at each use. Made implicitly.
class RandomSource {
 public:
  RandomSource(const Generator& g, std::source_location where = std::source_location::current())  // NOLINT
      : generator_(&g),
        where_(where) {}
  RandomSource(const Tensor& key, std::source_location where = std::source_location::current())  // NOLINT
      : key_(&key),
        where_(where) {}
  const std::source_location& where() const { return where_; }
  /// Random words, u32: what all distributions are made of. `used`: blocks drawn before by the same call.
  BURIN_API Tensor bits(const Shape& shape, Dim used, std::uint32_t tag = 0) const;

 private:
  const Generator* generator_ = nullptr;
  const Tensor* key_ = nullptr;
  std::source_location where_;
};

/// The first argument of each is a Generator or a key. `dtype`: a floating-point one, else InvalidArgument [dtype]. A key that is not
/// u32[2] is an InvalidArgument [key].
namespace rng {  // not `random`: stdlib.h has a function of that name

/// A key for a number. Example: `Tensor k = rng::key(42);`
BURIN_API Tensor key(std::uint64_t seed);
/// n keys, u32[n,2], whose streams have nothing to do with each other's or with the key's own. Use each key once.
/// Example: `Tensor keys = rng::split(k, 2), first = gather(keys, 0);`
BURIN_API Tensor split(const Arg& key, Dim n = 2);
/// A key for each integer: of a step, a layer, a worker. `data`: an integer [].
BURIN_API Tensor fold_in(const Arg& key, const Arg& data);

/// 32 random bits an element, u32.
BURIN_API Tensor bits(const RandomSource&, const Shape& shape);
/// From 0 to 1, 1 excluded: multiples of 2^-24 (f32), 2^-53 (f64), 2^-11 (f16), 2^-8 (bf16).
BURIN_API Tensor uniform(const RandomSource&, const Shape& shape, Dtype dtype = f32);
/// From low to high: low + (high - low) u, which rounding may bring up to high. Both broadcast to the shape. Differentiable in them.
/// Example: `rng::uniform(g, {3}, -1, 1)`.
BURIN_API Tensor uniform(const RandomSource&, const Shape& shape, const Arg& low, const Arg& high, Dtype dtype = f32);
/// Mean 0, standard deviation 1: Φ⁻¹(u), which reaches ±5.3 in f32, f16 and bf16, ±8.2 in f64. (Giles: Approximating the erfinv
/// function, GPU Computing Gems 2, 2011.)
BURIN_API Tensor normal(const RandomSource&, const Shape& shape, Dtype dtype = f32);
/// mean + stddev z. Both broadcast to the shape. Differentiable in them.
BURIN_API Tensor normal(const RandomSource&, const Shape& shape, const Arg& mean, const Arg& stddev, Dtype dtype = f32);
/// The normal distribution between two bounds, which lie within ±5 and are at least 0.001 apart: else InvalidArgument [bounds].
BURIN_API Tensor truncated_normal(const RandomSource&, const Shape& shape, double lower = -2, double upper = 2,
                                  Dtype dtype = f32);
/// True with probability p, bool. `p`: float [...], within 0 and 1; the result has its shape, or `shape`, to which it broadcasts.
/// Example: `rng::bernoulli(g, 0.3f, {5})`.
BURIN_API Tensor bernoulli(const RandomSource&, const Arg& p);
BURIN_API Tensor bernoulli(const RandomSource&, const Arg& p, const Shape& shape);
/// A class with probability softmax(logits) along the last axis, i64. `logits`: float [..., n]; the result is
/// `samples` + [...]: by default one draw a row. (Gumbel's maximum.)
BURIN_API Tensor categorical(const RandomSource&, const Arg& logits, const Shape& samples = {});
/// 0 to n - 1 in random order, i64[n]: the order that sorts random words, stably, a bit at a time, by prefix sums and scatters:
/// O(64 n), each step over all elements at once.
BURIN_API Tensor permutation(const RandomSource&, Dim n);
/// Each element is 0 with probability `rate`, else x / (1 - rate). `x`: float [...]. Differentiable in x.
/// Throws InvalidArgument [rate] unless 0 ≤ rate < 1.
/// Example: `Tensor h = rng::dropout(g, relu(x), 0.1);`
BURIN_API Tensor dropout(const RandomSource&, const Arg& x, double rate);

}  // namespace rng
}  // namespace burin
