/* Rows of a layer shared out to several threads. What computes them is chosen when the program is linked:
 *
 * threads/ec_threads_none.c     the caller, all of them; needs no library
 * threads/ec_threads_pthread.c  a pool of POSIX threads
 *
 * Each row is computed by the same code from the same bytes, whoever does: outputs are equal with any number of
 * threads. */
#ifndef EDGEC_EC_THREADS_H
#define EDGEC_EC_THREADS_H

#include <stdint.h>

#define EC_THREADS_MOST 64

/* Computes rows first to end - 1 of a layer. `thread` says whose scratch it takes. */
typedef void ec_rows_function(void *arena, int32_t first, int32_t end, int32_t thread);

/* Computes rows 0 to rows - 1, neighbouring ones in the same thread, of which there are `threads` at most. Returns when
 * all are done. */
void ec_parallel(ec_rows_function *function, void *arena, int32_t rows, int32_t threads);

#endif
