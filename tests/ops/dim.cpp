// Sizes: normal forms, text and back, substitution, guards; total on overflow and on hostile text.
#include <burin/dim.h>

#include "tests/support/catch.h"

#include <chrono>
#include <malloc.h>
#include <random>
#include <thread>

using namespace burin;

namespace {

std::string round_trip(Dim d) {
  auto parsed = parse_dim(to_string(d));
  REQUIRE(parsed.has_value());
  CHECK(*parsed == d);
  return to_string(d);
}

}  // namespace

TEST_CASE("Equal expressions are the same word, however they were built") {
  const Dim n("n"), m("m"), k("k");
  CHECK((n + 1) * 2 == n * 2 + 2);
  CHECK(n * m == m * n);
  CHECK((n + m) * (n - m) == n * n - m * m);
  CHECK(n - n == Dim(0));
  CHECK((n - n).is_known());
  CHECK(n + m + k == k + (m + n));
  CHECK(n != m);
  CHECK(Dim("n") == n);
  CHECK(Dim(-1) + 1 == Dim(0));
  CHECK(constant_value(Dim(3) - 5) == -2);
}

TEST_CASE("floordiv and ceildiv have one normal form") {
  const Dim n("n"), m("m");
  CHECK(floordiv(7, 2) == Dim(3));
  CHECK(ceildiv(7, 2) == Dim(4));
  CHECK(floordiv(n * 6, 3) == n * 2);
  CHECK(floordiv(n * 6 + 5, 3) == n * 2 + 1);
  CHECK(floordiv(n * 4, 8) == floordiv(n, 2));
  CHECK(floordiv(floordiv(n, 2), 3) == floordiv(n, 6));
  CHECK(ceildiv(n, 8) == floordiv(n + 7, 8));
  CHECK(ceildiv(n * 8 + 1, 8) == n + 1);
  CHECK(floordiv(n * m * 6, n) == m * 6);
  CHECK(floordiv((n + m) * (n + 3), n + m) == n + 3);
  CHECK(floordiv(n * m + 5, n) == m + floordiv(5, n));
  CHECK(floordiv(n, 0) == Dim(0));
  CHECK(floordiv(Dim(-7), 2) == Dim(-4));
}

TEST_CASE("max drops what is never the greatest") {
  const Dim n("n"), m("m");
  CHECK(max(3, 4) == Dim(4));
  CHECK(max(n, 0) == n);
  CHECK(max(n + 1, n + 3) == n + 3);
  CHECK(max(n, m) == max(m, n));
  CHECK(max(max(n, m), n) == max(n, m));
  CHECK(max(n, 4) != n);
}

TEST_CASE("Sizes print canonically and parse back") {
  const Dim n("n"), batch("batch");
  CHECK(round_trip(128) == "128");
  CHECK(round_trip(batch) == "batch");
  CHECK(round_trip(1 + n * 2) == "2*n + 1");
  CHECK(round_trip(n * batch - n * n * 3 - 4) == "batch*n - 3*n*n - 4");
  CHECK(round_trip(ceildiv(n, 8)) == "ceildiv(n, 8)");
  CHECK(round_trip(floordiv(n + 1, 8) * 2) == "2*floordiv(n + 1, 8)");
  CHECK(round_trip(max(n, batch + 1)) == "max(batch + 1, n)");
  CHECK(round_trip(Dim(-3)) == "-3");
  CHECK(round_trip(0 - n) == "-n");
  CHECK(to_string(TensorType{f32, {batch, 128}}) == "f32[batch,128]");
  CHECK(to_string(TensorType{i64, {}}) == "i64[]");
}

TEST_CASE("Tensor types parse back, and what is none is refused") {
  for (const char* text : {"f32[batch,128]", "i64[]", "bool[0]", "bf16[2*n + 1,ceildiv(m, 8),max(a, b)]"}) {
    auto type = parse_tensor_type(text);
    REQUIRE(type.has_value());
    CHECK(to_string(*type) == text);
  }
  for (const char* text :
       {"", "f32", "f32[", "f32[1", "f32[1,]", "f32[-1]", "f33[1]", "f32[1]x", "f32[1,1,1,1,1,1,1,1,1]"})
    CHECK_FALSE(parse_tensor_type(text).has_value());
}

