/* Second half of the training example: a C program that trains. step.o, made by `burinc --state=owned`, owns the weights, the
 * count of steps and the random generator; step.h, written by burinc, says how to call it. */
#include "step.h"

#include <math.h>
#include <stdio.h>

static int fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, burin_rt_last_error());
  return 1;
}

int main(int argc, char** argv) {
  enum { steps = 200, half = steps / 2 };
  static float expected[steps], losses[steps];
  float rate = 0.1f, again;
  int64_t count;
  burin_rt_tensor arguments[step_num_arguments] = {{&rate, BURIN_RT_F32, 0, NULL}};
  burin_rt_tensor counted = {&count, BURIN_RT_I64, 0, NULL};
  FILE* file = argc == 3 ? fopen(argv[1], "rb") : NULL;
  if (!file || fread(expected, sizeof(float), steps, file) != steps) return 2;
  fclose(file);

  double worst = 0;
  for (int i = 0; i < steps; ++i) {
    burin_rt_tensor results[step_num_results] = {{&losses[i], BURIN_RT_F32, 0, NULL}};
    if (step(arguments, results) != BURIN_RT_OK) return fail("a step");
    worst = fmax(worst, fabs(losses[i] - expected[i]));
    if (i + 1 == half && step_save(argv[2]) != BURIN_RT_OK) return fail("a checkpoint");
  }
  printf("%d steps in C: loss %g, then %g; differs from C++ by %.2g\n", steps, losses[0], losses[steps - 1], worst);

  /* From the checkpoint on, each step is the same again, dropout and all. */
  if (step_load(argv[2]) != BURIN_RT_OK) return fail("loading");
  if (step_get(step_count, &counted) != BURIN_RT_OK || count != half) return fail("the count");
  burin_rt_tensor results[step_num_results] = {{&again, BURIN_RT_F32, 0, NULL}};
  for (int i = half; i < steps; ++i)
    if (step(arguments, results) != BURIN_RT_OK || again != losses[i]) return fail("a step from the checkpoint");

  /* And from the start. */
  if (step_init() != BURIN_RT_OK || step(arguments, results) != BURIN_RT_OK || again != losses[0]) return fail("init");

  /* What is no checkpoint is told apart; the state stays. */
  if (step_load(argv[1]) != BURIN_RT_CORRUPT) return fail("a file of another kind");
  printf("a wrong file: %s\n", burin_rt_last_error());
  if (step(arguments, results) != BURIN_RT_OK || again != losses[1]) return fail("the step after");
  return losses[steps - 1] < losses[0] / 4 && worst < 1e-4 ? 0 : 1;
}
