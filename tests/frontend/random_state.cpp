// Random programs over state: parameters by reference and by value, Variables, a Generator, values of all dtypes and of no
// elements, assigned in loops, branches, nested functions and under tapes. All numbers are small integers, so that every way
// to run them gives the same: eagerly, recorded, compiled; with arguments moved in or held elsewhere.
#include "tests/support/catch.h"
#include "tests/support/seeds.h"

#include <burin/burin.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <random>
#include <sstream>

using namespace burin;

namespace {

// ---- Programs ------------------------------------------------------------------------------------------------------------

enum class Kind { assign, add, draw, slice, branch, repeat, until, host, leave, nested, tape, count };
const char* const names[] = {"assign",     "add",       "draw",  "slice", "cond", "for_loop",
                             "while_loop", "host loop", "leave", "call",  "tape"};
struct Statement {
  Kind kind{};
  unsigned to = 0, a = 0, b = 0, op = 0, k = 0;
  std::vector<Statement> body, other;
};
using Statements = std::vector<Statement>;

const TensorType types[] = {{f64, {3}},    {f32, {2, 3}},  {f64, {3}}, {i32, {3}}, {f32, {3}},
                            {bf16, {3}},   {i64, {}},      {u8, {3}},  {f64, {}},  {f32, {0}},
                            {f64, {2, 3}}, {boolean, {3}}, {u32, {}}};
constexpr unsigned num_slots = std::size(types), num_variables = 3, all = num_slots + num_variables;
const unsigned variable_types[num_variables] = {0, 6, 5};
const TensorType& type_of_slot(unsigned i) { return types[i < num_slots ? i : variable_types[i - num_slots]]; }

Statements random_statements(std::mt19937_64& r, int count, int depth, bool in_loop, bool in_tape) {
  Statements made;
  while (static_cast<int>(made.size()) < count) {
    auto some = [&] { return static_cast<unsigned>(r() % 1024); };
    Statement s{
        static_cast<Kind>(r() % static_cast<unsigned>(Kind::count)), some(), some(), some(), some(), some(), {}, {}};
    if (made.empty() && s.kind == Kind::leave) continue;
    if (depth == 0 && s.kind > Kind::slice && s.kind != Kind::leave) continue;
    if (s.kind == Kind::leave && !in_loop) continue;
    if (s.kind == Kind::tape && in_tape) continue;
    const bool loop = s.kind == Kind::repeat || s.kind == Kind::until;
    const bool opaque = s.kind == Kind::nested || s.kind == Kind::tape || s.kind == Kind::host;
    auto inside = [&] {
      return random_statements(r, 1 + static_cast<int>(r() % 3), depth - 1, loop || (in_loop && !opaque),
                               in_tape || s.kind == Kind::tape);
    };
    if (s.kind >= Kind::branch && s.kind != Kind::leave) s.body = inside();
    if (s.kind == Kind::branch && r() % 2) s.other = inside();
    made.push_back(std::move(s));
  }
  return made;
}

void print(std::ostream& out, const Statements& list, const std::string& pad) {
  for (const Statement& s : list) {
    out << pad << names[static_cast<int>(s.kind)] << " to = " << s.to << " " << to_string(type_of_slot(s.to % all))
        << ", a = " << s.a << ", b = " << s.b << ", op = " << s.op << ", k = " << s.k << '\n';
    print(out, s.body, pad + "  | ");
    print(out, s.other, pad + "  : ");
  }
}

/// What outlives calls, besides arguments.
struct World {
  std::vector<Variable> variables{Variable(Tensor({1.0, -2.0, 3.0}), "v0"), Variable(Tensor(std::int64_t{2}), "v1"),
                                  Variable(cast(Tensor({4.0, 0.0, -1.0}), bf16), "v2")};
  Generator generator{5};
  Level level = Level::eager;
};

Tensor small(const Tensor& x) {  // keeps numbers exact; one side, so that slopes are whole
  if (!is_floating(x.dtype())) return x;
  const Tensor low = where(x < -60, cast(full(x.shape(), -60), x.dtype()), x);
  return where(low > 60, cast(full(x.shape(), 60), x.dtype()), low);
}

Tensor as(const TensorType& type, const Tensor& x) {
  Tensor y = x;
  if (y.dtype() != type.dtype && type.dtype != boolean) y = cast(y.dtype() == boolean ? cast(y, i32) : y, type.dtype);
  else if (y.dtype() != type.dtype) y = y > 0;
  if (y.shape() == type.shape) return y;
  const bool truth = y.dtype() == boolean;
  if (truth) y = cast(y, i32);
  while (y.rank() > type.shape.rank())
    y = y.rank() == 2 ? gather(y, Tensor(1), 0) + gather(y, Tensor(0), 0) : reduce_sum(y);
  if (y.shape() != type.shape && y.rank() == 1 && type.shape.rank() <= 1) y = reduce_sum(y);
  if (y.shape() != type.shape && y.rank() == 1 && y.shape(0) == 0) y = reduce_sum(y);
  y = broadcast_to(y, type.shape);
  return truth ? y > 0 : y;
}

class Run {
 public:
  Run(World& w, std::vector<Tensor*> slots) : world_(w), slots_(std::move(slots)) {}

