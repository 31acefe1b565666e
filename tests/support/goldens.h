// The op records (tests/conformance/goldens): cases with results computed by NumPy, calls that must fail, and the loops
// that run them through any executor: referee, eager dispatch, recorded graph, compiled code, ahead-of-time code.
//
//   check_goldens([](OpKind kind, std::span<const HostTensor> inputs, const Attributes& attributes) { ... });
//
// Header only; the working directory is the repository's root, as ctest sets it.
#pragma once
#include "runtime/ops/catalogue.h"
#include "tests/support/catch.h"
#include "tests/support/elements.h"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

namespace burin::test {

/// How far a floating-point element may be off: `ulps` places of its dtype, or `atol + rtol * |want|` where either is set.
/// Integers and bool are exact. NaN equals NaN; 0 is not -0.
struct Tolerance {
  double ulps = 0, rtol = 0, atol = 0;
};

struct GoldenCase {
  OpKind kind;
  std::string title;  ///< `exp x f32[7]`, with attributes, without data
  std::vector<HostTensor> inputs;
  Attributes attributes;
  HostTensor expected;
  Tolerance tolerance;
};

/// A call that must fail, and the whole error that it gives.
struct Refusal {
  OpKind kind;
  std::string title;
  std::vector<HostTensor> inputs;  ///< zeros
  Attributes attributes;
  std::string text;  ///< as Error::text(), without what the frontend adds
  std::string label() const {
    std::string line = text.substr(0, text.find('\n'));
    return line.substr(line.rfind('[') + 1, line.size() - line.rfind('[') - 2);
  }
};

// ---- Comparing ---------------------------------------------------------------------------------------------------

/// A bit pattern as an integer in the order of the values, so that neighbours differ by 1.
template <class Bits> std::int64_t ordered(Bits bits) {
  constexpr auto sign = static_cast<Bits>(Bits{1} << (sizeof(Bits) * 8 - 1));
  return bits & sign ? -static_cast<std::int64_t>(bits & static_cast<Bits>(~sign)) : static_cast<std::int64_t>(bits);
}

inline bool close(double got, double want, double ulps, const Tolerance& t) {
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got);
  if (got == 0 && want == 0) return std::signbit(got) == std::signbit(want);
  if (ulps <= t.ulps) return true;
  return std::isfinite(want) && std::isfinite(got) && std::fabs(got - want) <= t.atol + t.rtol * std::fabs(want);
}

inline double ulps_apart(const HostTensor& a, const HostTensor& b, std::int64_t i) {
  auto distance = [](std::int64_t x, std::int64_t y) {
    return std::fabs(static_cast<double>(x) - static_cast<double>(y));
  };
  if (!is_floating(a.type.dtype)) return 0;
  return visit<floating_dtypes>(a.type.dtype, [&]<class T>(std::type_identity<T>) {
    using Bits = std::conditional_t<sizeof(T) == 2, std::uint16_t,
                                    std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;
    return distance(ordered(a.data<Bits>()[i]), ordered(b.data<Bits>()[i]));
  });
}

/// Empty where `got` is as good as `want`; else the first difference, in words.
inline std::string difference(const HostTensor& got, const HostTensor& want, const Tolerance& tolerance = {}) {
  if (!(got.type == want.type)) return "type is " + to_string(got.type) + "; expected " + to_string(want.type);
  auto total = static_cast<std::size_t>(want.num_bytes());
  if (total == 0 || std::memcmp(got.buffer.data(), want.buffer.data(), total) == 0) return {};
  std::int64_t size = bytes(want.type.dtype, 1);
  for (std::int64_t i = 0; i < want.num_elements(); ++i) {
    auto *g = static_cast<const char*>(got.buffer.data()) + i * size,
         *w = static_cast<const char*>(want.buffer.data()) + i * size;
    if (std::memcmp(g, w, static_cast<std::size_t>(size)) == 0) continue;
    double x = element(got, i), y = element(want, i), ulps = ulps_apart(got, want, i);
    if (is_floating(want.type.dtype) && close(x, y, ulps, tolerance)) continue;
    std::ostringstream text;
    text.precision(17);
    text << "element " << i << " is " << x << "; expected " << y << " (" << ulps << " ulp apart)";
    return text.str();
  }
  return {};
}

