// The referee as an executable: level `graph`.
#include "frontend/execute/executable.h"

#include "compiler/graph/interpret.h"
#include "frontend/value/print.h"
#include "runtime/ops/bytes.h"

#include <cstring>

namespace burin::detail {

namespace {

class Interpreted final : public Executable {
 public:
  Interpreted(std::shared_ptr<const Graph> g, bool check) : graph_(std::move(g)), check_(check) {}
  Result<void> run(std::span<const DeviceTensor* const> inputs, std::span<DeviceTensor* const> outputs,
                   std::span<const std::int64_t>) const override {
    std::vector<HostTensor> values;
    for (auto* t : inputs) values.push_back(host_view(*t));
    KernelSink sink;
    sink.check_mode = check_;
    sink.print = [](void*, std::string_view label, const HostTensor& value) { print_value(label, value); };
    auto made = interpret(*graph_, values, sink);
    if (!made) return made.error();
    for (std::size_t i = 0; i < outputs.size(); ++i) *outputs[i] = std::move((*made)[i]);
    return {};
  }

 private:
  std::shared_ptr<const Graph> graph_;
  bool check_;
};

}  // namespace

std::shared_ptr<Executable> interpreted(std::shared_ptr<const Graph> g, bool check) {
  return std::make_shared<Interpreted>(std::move(g), check);
}

Result<DeviceTensor> output_memory(const Graph& g, ValueId v, const TensorType& type) {
  HostTensor output{type, {}};
  if (auto bytes = byte_count(type)) output.buffer = Buffer::allocate(*bytes);
  if (output.buffer) return DeviceTensor(std::move(output));
  const bool made = g.is_op_result(v);
  Error e = no_memory(made ? op_info(g.op(g.defining_op(v)).kind).mnemonic : std::string_view(g.name), type);
  if (made) e.where = place_of(g, g.defining_op(v));
  return e;
}

}  // namespace burin::detail
