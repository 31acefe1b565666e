// Tensors as values: construction, reading, printing, operators.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include "frontend/library/dlpack.h"

#include <sstream>

using namespace burin;

TEST_CASE("a tensor is made from nested lists and read back") {
  Tensor x = {{1.0f, 2.0f}, {3.0f, 4.0f}};
  CHECK(to_string(x.type()) == "f32[2,2]");
  CHECK(x.to_vector<float>() == std::vector<float>{1, 2, 3, 4});
  Tensor b = {true, false};
  CHECK(to_string(b.type()) == "bool[2]");
  Tensor n = 3;
  CHECK(to_string(n.type()) == "i32[]");
  CHECK(n.item<int>() == 3);
  CHECK(n.item<double>() == 3.0);
}

TEST_CASE("operators compute element by element with broadcasting") {
  Tensor x = {{1.0f, 2.0f}, {3.0f, 4.0f}};
  Tensor y = (x + 1) * x - Tensor({1.0f, 0.0f});
  CHECK(y.to_vector<float>() == std::vector<float>{1, 6, 11, 20});
  CHECK(to_string(x < 2.5f) == "[[ true,  true],\n [false, false]]");
  CHECK((x <= 2).dtype() == boolean);
  x += 1;
  CHECK(x.to_vector<float>() == std::vector<float>{2, 3, 4, 5});
  CHECK((-x).to_vector<float>() == std::vector<float>{-2, -3, -4, -5});
  CHECK((!(x < 3)).dtype() == boolean);
}

TEST_CASE("composites give what they say") {
  Tensor x = {{1.0f, -2.0f}, {3.0f, 4.0f}};
  CHECK(relu(x).to_vector<float>() == std::vector<float>{1, 0, 3, 4});
  CHECK(mean(x).item<float>() == 1.5f);
  CHECK(mean(x, 0).to_vector<float>() == std::vector<float>{2, 1});
  Tensor s = sum(softmax(x), -1);
  CHECK(s.to_vector<float>()[0] == Approx(1));
  CHECK(zeros({2}).to_vector<float>() == std::vector<float>{0, 0});
  CHECK(arange(3, i32).to_vector<int>() == std::vector<int>{0, 1, 2});
}

TEST_CASE("dtypes, sizes, shapes and types print as errors spell them") {
  std::ostringstream out;
  out << f32 << ' ' << Dim("batch") << ' ' << Shape{"batch", 128} << ' ' << Tensor({1.0f, 2.0f}).type();
  CHECK(out.str() == "f32 batch [batch,128] f32[2]");
}

TEST_CASE("tensors in a vector are joined like those in a list") {
  std::vector<Tensor> parts = {Tensor({1.0f}), Tensor({2.0f, 3.0f})};
  CHECK(concatenate(parts, 0).to_vector<float>() == std::vector<float>{1, 2, 3});
}

TEST_CASE("the mean of a 16-bit type is rounded once") {
  const Tensor x = full({1001}, 1.5f, bf16);
  CHECK(cast(mean(x), f32).item<float>() == 1.5f);
  CHECK(mean(x).dtype() == bf16);
  CHECK(cast(function([](const Tensor& t) { return mean(t); })(x), f32).item<float>() == 1.5f);
}

TEST_CASE("an empty tensor prints at once, however many rows it has") {
  const std::int64_t rows = std::int64_t{1} << 40;
  auto text = [](const Tensor& t) {
    std::ostringstream out;
    out << t;
    return out.str();
  };
  CHECK(text(zeros({rows, 0})).find("...") != std::string::npos);
  CHECK(text(zeros({rows, rows, 0})).size() < 1000);
  CHECK(text(zeros({0, rows, rows})).find("[]") != std::string::npos);
}

TEST_CASE("DLPack tensors that are empty take no time, and those of more bytes than 64 bits count are refused") {
  auto from = [](std::vector<std::int64_t> shape, std::vector<std::int64_t> strides) {
    static float element = 0;
    DLManagedTensor managed{};
    managed.dl_tensor = {&element,
                         {kDLCPU, 0},
                         static_cast<std::int32_t>(shape.size()),
                         {kDLFloat, 32, 1},
                         shape.data(),
                         strides.empty() ? nullptr : strides.data(),
                         0};
    return Tensor::from_dlpack(&managed);
  };
  CHECK(from({std::int64_t{1} << 34, 0}, {7, 3}).size() == Dim(0));
  CHECK_THROWS_AS(from({std::int64_t{1} << 62}, {}), InvalidArgument);
  CHECK_THROWS_AS(from({std::int64_t{1} << 40, std::int64_t{1} << 40}, {}), InvalidArgument);
  CHECK(from({std::int64_t{1} << 40, std::int64_t{1} << 40, 0}, {}).size() == Dim(0));
}

TEST_CASE(
    "a size's name of more characters than names have is refused by that, and an expression too long by its limit") {
  auto message = [](const Dim& d) {
    try {
      function([](const Tensor& t) { return t; }, {.name = "f", .signature = {spec<f32>({d})}});
      return std::string();
    } catch (const InvalidArgument& e) { return e.error.message + "; " + e.error.hint; }
  };
  CHECK(
      message(Dim(std::string(5000, 'n'))) ==
      "f: spec 0 of the input signature has a size called \"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn... (5000 characters)\"; a "
      "name is at most 255 letters, digits and _, and begins with no digit");
  Dim all = 0;
  for (int i = 0; i < 300; ++i) all = all + Dim(("n" + std::to_string(i)).c_str());
  CHECK(message(all).find("beyond 256 terms") != std::string::npos);
}

TEST_CASE("ops on tensors without elements take no time, however many rows these have") {
  const std::int64_t rows = std::int64_t{1} << 40;
  const Tensor x = full({rows, 0}, 1.0f), none = cast(full({0}, 0.0f), i32);
  const std::vector<std::int64_t> empty{rows, 0};
  auto check = [&](const Tensor& y, std::vector<std::int64_t> shape) {
    for (std::size_t d = 0; d < shape.size(); ++d) CHECK(y.shape(static_cast<int>(d)).value() == shape[d]);
  };
  auto all = [&](const Tensor& t) {
    check(cumsum(t, 0), empty);
    check(cumsum(t, 1), empty);
    check(concatenate({t, t}, 0), {2 * rows, 0});
    check(concatenate({t, t}, 1), empty);
    check(gather(t, Tensor({0, 1}), 0), {2, 0});
    check(gather(t, none, 1), empty);
    check(scatter_add(t, Tensor({0, 1}), full({2, 0}, 1.0f), 0), empty);
    check(reduce_sum(t, 0), {0});
    check(transpose(t, {1, 0}), {0, rows});
    check(pad(t, 0.0f, {1, 0}, {0, 0}), {rows + 1, 0});
    check(slice(t, {1, 0}, {5, 0}), {5, 0});
    check(exp(t) + t, empty);
    return cumsum(t, 1);
  };
  all(x);
  for (Level level : {Level::graph, Level::full}) {
    check(function(all, {.level = level})(x), empty);
    check(function([](const Tensor& t) { return cumsum(t, 1); },
                   {.level = level, .signature = {spec<f32>({"rows", "columns"})}})(x),
          empty);
  }
}
