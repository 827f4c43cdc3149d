/* A part of a tensor, every step-th element along each axis, int8; steps may be negative. */
#ifndef EDGEC_EC_SLICE_S8_H
#define EDGEC_EC_SLICE_S8_H

#include "edgec/ec_strided.h"

typedef struct {
    int32_t start; /* element of x that comes first in y */
    int32_t size[EC_AXES];
    int32_t stride[EC_AXES]; /* in x, in elements */
} ec_slice_s8_geometry;

typedef struct {
    int32_t unused;
} ec_slice_s8_data;

/* x[0]: the input or one of its rows, y: (size) s8 */
EC_INLINE void ec_slice_s8(const ec_slice_s8_geometry *g, const ec_slice_s8_data *d, const int8_t *const x[], int8_t *y,
                           void *scratch) {
    (void)d;
    (void)scratch;
    ec_strided_copy(g->size, g->stride, x[0] + g->start, y);
}

#endif
