// See on_device.h.
#include "frontend/execute/on_device.h"

namespace burin::detail {

std::vector<NodeRef> call_on_device(const DeviceCall& c, std::span<const NodeRef* const> inputs,
                                    std::span<const OutputUse> uses, const std::source_location& where) {
  InFlight& f = in_flight(c.device);
  std::lock_guard lock(f.mutex);
  std::vector<NodeRef> numbers(inputs.size());  // given to the device for this call
  auto input = [&](int i) -> const NodeRef& {
    const auto at = static_cast<std::size_t>(i);
    return numbers[at] ? numbers[at] : *inputs[at];
  };
  std::vector<const DeviceTensor*> given;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Node& n = *inputs[i]->get();
    if (n.device == c.device) {
      if (const Error* e = f.failed(n.value)) raise(Error(*e));
      given.push_back(&n.value);
      continue;
    }
    if (!n.number) raise(mixed_devices(c.name, n.device, c.device));
    auto number = f.upload(host_view(n.value));
    if (!number) raise(std::move(number.error()));
    numbers[i] = make_eager(std::move(*number), where, c.device);
    given.push_back(&numbers[i].get()->value);
  }

  std::vector<NodeRef> results(uses.size());
  std::vector<Replaced> replaced;
  std::vector<const DeviceTensor*> outputs;
  std::vector<DeviceTensor*> fresh;
  for (std::size_t i = 0; i < uses.size(); ++i) {
    const OutputUse& use = uses[i];
    const NodeRef* old = use.replaces < 0 ? nullptr : &input(use.replaces);
    if (use.hands_on >= 0) {
      const NodeRef& same = input(use.hands_on);
      // Under an identity of its own where it takes the place of another value, which a failure puts back.
      results[i] =
          old && use.hands_on != use.replaces ? make_eager(same.get()->value, where, same.get()->device) : same;
      if (old && results[i] != same) replaced.push_back({results[i], *old});
      continue;
    }
    if (old && use.may_overwrite && f.may_overwrite(*old->get())) {
      results[i] = *old;
      outputs.push_back(&old->get()->value);
      continue;
    }
    const TensorType type = substitute(c.graph.type(c.graph.outputs()[i].value), c.bindings);
    auto made = f.allocate(type, "a result of \"" + std::string(c.name) + "\", ");
    if (!made) raise(std::move(made.error()));
    results[i] = make_eager(std::move(*made), where, c.device);
    outputs.push_back(&results[i].get()->value);
    fresh.push_back(&results[i].get()->value);
    if (old) replaced.push_back({results[i], *old});
  }
  auto ok = f.submit(c.program, given, outputs, c.sizes, fresh, std::move(replaced));
  if (!ok) raise(std::move(ok.error()));
  for (std::size_t i = 0; i < uses.size(); ++i)
    if (uses[i].hands_on < 0 && uses[i].replaces >= 0 && results[i] == input(uses[i].replaces))
      results[i].get()->value.buffer.bump_version();
  return results;
}

}  // namespace burin::detail
