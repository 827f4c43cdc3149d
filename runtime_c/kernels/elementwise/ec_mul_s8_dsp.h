/* Product of two int8 tensors with broadcasting: a * b. Integers, for cores with DSP instructions. */
#ifndef EDGEC_EC_MUL_S8_DSP_H
#define EDGEC_EC_MUL_S8_DSP_H

#include "edgec/ec_binary_dsp.h"

typedef ec_binary_dsp_geometry ec_mul_s8_dsp_geometry;
typedef ec_binary_dsp_data ec_mul_s8_dsp_data;

/* x: the inputs that are no constants, y: all rows of one call; y may be x[0] where the shapes are equal. */
EC_INLINE void ec_mul_s8_dsp(const ec_mul_s8_dsp_geometry *g, const ec_mul_s8_dsp_data *d, const int8_t *const x[],
                             int8_t *y, void *scratch) {
    (void)scratch;
    ec_binary_dsp(EC_MUL, g, d, x, y);
}

#endif
