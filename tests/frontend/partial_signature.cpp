// Input signatures that name some tensors by their paths and leave the others to each call.
#include "tests/support/catch.h"
#include "tests/support/child.h"

#include <burin/burin.h>

using namespace burin;
using test::TemporaryFolder;

namespace {

struct Params {
  Tensor w, b;
};
Tensor affine(const Params& p, const Tensor& x) { return matmul(x, p.w) + p.b; }
Params params(std::int64_t out) { return {full({4, out}, 1.0f), full({out}, 2.0f)}; }
template <class F> std::string message(F&& f) {
  try {
    f();
  } catch (const BurinError& e) { return e.error.text(); }
  return "nothing was thrown";
}
std::string last_hint(const std::string& explained) {
  const auto at = explained.rfind("hint: ");
  return at == std::string::npos ? "" : explained.substr(at + 6, explained.find('\n', at) - at - 6);
}

}  // namespace

TEST_CASE("what the signature names has one trace, the rest has one for each type") {
  for (Level level : {Level::graph, Level::full}) {
    auto f = function(affine, {.level = level, .signature = {spec<f32>("arg1", {"batch", 4})}});
    CHECK(f(params(3), full({2, 4}, 1.0f)).shape() == Shape({2, 3}));
    CHECK(f(params(3), full({5, 4}, 1.0f)).to_vector<float>() == std::vector<float>(15, 6));
    CHECK(f.stats().traces == 1);
    CHECK(f(params(2), full({5, 4}, 1.0f)).shape() == Shape({5, 2}));
    CHECK(f(params(2), full({1, 4}, 1.0f)).shape() == Shape({1, 2}));
    CHECK(f.stats().traces == 2);
    CHECK(message([&] {
            f(params(2), full({5, 3}, 1.0f));
          }).find("arg1 is f32[5,3]; the input signature asks for f32[batch,4] [signature]") != std::string::npos);
  }
}

TEST_CASE("leaves of trees are named by their paths, and sizes of one name agree") {
  auto f = function(
      affine, {.level = Level::graph, .signature = {spec<f32>("arg0.b", {"out"}), spec<f32>("arg0.w", {4, "out"})}});
  for (int out : {1, 2, 3}) CHECK(f(params(out), full({2, 4}, 1.0f)).shape() == Shape({2, out}));
  CHECK(f.stats().traces == 1);
  CHECK(message([&] {
          f({full({4, 2}, 1.0f), full({3}, 1.0f)}, full({2, 4}, 1.0f));
        }).find("arg0.b is f32[3]; the input signature asks for f32[out] with out = 2 [signature]") !=
        std::string::npos);
  f(params(3), full({1, 4}, 1.0f));
  CHECK(f.stats().traces == 2);
}

TEST_CASE("what a retrace's explanation recommends is what works") {
  const auto x = [](std::int64_t n) { return full({n, 4}, 1.0f); };
  auto plain = function(affine, {.level = Level::graph});
  plain(params(3), x(2));
  plain(params(3), x(7));
  CHECK(last_hint(plain.explain()) ==
        R"(name the size in an input signature: .signature = {spec<f32>("arg1", {"n0", 4})})");
  auto followed = function(affine, {.level = Level::graph, .signature = {spec<f32>("arg1", {"n0", 4})}});
  followed(params(3), x(2));
  followed(params(3), x(7));
  CHECK(followed.stats().traces == 1);

  followed(params(5), x(7));
  CHECK(last_hint(followed.explain()) ==
        R"(add to the input signature: spec<f32>("arg0.w", {4, "n1"}), spec<f32>("arg0.b", {"n1"}))");
  auto again = function(affine, {.level = Level::graph,
                                 .signature = {spec<f32>("arg1", {"n0", 4}), spec<f32>("arg0.w", {4, "n1"}),
                                               spec<f32>("arg0.b", {"n1"})}});
  again(params(3), x(2));
  again(params(5), x(7));
  CHECK(again.stats().traces == 1);

  auto lists = function([](const std::vector<Tensor>& v) { return v[0] * v[1]; }, {.level = Level::graph});
  lists({full({2}, 3.0f), full({2}, 4.0f)});
  lists({full({3}, 3.0f), full({3}, 4.0f)});
  CHECK(last_hint(lists.explain()) == R"(name the size in an input signature: .signature = {spec<f32>("arg0[0]", )"
                                      R"({"n0"}), spec<f32>("arg0[1]", {"n0"})})");
  auto one =
      function([](const std::vector<Tensor>& v) { return v[0] * v[1]; },
               {.level = Level::graph, .signature = {spec<f32>("arg0[0]", {"n0"}), spec<f32>("arg0[1]", {"n0"})}});
  one({full({2}, 3.0f), full({2}, 4.0f)});
  CHECK(one({full({3}, 3.0f), full({3}, 4.0f)}).to_vector<float>() == std::vector<float>(3, 12));
  CHECK(one.stats().traces == 1);
}

TEST_CASE("a signature of paths is saved without a call where it names all, and after trace where it does not") {
  TemporaryFolder folder;
  const std::string file = folder.path / "f.burin";
  auto all = function([](const Tensor& x, const Tensor& y) { return x * y; },
                      {.name = "all", .signature = {spec<f32>("arg1", {"n"}), spec<f32>("arg0", {"n"})}});
  all.save(file);
  CHECK(load(file)(Tensor({2.0f}), Tensor({3.0f}))[0].item<float>() == 6);
  auto some = function(affine, {.name = "some", .signature = {spec<f32>("arg1", {"batch", 4})}});
  CHECK(message([&] {
          some.save(file);
        }).find("save: \"some\" has not been traced yet, and its input signature says nothing of arg0.w [no-trace]") ==
        0);
  some.trace(params(3), full({1, 4}, 0.0f));
  some.save(file);
  CHECK(load(file)(params(3), full({6, 4}, 1.0f))[0].shape() == Shape({6, 3}));
}

TEST_CASE("numbers fit a path's dtype; state and static parameters may stand beside it") {
  auto f = function([](Tensor& s, const Tensor& x, int times) { s = s + x * times; },
                    {.level = Level::graph, .signature = {spec<f64>("arg0", {})}});
  Tensor s = full({}, 1.0, f64);
  f(s, 2.0f, 3);
  CHECK(s.item<double>() == 7);
  f(s, 2.0f, 4);
  CHECK(s.item<double>() == 15);
  CHECK(f.stats().traces == 2);
}

TEST_CASE("paths that cannot be are told where they are written or at the call") {
  const auto with = [](std::vector<Spec> signature) {
    return function(affine, {.name = "f", .level = Level::graph, .signature = std::move(signature)});
  };
  CHECK(message([&] {
          with({spec<f32>("arg1", {"n", 4}), spec<f32>({2, 2})});
        }).find("f: the input signature names some tensors by path and others by position [signature]") == 0);
  CHECK(message([&] {
          with({spec<f32>("arg1", {"n", 4}), spec<f32>("arg1", {2, 2})});
        }).find("f: the input signature names arg1 twice [signature]") == 0);
  auto f = with({spec<f32>("arg2", {"n", 4})});
  const std::string text = message([&] { f(params(3), full({2, 4}, 1.0f)); });
  CHECK(text.find("f: the input signature names arg2, which is no tensor of the arguments [signature]") == 0);
  CHECK(text.find("hint: there are arg0.w, arg0.b, arg1") != std::string::npos);
  CHECK(message([&] {
          with({}).trace(params(3), spec<f32>("arg0", {"n", 4}));
        }).find("trace: a Spec stands for the parameter that it is given for; this one is of arg0 [signature]") == 0);
}