  void statements(const Statements& list) {
    for (const Statement& s : list) statement(s);
  }

 private:
  Tensor read(unsigned i) const {
    i %= all;
    return i < num_slots ? Tensor(*slots_[i]) : world_.variables[i - num_slots].value();
  }
  Tensor read(unsigned i, const TensorType& type) const { return as(type, read(i)); }
  void write(unsigned i, const Tensor& t) {
    i %= all;
    if (i < num_slots) *slots_[i] = t;
    else world_.variables[i - num_slots] = t;
  }
  Tensor condition(const Statement& s) const {
    const TensorType number{f64, {}};
    return read(s.a, number) < read(s.b, number) + static_cast<double>(s.k % 9) - 4.0;
  }

  Tensor value(const Statement& s, const TensorType& type) const {
    const TensorType wide = type.dtype == boolean ? TensorType{i32, type.shape} : type;
    const Tensor a = read(s.a, wide), b = read(s.b, wide);
    const int k = static_cast<int>(s.k % 5);
    const bool row = type.shape.rank() == 1 && type.shape[0] == 3;
    switch (s.op % 12) {
      case 0: return a + b;
      case 1: return a - b;
      case 2: return a * k;
      case 3: return where(a < b, b, a);
      case 4: return where(equal(a, b), a + 1, b);
      case 5: return a;
      case 6: return row ? cumsum(a, 0, false, k > 2) : a + k;
      case 7: return row ? gather(a, Tensor({2, 0, 0}), 0) : a - k;
      case 8: return row ? scatter_add(a, Tensor({1, 0, 1}), b, 0) : a;
      case 9: return row ? concatenate({slice(a, {1}, {2}), slice(b, {0}, {1})}, 0) : b;
      case 10:
        return row && is_floating(a.dtype())
                   ? reshape(
                         matmul(reshape(a, {1, 3}), Tensor(cast(Tensor({{1, 0, 2}, {0, 1, 0}, {1, 1, 0}}), a.dtype()))),
                         {3})
                   : a;
      default: return a * where(a < b, ones_like(a), zeros_like(a) + 2);
    }
  }

  void statement(const Statement& s) {
    const TensorType& type = type_of_slot(s.to % all);
    switch (s.kind) {
      case Kind::assign: return write(s.to, small(as(type, value(s, type))));
      case Kind::add:
        if (type.dtype == boolean) return;
        if (s.to % all >= num_slots) world_.variables[s.to % all - num_slots] += as(type, value(s, type)) * 0;
        return write(s.to, small(read(s.to) + as(type, value(s, type))));
      case Kind::draw:
        return write(
            s.to, small(as(type, cast(rng::bernoulli(world_.generator, 0.5f, {3}), i32) * static_cast<int>(s.k % 4))));
      case Kind::slice: {  // one row at a place that tensors tell
        const TensorType at{i64, {}};
        Tensor i = read(s.b, at);
        i = where(i < 0, Tensor(std::int64_t{0}), where(i > 1, Tensor(std::int64_t{1}), i));
        const Tensor rows = scatter(read(10), i, read(s.a, {f64, {3}}), 0);
        write(10, rows);
        return write(s.to, as(type, gather(rows, 1 - i, 0)));
      }
      case Kind::branch: return cond(condition(s), [&] { statements(s.body); }, [&] { statements(s.other); });
      case Kind::repeat: {
        if (s.op % 3 == 0) {
          const Tensor n = where(condition(s), Tensor(std::int64_t{2}), Tensor(std::int64_t{0}));
          return for_loop(n, [&](const Tensor&) { statements(s.body); }, {.max_trips = 3});
        }
        return for_loop(static_cast<std::int64_t>(s.k % 4), [&](const Tensor& i) {
          statements(s.body);
          if (s.op % 3 == 1) write(s.to, small(as(type, i)));
        });
      }
      case Kind::until: {
        Tensor trips = std::int64_t{0};
        return while_loop([&] { return (trips < static_cast<std::int64_t>(s.op % 4)) & condition(s); },
                          [&] {
                            trips += 1;
                            statements(s.body);
                          },
                          {.max_trips = 4});
      }
      case Kind::host:
        for (unsigned i = 0; i < s.k % 3; ++i) statements(s.body);
        return;
      case Kind::leave: return s.op % 2 ? break_if(condition(s)) : continue_if(condition(s));
      case Kind::nested: return nested(s);
      case Kind::tape: return tape(s);
      case Kind::count: return;
    }
  }

