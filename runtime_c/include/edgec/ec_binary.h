/* Add, Sub, Mul and Div of two int8 tensors with broadcasting: the loop that their kernels share.
 *
 * y = saturate(round_half_even(f(a, b) / y_scale) + y_zero_point) on the real values a and b; every float32 operation
 * rounds once. */
#ifndef EDGEC_EC_BINARY_H
#define EDGEC_EC_BINARY_H

#include <stddef.h>

#include "edgec/ec_requantize.h"

#define EC_BINARY_AXES 4

typedef enum { EC_ADD, EC_SUB, EC_MUL, EC_DIV } ec_binary_op;

typedef struct {
    int32_t size[EC_BINARY_AXES];     /* of the output, outermost axis first */
    int32_t a_stride[EC_BINARY_AXES]; /* elements from one to the next; 0 where the input is repeated */
    int32_t b_stride[EC_BINARY_AXES];
    int32_t a_constant, b_constant; /* 1: this input is data->constant, not in x */
} ec_binary_geometry;

typedef struct {
    const int8_t *constant; /* NULL when both inputs are computed */
    float a_scale, b_scale, y_scale;
    int32_t a_zero_point, b_zero_point, y_zero_point, clamp_min, clamp_max;
} ec_binary_data;

EC_INLINE float ec_apply(ec_binary_op op, float a, float b) {
    switch (op) {
    case EC_ADD:
        return a + b;
    case EC_SUB:
        return a - b;
    case EC_MUL:
        return a * b;
    default:
        return a / b;
    }
}

/* y: (size[0], ..., size[3]) s8, written in order; a and b: s8, each element read before y's of the same index. */
EC_INLINE void ec_binary(ec_binary_op op, const ec_binary_geometry *g, const ec_binary_data *d, const int8_t *const x[],
                         int8_t *y) {
    const int8_t *const a = g->a_constant ? d->constant : x[0];
    const int8_t *const b = g->b_constant ? d->constant : x[g->a_constant ? 0 : 1];
    const int32_t *const n = g->size, *const sa = g->a_stride, *const sb = g->b_stride;
    for (int32_t i = 0; i < n[0]; i++) {
        for (int32_t j = 0; j < n[1]; j++) {
            for (int32_t k = 0; k < n[2]; k++) {
                const int8_t *const a_run = a + (ptrdiff_t)i * sa[0] + (ptrdiff_t)j * sa[1] + (ptrdiff_t)k * sa[2];
                const int8_t *const b_run = b + (ptrdiff_t)i * sb[0] + (ptrdiff_t)j * sb[1] + (ptrdiff_t)k * sb[2];
                for (int32_t l = 0; l < n[3]; l++) {
                    const float a_real = (float)(a_run[(ptrdiff_t)l * sa[3]] - d->a_zero_point) * d->a_scale;
                    const float b_real = (float)(b_run[(ptrdiff_t)l * sb[3]] - d->b_zero_point) * d->b_scale;
                    const int32_t q = ec_round_even(ec_apply(op, a_real, b_real) / d->y_scale) + d->y_zero_point;
                    *y++ = (int8_t)ec_clamp(q, d->clamp_min, d->clamp_max);
                }
            }
        }
    }
}

#endif
