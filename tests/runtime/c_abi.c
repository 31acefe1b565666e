/* rt.h from plain C, as a program that calls ahead-of-time code uses it: linked once with the shared library and once with
 * the archive, by the C compiler. Returns the number of failed checks. */
#include <burin/rt/rt.h>

#include <stdio.h>
#include <string.h>

static int failures = 0;
#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      ++failures;                                                     \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
    }                                                                 \
  } while (0)

static void doubled(void* const* buffers, const int64_t* sizes, int64_t begin, int64_t end, burin_rt_ctx* ctx) {
  const float* x = buffers[0];
  float* y = buffers[1];
  for (int64_t i = begin; i < end; ++i) {
    y[i] = 2 * x[i];
    if (x[i] == (float)sizes[0]) ctx->functions->fault_at(ctx, BURIN_RT_FAULT_ASSERTION, 1, i, sizes[0]);
  }
}

static void keep(void* user, const char* label, int64_t label_size, int32_t dtype, int32_t rank, const int64_t* shape,
                 const void* data) {
  (void)data;
  snprintf(user, 64, "%.*s %d %d %d", (int)label_size, label, (int)dtype, (int)rank, (int)shape[0]);
}

int main(void) {
  enum { n = 1000 };
  float* x = burin_rt_allocate(n * sizeof(float));
  float* y = burin_rt_allocate(n * sizeof(float));
  CHECK(x && y && (uintptr_t)x % BURIN_RT_ALIGNMENT == 0);
  for (int i = 0; i < n; ++i) x[i] = (float)i;

  burin_rt_ctx* ctx = burin_rt_ctx_acquire(0);
  CHECK(ctx && ctx->abi_version == BURIN_RT_ABI_VERSION && ctx->num_threads == burin_rt_num_threads());
  void* buffers[] = {x, y};
  int64_t sizes[] = {77};
  ctx->functions->parallel_for(ctx, doubled, buffers, sizes, n, 10);
  CHECK(y[0] == 0 && y[999] == 1998);
  CHECK(ctx->fault.kind == BURIN_RT_FAULT_ASSERTION && ctx->fault.index == 77);
  CHECK(ctx->functions->worker(ctx) == 0 && ctx->functions->arena(ctx, 100));

  char printed[64] = "";
  burin_rt_set_print_sink(keep, printed);
  int64_t shape[] = {n};
  ctx->functions->print(ctx, "y", 1, BURIN_RT_F32, 1, shape, y);
  burin_rt_set_print_sink(NULL, NULL);
  CHECK(strcmp(printed, "y 6 1 1000") == 0);
  burin_rt_ctx_release(ctx);
  burin_rt_deallocate(x, n * sizeof(float));
  burin_rt_deallocate(y, n * sizeof(float));
  CHECK(burin_rt_allocate(INT64_MAX) == NULL);

  burin_rt_image* image = (burin_rt_image*)x;
  char message[100];
  CHECK(burin_rt_image_load("no image at all, but long enough to hold the whole header of one, it goes on a while", 80,
                            &image, message, sizeof message) == BURIN_RT_CORRUPT);
  CHECK(image == NULL && strcmp(message, "image: not a burin image") == 0);
  burin_rt_image_unload(NULL);

  burin_rt_aot_function old = {.abi_version = 1}; /* nothing else of it is looked at */
  CHECK(burin_rt_aot_call(&old, NULL, NULL) == BURIN_RT_UNSUPPORTED);
  CHECK(strcmp(burin_rt_last_error(),
               "the function was compiled for version 1 of burin_rt's ABI, this is 2: compile it "
               "again with burinc [abi-version]") == 0);
  burin_rt_aot_function later = {.abi_version = BURIN_RT_ABI_VERSION, .functions_version = 9, .strings = "f\0"};
  CHECK(burin_rt_aot_call(&later, NULL, NULL) == BURIN_RT_UNSUPPORTED);
  CHECK(strcmp(burin_rt_last_error(),
               "f: needs version 9 of burin_rt's functions, this has 1: link a later burin_rt "
               "[abi-version]") == 0);
  return failures;
}
