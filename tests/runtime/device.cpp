// The interface of devices, on the one that is always there; buffers that know where they are.
#include "runtime/device/device.h"

#include "runtime/ops/buffer.h"
#include "tests/support/catch.h"

#include <cstring>
#include <vector>

using namespace burin;

TEST_CASE("the CPU is device 0; a number that nobody registered is none") {
  CHECK(rt::device(0) == &rt::cpu());
  CHECK(rt::cpu().kind() == "cpu");
  CHECK(rt::device(-1) == nullptr);
  CHECK(rt::device(200) == nullptr);
  CHECK(rt::device(1000) == nullptr);
}

TEST_CASE("work on the CPU has run when it has been submitted") {
  rt::Device& cpu = rt::cpu();
  rt::Stream& stream = cpu.stream();
  auto* a = static_cast<std::int32_t*>(cpu.allocate(400));
  auto* b = static_cast<std::int32_t*>(cpu.allocate(400));
  std::vector<std::int32_t> from(100, 7), to(100);
  CHECK(stream.finished(stream.upload(a, from.data(), 400)));
  burin_rt_kernel add_index = [](void* const* buffers, const std::int64_t* sizes, std::int64_t begin, std::int64_t end,
                                 burin_rt_ctx*) {
    for (std::int64_t i = begin; i < end; ++i)
      static_cast<std::int32_t*>(buffers[0])[i] += static_cast<int>(i + sizes[0]);
  };
  void* buffers[] = {a};
  std::int64_t sizes[] = {1000};
  stream.launch({reinterpret_cast<const void*>(add_index), buffers, 1, sizes, 1, 100, 8, nullptr, false, true});
  stream.copy(b, a, 400);
  CHECK(stream.download(to.data(), b, 400) == BURIN_RT_OK);
  for (int i = 0; i < 100; ++i) REQUIRE(to[static_cast<std::size_t>(i)] == 1007 + i);
  CHECK(stream.failure().at == 0);
  cpu.deallocate(a, 400);
  cpu.deallocate(b, 400);
}

TEST_CASE("a buffer knows its device, and the host sees those that are its own") {
  DeviceBuffer on_cpu = DeviceBuffer::allocate(rt::cpu(), 100);
  REQUIRE(on_cpu);
  CHECK(on_cpu.device() == nullptr);
  Buffer view = Buffer::of(on_cpu);
  CHECK(view.same(on_cpu));
  CHECK(view.data() == on_cpu.address());
  CHECK_FALSE(Buffer::of(DeviceBuffer()));
  HostTensor t{{f32, {25}}, view};
  DeviceTensor anywhere = t;
  CHECK(host_view(anywhere).data<float>() == t.data<float>());
}
