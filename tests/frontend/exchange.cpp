// Tensors from and to other memory: views, DLPack; and how tensors print.
#include "tests/support/catch.h"

#include "frontend/library/dlpack.h"
#include <burin/burin.h>

using namespace burin;

TEST_CASE("a view refers to memory without copying and keeps its owner") {
  auto data = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3, 4});
  std::weak_ptr<std::vector<float>> alive = data;
  {
    Tensor t = Tensor::view(std::span<const float>(*data), {2, 2}, data);
    CHECK(t.data<float>() == data->data());
    data.reset();
    CHECK(!alive.expired());
    CHECK(sum(t).item<float>() == 10);
  }
  CHECK(alive.expired());
}

TEST_CASE("DLPack tensors come in without copying where they are dense, and go out") {
  float values[] = {1, 2, 3, 4, 5, 6};
  std::int64_t shape[] = {3, 2}, transposed[] = {1, 3};
  int released = 0;
  auto wrap = [&](std::int64_t* strides) {
    auto* m = new DLManagedTensor{};
    m->dl_tensor = {values, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, strides, 0};
    m->manager_ctx = &released;
    m->deleter = [](DLManagedTensor* self) {
      ++*static_cast<int*>(self->manager_ctx);
      delete self;
    };
    return m;
  };
  {
    Tensor t = Tensor::from_dlpack(wrap(nullptr));
    CHECK(t.data<float>() == values);
    CHECK(to_string(t.type()) == "f32[3,2]");
    CHECK(released == 0);
  }
  CHECK(released == 1);
  Tensor s = Tensor::from_dlpack(wrap(transposed));
  CHECK(released == 2);
  CHECK(s.to_vector<float>() == std::vector<float>{1, 4, 2, 5, 3, 6});
  DLManagedTensor* out = s.to_dlpack();
  CHECK(out->dl_tensor.shape[0] == 3);
  CHECK(static_cast<float*>(out->dl_tensor.data)[1] == 4);
  Tensor back = Tensor::from_dlpack(out);
  CHECK(back.data<float>() == s.data<float>());
  shape[0] = -3;
  CHECK_THROWS_WITH(Tensor::from_dlpack(wrap(transposed)),
                    Catch::Contains("from_dlpack: size -3 in dim 0; expected 0 or more [negative-size]"));
  CHECK(released == 3);
}

TEST_CASE("every dtype goes through DLPack and comes back") {
  for (int i = 0; i < num_dtypes; ++i) {
    const auto t = static_cast<Dtype>(i);
    CAPTURE(std::string(name(t)));
    const Tensor x = cast(Tensor({0, 1, 3}), t);
    DLManagedTensor* out = x.to_dlpack();
    CHECK(out->dl_tensor.dtype.code == dtype_info(t).dlpack);
    CHECK(out->dl_tensor.dtype.bits == dtype_info(t).bits);
    const Tensor back = Tensor::from_dlpack(out);
    CHECK(back.dtype() == t);
    CHECK(cast(back, i32).to_vector<std::int32_t>() == std::vector<std::int32_t>{0, 1, t == boolean ? 1 : 3});
  }
}

TEST_CASE("a DLPack tensor of a dtype to come is refused by name") {
  std::uint8_t byte = 0;
  std::int64_t shape[] = {1};
  auto refusal = [&](std::uint8_t code, std::uint8_t bits) {
    auto* m = new DLManagedTensor{};
    m->dl_tensor = {&byte, {kDLCPU, 0}, 1, {code, bits, 1}, shape, nullptr, 0};
    m->deleter = [](DLManagedTensor* self) { delete self; };
    try {
      Tensor::from_dlpack(m);
    } catch (const InvalidArgument& e) { return std::string(e.what()); }
    return std::string();
  };
  CHECK(refusal(10, 8) == "from_dlpack: the elements are f8_e4m3, a dtype that burin does not have yet [dtype]");
  CHECK(refusal(kDLUInt, 4) == "from_dlpack: the elements are u4, a dtype that burin does not have yet [dtype]");
  CHECK(refusal(5, 64) == "from_dlpack: no dtype of ours has code 5 and 64 bits [dtype]");
}

TEST_CASE("tensors print as NumPy prints them") {
  CHECK(to_string(Tensor(1.5f)) == "1.5");
  CHECK(to_string(Tensor({1.0f, 2.5f, -3.0f})) == "[ 1., 2.5, -3.]");
  CHECK(to_string(Tensor({{1, 20}, {300, 4}})) == "[[  1,  20],\n [300,   4]]");
  CHECK(to_string(Tensor({{{1}, {2}}, {{3}, {4}}})) == "[[[1],\n  [2]],\n\n [[3],\n  [4]]]");
  CHECK(to_string(arange(1001)) == "[   0,    1,    2, ...,  998,  999, 1000]");
  CHECK(to_string(zeros({0, 3})) == "[]");
  CHECK(to_string(cast(Tensor({1.5f, 65504.0f}), f16)) == "[   1.5, 65504.]");
  CHECK(to_string(Tensor({std::int8_t{-128}, std::int8_t{127}})) == "[-128,  127]");
  CHECK(to_string(Tensor({UINT64_MAX, std::uint64_t{1}})) == "[18446744073709551615,                    1]");
  CHECK(to_string(Tensor()) == "undefined");
}

TEST_CASE("print writes the same eagerly and in a graph") {
  static std::string text;
  text.clear();
  burin_rt_set_print_sink(
      [](void*, const char* label, std::int64_t n, std::int32_t dtype, std::int32_t rank, const std::int64_t* shape,
         const void*) {
        text += std::string(label, static_cast<std::size_t>(n)) + " " + std::string(name(static_cast<Dtype>(dtype))) +
                " " + std::to_string(rank) + " " + std::to_string(shape[0]) + "; ";
      },
      nullptr);
  auto f = [](const Tensor& x) {
    print(x, "x");
    Tensor y = x * 2;
    print(y < 3, "small");
    return y;
  };
  f(Tensor({1.0f, 2.0f}));
  function(f, {.level = Level::graph})(Tensor({1.0f, 2.0f}));
  burin_rt_set_print_sink(nullptr, nullptr);
  CHECK(text == "x f32 1 2; small bool 1 2; x f32 1 2; small bool 1 2; ");
}
