// See eager.h.
#include "frontend/record/eager.h"

#include "frontend/record/recorder.h"
#include "frontend/value/variable.h"
#include "runtime/core/fork.h"
#include "runtime/core/immortal.h"

#include <array>
#include <map>
#include <tuple>

namespace burin::detail {

namespace {

// Programs of one op, by graph, device and check mode. Emptied when it is full: what is in use lives on with its calls.
struct Programs {
  static constexpr std::size_t most = 4096;
  rt::Turn mutex;
  std::map<std::tuple<std::array<std::uint8_t, 32>, std::uint8_t, bool>, std::shared_ptr<const Program>> made;
};

std::shared_ptr<const Program> program_of(std::uint8_t device, std::shared_ptr<const Graph> g,
                                          const std::source_location& where) {
  static constinit rt::Immortal<Programs> programs;
  Programs& p = programs.get();
  const auto key = std::make_tuple(secure_hash(*g), device, checking());
  std::lock_guard lock(p.mutex);
  if (auto it = p.made.find(key); it != p.made.end()) return it->second;
  auto made = program_for(device, std::move(g), false, checking());
  if (!made) fail(std::move(made.error()), where);
  if (p.made.size() >= Programs::most) p.made.clear();
  p.made[key] = *made;
  return std::move(*made);
}

}  // namespace

void DeviceOf::follow(const Tensor& t) noexcept {
  if (!HandleAccess::variable(t)) follow(HandleAccess::node(t));
  else scope_device = cell_of(t).device;
}

Tensor placed(const Tensor& t) {
  const NodeRef& n = HandleAccess::node(t);
  if (n.get()->traced() || !n.get()->number || context().trace) return t;
  return HandleAccess::make(make_on(scope_device, read_value(*n.get()), n.get()->where));
}

std::uint8_t common_device(std::span<const NodeRef* const> values, std::uint8_t otherwise, std::string_view who,
                           const std::source_location& where) {
  int device = -1;
  for (const NodeRef* v : values) {
    const Node& n = *v->get();
    if (n.number) continue;
    if (device >= 0 && device != n.device) fail(mixed_devices(who, static_cast<std::uint8_t>(device), n.device), where);
    device = n.device;
  }
  return device < 0 ? otherwise : static_cast<std::uint8_t>(device);
}

std::vector<NodeRef> run_elsewhere(std::uint8_t device, OpKind kind, std::span<const NodeRef* const> operands,
                                   const Attributes& attributes, const std::source_location& where) {
  std::vector<TensorType> types;
  for (const NodeRef* v : operands) types.push_back(type_of(*v));
  auto inferred = infer_types(kind, {types, attributes});
  if (!inferred) fail(std::move(inferred.error()), where);
  auto g = std::make_shared<Graph>();
  g->name = std::string(op_info(kind).mnemonic);
  std::vector<ValueId> inputs;
  for (const TensorType& t : types) inputs.push_back(g->add_input(InputKind::argument, t, ""));
  const OpId op = g->append(BlockId::top, kind, inputs, attributes, *inferred, 0);
  for (std::uint32_t i = 0; i < inferred->size(); ++i) g->add_output(OutputKind::result, g->result(g->op(op), i), "");
  auto program = program_of(device, std::move(g), where);

  InFlight& f = in_flight(device);
  std::lock_guard lock(f.mutex);
  std::vector<DeviceTensor> numbers;  // given to the device for this op
  numbers.reserve(operands.size());
  std::vector<const DeviceTensor*> given;
  for (const NodeRef* v : operands) {
    const Node& n = *v->get();
    if (n.device == device) {
      if (const Error* e = f.failed(n.value)) raise(Error(*e));
      given.push_back(&n.value);
      continue;
    }
    auto number = f.upload(host_view(n.value));
    if (!number) fail(std::move(number.error()), where);
    numbers.push_back(std::move(*number));
    given.push_back(&numbers.back());
  }
  std::vector<NodeRef> results;
  std::vector<const DeviceTensor*> outputs;
  std::vector<DeviceTensor*> fresh;
  for (const TensorType& t : *inferred) {
    auto made = f.allocate(t, "the result of " + std::string(op_info(kind).mnemonic) + ", ");
    if (!made) fail(std::move(made.error()), where);
    results.push_back(make_eager(std::move(*made), where, device));
    outputs.push_back(&results.back().get()->value);
    fresh.push_back(&results.back().get()->value);
  }
  auto ok = f.submit(std::move(program), given, outputs, {}, fresh, {}, where);
  if (!ok) fail(std::move(ok.error()), where);
  return results;
}

}  // namespace burin::detail
