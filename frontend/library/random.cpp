// Distributions over random_bits. The counter's fourth word keeps streams apart: 0 draws, 1 splits, 2 folds, 3 keys.
#include <burin/random.h>

#include <burin/composites.h>
#include <burin/loops.h>
#include <burin/ops.h>

#include "frontend/record/eager.h"
#include "frontend/record/recorder.h"
#include "frontend/value/variable.h"

#include <array>
#include <cmath>
#include <numbers>

namespace burin {

namespace {

constexpr std::uint32_t splits = 1, folds = 2, keys = 3;

std::vector<std::uint32_t> two_words(std::uint64_t x) {
  return {static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(x >> 32)};
}
// i64[] in two words of u32, then `tag` in the fourth: a counter.
Tensor counter_of(const Tensor& at, std::uint32_t tag) {
  const Tensor low = cast(at, u32), rest = at - cast(low, i64);  // a multiple of 2^32, also below 0
  const Tensor high = cast(rest / (std::int64_t{1} << 32), u32);
  return concatenate({reshape(low, {1}), reshape(high, {1}), Tensor(std::vector<std::uint32_t>{0, tag})}, 0);
}
Dim blocks_of(const Shape& shape) { return floordiv(shape.num_elements() + 3, 4); }

void check_key(const char* who, const Arg& key, const std::source_location& where) {
  const TensorType wanted{u32, {2}}, type{key.dtype(), key.shape()};
  if (type == wanted) return;
  detail::fail({ErrorCode::invalid_argument, std::string(who) + ": the key is " + to_string(type) + "; expected u32[2]",
                "key", "", "rng::key(seed) makes one"},
               where);
}

// The words of one call, drawn in parts.
class Words {
 public:
  explicit Words(const RandomSource& s) : source_(s), scope_(s.where()) {}
  Tensor next(const Shape& shape) {
    Tensor words = source_.bits(shape, used_);
    used_ = used_ + blocks_of(shape);
    return words;
  }

