// What a tape, a jacobian and functions with derivatives of their own refuse, and in which words.
#include "tests/errors/messages.h"
#include "tests/support/catch.h"

#include <thread>

using namespace burin;
using Catch::Matchers::Contains;

namespace {

const Tensor vec({1.0, 2.0});

}  // namespace

TEST_CASE("a tape names a source that is not watched") {
  struct Layer {
    Tensor w, b;
  };
  const Layer p{Tensor({1.0, 2.0}), Tensor({3.0, 4.0})};
  GradientTape tape;
  tape.watch(p.w);
  Tensor y = sum(p.w * p.b);
  CHECK(error_of<InvalidArgument>([&] { tape.gradient(y, p); }) ==
        "GradientTape: 'sources.b' is neither watched nor computed from what is [not-watched]");
  CHECK(tape.gradient(y, p.w).to_vector<double>() == std::vector<double>{3, 4});  // the failed call closed nothing
}

TEST_CASE("a tape refuses a tensor that was assigned since it was watched") {
  Tensor w({1.0, 2.0});
  GradientTape tape;
  tape.watch(w);
  w = Tensor({5.0, 6.0});
  CHECK_THAT(error_of<InvalidArgument>([&] { tape.gradient(sum(w), w); }), Contains("[not-watched]"));
}

TEST_CASE("a tape refuses targets that have no derivative") {
  GradientTape tape;
  tape.watch(vec);
  CHECK(error_of<InvalidArgument>([&] { tape.gradient(vec * 2.0, vec); }) ==
        "GradientTape: 'target' is f64[2]; a gradient needs a scalar of bf16|f16|f32|f64 [scalar-loss]");
  CHECK(error_of<InvalidArgument>([&] { tape.gradient(sum(cast(vec, i32)), vec); }) ==
        "GradientTape: 'target' is i32[]; a gradient needs a scalar of bf16|f16|f32|f64 [scalar-loss]");
  CHECK(error_of<InvalidArgument>([&] { tape.gradient(Tensor(), vec); }) ==
        "GradientTape: 'target' is undefined; a gradient needs a scalar of bf16|f16|f32|f64 [scalar-loss]");
}

TEST_CASE("a tape refuses sources that have no derivative") {
  GradientTape tape;
  const Tensor n({1, 2});
  CHECK(error_of<InvalidArgument>([&] { tape.watch(n); }) ==
        "GradientTape: 'x' is i32[2]; a derivative needs bf16|f16|f32|f64 [dtype]");
  CHECK(error_of<InvalidArgument>([&] { tape.watch(Tensor()); }) == "GradientTape: 'x' holds nothing [undefined]");
  CHECK(error_of<InvalidArgument>([&] { tape.watch(std::vector<Tensor>()); }) ==
        "GradientTape: watch() was given no tensors [no-tensors]");
  tape.watch(vec);
  CHECK(error_of<InvalidArgument>([&] { tape.gradient(sum(vec), std::vector<Tensor>()); }) ==
        "GradientTape: the sources hold no tensors [no-tensors]");
}

TEST_CASE("a tape that is used up or closed says so") {
  GradientTape tape;
  tape.watch(vec);
  Tensor y = sum(vec * vec);
  tape.gradient(y, vec);
  CHECK_THAT(
      error_of<InvalidArgument>([&] { tape.gradient(y, vec); }),
      Contains("its gradient was asked already [tape-used]") && Contains("made at tests/errors/derivatives.cpp:"));
  CHECK_THAT(error_of<InvalidArgument>([&] { tape.watch(vec); }),
             Contains("watch() after it was closed [tape-closed]"));
}

