// How devices compute: the referee on the CPU, one op at a time; elsewhere programs, which a Backend makes of graphs and a
// device's stream is given. Numbers of devices, and the scope of this thread. Private to the frontend.
#pragma once
#include <burin/device.h>

#include "compiler/graph/graph.h"
#include "runtime/device/device.h"

#include <memory>
#include <span>
#include <vector>

namespace burin::detail {

struct DeviceAccess {
  static constexpr std::uint8_t number(Device d) { return d.number_; }
  static constexpr Device make(std::uint8_t number) {
    Device d;
    d.number_ = number;
    return d;
  }
};
/// Of a trace that no value has tied to a device yet.
inline constexpr std::uint8_t any_device = 255;
/// The device of this thread's scope.
extern constinit thread_local std::uint8_t scope_device __attribute__((tls_model("initial-exec")));
/// A device that is there.
inline rt::Device& device_at(std::uint8_t number) { return *rt::device(number); }
/// `null:0`, for errors.
std::string device_name(std::uint8_t number);
/// Whether code for one serves the other: kind and chip are the same.
bool same_class(std::uint8_t, std::uint8_t);

/// A graph made ready for devices of one kind and chip. Any thread; lives until what it has submitted has run.
class BURIN_API Program {
 public:
  virtual ~Program() = default;
  /// Submits the graph on the device's stream. `outputs` have their types and memory: one state's may be that of the input that
  /// it overwrites. What writes to it is submitted last, behind all that may fault, as one launch or copy of its own: it has
  /// written all or nothing. After an error nothing that writes to an input has been submitted.
  virtual Result<void> submit(rt::Device&, std::span<const DeviceTensor* const> inputs,
                              std::span<const DeviceTensor* const> outputs,
                              std::span<const std::int64_t> sizes) const = 0;
  /// What the failure of something that it submitted means.
  virtual Error explain(const rt::Failure&) const = 0;
};

/// Makes programs for a kind of device.
class BURIN_API Backend {
 public:
  virtual ~Backend() = default;
  virtual Result<std::shared_ptr<const Program>> program(std::shared_ptr<const Graph>, bool fuse, bool check) = 0;
};
/// The backend of that kind; whoever registers it keeps it. Any thread.
BURIN_API void register_backend(std::string_view kind, Backend&);
/// The graph for that device: made now. Throws for a kind that has no backend.
Result<std::shared_ptr<const Program>> program_for(std::uint8_t device, std::shared_ptr<const Graph>, bool fuse,
                                                   bool check);

/// That tensors of an op or a call are on two devices.
Error mixed_devices(std::string_view who, std::uint8_t, std::uint8_t);

/// Whether this thread is inside a CheckScope.
bool checking() noexcept;
/// The CPU's eager ops: shape rule and reference kernel.
Result<std::vector<HostTensor>> run_on_cpu(OpKind, std::span<const HostTensor> operands, const Attributes&);

}  // namespace burin::detail
