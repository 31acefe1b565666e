/* Second half of the ahead-of-time example: a C program that calls the compiled function. It links predict.o and burin_rt;
 * no C++, no LLVM. predict.h, written by burinc, says how to call it. */
#include "predict.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

static double seconds(void) {
  struct timespec t;
  timespec_get(&t, TIME_UTC);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char** argv) {
  enum { rows = 3, columns = 64, classes = 10, calls = 1000 };
  static float x[rows * columns], y[rows * classes], expected[rows * classes];
  int64_t x_shape[] = {rows, columns}, y_shape[] = {rows, classes};
  burin_rt_tensor arguments[predict_num_arguments] = {{x, BURIN_RT_F32, 2, x_shape}};
  burin_rt_tensor results[predict_num_results] = {{y, BURIN_RT_F32, 2, y_shape}};
  FILE* file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  if (!file || fread(expected, sizeof(float), rows * classes, file) != rows * classes) return 2;
  fclose(file);
  for (int i = 0; i < rows * columns; ++i) x[i] = (float)(i % 13) * 0.1f;

  if (predict(arguments, results) != BURIN_RT_OK) {
    fprintf(stderr, "%s\n", burin_rt_last_error());
    return 1;
  }
  float worst = 0;
  for (int i = 0; i < rows * classes; ++i) worst = fmaxf(worst, fabsf(y[i] - expected[i]));
  double start = seconds();
  for (int i = 0; i < calls; ++i) predict(arguments, results);
  printf("called from C: %.2f us a call, differs from eager by %.2g\n", (seconds() - start) / calls * 1e6, worst);

  /* A wrong call is told apart, not run. */
  x_shape[1] = columns + 1;
  if (predict(arguments, results) != BURIN_RT_INVALID_ARGUMENT) return 1;
  printf("a wrong shape: %s\n", burin_rt_last_error());
  return worst < 1e-4f ? 0 : 1;
}
