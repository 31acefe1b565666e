// Device: where a tensor lives and a function runs. DeviceScope: where what is created goes. docs/devices.md tells the rules.
#pragma once
#include <burin/arg.h>

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>

namespace burin {

namespace detail {
struct DeviceAccess;
}

/// A device of this process: `cpu`. A value: copy and compare it.
/// Thread safety: any thread.
/// Example: `Tensor y = x.to(Device::cpu());`
class BURIN_API Device {
 public:
  constexpr Device() = default;  ///< the CPU
  static constexpr Device cpu() { return {}; }
  /// The device of that name: `cpu`, or a kind and an ordinal. Throws InvalidArgument, which names those there are.
  static Device named(std::string_view name, std::source_location where = std::source_location::current());

  std::string_view kind() const;  ///< `cpu`
  std::string name() const;       ///< `cpu`; of other kinds with the ordinal among them: `null:0`
  /// Waits until all that it was given has run. Throws DeviceError where something of it failed that nobody has been told yet.
  void synchronize() const;

  friend constexpr bool operator==(Device, Device) = default;

 private:
  friend class DeviceScope;
  friend struct detail::DeviceAccess;
  std::uint8_t number_ = 0;
};

/// While it lives, tensors that this thread creates, and functions called without any, are on that device.
/// Example: `DeviceScope scope(device);  Tensor x = zeros({1024});`
class BURIN_API DeviceScope {
 public:
  explicit DeviceScope(Device) noexcept;
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  std::uint8_t saved_;
};

}  // namespace burin
