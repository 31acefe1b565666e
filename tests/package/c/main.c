/* Uses the C ABI as a C program would: runs a kernel of its own on the pool, over memory from burin_rt. */
#include <burin/rt/rt.h>
#include <stdio.h>

static void square(void* const* buffers, const int64_t* sizes, int64_t begin, int64_t end, burin_rt_ctx* ctx) {
  float* x = buffers[0];
  (void)sizes;
  (void)ctx;
  for (int64_t i = begin; i < end; ++i) x[i] = x[i] * x[i];
}

int main(void) {
  enum { n = 10000 };
  burin_rt_ctx* ctx = burin_rt_ctx_acquire(2);
  float* x = burin_rt_allocate(n * sizeof(float));
  int wrong = 0;
  if (!ctx || !x || ctx->abi_version != BURIN_RT_ABI_VERSION) return 1;
  for (int i = 0; i < n; ++i) x[i] = (float)(i % 100);
  void* buffers[] = {x};
  ctx->functions->parallel_for(ctx, square, buffers, NULL, n, 100);
  for (int i = 0; i < n; ++i) wrong += x[i] != (float)((i % 100) * (i % 100));
  burin_rt_deallocate(x, n * sizeof(float));
  burin_rt_ctx_release(ctx);
  printf("%d of %d wrong\n", wrong, n);
  return wrong != 0;
}
