/* 1x1 convolution of any stride, int8, on AArch64: NEON without dot products. */
#ifndef EDGEC_EC_POINTWISE_CONV_S8_NEON_H
#define EDGEC_EC_POINTWISE_CONV_S8_NEON_H

#include "edgec/ec_matmul_neon.h"

typedef ec_neon_matmul_geometry ec_pointwise_conv_s8_neon_geometry;
typedef ec_neon_matmul_data ec_pointwise_conv_s8_neon_data;

/* One output row, or several adjacent ones. x: (in_w, in_c) s8, y: (count, out_c) s8, acc: s32. */
EC_INLINE void ec_pointwise_conv_s8_neon(const ec_pointwise_conv_s8_neon_geometry *g,
                                         const ec_pointwise_conv_s8_neon_data *d, const int8_t *const x[], int8_t *y,
                                         void *scratch) {
    ec_matmul_neon(g, d, x[0], y, scratch);
}

#endif