TEST_CASE("Text that is not an expression is refused") {
  for (const char* text : {"", "n +", "* n", "(n", "n)", "n m", "max(n)", "min(n, m)", "floordiv(n)",
                           "9223372036854775808", "n $ 2", "floordiv(n, 2, 3)", "9223372036854775807*2", "?"})
    CHECK_FALSE(parse_dim(text).has_value());
  CHECK_FALSE(parse_dim(std::string(1000, '(') + "n" + std::string(1000, ')')).has_value());
  CHECK_FALSE(parse_dim(std::string(100000, 'n')).has_value());
  std::string product = "1";  // 2^60 terms if it were multiplied out
  for (int i = 0; i < 60; ++i) product += "*(a" + std::to_string(i) + "+b" + std::to_string(i) + ")";
  CHECK_FALSE(parse_dim(product).has_value());
}

TEST_CASE("Arithmetic that leaves 64 bits is overflow, and overflow absorbs") {
  const Dim big(INT64_MAX), n("n");
  CHECK((big + 1).is_overflow());
  CHECK((big * 2).is_overflow());
  CHECK((n * big * 2).is_overflow());
  CHECK(((big + 1) - big).is_overflow());
  CHECK(Dim(UINT64_MAX).is_overflow());
  CHECK(max(Dim::overflow(), n).is_overflow());
  CHECK_FALSE(Dim::overflow().is_known());
  CHECK(to_string(Dim::overflow()) == "overflow!");
  CHECK_FALSE(provably_nonnegative(Dim::overflow()));
  CHECK(Shape({big, big, 0}).num_elements() == Dim(0));
}

TEST_CASE("Substitution replaces all names at once") {
  const Dim n("n"), m("m");
  const DimBinding swap[] = {{"n", m}, {"m", n}};
  CHECK(substitute(n * 2 + m, swap) == m * 2 + n);
  const DimBinding numbers[] = {{"n", 10}, {"m", 3}};
  CHECK(substitute(ceildiv(n, m) + max(n, m * 4), numbers) == Dim(16));
  CHECK(substitute(floordiv(n, 4), std::vector<DimBinding>{{"n", m * 8}}) == m * 2);
  std::vector<std::string> names;
  collect_names(floordiv(m, 3) + n * m, names);
  CHECK(names == std::vector<std::string>{"m", "n"});
}

TEST_CASE("Guards are decided where certain") {
  using Kind = Guard::Kind;
  const Dim n("n"), m("m");
  CHECK(decide({Kind::equal, n * 2, n + n}) == true);
  CHECK(decide({Kind::equal, n + 1, 0}) == false);
  CHECK_FALSE(decide({Kind::equal, n, m}).has_value());
  CHECK(decide({Kind::equal, n, m}, std::vector<DimBinding>{{"n", 4}, {"m", 5}}) == false);
  CHECK(decide({Kind::divisible, n * 32, 16}) == true);
  CHECK(decide({Kind::divisible, n * 32 + 3, 16}) == false);
  CHECK(decide({Kind::divisible, n * m, m}) == true);
  CHECK_FALSE(decide({Kind::divisible, n, 16}).has_value());
  CHECK(decide({Kind::at_least, n + 1, 1}) == true);
  CHECK(decide({Kind::at_least, 3, n + 4}) == false);
  for (const Guard& g : {Guard{Kind::equal, n + 1, m}, {Kind::divisible, n + m, 16}, {Kind::at_least, n, 4}}) {
    auto parsed = parse_guard(to_string(g));
    REQUIRE(parsed.has_value());
    CHECK(*parsed == g);
  }
  CHECK(to_string(Guard{Kind::divisible, n, 16}) == "n % 16 == 0");
  CHECK_FALSE(parse_guard("n % 16").has_value());
}

