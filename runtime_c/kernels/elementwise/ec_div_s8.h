/* Quotient of two int8 tensors with broadcasting: a / b, where 0 / 0 gives the lowest value. Portable C. */
#ifndef EDGEC_EC_DIV_S8_H
#define EDGEC_EC_DIV_S8_H

#include "edgec/ec_binary.h"

typedef ec_binary_geometry ec_div_s8_geometry;
typedef ec_binary_data ec_div_s8_data;

/* x: the inputs that are no constants, y: all rows of one call; y may be x[0] where the shapes are equal. */
EC_INLINE void ec_div_s8(const ec_div_s8_geometry *g, const ec_div_s8_data *d, const int8_t *const x[], int8_t *y,
                         void *scratch) {
    (void)scratch;
    ec_binary(EC_DIV, g, d, x, y);
}

#endif
