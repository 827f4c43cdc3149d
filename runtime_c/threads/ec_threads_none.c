/* No threads: the caller computes all rows. */
#include "edgec/ec_threads.h"

void ec_parallel(ec_rows_function *function, void *arena, int32_t rows, int32_t threads) {
    (void)threads;
    function(arena, 0, rows, 0);
}
