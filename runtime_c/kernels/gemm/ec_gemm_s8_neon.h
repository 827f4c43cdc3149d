/* Dense layer, int8, on AArch64 (NEON without dot products): y = x * transposed w + bias for each of `count` vectors.
 */
#ifndef EDGEC_EC_GEMM_S8_NEON_H
#define EDGEC_EC_GEMM_S8_NEON_H

#include "edgec/ec_matmul_neon.h"

typedef ec_neon_matmul_geometry ec_gemm_s8_neon_geometry;
typedef ec_neon_matmul_data ec_gemm_s8_neon_data;

/* x: (count, in_c) s8, y: (count, out_c) s8, acc: s32. */
EC_INLINE void ec_gemm_s8_neon(const ec_gemm_s8_neon_geometry *g, const ec_gemm_s8_neon_data *d,
                               const int8_t *const x[], int8_t *y, void *scratch) {
    ec_matmul_neon(g, d, x[0], y, scratch);
}

#endif
