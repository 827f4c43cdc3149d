/* Index of the largest element along one axis, int8 to int32: the first one, or the last one. */
#ifndef EDGEC_EC_ARGMAX_S8_H
#define EDGEC_EC_ARGMAX_S8_H

#include <stddef.h>
#include <stdint.h>

#include "edgec/ec_rows.h"

typedef struct {
    int32_t outer, n, inner, select_last_index;
} ec_argmax_s8_geometry;

typedef struct {
    int32_t unused;
} ec_argmax_s8_data;

/* x[0]: (outer, n, inner) s8, y: (outer, inner) s32 */
EC_INLINE void ec_argmax_s8(const ec_argmax_s8_geometry *g, const ec_argmax_s8_data *d, const int8_t *const x[],
                            int32_t *y, void *scratch) {
    (void)d;
    (void)scratch;
    for (int32_t outer = 0; outer < g->outer; outer++) {
        for (int32_t inner = 0; inner < g->inner; inner++) {
            const int8_t *from = x[0] + (ptrdiff_t)outer * g->n * g->inner + inner;
            int32_t best = 0, high = from[0];
            for (int32_t i = 1; i < g->n; i++) {
                const int32_t q = from[(ptrdiff_t)i * g->inner];
                if (q > high || (g->select_last_index && q == high)) {
                    best = i;
                    high = q;
                }
            }
            y[(ptrdiff_t)outer * g->inner + inner] = best;
        }
    }
}

#endif
