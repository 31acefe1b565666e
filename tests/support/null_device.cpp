// See null_device.h.
#include "tests/support/null_device.h"

#include <burin/error.h>

#include "compiler/graph/interpret.h"
#include "compiler/graph/sizes.h"
#include "frontend/value/device.h"
#include "runtime/core/print.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <optional>

namespace burin::testing {
namespace {

using detail::Program;

class Interpreted final : public Program, public rt::NullKernel {
 public:
  Interpreted(std::shared_ptr<const Graph> g, bool check) : graph_(std::move(g)), check_(check) {}

  Result<void> submit(rt::Device& device, std::span<const DeviceTensor* const> inputs,
                      std::span<const DeviceTensor* const> outputs,
                      std::span<const std::int64_t> sizes) const override {
    std::vector<void*> buffers;
    for (auto* t : inputs) buffers.push_back(t->buffer.address());
    std::vector<DeviceBuffer> beside;  // for results that take the memory of an input
    for (auto* t : outputs) {
      const bool in_place =
          std::any_of(inputs.begin(), inputs.end(), [&](auto* in) { return in->buffer.same(t->buffer); });
      beside.emplace_back();
      if (in_place && !(beside.back() = DeviceBuffer::allocate(device, t->num_bytes())))
        return Error{ErrorCode::device, "out of memory: the temporaries of \"" + graph_->name + "\" do not fit",
                     "out-of-memory", "", "use smaller shapes"};
      buffers.push_back(in_place ? beside.back().address() : t->buffer.address());
    }
    rt::Stream& stream = device.stream();
    rt::Launch launch{};
    launch.kernel = static_cast<const rt::NullKernel*>(this);
    launch.buffers = buffers.data();
    launch.num_buffers = static_cast<std::int64_t>(buffers.size());
    launch.sizes = sizes.data();
    launch.num_sizes = static_cast<std::int64_t>(sizes.size());
    launch.blocks = launch.grain = 1;
    launch.may_fault = true;
    stream.launch(launch);
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (beside[i]) stream.copy(outputs[i]->buffer.address(), beside[i].address(), outputs[i]->num_bytes());
    return {};
  }

  Error explain(const rt::Failure& f) const override {
    if (f.status == BURIN_RT_FAULT) {
      std::lock_guard lock(mutex_);
      if (error_) return *error_;
    }
    return {ErrorCode::device,
            "\"" + graph_->name + "\" failed on the device (status " + std::to_string(f.status) + ")", "launch", "",
            ""};
  }

  std::int32_t run(void* const* buffers, const std::int64_t* sizes, burin_rt_fault*) const noexcept override {
    std::vector<DimBinding> bindings;
    auto names = graph_->size_names();
    for (std::size_t i = 0; i < names.size(); ++i) bindings.push_back({names[i], Dim(sizes[i])});
    std::vector<HostTensor> values;
    for (auto& in : graph_->inputs()) {
      TensorType type = substitute(graph_->type(in.value), bindings);
      const std::int64_t bytes = num_bytes(type).value();
      values.push_back({type, Buffer::adopt(*buffers++, bytes, {})});
    }
    KernelSink sink;
    sink.check_mode = check_;
    sink.print = [](void*, std::string_view label, const HostTensor& t) {
      std::vector<std::int64_t> shape;
      for (Dim d : t.type.shape) shape.push_back(d.value());
      rt::print_value(label.data(), static_cast<std::int64_t>(label.size()), static_cast<std::int32_t>(t.type.dtype),
                      t.type.shape.rank(), shape.data(), t.buffer.data());
    };
    auto made = interpret(*graph_, values, sink);
    if (!made) {
      std::lock_guard lock(mutex_);
      error_ = std::move(made.error());
      return BURIN_RT_FAULT;
    }
    for (auto& t : *made) {
      if (t.num_bytes()) std::memcpy(*buffers, t.buffer.data(), static_cast<std::size_t>(t.num_bytes()));
      ++buffers;
    }
    return BURIN_RT_OK;
  }

 private:
  std::shared_ptr<const Graph> graph_;
  bool check_;
  mutable std::mutex mutex_;
  mutable std::optional<Error> error_;  // of the run that failed last
};

class Referee final : public detail::Backend {
 public:
  Result<std::shared_ptr<const Program>> program(std::shared_ptr<const Graph> g, bool, bool check) override {
    return std::shared_ptr<const Program>(std::make_shared<Interpreted>(std::move(g), check));
  }
};

struct Registered {
  rt::NullDevice* machines[2];
  int numbers[2];
  Registered() {
    static Referee referee;
    detail::register_backend("null", referee);
    for (int i = 0; i < 2; ++i) {
      machines[i] = new rt::NullDevice;  // for the rest of the process
      numbers[i] = rt::register_device(*machines[i]);
    }
  }
};
Registered& registered() {
  static Registered r;
  return r;
}

void settle(Device d) {
  try {
    d.synchronize();
  } catch (const DeviceError&) {  // an earlier test's
  }
}

}  // namespace

NullDeviceFixture::NullDeviceFixture(int which)
    : machine(*registered().machines[which]),
      device(Device::named("null:" + std::to_string(which))) {
  settle(device);
  machine.set_queue_limit(1024);
  machine.clear_log();
}
NullDeviceFixture::~NullDeviceFixture() {
  machine.fail_launch(0);
  machine.fail_copy(0);
  machine.set_memory_limit(INT64_MAX);
  settle(device);
}
int NullDeviceFixture::logged(const std::string& beginning) const {
  auto log = machine.log();
  return static_cast<int>(std::count_if(log.begin(), log.end(), [&](auto& l) { return l.starts_with(beginning); }));
}

}  // namespace burin::testing
