// NullDevice: a device without a machine, for tests. Its memory is not the host's: addresses lie in pages that trap. What it
// is given runs as late as is legal: when somebody reads or waits, or when the queue is full. Failures are made to order, and
// every call is logged. Its kernels are functions of the host that see its memory while they run. Depends on the interface.
#pragma once
#include "runtime/device/device.h"

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace burin::rt {

/// What Launch::kernel points to for a NullDevice.
class NullKernel {
 public:
  /// `buffers`: where the host finds the bytes behind the launch's addresses, while this runs. A status; FAULT with *fault.
  virtual std::int32_t run(void* const* buffers, const std::int64_t* sizes, burin_rt_fault* fault) const noexcept = 0;

 protected:
  ~NullKernel() = default;
};

class NullDevice final : public Device, private Stream {
 public:
  explicit NullDevice(std::string chip = "none");

  std::string_view kind() const noexcept override { return "null"; }
  std::string_view chip() const noexcept override { return chip_; }
  void* allocate(std::int64_t bytes) noexcept override;
  void deallocate(void* memory, std::int64_t bytes) noexcept override;
  Stream& stream() noexcept override { return *this; }
  DeviceStatistics statistics() const noexcept override;

  // -- for tests
  /// The n-th from now on (1: the next) fails when it is reached. 0: none.
  void fail_launch(int n);
  void fail_copy(int n);                ///< uploads, copies and downloads
  void set_memory_limit(std::int64_t);  ///< bytes; what is freed counts until the stream has reached its end
  void set_queue_limit(std::size_t);    ///< what may wait; 0: everything runs at once
  std::size_t waiting() const;          ///< launches and copies that have not run
  /// `allocate 64`, `launch`, `launch writes state`, `upload 64`, `copy 64`, `download 64`, `free 64`, `wait`, `recover`; behind what
  /// runs later, `run launch`, `skip launch`, `fail launch` when it does.
  std::vector<std::string> log() const;
  void clear_log();

 private:
  Ticket launch(const Launch&) noexcept override;
  Ticket upload(void* to, const void* from, std::int64_t bytes) noexcept override;
  Ticket copy(void* to, const void* from, std::int64_t bytes) noexcept override;
  std::int32_t download(void* to, const void* from, std::int64_t bytes) noexcept override;
  Ticket last() const noexcept override;
  bool finished(Ticket) const noexcept override;
  void wait(Ticket) noexcept override;
  Failure failure() const override;
  void recover() noexcept override;

  struct Item {
    Ticket ticket;
    std::string what;
    bool frees;                                        // runs in a poisoned stream too
    std::function<std::int32_t(burin_rt_fault*)> run;  // a status
  };
  using Lock = std::unique_lock<std::recursive_mutex>;
  Ticket submit(std::string what, std::function<std::int32_t(burin_rt_fault*)> run);
  void run_all();
  void note(std::string line);
  std::byte* host(const void* address, std::int64_t bytes);
  static bool strikes(int& counter) { return counter > 0 && --counter == 0; }

  struct Piece {
    std::int64_t bytes = 0;
    std::size_t reserved = 0;
    std::unique_ptr<std::byte[]> memory;
  };
  mutable std::recursive_mutex mutex_;
  std::string chip_;
  std::map<std::uintptr_t, Piece> pieces_;
  std::deque<Item> queue_;
  Ticket last_ = 0, done_ = 0;
  Failure failure_;
  int fail_launch_ = 0, fail_copy_ = 0;
  std::int64_t limit_ = INT64_MAX;
  std::size_t queue_limit_ = 1024;
  DeviceStatistics statistics_{};
  std::vector<std::string> log_;
};

}  // namespace burin::rt