TEST_CASE("tapes are asked inside out") {
  GradientTape outer({.persistent = true});
  outer.watch(vec);
  Tensor y = sum(vec * vec);
  {
    GradientTape inner;
    CHECK_THAT(error_of<InvalidArgument>([&] { outer.gradient(y, vec); }),
               Contains("a tape that was opened after it is still open [tape-order]"));
    CHECK_THAT(error_of<InvalidArgument>([&] { outer.close(); }), Contains("[tape-order]"));
  }
  CHECK(outer.gradient(y, vec).to_vector<double>() == std::vector<double>{2, 4});
}

TEST_CASE("a tape belongs to the region and thread that it was made in") {
  GradientTape tape;
  tape.watch(vec);
  Tensor y = sum(vec * vec);
  auto f = function([&](const Tensor& x) { return sum(x) * sum(tape.gradient(y, vec)); }, {.level = Level::graph});
  CHECK_THAT(error_of<TraceError>([&] { f(vec); }), Contains("than it was made in [tape-region]"));
  std::string elsewhere;
  std::thread([&] { elsewhere = error_of<TraceError>([&] { tape.watch(vec); }); }).join();
  CHECK_THAT(elsewhere, Contains("[tape-region]"));
  auto branches = function(
      [&](const Tensor& x) {
        GradientTape inside;
        inside.watch(x);
        Tensor z = sum(x * x);
        return cond(z > 0.0, [&] { return inside.gradient(z, x); }, [&] { return x; });
      },
      {.level = Level::graph});
  CHECK_THAT(error_of<TraceError>([&] { branches(vec); }), Contains("[tape-region]"));
  CHECK(tape.gradient(y, vec).to_vector<double>() == std::vector<double>{2, 4});
}

TEST_CASE("a tape in a function says what its gradient needs of a loop") {
  auto f = function(
      [](const Tensor& x) {
        GradientTape tape;
        tape.watch(x);
        Tensor y = x;
        while_loop([&] { return sum(y) < 10.0; }, [&] { y = y * y + 1.0; });
        return tape.gradient(sum(y), x);
      },
      {.level = Level::graph});
  CHECK(error_of<UnsupportedError>([&] { f(vec); }) ==
        "while_loop: its gradient needs to know how often it runs at most [unbounded-loop]");
}

TEST_CASE("a jacobian refuses what has no derivative, and more axes than a tensor has") {
  CHECK_THAT(error_of<InvalidArgument>([] { jacobian([](const Tensor& x) { return cast(x, i32); })(vec); }),
             Contains("the function returned i32[2]; a derivative needs bf16|f16|f32|f64 [jacobian-result]"));
  CHECK_THAT(error_of<InvalidArgument>([] { jacobian([](const Tensor& x) { return x; })(Tensor({1, 2})); }),
             Contains("'x' is i32[2]; a derivative needs bf16|f16|f32|f64 [dtype]"));
  const Tensor many = ones({1, 1, 1, 1, 2});
  for (Mode mode : {Mode::reverse, Mode::forward})
    CHECK_THAT(error_of<InvalidArgument>([&] { jacobian([](const Tensor& x) { return x; }, mode)(many); }),
               Contains("would have 10 axes, those of the result and of the argument; 8 are the most [rank]"));
  CHECK_THAT(error_of<InvalidArgument>([] { hessian([](const Tensor& x) { return x * x; })(vec); }),
             Contains("the function returned f64[2]; a gradient needs a scalar"));
}

TEST_CASE("custom_gradient refuses a cotangent of another type, or a tree of another structure") {
  auto narrow = custom_gradient([](const Tensor& x) { return x * 2.0; },
                                [](const Tensor&, const Tensor&, const Tensor& w) { return sum(w); });
  CHECK(error_of<InvalidArgument>([&] { narrow(vec); }) ==
        "custom_gradient: backward gives 'cotangent' as f64[]; expected f64[2] [cotangent-type]");
  auto fewer = custom_gradient(
      [](const std::vector<Tensor>& x) { return x[0] * x[1]; },
      [](const std::vector<Tensor>&, const Tensor&, const Tensor& w) { return std::vector<Tensor>{w}; });
  CHECK_THAT(error_of<InvalidArgument>([&] { fewer(std::vector<Tensor>{vec, vec}); }), Contains("[tree]"));
}

