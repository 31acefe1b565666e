/* Runs the functions of a table (written by cross.cpp) on another machine: reads their arguments from a file, writes the
 * results to another. All numbers are 64-bit words; a tensor is dtype, rank, sizes and bytes, an argument's data follow. */
#include <burin/rt/rt.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct function {
  const char* name;
  int32_t (*call)(const burin_rt_tensor* arguments, const burin_rt_tensor* results);
  int num_arguments, num_results;
} function;
extern const function functions[];
extern const int num_functions;

enum { guard = 128, filler = 0xa5 };

static int64_t word(FILE* in) {
  int64_t w;
  if (fread(&w, sizeof w, 1, in) != 1) exit(3);
  return w;
}

/* Memory aligned to an element and no better, between guards. */
static unsigned char* guarded(int64_t bytes) {
  unsigned char* memory = malloc((size_t)bytes + 2 * guard + 64);
  if (!memory) exit(3);
  memset(memory, filler, (size_t)bytes + 2 * guard + 64);
  return memory + guard + (64 - (uintptr_t)(memory + guard) % 64) % 64;
}

static void read_tensor(FILE* in, burin_rt_tensor* t, int64_t* bytes, int filled) {
  t->dtype = (int32_t)word(in);
  t->rank = (int32_t)word(in);
  int64_t* shape = calloc(BURIN_RT_MAX_RANK, sizeof *shape);
  for (int32_t d = 0; d < t->rank; ++d) shape[d] = word(in);
  t->shape = shape;
  *bytes = word(in);
  t->data = guarded(*bytes);
  if (filled && *bytes && fread(t->data, (size_t)*bytes, 1, in) != 1) exit(3);
}

int main(int argc, char** argv) {
  FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL, *out = in ? fopen(argv[2], "wb") : NULL;
  if (!out) return 2;
  int failures = 0;
  for (int f = 0; f < num_functions; ++f) {
    const function* g = &functions[f];
    burin_rt_tensor* arguments = calloc((size_t)g->num_arguments + 1, sizeof *arguments);
    burin_rt_tensor* results = calloc((size_t)g->num_results + 1, sizeof *results);
    int64_t* sizes = calloc((size_t)g->num_results + 1, sizeof *sizes);
    int64_t ignored;
    for (int i = 0; i < g->num_arguments; ++i) read_tensor(in, &arguments[i], &ignored, 1);
    for (int i = 0; i < g->num_results; ++i) read_tensor(in, &results[i], &sizes[i], 0);
    if (g->call(arguments, results) != BURIN_RT_OK) {
      fprintf(stderr, "%s: %s\n", g->name, burin_rt_last_error());
      ++failures;
    }
    for (int i = 0; i < g->num_results; ++i) {
      const unsigned char* data = results[i].data;
      for (int k = 0; k < guard; ++k)
        if (data[-1 - k] != filler || data[sizes[i] + k] != filler) {
          fprintf(stderr, "%s: memory beside result %d was written\n", g->name, i);
          ++failures;
          break;
        }
      if (sizes[i] && fwrite(data, (size_t)sizes[i], 1, out) != 1) return 3;
    }
  }
  return fclose(out) != 0 || failures != 0;
}
