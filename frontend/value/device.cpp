// The CPU's eager device: shape rule and referee kernel, one op at a time.
#include "frontend/value/device.h"

#include "frontend/value/node.h"
#include "frontend/value/print.h"

namespace burin::detail {

namespace {
class Referee final : public EagerDevice {
 public:
  Result<std::vector<HostTensor>> run(OpKind kind, std::span<const HostTensor> operands,
                                      const Attributes& attributes) override {
    KernelSink sink;
    sink.check_mode = checking();
    sink.print = [](void*, std::string_view label, const HostTensor& value) { print_value(label, value); };
    return run_reference(kind, operands, attributes, sink);
  }
};
}  // namespace

HostTensor read_value(const Node& n) { return host_view(n.value); }

EagerDevice& eager_device() {
  static Referee referee;
  return referee;
}

}  // namespace burin::detail