 private:
  const RandomSource& source_;
  SourceScope scope_;
  Dim used_ = 0;
};

void check_dtype(const char* who, Dtype d, const std::source_location& where) {
  if (is_floating(d)) return;
  detail::fail({ErrorCode::invalid_argument,
                std::string(who) + ": numbers of " + std::string(name(d)) + " were asked for; expected " +
                    to_string(floating_dtypes),
                "dtype", "", "cast the result, or take rng::bits"},
               where);
}

// From 0 to 1, 1 excluded.
Tensor unit(Words& words, const Shape& shape, Dtype dtype) {
  if (is_narrow_float(dtype)) {
    const int digits = dtype_info(dtype).digits;
    return cast(cast(words.next(shape) / (1u << (32 - digits)), f32) * std::ldexp(1.0f, -digits), dtype);
  }
  if (dtype == f32) return cast(words.next(shape) / 0x100u, f32) * 0x1p-24f;
  const Tensor high = cast(words.next(shape) / 0x20u, f64), low = cast(words.next(shape) / 0x40u, f64);
  return (high * 0x1p26 + low) * 0x1p-53;
}

// Between 0 and 1, neither included, as far from one as from the other. bf16 is computed in f32.
Tensor open_unit(Words& words, const Shape& shape, Dtype dtype) {
  if (dtype != f64) return (cast(words.next(shape) / 0x200u, f32) + 0.5f) * 0x1p-23f;
  const Tensor high = cast(words.next(shape) / 0x40u, f64), low = cast(words.next(shape) / 0x40u, f64);
  return (high * 0x1p26 + low + 0.5) * 0x1p-52;
}

// Horner's scheme, the leading coefficient first.
Tensor polynomial(const Tensor& w, std::initializer_list<double> coefficients) {
  auto c = coefficients.begin();
  Tensor p = w * *c + *(c + 1);
  for (c += 2; c != coefficients.end(); ++c) p = p * w + *c;
  return p;
}

// erf⁻¹(x) / x from w = -ln(1 - x²): Giles's single- and double-precision approximations.
Tensor erfinv_factor(const Tensor& w) {
  if (w.dtype() == f32) {
    const Tensor centre = polynomial(w - 2.5, {2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06,
                                               0.00021858087, -0.00125372503, -0.00417768164, 0.246640727, 1.50140941});
    const Tensor tail = polynomial(sqrt(w) - 3, {-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844,
                                                 0.00573950773, -0.0076224613, 0.00943887047, 1.00167406, 2.83297682});
    return where(w < 5, centre, tail);
  }
  const Tensor centre = polynomial(
      w - 3.125,
      {-3.6444120640178196996e-21, -1.685059138182016589e-19,  1.2858480715256400167e-18,  1.115787767802518096e-17,
       -1.333171662854620906e-16,  2.0972767875968561637e-17,  6.6376381343583238325e-15,  -4.0545662729752068639e-14,
       -8.1519341976054721522e-14, 2.6335093153082322977e-12,  -1.2975133253453532498e-11, -5.4154120542946279317e-11,
       1.051212273321532285e-09,   -4.1126339803469836976e-09, -2.9070369957882005086e-08, 4.2347877827932403518e-07,
       -1.3654692000834678645e-06, -1.3882523362786468719e-05, 0.0001867342080340571352,   -0.00074070253416626697512,
       -0.0060336708714301490533,  0.24015818242558961693,     1.6536545626831027356});
  const Tensor root = sqrt(w);
  const Tensor tail = polynomial(
      root - 3.25,
      {2.2137376921775787049e-09, 9.0756561938885390979e-08, -2.7517406297064545428e-07, 1.8239629214389227755e-08,
       1.5027403968909827627e-06, -4.013867526981545969e-06, 2.9234449089955446044e-06, 1.2475304481671778723e-05,
       -4.7318229009055733981e-05, 6.8284851459573175448e-05, 2.4031110387097893999e-05, -0.0003550375203628474796,
       0.00095328937973738049703, -0.0016882755560235047313, 0.0024914420961078508066, -0.0037512085075692412107,
       0.005370914553590063617, 1.0052589676941592334, 3.0838856104922207635});
  const Tensor far =
      polynomial(root - 5, {-2.7109920616438573243e-11, -2.5556418169965252055e-10, 1.5076572693500548083e-09,
                            -3.7894654401267369937e-09, 7.6157012080783393804e-09, -1.4960026627149240478e-08,
                            2.9147953450901080826e-08, -6.7711997758452339498e-08, 2.2900482228026654717e-07,
                            -9.9298272942317002539e-07, 4.5260625972231537039e-06, -1.9681778105531670567e-05,
                            7.5995277030017761139e-05, -0.00021503011930044477347, -0.00013871931833623122026,
                            1.0103004648645343977, 4.8499064014085844221});
  return where(w < 6.25, centre, where(w < 16, tail, far));
}

// √2 erf⁻¹(x), for -1 < x < 1: the standard normal quantile of (1 + x) / 2.
Tensor quantile(const Tensor& x) { return erfinv_factor(-log((1 - x) * (1 + x))) * x * std::numbers::sqrt2; }

Tensor standard_normal(Words& words, const Shape& shape, Dtype dtype) {
  return quantile(open_unit(words, shape, dtype) * 2 - 1);
}

// One round: `order` as the words sort it. From the least bit up, zeros go before ones, each in the order that they had.
Tensor sorted_by(const Tensor& words, const Tensor& start) {
  Tensor keys = words, order = start;
  const detail::DeviceOf device(order);
  const Tensor places = iota(order.shape(), 0, i64);
  for_loop(32, [&](const Tensor&) {
    const Tensor rest = keys / 2u;
    const Tensor zero = equal(keys, rest * 2u);
    const Tensor before = cumsum(cast(zero, i64), 0);  // zeros up to here, this one included
    const Tensor to = burin::where(zero, before - 1, sum(cast(zero, i64)) + places - before);
    order = scatter(order, to, order, 0);
    keys = scatter(keys, to, rest, 0);
  });
  return order;
}

}  // namespace

Tensor RandomSource::bits(const Shape& shape, Dim used, std::uint32_t tag) const {
  SourceScope scope(where_);
  const Dim blocks = blocks_of(shape);
  if (key_) {
    check_key("random", Arg(*key_, where_), where_);
    const Tensor counter =
        used.is_known() ? Tensor(std::vector<std::uint32_t>{static_cast<std::uint32_t>(used.value()),
                                                            static_cast<std::uint32_t>(used.value() >> 32), 0, tag})
                        : counter_of(size_of(used), tag);
    return random_bits(*key_, counter, shape);
  }
  auto* trace = detail::context().trace;
  if (trace && trace->lanes) {
    auto later = [g = *generator_, tag, where = where_](const Shape& s) {
      return RandomSource(g, where).bits(s, 0, tag);
    };
    return trace->lanes->draw(shape, later, where_);
  }
  Variable counter = generator_->counter_;
  const Tensor at = blocks.is_known() ? counter.fetch_add(blocks.value()) : counter.fetch_add(size_of(blocks));
  return random_bits(generator_->key_, counter_of(at, tag), shape);
}

Generator::Generator(std::uint64_t seed, const std::string& name, std::source_location where)
    : Generator(rng::key(seed), name, where) {}
Generator::Generator(const Tensor& key, const std::string& name, std::source_location where)
    : key_((check_key("Generator", Arg(key, where), where), key), name + ".key", where),
      counter_(std::int64_t{0}, name + ".counter", where) {}
void Generator::seed(std::uint64_t seed) {
  key_ = rng::key(seed);
  counter_ = std::int64_t{0};
}
Tensor Generator::key(std::source_location where) { return RandomSource(*this, where).bits({2}, 0, keys); }
Generator Generator::split(std::source_location where) {
  std::string name = key_.name();
  return Generator(key(where), name.substr(0, name.rfind('.')) + ".split", where);
}

namespace rng {

Tensor key(std::uint64_t seed) { return Tensor(two_words(seed)); }
Tensor split(const Arg& key, Dim n) {
  SourceScope scope(key.where());
  check_key("rng::split", key, key.where());
  return random_bits(key, Tensor(std::vector<std::uint32_t>{0, 0, 0, splits}), Shape{n, 2});
}
Tensor fold_in(const Arg& key, const Arg& data) {
  SourceScope scope(key.where());
  check_key("rng::fold_in", key, key.where());
  if (is_floating(data.dtype()) || data.rank() != 0)
    detail::fail(
        {ErrorCode::invalid_argument,
         "rng::fold_in: the data is " + to_string(TensorType{data.dtype(), data.shape()}) + "; expected an integer []",
         "data", "", ""},
        key.where());
  return random_bits(key, counter_of(cast(data, i64), folds), Shape{2});
}

Tensor bits(const RandomSource& s, const Shape& shape) { return Words(s).next(shape); }
Tensor uniform(const RandomSource& s, const Shape& shape, Dtype dtype) {
  check_dtype("rng::uniform", dtype, s.where());
  Words words(s);
  return unit(words, shape, dtype);
}
Tensor uniform(const RandomSource& s, const Shape& shape, const Arg& low, const Arg& high, Dtype dtype) {
  check_dtype("rng::uniform", dtype, s.where());
  Words words(s);
  const Tensor from = cast(low, dtype), to = cast(high, dtype);
  return from + (to - from) * unit(words, shape, dtype);
}
Tensor normal(const RandomSource& s, const Shape& shape, Dtype dtype) {
  check_dtype("rng::normal", dtype, s.where());
  Words words(s);
  return cast(standard_normal(words, shape, dtype), dtype);
}
Tensor normal(const RandomSource& s, const Shape& shape, const Arg& mean, const Arg& stddev, Dtype dtype) {
  check_dtype("rng::normal", dtype, s.where());
  Words words(s);
  return cast(mean, dtype) + cast(stddev, dtype) * cast(standard_normal(words, shape, dtype), dtype);
}
Tensor truncated_normal(const RandomSource& s, const Shape& shape, double lower, double upper, Dtype dtype) {
  check_dtype("rng::truncated_normal", dtype, s.where());
  if (!(lower >= -5 && upper <= 5 && upper - lower >= 0.001))
    detail::fail({ErrorCode::invalid_argument,
                  "rng::truncated_normal: the bounds are " + std::to_string(lower) + " and " + std::to_string(upper) +
                      "; expected -5 or more, 5 or less, and 0.001 or more between them",
                  "bounds", "", ""},
                 s.where());
  Words words(s);
  const double from = std::erf(lower / std::numbers::sqrt2), to = std::erf(upper / std::numbers::sqrt2);
  const Tensor z = quantile(open_unit(words, shape, dtype) * (to - from) + from);
  return cast(max(min(z, upper), lower), dtype);  // rounding may pass a bound by a little
}
Tensor bernoulli(const RandomSource& s, const Arg& p) { return bernoulli(s, p, p.shape()); }
Tensor bernoulli(const RandomSource& s, const Arg& p, const Shape& shape) {
  check_dtype("rng::bernoulli", p.dtype(), s.where());
  Words words(s);
  const Dtype dtype = p.dtype() == f64 && p.tensor() ? f64 : f32;
  return less(unit(words, shape, dtype), cast(p, dtype));
}
Tensor categorical(const RandomSource& s, const Arg& logits, const Shape& samples) {
  check_dtype("rng::categorical", logits.dtype(), s.where());
  if (logits.rank() == 0)
    detail::fail({ErrorCode::invalid_argument,
                  "rng::categorical: the logits are " + to_string(TensorType{logits.dtype(), {}}) +
                      "; expected an axis of classes",
                  "rank", "", ""},
                 s.where());
  Words words(s);
  const Dtype dtype = logits.dtype() == f64 ? f64 : f32;
  Shape shape = samples;
  for (Dim d : logits.shape()) shape.push_back(d);
  const Tensor gumbel = -log(-log(open_unit(words, shape, dtype)));
  return argmin(-(cast(logits, dtype) + gumbel), -1);
}
Tensor permutation(const RandomSource& s, Dim n) {
  Words words(s);
  // Two elements keep their order where their words are equal, n² / 2^33 pairs of one sort, n² / 2^65 of two.
  const Tensor once = sorted_by(words.next({n}), iota({n}, 0, i64));
  return sorted_by(words.next({n}), once);
}
Tensor dropout(const RandomSource& s, const Arg& x, double rate) {
  check_dtype("rng::dropout", x.dtype(), s.where());
  if (!(rate >= 0 && rate < 1))
    detail::fail({ErrorCode::invalid_argument,
                  "rng::dropout: the rate is " + std::to_string(rate) + "; expected 0 or more, less than 1", "rate", "",
                  "it is the share of elements that become 0"},
                 s.where());
  Words words(s);
  const Tensor kept = greater_equal(unit(words, x.shape(), f32), static_cast<float>(rate));
  return burin::where(kept, x / (1 - rate), 0);
}

}  // namespace rng
}  // namespace burin
