/* Sum of two int8 tensors with broadcasting: a + b, in integers for cores without FPU. */
#ifndef EDGEC_EC_ADD_S8_NODSP_H
#define EDGEC_EC_ADD_S8_NODSP_H

#include "edgec/ec_binary_fixed.h"

typedef ec_binary_fixed_geometry ec_add_s8_nodsp_geometry;
typedef ec_binary_fixed_data ec_add_s8_nodsp_data;

/* x: the inputs that are no constants, y: all rows of one call; y may be x[0] where the shapes are equal. */
EC_INLINE void ec_add_s8_nodsp(const ec_add_s8_nodsp_geometry *g, const ec_add_s8_nodsp_data *d,
                               const int8_t *const x[], int8_t *y, void *scratch) {
    (void)scratch;
    ec_binary_fixed(EC_ADD, g, d, x, y);
}

#endif