// ---- Loading -----------------------------------------------------------------------------------------------------

namespace detail {

[[noreturn]] inline void malformed(const std::string& what, const std::string& where) {
  FAIL("golden file: " << what << " in: " << where.substr(0, 200));
  std::abort();  // tests of code generation have no exceptions
}

inline HostTensor parse_value(const std::string& text) {
  auto colon = text.find(':');
  auto type = parse_tensor_type(std::string_view(text).substr(0, colon));
  if (!type) malformed("no type", text);
  HostTensor value{*type, {}};
  value.buffer = Buffer::allocate(value.num_bytes());
  if (colon == std::string::npos) {
    std::memset(value.buffer.mutable_data(), 0, static_cast<std::size_t>(value.num_bytes()));
    return value;
  }
  std::string_view hex = std::string_view(text).substr(colon + 1);
  if (hex.size() != static_cast<std::size_t>(2 * value.num_bytes())) malformed("wrong length", text);
  auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  auto* to = static_cast<std::uint8_t*>(value.buffer.mutable_data());
  for (std::size_t i = 0; i < hex.size(); i += 2)
    to[i / 2] = static_cast<std::uint8_t>(digit(hex[i]) << 4 | digit(hex[i + 1]));
  return value;
}

inline std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

inline std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream in(text);
  for (std::string word; in >> word;) result.push_back(word);
  return result;
}

inline Attribute parse_attribute(AttributeKind kind, const std::string& text) {
  auto numbers = [&] {
    std::vector<std::int64_t> list;
    for (const std::string& n : split(text.substr(1, text.size() - 2), ',')) list.push_back(std::stoll(n));
    return list;
  };
  switch (kind) {
    case AttributeKind::i64: return static_cast<std::int64_t>(std::stoll(text));
    case AttributeKind::f64: return std::stod(text);
    case AttributeKind::boolean: return text == "true";
    case AttributeKind::dtype: return parse_dtype(text).value();
    case AttributeKind::string: return text;
    case AttributeKind::i64_list: return numbers();
    case AttributeKind::dim_list: {
      std::vector<Dim> dims;
      for (std::int64_t n : numbers()) dims.emplace_back(n);
      return dims;
    }
    case AttributeKind::constant: return make_constant(parse_value(text));
  }
  malformed("unknown attribute kind", text);
}

}  // namespace detail

namespace detail {

/// `x f32[3]:...; axes [1]; keepdims false`, operands in catalogue order.
template <class Case> void parse_fields(const OpInfo& info, const std::string& text, Case& c) {
  c.kind = info.kind;
  c.title = info.mnemonic;
  c.attributes.resize(info.attributes.size());
  for (const std::string& field : split(text, ';')) {
    auto part = words(field);
    bool known = false;
    for (std::size_t i = 0; i < info.attributes.size(); ++i)
      if (info.attributes[i].name == part.at(0)) {
        c.attributes[i] = parse_attribute(info.attributes[i].kind, part.at(1));
        c.title += " " + part[0] + " " + part[1];
        known = true;
      }
    if (known) continue;
    c.title += " " + part[0];
    for (std::size_t i = 1; i < part.size(); ++i) {
      c.inputs.push_back(parse_value(part[i]));
      c.title += " " + to_string(c.inputs.back().type);
    }
  }
}

}  // namespace detail

/// One file: what an op computes, and what it refuses.
struct Goldens {
  std::vector<GoldenCase> cases;
  std::vector<Refusal> refusals;
};

