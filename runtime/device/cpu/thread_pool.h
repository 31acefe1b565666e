// The process's workers: persistent, spinning a while before they sleep; a job is a kernel over a range of blocks.
// Depends on runtime/core only.
#pragma once
#include <burin/rt/rt.h>

#include <cstdint>

namespace burin::rt {

struct Job {
  burin_rt_kernel kernel;
  void* const* buffers;
  const std::int64_t* sizes;
  std::int64_t blocks;
  std::int64_t chunk;  ///< blocks in each piece but the last
  burin_rt_ctx* ctx;
};

/// The size of the pieces that [0, blocks) is cut into: at least `grain`, at most 256 pieces, whatever the threads.
BURIN_RT_API std::int64_t chunk_of(std::int64_t blocks, std::int64_t grain) noexcept;

/// Runs the job on the caller and up to `threads - 1` workers; returns when all of it is done. Any thread: while the
/// workers serve another caller, or from inside a kernel, the caller does it all. Starts the workers at the first need.
BURIN_RT_API void run_job(const Job& job, std::uint32_t threads) noexcept;

/// The number of this thread among those that run the job at hand, below the job's `threads`; 0 outside of jobs.
BURIN_RT_API std::int64_t worker_number() noexcept;

}  // namespace burin::rt
