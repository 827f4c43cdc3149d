/* Tensors joined along one axis, int8; constants among them lie in the data. */
#ifndef EDGEC_EC_CONCAT_S8_H
#define EDGEC_EC_CONCAT_S8_H

#include <stddef.h>
#include <stdint.h>

#include "edgec/ec_strided.h"

typedef struct {
    int32_t inputs, outer; /* outer: product of the axes before the joined one */
} ec_concat_s8_geometry;

typedef struct {
    const int32_t *sizes;           /* (inputs) elements that each input adds to one step of outer */
    const int8_t *constants;        /* all constant inputs one after the other, or NULL */
    const int32_t *constant_starts; /* (inputs) where in constants, -1 for inputs in x; NULL when all are in x */
} ec_concat_s8_data;

/* x[i]: (outer, sizes[i]) s8 of each input that is no constant, y: (outer, sum of sizes) s8 */
EC_INLINE void ec_concat_s8(const ec_concat_s8_geometry *g, const ec_concat_s8_data *d, const int8_t *const x[],
                            int8_t *y, void *scratch) {
    (void)scratch;
    for (int32_t outer = 0; outer < g->outer; outer++) {
        const int8_t *const *next = x;
        for (int32_t i = 0; i < g->inputs; i++) {
            const int32_t start = d->constant_starts ? d->constant_starts[i] : -1;
            const int8_t *from = start < 0 ? *next++ : d->constants + start;
            __builtin_memcpy(y, from + (ptrdiff_t)outer * d->sizes[i], (size_t)d->sizes[i]);
            y += d->sizes[i];
        }
    }
}

#endif
