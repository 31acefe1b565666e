/* The C ABI of burin_rt: everything that compiled code and an ahead-of-time artefact need at run time.
 * Usable from C; no C++ type, no LLVM, no logging library may enter here. Every function is noexcept in effect
 * (it never unwinds) and reports by burin_rt_status. Compiled code reaches the outside only through burin_rt_ctx. */
#ifndef BURIN_RT_RT_H
#define BURIN_RT_RT_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define BURIN_RT_API __declspec(dllexport)
#else
#define BURIN_RT_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever the layout of burin_rt_ctx or the meaning of a member changes; code of another version is refused. */
#define BURIN_RT_ABI_VERSION 2
/* Raised whenever burin_rt_functions gets a further member, behind the others; code that needs more is refused. */
#define BURIN_RT_FUNCTIONS_VERSION 1
#define BURIN_RT_MAX_RANK 8
#define BURIN_RT_ALIGNMENT 64

typedef enum burin_rt_status {
  BURIN_RT_OK = 0,
  BURIN_RT_INVALID_ARGUMENT = 1, /* the caller's mistake: shape, dtype, rank, null pointer */
  BURIN_RT_OUT_OF_MEMORY = 2,
  BURIN_RT_FAULT = 3,       /* index out of range, assertion, NaN or division by zero in check mode */
  BURIN_RT_UNSUPPORTED = 4, /* CPU features or ABI version that this machine lacks */
  BURIN_RT_CORRUPT = 5,     /* an image or file that does not verify */
  BURIN_RT_INTERNAL = 70
} burin_rt_status;

/* Element types: BURIN_RT_F32, BURIN_RT_BOOL, ...; dtype_table.h lists them. The values are part of every saved format. */
typedef enum burin_rt_dtype {
#define BURIN_RT_DTYPE(number, NAME, ...) BURIN_RT_##NAME = number,
#define BURIN_RT_RESERVED_DTYPE(number, NAME, ...) BURIN_RT_##NAME = number,
#include <burin/rt/dtype_table.h>
} burin_rt_dtype;

typedef enum burin_rt_fault_kind {
  BURIN_RT_FAULT_NONE = 0,
  BURIN_RT_FAULT_INDEX_OUT_OF_RANGE = 1, /* value: the index */
  BURIN_RT_FAULT_ASSERTION = 2,
  BURIN_RT_FAULT_NAN = 3,              /* check mode only */
  BURIN_RT_FAULT_DIVISION_BY_ZERO = 4, /* check mode only */
  BURIN_RT_FAULT_TRIP_COUNT = 5        /* a while that exceeds its max_trips */
} burin_rt_fault_kind;

/* The first fault of a call in program order: the least (op, index). `op` is the position of the op in its graph. */
typedef struct burin_rt_fault {
  int32_t kind;
  int32_t op;
  int64_t index; /* linear index into the op's result (or indices operand) */
  int64_t value;
} burin_rt_fault;

typedef struct burin_rt_ctx burin_rt_ctx;

/* Kernel ABI. `buffers`: inputs, then destinations, in the order of the kernel's signature, then workspace. `sizes`: values of the
 * size operands. [begin, end): the range of blocks to compute; blocks are independent of each other. */
typedef void (*burin_rt_kernel)(void* const* buffers, const int64_t* sizes, int64_t begin, int64_t end,
                                burin_rt_ctx* ctx);

/* Host program ABI, the entry of an image. `buffers`: inputs in signature order, constants, then results;
 * `sizes`: values of the entry's named sizes. Returns a burin_rt_status; a fault is left in ctx->fault.
 * All memory that the call needs is got from arena() at once before anything runs, or the call is refused. */
typedef int32_t (*burin_rt_entry)(void* const* buffers, const int64_t* sizes, burin_rt_ctx* ctx);

