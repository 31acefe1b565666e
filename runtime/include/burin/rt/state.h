/* State that an ahead-of-time object owns: what the functions NAME, NAME_init, NAME_get, NAME_save and NAME_load of such an
 * object call (`burinc --state=owned`); programs call those, by the header that burinc writes. Usable from C, as rt.h is. */
#ifndef BURIN_RT_STATE_H
#define BURIN_RT_STATE_H

#include <burin/rt/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The variables of a function, which takes each of them as an argument too. A variable is a record of
 * `BURIN_RT_STATE_RECORD` words: its input of the function (which has its type and name), and where its value begins, in
 * bytes, at a multiple of BURIN_RT_ALIGNMENT; both ascend. */
#define BURIN_RT_STATE_RECORD 2
#define BURIN_RT_STATE_CONTROL 64
typedef struct burin_rt_state {
  const burin_rt_aot_function* function;
  int64_t num_variables, num_bytes; /* bytes: of all values, with what lies between them */
  const int64_t* records;
  const void* initial; /* the values that they begin with */
  void* memory;        /* aligned: BURIN_RT_STATE_CONTROL bytes of burin_rt, zero at first, then the values */
} burin_rt_state;

/* Any thread may call any of these at any time: what updates or reads the state has it to itself. Each gives a status, and on
 * failure a line in burin_rt_last_error; the state is then as it was. */

/* burin_rt_aot_call on `arguments`, which lack the variables, and on these. */
BURIN_RT_API int32_t burin_rt_state_call(const burin_rt_state* state, const burin_rt_tensor* arguments,
                                         const burin_rt_tensor* results);
/* Gives the variables the values that they began with. */
BURIN_RT_API int32_t burin_rt_state_init(const burin_rt_state* state);
/* Copies the value of a variable, counted from 0, to a tensor of its type. */
BURIN_RT_API int32_t burin_rt_state_get(const burin_rt_state* state, int64_t variable, const burin_rt_tensor* value);
/* Writes the values of one moment to a file, which is whole or not there; INVALID_ARGUMENT where it cannot be written. */
BURIN_RT_API int32_t burin_rt_state_save(const burin_rt_state* state, const char* path);
/* Takes the values of such a file. CORRUPT: it is no such file, damaged or cut off; UNSUPPORTED: of another version;
 * INVALID_ARGUMENT: it cannot be read, or holds variables of other names, dtypes or shapes. */
BURIN_RT_API int32_t burin_rt_state_load(const burin_rt_state* state, const char* path);

#ifdef __cplusplus
}
#endif
#endif
