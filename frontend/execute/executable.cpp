// The referee as an executable: level `graph`.
#include "frontend/execute/executable.h"

#include "compiler/graph/interpret.h"
#include "frontend/value/print.h"
#include "runtime/ops/bytes.h"

#include <cstring>

namespace burin::detail {

namespace {

std::vector<HostTensor> host_views(std::span<const DeviceTensor* const> inputs) {
  std::vector<HostTensor> values;
  for (auto* t : inputs) values.push_back(host_view(*t));
  return values;
}
KernelSink sink_of(bool check) {
  KernelSink sink;
  sink.check_mode = check;
  sink.print = [](void*, std::string_view label, const HostTensor& value) { print_value(label, value); };
  return sink;
}

class Interpreted final : public Executable {
 public:
  Interpreted(std::shared_ptr<const Graph> g, bool check) : graph_(std::move(g)), check_(check) {}
  Result<void> run(std::span<const DeviceTensor* const> inputs, std::span<DeviceTensor* const> outputs,
                   std::span<const std::int64_t>) const override {
    auto made = interpret(*graph_, host_views(inputs), sink_of(check_));
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

Result<std::vector<HostTensor>> run_unguarded(const Graph& g, std::span<const DeviceTensor* const> inputs,
                                              std::span<const DimBinding> bindings, bool check) {
  return interpret_unguarded(g, host_views(inputs), bindings, sink_of(check));
}

Result<DeviceTensor> output_memory(const Graph& g, ValueId v, const TensorType& type) {
  HostTensor output{type, {}};
  if (const Dim bytes = num_bytes(type); fits_memory(bytes)) output.buffer = Buffer::allocate(bytes.value());
  if (output.buffer) return DeviceTensor(std::move(output));
  const bool made = g.is_op_result(v);
  Error e = no_memory(made ? op_info(g.op(g.defining_op(v)).kind).mnemonic : std::string_view(g.name), type);
  if (made) e.where = place_of(g, g.defining_op(v));
  return e;
}

}  // namespace burin::detail