/* What compiled code may call; one table for the whole process. */
typedef struct burin_rt_functions {
  uint64_t version; /* BURIN_RT_FUNCTIONS_VERSION of the runtime */
  /* Runs kernel over [0, blocks) in chunks of at least `grain` blocks, on the pool; returns when all is done. How the
   * range is cut depends on blocks and grain only, so a result cannot depend on num_threads (one thread walks the same
   * chunks, at most 256). One level only: a call from inside a kernel runs serially. */
  void (*parallel_for)(burin_rt_ctx* ctx, burin_rt_kernel kernel, void* const* buffers, const int64_t* sizes,
                       int64_t blocks, int64_t grain);
  /* Memory for planned temporaries and workspace, at least `bytes`, 64-byte aligned, each request its own, all valid until
   * the call ends: ask once at entry, not in loops. Null when memory is exhausted: the host program returns OUT_OF_MEMORY. */
  void* (*arena)(burin_rt_ctx* ctx, int64_t bytes);
  /* Records a fault if it comes before the one recorded; any thread. */
  void (*fault_at)(burin_rt_ctx* ctx, int32_t kind, int32_t op, int64_t index, int64_t value);
  /* Prints `data` under `label` through the process's sink, in program order. `shape` has `rank` sizes. */
  void (*print)(burin_rt_ctx* ctx, const char* label, int64_t label_size, int32_t dtype, int32_t rank,
                const int64_t* shape, const void* data);
  /* An interval of the calling thread, for the profiler; nothing where nobody records. */
  void (*profile_begin)(burin_rt_ctx* ctx, const char* name);
  void (*profile_end)(burin_rt_ctx* ctx);
  /* The number of the worker that runs the calling kernel, below num_threads: no other runs a kernel of the same
   * parallel_for under it. Outside of kernels 0. */
  int64_t (*worker)(burin_rt_ctx* ctx);
} burin_rt_functions;

/* A call: its state first, at places that stay, then what it may call. runtime/core/abi.h has the places as numbers. */
struct burin_rt_ctx {
  uint32_t abi_version;
  uint32_t num_threads; /* what parallel_for may use; 1 = everything runs on the caller */
  burin_rt_fault fault;
  /* Of an entry that returned OUT_OF_MEMORY: for what, a terminated text of the image's, or null. Its bytes are then
   * fault.value, those of all temporaries fault.index, -1 for too many to count. */
  const char* refused;
  const burin_rt_functions* functions;
};

/* ---- A call's context. ---- */

/* A context with a clean fault slot for one call, from the calling thread's pool (no allocation once warm, nothing shared
 * is written). `num_threads`: what parallel_for may use, the caller included; 0 = burin_rt_num_threads(). Null when memory
 * is exhausted. Used by one call at a time; given back by release on any thread, which frees what arena() gave. */
BURIN_RT_API burin_rt_ctx* burin_rt_ctx_acquire(uint32_t num_threads);
BURIN_RT_API void burin_rt_ctx_release(burin_rt_ctx* ctx);

/* ---- Images: compiled functions as bytes (runtime/core/image.h says what is in them). ---- */

typedef struct burin_rt_image burin_rt_image;

/* Checks `bytes`, which nothing is assumed of, and maps the code that they hold; they are not needed afterwards. On failure
 * *image is null, the status CORRUPT, UNSUPPORTED (ABI, machine, CPU features, relocation) or OUT_OF_MEMORY, and `message`, if there
 * is room, a terminated line. */
BURIN_RT_API int32_t burin_rt_image_load(const void* bytes, size_t size, burin_rt_image** image, char* message,
                                         size_t message_size);
/* The image's host program. Any thread; valid until unload. */
BURIN_RT_API burin_rt_entry burin_rt_image_entry(const burin_rt_image* image);
/* What the entry asks of arena() beside workspace, or -1 where that depends on named sizes. */
BURIN_RT_API int64_t burin_rt_image_arena_bytes(const burin_rt_image* image);
/* A global symbol that the image defines (a kernel, in tests), or null. */
BURIN_RT_API void* burin_rt_image_symbol(const burin_rt_image* image, const char* name);
/* Unmaps the code: no call may be in it. Null is ignored. */
BURIN_RT_API void burin_rt_image_unload(burin_rt_image* image);

