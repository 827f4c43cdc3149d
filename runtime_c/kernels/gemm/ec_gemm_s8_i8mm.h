/* Dense layer, int8, on AArch64 (NEON with SMMLA): y = x * transposed w + bias for each of `count` vectors. */
#ifndef EDGEC_EC_GEMM_S8_I8MM_H
#define EDGEC_EC_GEMM_S8_I8MM_H

#include "edgec/ec_matmul_i8mm.h"

typedef ec_neon_matmul_geometry ec_gemm_s8_i8mm_geometry;
typedef ec_neon_matmul_data ec_gemm_s8_i8mm_data;

/* x: (count, in_c) s8, y: (count, out_c) s8, acc: s32. */
EC_INLINE void ec_gemm_s8_i8mm(const ec_gemm_s8_i8mm_geometry *g, const ec_gemm_s8_i8mm_data *d,
                               const int8_t *const x[], int8_t *y, void *scratch) {
    ec_matmul_i8mm(g, d, x[0], y, scratch);
}

#endif