TEST_CASE("custom_gradient refuses a gradient by what it captured") {
  auto loss = [](const Tensor& w) {
    auto f = custom_gradient([&](const Tensor& x) { return x * w; },
                             [&](const Tensor&, const Tensor&, const Tensor& g) { return g * w; });
    return sum(f(vec));
  };
  CHECK_THAT(error_of<InvalidArgument>([&] { grad(loss)(vec); }),
             Contains("custom_gradient: its functions capture f64[2]") &&
                 Contains(", by which a gradient is taken [captured-source]"));
  CHECK(error_of([&] { loss(vec); }) == "no error");
}

TEST_CASE("custom_gradient has no forward mode") {
  auto f = custom_gradient([](const Tensor& x) { return sum(x); },
                           [](const Tensor& x, const Tensor&, const Tensor& w) { return w * ones(x.shape(), f64); });
  const std::string want =
      "custom_gradient: it brings a derivative for reverse mode only; forward mode (jvp) cannot use it "
      "[custom-gradient]";
  CHECK(error_of<UnsupportedError>([&] { jvp(f, vec, vec); }) == want);
  CHECK(error_of<UnsupportedError>([&] { hessian(f, Mode::forward)(vec); }) == want);
  CHECK(error_of([&] { hessian(f)(vec); }) == "no error");
}

TEST_CASE("functions with regions of their own read no values and assign nothing outside") {
  auto read = [](const Tensor& x) { return x.to_vector<double>()[0] > 0 ? x : -x; };
  auto reads = remat(read);
  CHECK(error_of<TraceError>([&] { reads(vec); }) != "no error");
  Tensor seen(0.0);
  auto assigns = remat([&](const Tensor& x) {
    seen = sum(x);
    return x;
  });
  CHECK(error_of<TraceError>([&] { assigns(vec); }) ==
        "remat: a tensor outside is assigned within its function [assigned-outside]");
  CHECK(seen.item<double>() == 0.0);
  auto bad = custom_gradient([](const Tensor& x) { return x; },
                             [&](const Tensor&, const Tensor&, const Tensor& w) {
                               seen = w;
                               return w;
                             });
  CHECK(error_of<TraceError>([&] { bad(vec); }) ==
        "custom_gradient: a tensor outside is assigned within its function [assigned-outside]");
  CHECK(error_of<InvalidArgument>([&] { reads(Tensor()); }) == "remat: 'x' holds nothing [undefined]");
}

TEST_CASE("second derivatives name themselves, not what they are made of") {
  auto twice = [](const Tensor& x) { return x * 2.0; };
  const std::string text =
      ": the function returned f64[2]; a gradient needs a scalar of bf16|f16|f32|f64 [scalar-loss]";
  CHECK(error_of<InvalidArgument>([&] { hessian(twice)(vec); }) == "hessian" + text);
  CHECK(error_of<InvalidArgument>([&] { hessian(twice, Mode::forward)(vec); }) == "hessian" + text);
  CHECK(error_of<InvalidArgument>([&] { hvp(twice, vec, vec); }) == "hvp" + text);
  auto total = [](const Tensor& x) { return sum(x * x); };
  CHECK(error_of<InvalidArgument>([&] { hvp(total, vec, Tensor(1.0)); }) ==
        "hvp: the tangent of 'x' is f64[]; expected f64[2] [tangent-type]");
  CHECK(error_of<InvalidArgument>([&] { hessian(total)(Tensor({1, 2})); }) ==
        "hessian: 'x' is i32[2]; a derivative needs bf16|f16|f32|f64 [dtype]");
  CHECK(error_of<InvalidArgument>([&] { jacobian(total)(Tensor({1, 2})); }) ==
        "jacobian: 'x' is i32[2]; a derivative needs bf16|f16|f32|f64 [dtype]");
}