  // The slots `to` by reference, `a` by value; the others are captured, and only read.
  void nested(const Statement& s) {
    Tensor& mine = *slots_[s.to % num_slots];
    const unsigned given = s.a % num_slots;
    auto f = burin::function(
        [&](Tensor& x, Tensor y) {
          std::vector<Tensor> copies;
          for (Tensor* t : slots_) copies.push_back(*t);
          copies[s.to % num_slots] = x;
          copies[given] = y;
          std::vector<Tensor*> inner;
          for (Tensor& t : copies) inner.push_back(&t);
          Run(world_, inner).statements(s.body);
          x = copies[s.to % num_slots];
          return std::pair(copies[given], copies[s.b % num_slots]);
        },
        {.name = "nested", .level = world_.level});
    Tensor moved = *slots_[given];
    if (s.op % 2) *slots_[given] = as(types[given], read(s.b));
    if (s.to % num_slots == given) moved = as(types[given], read(s.k));
    auto [y, z] = f(mine, std::move(moved));
    if (s.to % num_slots != given) *slots_[given] = y;
    if (s.op % 3) write(s.b % num_slots, z);
  }

  // Slopes of what the body makes of floating-point slots, added to one.
  void tape(const Statement& s) {
    GradientTape t({.persistent = s.op % 2 == 0});
    for (unsigned i : {0, 2}) *slots_[i] = *slots_[i] * 1;  // another slot, or a Variable, may hold the same value
    const Tensor before = *slots_[0];
    const std::vector<Tensor> sources{before, *slots_[2], world_.variables[0].value()};
    t.watch(sources);
    statements(s.body);
    Tensor loss = reduce_sum(*slots_[0]) + reduce_sum(*slots_[2] * before);
    if (s.k % 2) loss = loss + reduce_sum(cast(*slots_[1], f64)) + reduce_sum(world_.variables[0] * 2.0);
    const std::vector<Tensor> g = t.gradient(loss, sources);
    const unsigned to = s.op % 4 < 2 ? 2 : 0;
    *slots_[to] = small(g[s.k % 3] + g[0]);
  }

