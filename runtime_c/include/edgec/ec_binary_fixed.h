/* Add and Sub of two int8 tensors with broadcasting, in integers that were proved equal to ec_binary on all pairs of
 * values (core/ops/elementwise/fixed_sum.py). For cores without FPU. */
#ifndef EDGEC_EC_BINARY_FIXED_H
#define EDGEC_EC_BINARY_FIXED_H

#include "edgec/ec_binary.h"

typedef struct {
    int32_t size[EC_BINARY_AXES]; /* as ec_binary_geometry */
    int32_t a_stride[EC_BINARY_AXES];
    int32_t b_stride[EC_BINARY_AXES];
    int32_t a_constant, b_constant;
    int32_t shift;
    int32_t doubtful; /* 1: sums whose bits behind the point are below `doubt` are computed in float32 */
} ec_binary_fixed_geometry;

typedef struct {
    const int8_t *constant;
    float a_scale, b_scale, y_scale;
    int32_t a_zero_point, b_zero_point, y_zero_point, clamp_min, clamp_max;
    int32_t a_multiplier, b_multiplier, addend; /* y = a * a_multiplier + b * b_multiplier + addend >> shift */
    int32_t doubt;
} ec_binary_fixed_data;

/* As the definition says; rare, and long without an FPU. */
__attribute__((noinline, unused)) static int32_t ec_binary_exact(ec_binary_op op, const ec_binary_fixed_data *d,
                                                                 int32_t a, int32_t b) {
    const float a_real = (float)(a - d->a_zero_point) * d->a_scale;
    const float b_real = (float)(b - d->b_zero_point) * d->b_scale;
    return ec_round_even(ec_apply(op, a_real, b_real) / d->y_scale) + d->y_zero_point;
}

/* y: (size[0], ..., size[3]) s8, written in order; a and b: s8, each element read before y's of the same index. */
EC_INLINE void ec_binary_fixed(ec_binary_op op, const ec_binary_fixed_geometry *g, const ec_binary_fixed_data *d,
                               const int8_t *const x[], int8_t *y) {
    const int8_t *const a = g->a_constant ? d->constant : x[0];
    const int8_t *const b = g->b_constant ? d->constant : x[g->a_constant ? 0 : 1];
    const int32_t *const n = g->size, *const sa = g->a_stride, *const sb = g->b_stride;
    const int32_t a_multiplier = d->a_multiplier, b_multiplier = d->b_multiplier, addend = d->addend;
    for (int32_t i = 0; i < n[0]; i++) {
        for (int32_t j = 0; j < n[1]; j++) {
            for (int32_t k = 0; k < n[2]; k++) {
                const int8_t *const a_run = a + (ptrdiff_t)i * sa[0] + (ptrdiff_t)j * sa[1] + (ptrdiff_t)k * sa[2];
                const int8_t *const b_run = b + (ptrdiff_t)i * sb[0] + (ptrdiff_t)j * sb[1] + (ptrdiff_t)k * sb[2];
                for (int32_t l = 0; l < n[3]; l++) {
                    const int32_t at_a = a_run[(ptrdiff_t)l * sa[3]], at_b = b_run[(ptrdiff_t)l * sb[3]];
                    const int32_t sum = at_a * a_multiplier + at_b * b_multiplier + addend;
                    int32_t q = sum >> g->shift;
                    if (g->doubtful && (sum & ((1 << g->shift) - 1)) < d->doubt) q = ec_binary_exact(op, d, at_a, at_b);
                    *y++ = (int8_t)ec_clamp(q, d->clamp_min, d->clamp_max);
                }
            }
        }
    }
}

#endif
