// burin_rt_ctx: what a call of compiled code reaches the outside through. Contexts wait in a list of the thread that
// released them, each with the arena of its last call, so that a warm call allocates and shares nothing.
#include "runtime/core/abi.h"
#include "runtime/core/allocator.h"
#include "runtime/core/environment.h"
#include "runtime/core/immortal.h"
#include "runtime/core/no_unwind.h"
#include "runtime/core/print.h"
#include "runtime/core/profile.h"
#include "runtime/device/cpu/thread_pool.h"
#include "runtime/device/device.h"

#include <cstddef>
#include <mutex>
#include <new>
#include <tuple>

namespace burin::rt {
namespace {

// Larger arenas go back to the allocator after the call, where other threads and other uses find them.
constexpr std::int64_t largest_kept_arena = std::int64_t{32} << 20;

struct alignas(64) Context {
  burin_rt_ctx abi{};
  std::mutex fault_mutex;
  bool profiling = false;  // decided once a call: begins and ends stay pairs
  struct Piece {
    Piece* next = nullptr;  // stands in the piece's first 64 bytes
    std::int64_t size = 0;
  };
  void* arena = nullptr;  // kept between calls
  std::int64_t arena_size = 0;
  bool arena_used = false;
  Piece* pieces = nullptr;  // further requests, freed with the call
  Context* next = nullptr;
};
static_assert(offsetof(Context, abi) == 0);

static_assert(sizeof(void*) == 8 && offsetof(burin_rt_ctx, abi_version) == 0 &&
              offsetof(burin_rt_ctx, num_threads) == abi::num_threads &&
              offsetof(burin_rt_ctx, fault.kind) == abi::fault_kind &&
              offsetof(burin_rt_ctx, fault.op) == abi::fault_op &&
              offsetof(burin_rt_ctx, fault.index) == abi::fault_index &&
              offsetof(burin_rt_ctx, fault.value) == abi::fault_value &&
              offsetof(burin_rt_ctx, refused) == abi::refused && offsetof(burin_rt_ctx, functions) == abi::functions);
static_assert(offsetof(burin_rt_functions, parallel_for) == abi::parallel_for &&
              offsetof(burin_rt_functions, arena) == abi::arena &&
              offsetof(burin_rt_functions, fault_at) == abi::fault_at &&
              offsetof(burin_rt_functions, print) == abi::print &&
              offsetof(burin_rt_functions, profile_begin) == abi::profile_begin &&
              offsetof(burin_rt_functions, profile_end) == abi::profile_end &&
              offsetof(burin_rt_functions, worker) == abi::worker);

Context& of(burin_rt_ctx* ctx) { return *reinterpret_cast<Context*>(ctx); }

void parallel_for(burin_rt_ctx* ctx, burin_rt_kernel kernel, void* const* buffers, const int64_t* sizes, int64_t blocks,
                  int64_t grain) {
  cpu().stream().launch({reinterpret_cast<const void*>(kernel), buffers, 0, sizes, 0, blocks, grain, ctx, true, false});
}

int64_t worker(burin_rt_ctx*) { return worker_number(); }

void* further_piece(Context& c, std::int64_t bytes) {
  constexpr std::int64_t header = 64;
  static_assert(sizeof(Context::Piece) <= header);
  void* memory = allocate(bytes + header);
  if (!memory) return nullptr;
  c.pieces = ::new (memory) Context::Piece{c.pieces, bytes + header};
  return static_cast<std::byte*>(memory) + header;
}

void* arena(burin_rt_ctx* ctx, int64_t bytes) {
  Context& c = of(ctx);
  if (bytes < 0 || bytes > memory_limit()) return nullptr;
  if (c.arena_used) return further_piece(c, bytes);
  if (!c.arena || bytes > c.arena_size) {
    deallocate(c.arena, c.arena_size);
    c.arena_size = allocation_size(bytes);
    c.arena = allocate(c.arena_size);
    if (!c.arena) {
      c.arena_size = 0;
      return nullptr;
    }
  }
  c.arena_used = true;
  return c.arena;
}

void fault_at(burin_rt_ctx* ctx, int32_t kind, int32_t op, int64_t index, int64_t value) {
  std::lock_guard lock(of(ctx).fault_mutex);
  burin_rt_fault& f = ctx->fault;
  if (f.kind == BURIN_RT_FAULT_NONE || std::tie(op, index) < std::tie(f.op, f.index)) f = {kind, op, index, value};
}

void print(burin_rt_ctx*, const char* label, int64_t label_size, int32_t dtype, int32_t rank, const int64_t* shape,
           const void* data) {
  print_value(label, label_size, dtype, rank, shape, data);
}

void profile_begin(burin_rt_ctx* ctx, const char* name) {
  if (of(ctx).profiling) profiler_begin(name);
}
void profile_end(burin_rt_ctx* ctx) {
  if (of(ctx).profiling) profiler_end();
}

constexpr burin_rt_functions functions = {
    BURIN_RT_FUNCTIONS_VERSION, parallel_for, arena, fault_at, print, profile_begin, profile_end, worker,
};

void clear_arena(Context& c) {
  while (Context::Piece* p = c.pieces) {
    c.pieces = p->next;
    deallocate(p, p->size);
  }
  c.arena_used = false;
  if (c.arena_size > largest_kept_arena) {
    deallocate(c.arena, c.arena_size);
    c.arena = nullptr;
    c.arena_size = 0;
  }
}

void destroy(Context* c) {
  clear_arena(*c);
  deallocate(c->arena, c->arena_size);
  c->~Context();
  deallocate(c, sizeof(Context));
}

Context* create() {
  void* memory = allocate(sizeof(Context));
  if (!memory) return nullptr;
  auto* c = ::new (memory) Context;
  c->abi.abi_version = BURIN_RT_ABI_VERSION;
  c->abi.functions = &functions;
  return c;
}

enum class ListState : std::uint8_t { fresh, armed, dead };
[[gnu::tls_model("initial-exec")]] constinit thread_local Context* idle = nullptr;
[[gnu::tls_model("initial-exec")]] constinit thread_local ListState list_state = ListState::fresh;

struct ListOwner {
  bool touched = false;
  ~ListOwner() {
    list_state = ListState::dead;
    while (Context* c = idle) {
      idle = c->next;
      destroy(c);
    }
  }
};
thread_local ListOwner list_owner;

}  // namespace
}  // namespace burin::rt

using namespace burin::rt;

extern "C" burin_rt_ctx* burin_rt_ctx_acquire(uint32_t num_threads) {
  static constinit Immortal<const uint32_t> default_threads;
  const uint32_t threads = no_unwind(uint32_t{0}, [] {
    return default_threads.get([] {
      environment();  // what the pool reads later
      profiler_start_from_environment();
      return burin_rt_num_threads();
    });
  });
  if (threads == 0) return nullptr;
  Context* c = idle;
  if (c) idle = c->next;
  else if (!(c = create())) return nullptr;
  c->abi.num_threads = num_threads ? num_threads : threads;
  c->profiling = profiler_active();
  c->abi.fault = {};
  c->abi.refused = nullptr;
  return &c->abi;
}

extern "C" void burin_rt_ctx_release(burin_rt_ctx* ctx) {
  if (!ctx) return;
  Context& c = of(ctx);
  clear_arena(c);
  if (list_state == ListState::fresh) {
    list_owner.touched = true;  // constructs it, which registers its destructor
    list_state = ListState::armed;
  }
  if (list_state == ListState::dead) return destroy(&c);
  c.next = idle;
  idle = &c;
}
