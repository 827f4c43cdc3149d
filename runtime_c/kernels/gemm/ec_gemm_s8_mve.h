/* Dense layer, int8, on Helium: y = x * transposed w + bias for each of `count` vectors. */
#ifndef EDGEC_EC_GEMM_S8_MVE_H
#define EDGEC_EC_GEMM_S8_MVE_H

#include "edgec/ec_matmul_mve.h"

typedef ec_matmul_mve_geometry ec_gemm_s8_mve_geometry;
typedef ec_matmul_mve_data ec_gemm_s8_mve_data;

/* x: (count, in_c) s8, y: (count, out_c) s8, acc: s32. */
EC_INLINE void ec_gemm_s8_mve(const ec_gemm_s8_mve_geometry *g, const ec_gemm_s8_mve_data *d, const int8_t *const x[],
                              int8_t *y, void *scratch) {
    (void)scratch;
    ec_matmul_mve(g, d, x[0], y);
}

#endif
