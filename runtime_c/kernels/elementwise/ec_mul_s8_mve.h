/* Product of two int8 tensors with broadcasting: a * b, on Helium. */
#ifndef EDGEC_EC_MUL_S8_MVE_H
#define EDGEC_EC_MUL_S8_MVE_H

#include "edgec/ec_binary_mve.h"

typedef ec_binary_mve_geometry ec_mul_s8_mve_geometry;
typedef ec_binary_mve_data ec_mul_s8_mve_data;

/* x: the inputs that are no constants, y: all rows of one call; y may be x[0] where the shapes are equal. */
EC_INLINE void ec_mul_s8_mve(const ec_mul_s8_mve_geometry *g, const ec_mul_s8_mve_data *d, const int8_t *const x[],
                             int8_t *y, void *scratch) {
    (void)scratch;
    ec_binary_mve(EC_MUL, g, d, x, y);
}

#endif
