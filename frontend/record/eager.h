// Ops that run now on another device than the CPU: each is a graph of one op, made ready once for its types and attributes.
#pragma once
#include "frontend/value/in_flight.h"

#include <span>
#include <vector>

namespace burin::detail {

/// The device of values that are used together: the one that they are on. C++ numbers are on none, and of nothing else it is
/// `otherwise`. Throws InvalidArgument where they are on several.
std::uint8_t common_device(std::span<const NodeRef* const> values, std::uint8_t otherwise, std::string_view who,
                           const std::source_location&);
/// Submits one op. Throws where it cannot be; what goes wrong later is told by whoever reads.
std::vector<NodeRef> run_elsewhere(std::uint8_t device, OpKind, std::span<const NodeRef* const> operands,
                                   const Attributes&, const std::source_location&);

/// A C++ number as a tensor like any other, where the scope says; what is none, or belongs to a trace, as it is.
Tensor placed(const Tensor&);

/// While it lives, what is created follows these values: library code creates next to what it was given.
class DeviceOf {
 public:
  explicit DeviceOf(std::span<const Tensor> values) noexcept : DeviceOf() {
    for (const Tensor& t : values) follow(t);
  }
  explicit DeviceOf(std::span<const Content> values) noexcept : DeviceOf() {
    for (const Content& c : values) follow(c.node);
  }
  explicit DeviceOf(const Tensor& value) noexcept : DeviceOf() { follow(value); }
  explicit DeviceOf(const Arg& value) noexcept : DeviceOf() {
    if (value.tensor()) follow(*value.tensor());
  }
  ~DeviceOf() { scope_device = saved_; }
  DeviceOf(const DeviceOf&) = delete;
  DeviceOf& operator=(const DeviceOf&) = delete;

 private:
  DeviceOf() noexcept : saved_(scope_device) {}
  void follow(const Tensor&) noexcept;  // a Variable too, which other threads may assign to
  void follow(const NodeRef& n) noexcept {
    if (n && !n.get()->traced() && !n.get()->number) scope_device = n.get()->device;
  }
  std::uint8_t saved_;
};

}  // namespace burin::detail
