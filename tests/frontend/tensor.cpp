// Tensors as values: construction, reading, printing, operators.
#include "tests/support/catch.h"

#include <burin/burin.h>

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
