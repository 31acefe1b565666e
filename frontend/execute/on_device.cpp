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
  auto old = [&](std::size_t i) { return uses[i].replaces < 0 ? nullptr : &input(uses[i].replaces); };
  for (std::size_t i = 0; i < uses.size(); ++i) {
    if (uses[i].hands_on < 0) continue;
    const NodeRef& same = input(uses[i].hands_on);
    // Under an identity of its own where it takes the place of another value, which a failure puts back.
    results[i] = old(i) && uses[i].hands_on != uses[i].replaces ? same_value(same, where) : same;
    if (old(i) && results[i] != same) replaced.push_back({results[i], *old(i)});
  }
  // One state at most is overwritten, the largest: were the copy of a second to fail, the first would have its new value
  // already. Another is given fresh memory, and what it had is let go of when the call has run.
  std::size_t overwritten = uses.size();
  for (std::size_t i = 0; i < uses.size(); ++i) {
    if (uses[i].hands_on >= 0 || !old(i) || !uses[i].may_overwrite || !f.may_overwrite(*old(i)->get())) continue;
    auto size = [&](std::size_t of) { return old(of)->get()->value.buffer.size(); };
    if (overwritten == uses.size() || size(i) > size(overwritten)) overwritten = i;
  }
  std::vector<const DeviceTensor*> outputs;
  std::vector<DeviceTensor*> fresh;
  for (std::size_t i = 0; i < uses.size(); ++i) {
    if (uses[i].hands_on >= 0) continue;
    if (i == overwritten) {
      results[i] = *old(i);
      outputs.push_back(&results[i].get()->value);
      continue;
    }
    const TensorType type = substitute(c.graph.type(c.graph.outputs()[i].value), c.bindings);
    auto made = f.allocate(type, "a result of \"" + std::string(c.name) + "\", ");
    if (!made) raise(std::move(made.error()));
    results[i] = make_eager(std::move(*made), where, c.device);
    outputs.push_back(&results[i].get()->value);
    fresh.push_back(&results[i].get()->value);
    if (old(i)) replaced.push_back({results[i], *old(i)});
  }
  auto ok = f.submit(c.program, given, outputs, c.sizes, fresh, std::move(replaced));
  if (!ok) raise(std::move(ok.error()));
  if (overwritten < uses.size()) results[overwritten].get()->value.buffer.bump_version();
  return results;
}

}  // namespace burin::detail