inline void load_goldens(const std::filesystem::path& path, Goldens& goldens) {
  std::ifstream in(path);
  std::vector<std::pair<Dtype, Tolerance>> tolerances;
  const OpInfo* info = nullptr;
  for (std::string line; std::getline(in, line);) {
    std::string word = line.substr(0, line.find(' ')), rest = line.substr(std::min(line.size(), word.size() + 1));
    if (word == "op") info = find_op(rest);
    if (word == "tolerance") {
      auto parts = detail::words(rest);
      Tolerance t;
      for (int d = 0; d < num_dtypes; ++d) {
        auto dtype = static_cast<Dtype>(d);
        if (parts.at(0) != name(dtype) && !(parts[0] == "narrow" && is_narrow_float(dtype))) continue;
        for (std::size_t i = 1; i + 1 < parts.size(); i += 2) {
          std::size_t end = 0;
          double value = std::stod(parts[i + 1], &end);
          if (parts[i + 1].substr(end) == "eps") value *= epsilon_of(dtype);
          (parts[i] == "ulp" ? t.ulps : parts[i] == "rtol" ? t.rtol : t.atol) = value;
        }
        tolerances.emplace_back(dtype, t);
      }
    }
    if (word != "=" && word != "refuse") continue;
    if (!info) detail::malformed("no such op", path.string());
    auto arrow = rest.find(" -> ");
    if (arrow == std::string::npos) detail::malformed("no ->", rest);
    std::string result = rest.substr(arrow + 4);
    if (word == "refuse") {
      Refusal r;
      detail::parse_fields(*info, rest.substr(0, arrow), r);
      for (auto [word, set] : {std::pair("{float}", floating_dtypes), std::pair("{int}", integer_dtypes),
                               std::pair("{numeric}", numeric_dtypes)})
        if (auto at = result.find(word); at != std::string::npos)
          result.replace(at, std::string_view(word).size(), to_string(set));
      if (auto hint = result.find(" | hint: "); hint != std::string::npos) result.replace(hint, 3, "\n  ");
      r.text = result;
      goldens.refusals.push_back(std::move(r));
      continue;
    }
    GoldenCase c;
    detail::parse_fields(*info, rest.substr(0, arrow), c);
    c.expected = detail::parse_value(result);
    for (auto& [dtype, t] : tolerances)
      if (dtype == c.expected.type.dtype) c.tolerance = t;
    goldens.cases.push_back(std::move(c));
  }
}

/// Every file, in the catalogue's order; an op without a file has no cases.
inline const Goldens& goldens() {
  static const auto* all = [] {
    auto* g = new Goldens;
    for (const OpInfo& info : catalogue())
      load_goldens("tests/conformance/goldens/" + std::string(info.mnemonic) + ".txt", *g);
    return g;
  }();
  return *all;
}
inline const std::vector<GoldenCase>& all_goldens() { return goldens().cases; }
inline const std::vector<Refusal>& all_refusals() { return goldens().refusals; }

// ---- Running -----------------------------------------------------------------------------------------------------

using Executor = std::function<Result<std::vector<HostTensor>>(OpKind, std::span<const HostTensor>, const Attributes&)>;

struct GoldenOptions {
  std::function<bool(const GoldenCase&)> only;  ///< where set: the cases to run
  double slack = 1;                             ///< tolerances times this; for code that accumulates in f32
};

/// Runs the cases and reports each difference; a case that gives an error fails. Returns how many ran.
inline int check_goldens(const Executor& execute, const GoldenOptions& options = {}) {
  int ran = 0;
  for (const GoldenCase& c : all_goldens()) {
    if (options.only && !options.only(c)) continue;
    ++ran;
    auto results = execute(c.kind, c.inputs, c.attributes);
    if (!results) {
      FAIL_CHECK(c.title << ": " << results.error().text());
      continue;
    }
    Tolerance t{c.tolerance.ulps * options.slack, c.tolerance.rtol * options.slack, c.tolerance.atol * options.slack};
    std::string what = results->size() == 1 ? difference((*results)[0], c.expected, t) : "not one result";
    if (!what.empty()) FAIL_CHECK(c.title << ": " << what);
  }
  REQUIRE(ran > 0);
  return ran;
}

/// Runs the calls that must fail and compares the error's text; what the frontend adds (`while tracing ...`) is left out.
inline void check_refusals(const Executor& execute) {
  REQUIRE(!all_refusals().empty());
  for (const Refusal& r : all_refusals()) {
    auto results = execute(r.kind, r.inputs, r.attributes);
    INFO(r.title);
    if (results) {
      FAIL_CHECK("no error; expected " << r.text);
      continue;
    }
    Error error = results.error();
    error.where.clear();
    CHECK(error.text() == r.text);
    CHECK(error.code == ErrorCode::invalid_argument);
  }
}

}  // namespace burin::test
