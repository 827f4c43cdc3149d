/* Product of two int8 tensors with broadcasting: a * b, on AArch64. */
#ifndef EDGEC_EC_MUL_S8_NEON_H
#define EDGEC_EC_MUL_S8_NEON_H

#include "edgec/ec_binary_neon.h"

typedef ec_binary_neon_geometry ec_mul_s8_neon_geometry;
typedef ec_binary_neon_data ec_mul_s8_neon_data;

/* x: the inputs that are no constants, y: all rows of one call; y may be x[0] where the shapes are equal. */
EC_INLINE void ec_mul_s8_neon(const ec_mul_s8_neon_geometry *g, const ec_mul_s8_neon_data *d, const int8_t *const x[],
                              int8_t *y, void *scratch) {
    (void)scratch;
    ec_binary_neon(EC_MUL, g, d, x, y);
}

#endif
