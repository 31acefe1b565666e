// InFlight: what a device was given and may still fail, and what becomes of its values then (docs/devices.md is the contract).
// Results carry the point of the stream at which they are made; a failure leaves the results of an interval of points without
// a value, from the call that failed to the moment at which somebody is told. Private to the frontend.
#pragma once
#include "frontend/value/device.h"
#include "frontend/value/node.h"
#include "runtime/core/fork.h"

#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

namespace burin::detail {

/// State that a call replaces: should the call fail, `made` is given the value of `old`.
struct Replaced {
  NodeRef made, old;
};

class InFlight {
 public:
  explicit InFlight(std::uint8_t number) : number_(number), device_(device_at(number)) {}

  /// Held while a call looks at values, submits, and is noted.
  rt::Turn mutex;

  // -- with the lock
  /// Whether the node's memory may be overwritten by work that is submitted now.
  bool may_overwrite(const Node&) const;
  /// The failure that left the value without contents, once somebody has been told of it; else null.
  const Error* failed(const DeviceTensor&) const;
  /// Submits the program. `fresh` are the outputs that no input shares. `one_op`: the line of an op by itself, which its
  /// program does not know.
  Result<void> submit(std::shared_ptr<const Program>, std::span<const DeviceTensor* const> inputs,
                      std::span<const DeviceTensor* const> outputs, std::span<const std::int64_t> sizes,
                      std::span<DeviceTensor* const> fresh, std::vector<Replaced>,
                      const std::source_location& one_op = {});
  /// Should what made the value fail, it is given that of `old`.
  void restore(Replaced);
  /// Gives the device a copy of a host value.
  Result<DeviceTensor> upload(const HostTensor&);
  Result<DeviceTensor> allocate(const TensorType&, std::string_view whose);

  // -- without it
  /// The value in host memory, when all before has run. Throws where it has none, and where the copy fails.
  HostTensor read(const Node&);
  void synchronize();

 private:
  struct Call {
    rt::Ticket first, last;
    std::shared_ptr<const Program> program;  // null: a copy
    std::source_location one_op;
    std::vector<Replaced> replaced;
  };
  struct Interval {
    rt::Ticket from, to;  // [from, to)
    std::shared_ptr<const Error> error;
  };
  void note(Call);
  void drop(std::size_t calls);
  void settle();
  const Error* failure_of(rt::Ticket made) const;
  [[noreturn]] void tell(std::unique_lock<rt::Turn>, Error);
  Error error_of(const Call*, const rt::Failure&) const;

  std::uint8_t number_;
  rt::Device& device_;
  std::deque<Call> calls_;
  std::unordered_map<const Node*, std::uint32_t> held_;  // references that calls_ holds
  std::optional<Interval> open_;                         // a failure that nobody has been told of
  std::vector<Interval> told_;                           // by `from`
};

/// The calls of that device, which is not the CPU.
InFlight& in_flight(std::uint8_t device);

/// A value made of host data, on that device.
NodeRef make_on(std::uint8_t device, HostTensor value, const std::source_location& where = {});
/// The value on another device (or this one): copied, unless it is a C++ number, which is on none.
Content moved(const Content&, std::uint8_t device, const std::source_location&);

}  // namespace burin::detail