  World& world_;
  std::vector<Tensor*> slots_;
};

// ---- Ways to run them ------------------------------------------------------------------------------------------------------

struct State {
  Tensor x = Tensor({2.0, -1.0, 5.0});
  Tensor rows = Tensor({{1.0f, 2.0f, 3.0f}, {-4.0f, 5.0f, -6.0f}});
};
enum class Held { no, yes, taped };

std::string text(const Tensor& t) {
  std::ostringstream out;
  out << (is_floating(t.dtype()) ? t + 0 : t);  // -0 is 0
  return out.str();
}

/// Everything that may be seen of three calls.
std::vector<std::string> observed(const Statements& program, Level level, Held held) {
  World world;
  world.level = level;
  auto f = burin::function(
      [&](State& s, Tensor moved, const Tensor& whole, Scalar<float> number) {
        Tensor others[] = {cast(whole, f32) + number, cast(whole, bf16), Tensor(std::int64_t{1}) + 0,
                           cast(whole, u8),           reduce_sum(moved), zeros({0}, f32),
                           zeros({2, 3}, f64),        whole > 0,         Tensor(3u) + 0u};
        Tensor third = whole;
        std::vector<Tensor*> slots{&s.x, &s.rows, &moved, &third};
        for (Tensor& t : others) slots.push_back(&t);
        Run(world, slots).statements(program);
        return std::pair(std::vector<Tensor>{moved, third}, std::vector<Tensor>(std::begin(others), std::end(others)));
      },
      {.name = "program", .level = level});
  State s;
  Tensor d = Tensor({1.0, 1.0, -2.0}) * 1.0;
  std::vector<std::string> seen;
  for (int call = 0; call < 3; ++call) {
    std::vector<Tensor> keep;
    std::vector<std::string> kept;
    if (held == Held::yes) {
      keep = {s.x, s.rows, d, world.variables[0].value(), world.variables[2].value()};
      for (auto& t : keep) kept.push_back(text(t));
    }
    std::optional<GradientTape> tape;
    std::vector<Tensor> sources;
    if (held == Held::taped) {
      tape.emplace();
      s.x = s.x * 1;
      d = d * 1;
      sources = {s.x, d};
      tape->watch(sources);
    }
    auto [firsts, others] = f(s, std::move(d), Tensor({2, -3, 1}), static_cast<float>(call));
    d = firsts[0];
    for (std::size_t i = 0; i < keep.size(); ++i)
      if (text(keep[i]) != kept[i]) seen.push_back("a value that is held changed: " + text(keep[i]));
    if (tape) {
      const Tensor loss = reduce_sum(s.x) + reduce_sum(d) + reduce_sum(cast(s.rows, f64)) + others[4];
      for (const Tensor& g : tape->gradient(loss, sources)) seen.push_back("slope " + text(g));
    }
    for (const Tensor& t : {s.x, s.rows, firsts[0], firsts[1]}) seen.push_back(text(t));
    for (const Tensor& t : others) seen.push_back(text(t));
    for (const Variable& v : world.variables) seen.push_back(v.name() + " " + text(v.value()));
    firsts.clear();  // so that d may be given away
  }
  return seen;
}

/// What is wrong with the program, or nothing. `moves` is set where a second call shows something else than the first.
std::string problem(const Statements& program, const std::vector<Level>& levels, bool* moves = nullptr) {
  try {
    for (Held held : {Held::no, Held::yes, Held::taped}) {
      const auto want = observed(program, Level::eager, held);
      const auto calls = static_cast<std::ptrdiff_t>(want.size() / 3);
      if (moves) *moves = !std::equal(want.begin(), want.begin() + calls, want.begin() + calls);
      for (Level level : levels) {
        const auto got = observed(program, level, held);
        if (got == want) continue;
        std::ostringstream out;
        out << "level " << static_cast<int>(level)
            << (held == Held::yes     ? ", held"
                : held == Held::taped ? ", taped"
                                      : "");
        for (std::size_t i = 0; i < std::max(got.size(), want.size()); ++i)
          if (i >= got.size() || i >= want.size() || got[i] != want[i]) {
            out << ": " << i << " is " << (i < got.size() ? got[i] : "missing") << ", expected "
                << (i < want.size() ? want[i] : "nothing");
            break;
          }
        return out.str();
      }
    }
    return {};
  } catch (const std::exception& e) { return std::string("an error: ") + e.what(); }
}

std::vector<Statements> smaller(const Statements& list) {
  std::vector<Statements> made;
  for (std::size_t i = 0; i < list.size(); ++i) {
    made.push_back(list);
    made.back().erase(made.back().begin() + static_cast<std::ptrdiff_t>(i));
    for (Statements Statement::* part : {&Statement::body, &Statement::other}) {
      if (!(list[i].*part).empty()) {  // what is in it, without it
        made.push_back(list);
        const Statements inner = list[i].*part;
        made.back().erase(made.back().begin() + static_cast<std::ptrdiff_t>(i));
        made.back().insert(made.back().begin() + static_cast<std::ptrdiff_t>(i), inner.begin(), inner.end());
      }
      for (Statements& inner : smaller(list[i].*part)) {
        made.push_back(list);
        made.back()[i].*part = std::move(inner);
      }
    }
  }
  return made;
}

}  // namespace

TEST_CASE("random programs over state do the same however they are run") {
  const auto [first, last, only] = test::Seeds(60);
  const bool wide = std::getenv("BURIN_TEST_WIDE") != nullptr;
  std::uint64_t moving = 0;
  for (std::uint64_t seed = first; seed < last; ++seed) {
    std::mt19937_64 r(seed * 0x9e3779b97f4a7c15u + 3);
    Statements program = random_statements(r, 2 + static_cast<int>(r() % 6), 3, false, false);
    std::vector<Level> levels{Level::graph};
    if (wide || only || seed % 4 == 0) levels.push_back(Level::full);
    if (wide || only) levels.push_back(Level::no_fuse);
    bool moves = false;
    const std::string why = problem(program, levels, &moves);
    moving += moves;
    if (why.empty()) continue;
    for (bool changed = true; changed;) {
      changed = false;
      for (Statements& q : smaller(program)) {
        const std::string other = problem(q, levels);
        if (other.empty() || other.starts_with("an error") != why.starts_with("an error")) continue;
        program = std::move(q);
        changed = true;
        break;
      }
    }
    std::ostringstream out;
    print(out, program, "  ");
    FAIL_CHECK("seed " << seed << ": " << why << "\nsmallest: " << problem(program, levels) << "\n" << out.str());
  }
  if (!only) CHECK(moving > (last - first) / 2);
}
