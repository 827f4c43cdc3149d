/* Blocks of channels to blocks of pixels, int8, orders DCR and CRD.
 * Works on whole tensors: an output row y reads the input row y / blocksize, which is no regular window. */
#ifndef EDGEC_EC_DEPTH_TO_SPACE_S8_H
#define EDGEC_EC_DEPTH_TO_SPACE_S8_H

#include "edgec/ec_strided.h"

typedef struct {
    int32_t size[EC_AXES];
    int32_t stride[EC_AXES]; /* in x, in elements */
} ec_depth_to_space_s8_geometry;

typedef struct {
    int32_t unused;
} ec_depth_to_space_s8_data;

/* x[0]: (n, h, w, c * b * b) s8, y: (n, h * b, w * b, c) s8 as (n, h, b, w, b, c), neighbouring axes merged */
EC_INLINE void ec_depth_to_space_s8(const ec_depth_to_space_s8_geometry *g, const ec_depth_to_space_s8_data *d,
                                    const int8_t *const x[], int8_t *y, void *scratch) {
    (void)d;
    (void)scratch;
    ec_strided_copy(g->size, g->stride, x[0], y);
}

#endif