/* ---- Ahead-of-time functions: what the objects of burinc are called with, and what they call. ---- */

/* A dense, row-major tensor in memory; `data` has the alignment of its elements. The caller owns everything. */
typedef struct burin_rt_tensor {
  void* data;
  int32_t dtype; /* burin_rt_dtype */
  int32_t rank;
  const int64_t* shape; /* `rank` sizes; may be null for rank 0 */
} burin_rt_tensor;

/* What an object says of its function; constant data beside its code. Tensors are records of `BURIN_RT_AOT_RECORD` words:
 * dtype, rank, source, offset of the name in `strings`, then a word for each of 8 sizes: >= 0 the size, -1-k size number k:
 * the named ones, then the computed ones. Source of an input: its argument, or -1-c for constant c. Source of an
 * output: its result, or -1-a for the memory of argument a, which it overwrites. */
#define BURIN_RT_AOT_RECORD 12
typedef struct burin_rt_aot_function {
  int64_t abi_version; /* first, in each version */
  int64_t functions_version, num_inputs, num_outputs, num_arguments, num_results, num_sizes, num_computed, num_guards;
  const int64_t* records; /* inputs, then outputs */
  const int64_t* guards;  /* kind (0 equal, 1 divisible, 2 at least), computed sizes lhs and rhs: three words each */
  const char* strings;    /* terminated: name, features, `OP NAME PLACE` lines of faults, lines of guards, tensors */
  void (*compute)(const int64_t* sizes, int64_t* computed);
  burin_rt_entry entry;
  void* const* constants; /* of captured inputs and blobs, in the entry's order */
  int64_t num_blobs;      /* constants that stand between inputs and outputs */
} burin_rt_aot_function;

/* Checks CPU features, ABI, every dtype, rank and size, then runs the function. Any thread; a status, and on failure a line
 * in burin_rt_last_error. */
BURIN_RT_API int32_t burin_rt_aot_call(const burin_rt_aot_function* function, const burin_rt_tensor* arguments,
                                       const burin_rt_tensor* results);
/* What went wrong in this thread's last failed burin_rt_aot_call; never null. */
BURIN_RT_API const char* burin_rt_last_error(void);

/* ---- Process-wide services. Any thread. ---- */

/* Threads of the pool, the caller included: BURIN_NUM_THREADS, else the cores that this process may use. A child made by
 * fork has no workers: everything runs on its callers. */
BURIN_RT_API uint32_t burin_rt_num_threads(void);

/* Receives what compiled code prints, one value at a time; a print of its own goes to stdout. Null: stdout, the default. */
typedef void (*burin_rt_print_sink)(void* user, const char* label, int64_t label_size, int32_t dtype, int32_t rank,
                                    const int64_t* shape, const void* data);
BURIN_RT_API void burin_rt_set_print_sink(burin_rt_print_sink sink, void* user);

/* Records what compiled calls do from now on (BURIN_PROFILE does so from the start); stop writes a Chrome trace (JSON,
 * chrome://tracing) to `path` and forgets the events. stop: INVALID_ARGUMENT when the file cannot be written, OUT_OF_MEMORY;
 * what finds no memory while it is recorded is left out. */
BURIN_RT_API void burin_rt_profile_start(void);
BURIN_RT_API int32_t burin_rt_profile_stop(const char* path);

/* Memory as tensors have it: 64-byte aligned, uninitialised, from the caching allocator. Null when `bytes` is negative,
 * above the memory limit, or memory is exhausted. deallocate takes the same `bytes`. */
BURIN_RT_API void* burin_rt_allocate(int64_t bytes);
BURIN_RT_API void burin_rt_deallocate(void* memory, int64_t bytes);

/* Receives one line at a time, not terminated, that a user should know and no call returns. Null: stderr, the default.
 * A warning of its own goes to stderr. */
typedef void (*burin_rt_warning_sink)(void* user, const char* message, size_t size);
BURIN_RT_API void burin_rt_set_warning_sink(burin_rt_warning_sink sink, void* user);

#ifdef __cplusplus
}
#endif
#endif