TEST_CASE("Random expressions keep their value through normal form, text and substitution") {
  std::mt19937 random(7);
  auto pick = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
  for (int round = 0; round < 2000; ++round) {
    const std::int64_t values[] = {pick(20) + 1, pick(20) + 1, pick(20) + 1};
    const DimBinding bindings[] = {{"a", values[0]}, {"b", values[1]}, {"c", values[2]}};
    std::vector<std::pair<Dim, std::int64_t>> made;
    for (int i = 0; i < 3; ++i) made.emplace_back(Dim(bindings[i].name), values[i]);
    for (int step = 0; step < 6; ++step) {
      auto [x, xv] = made[static_cast<std::size_t>(pick(static_cast<int>(made.size())))];
      auto [y, yv] = made[static_cast<std::size_t>(pick(static_cast<int>(made.size())))];
      const std::int64_t k = pick(7) + 1;
      auto floored = [](std::int64_t p, std::int64_t q) { return p / q - (p % q < 0 ? 1 : 0); };
      switch (pick(6)) {
        case 0: made.emplace_back(x + y, xv + yv); break;
        case 1: made.emplace_back(x - y * k, xv - yv * k); break;
        case 2:
          if (std::abs(xv * yv) < 100000) made.emplace_back(x * y, xv * yv);
          break;
        case 3: made.emplace_back(floordiv(x + k, k), floored(xv + k, k)); break;
        case 4:
          if (yv > 0) made.emplace_back(ceildiv(x, y), -floored(-xv, yv));
          break;
        case 5: made.emplace_back(max(x, y + k), std::max(xv, yv + k)); break;
      }
    }
    for (auto [d, value] : made) {
      if (d.is_overflow()) continue;
      INFO(to_string(d));
      CHECK(constant_value(substitute(d, bindings)) == value);
      CHECK(parse_dim(to_string(d)) == d);
      if (provably_nonnegative(d)) CHECK(value >= 0);
    }
  }
}

TEST_CASE("A max of many sizes is fast or refused, however it is built") {
  std::string all = "max(", few = "max(";
  for (int i = 0; i < 250; ++i) all += (i > 0 ? ", d" : "d") + std::to_string(i);
  for (int i = 0; i < 64; ++i) few += (i > 0 ? ", d" : "d") + std::to_string(i);
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(parse_dim(all + ")").has_value());
  auto parsed = parse_dim(few + ")");
  REQUIRE(parsed.has_value());
  Dim built = Dim("d0");
  for (int i = 1; i < 64; ++i) built = max(built, Dim("d" + std::to_string(i)));
  CHECK(built == *parsed);
  CHECK(max(built, Dim("d64")).is_overflow());
  CHECK(max(built, Dim("d63")) == built);
  CHECK(max(Dim("d0") + Dim("d1"), built) == max(built, Dim("d0") + Dim("d1")));
  CHECK(parse_dim("max(n, m + 1, n + 2)") == max(max(Dim("n"), Dim("m") + 1), Dim("n") + 2));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
}

TEST_CASE("Reading a size keeps what it is, not the way there") {
#ifndef BURIN_SANITIZED
  std::size_t read = 0;
  std::vector<std::string> texts;
  for (int t = 0; t < 200; ++t) {
    std::string text;
    for (int i = 0; i < 250; ++i) text += (i > 0 ? " + " : "") + ("kept" + std::to_string((t + i * i) % 500));
    texts.push_back(text);
    read += text.size();
  }
  const std::size_t before = ::mallinfo2().uordblks;
  for (const std::string& text : texts) CHECK(parse_dim(text).has_value());
  const std::size_t kept = ::mallinfo2().uordblks - before;
  INFO(kept << " bytes kept for " << read << " read");
  CHECK(kept < 24 * read);
#endif
}

TEST_CASE("A name of more than 255 characters is none") {
  const std::string longest(255, 'n');
  CHECK(parse_dim(longest) == Dim(longest));
  CHECK_FALSE(parse_dim(longest + "n").has_value());
  const std::string shown = to_string(Dim(std::string(5000, 'n')));
  CHECK(shown == std::string(32, 'n') + "... (5000 characters)");
  CHECK_FALSE(parse_dim(shown).has_value());
}

TEST_CASE("Threads that build the same expressions get the same words") {
  std::vector<std::vector<Dim>> made(4);
  std::vector<std::thread> threads;
  for (auto& mine : made)
    threads.emplace_back([&mine] {
      for (int i = 0; i < 300; ++i) mine.push_back(floordiv(Dim("t" + std::to_string(i)) * 3 + i, 7) + Dim("u"));
    });
  for (auto& t : threads) t.join();
  for (const auto& mine : made) CHECK(mine == made[0]);
}
