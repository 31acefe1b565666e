// Devices by number, kind and name; the CPU's way to run an op. See device.h.
#include "frontend/value/device.h"

#include "frontend/value/in_flight.h"
#include "frontend/value/print.h"
#include "runtime/core/fork.h"
#include "runtime/core/immortal.h"

#include <map>
#include <mutex>

namespace burin {

namespace detail {

constinit thread_local std::uint8_t scope_device __attribute__((tls_model("initial-exec"))) = 0;

namespace {
struct Backends {
  rt::Mutex mutex;
  std::map<std::string, Backend*, std::less<>> by_kind;
};
Backends& backends() {
  static constinit rt::Immortal<Backends> b;
  return b.get();
}
}  // namespace

void register_backend(std::string_view kind, Backend& b) {
  std::lock_guard lock(backends().mutex);
  backends().by_kind[std::string(kind)] = &b;
}

Result<std::shared_ptr<const Program>> program_for(std::uint8_t device, std::shared_ptr<const Graph> graph, bool fuse,
                                                   bool check) {
  Backend* backend = nullptr;
  const std::string_view kind = device_at(device).kind();
  {
    std::lock_guard lock(backends().mutex);
    auto it = backends().by_kind.find(kind);
    if (it != backends().by_kind.end()) backend = it->second;
  }
  if (!backend)
    return Error{ErrorCode::unsupported, "nothing makes code for devices of kind " + std::string(kind), "no-backend",
                 "", "move the tensors: x.to(Device::cpu())"};
  return backend->program(std::move(graph), fuse, check);
}

std::string device_name(std::uint8_t number) {
  if (number == 0) return "cpu";
  rt::Device* d = rt::device(number);
  if (!d) return "no device";
  int ordinal = 0;
  for (int i = 1; i < number; ++i) ordinal += rt::device(i)->kind() == d->kind();
  return std::string(d->kind()) + ":" + std::to_string(ordinal);
}

Error mixed_devices(std::string_view who, std::uint8_t a, std::uint8_t b) {
  return {ErrorCode::invalid_argument,
          std::string(who) + ": its tensors are on two devices, " + device_name(a) + " and " + device_name(b), "device",
          "", "move one of them: x.to(Device::named(\"" + device_name(b) + "\"))"};
}

bool same_class(std::uint8_t a, std::uint8_t b) {
  if (a == b) return true;
  rt::Device *x = rt::device(a), *y = rt::device(b);
  return x && y && x->kind() == y->kind() && x->chip() == y->chip();
}

Result<std::vector<HostTensor>> run_on_cpu(OpKind kind, std::span<const HostTensor> operands,
                                           const Attributes& attributes) {
  KernelSink sink;
  sink.check_mode = checking();
  sink.print = [](void*, std::string_view label, const HostTensor& value) { print_value(label, value); };
  return run_reference(kind, operands, attributes, sink);
}

HostTensor read_value(const Node& n) { return n.device == 0 ? host_view(n.value) : in_flight(n.device).read(n); }

}  // namespace detail

Device Device::named(std::string_view name, std::source_location where) {
  std::string there = "cpu";
  if (name == there) return {};
  for (std::uint8_t i = 1; i != detail::any_device && rt::device(i); ++i) {
    std::string own = detail::device_name(i);
    if (own == name) return detail::DeviceAccess::make(i);
    there += ", " + own;
  }
  raise({ErrorCode::invalid_argument, "there is no device \"" + std::string(name) + "\"", "no-device",
         where.line() ? "at " + std::string(where.file_name()) + ":" + std::to_string(where.line()) : "",
         "this process has " + there});
}
std::string_view Device::kind() const { return detail::device_at(number_).kind(); }
std::string Device::name() const { return detail::device_name(number_); }
void Device::synchronize() const {
  if (number_ != 0) detail::in_flight(number_).synchronize();
}

DeviceScope::DeviceScope(Device d) noexcept
    : saved_(std::exchange(detail::scope_device, detail::DeviceAccess::number(d))) {}
DeviceScope::~DeviceScope() { detail::scope_device = saved_; }

}  // namespace burin
