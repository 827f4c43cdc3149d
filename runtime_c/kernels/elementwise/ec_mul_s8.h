/* Product of two int8 tensors with broadcasting: a * b. Portable C. */
#ifndef EDGEC_EC_MUL_S8_H
#define EDGEC_EC_MUL_S8_H

#include "edgec/ec_binary.h"

typedef ec_binary_geometry ec_mul_s8_geometry;
typedef ec_binary_data ec_mul_s8_data;

/* x: the inputs that are no constants, y: all rows of one call; y may be x[0] where the shapes are equal. */
EC_INLINE void ec_mul_s8(const ec_mul_s8_geometry *g, const ec_mul_s8_data *d, const int8_t *const x[], int8_t *y,
                         void *scratch) {
    (void)scratch;
    ec_binary(EC_MUL, g, d, x, y);
}

#endif
