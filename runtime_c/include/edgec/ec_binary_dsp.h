/* Add, Sub and Mul of two int8 tensors with broadcasting, for cores with DSP instructions: integers that were proved
 * equal to ec_binary on every pair of values when the model was compiled. */
#ifndef EDGEC_EC_BINARY_DSP_H
#define EDGEC_EC_BINARY_DSP_H

#include "edgec/ec_binary.h"
#include "edgec/ec_dsp.h"

typedef struct {
    int32_t size[EC_BINARY_AXES]; /* as ec_binary_geometry; along the last axis both inputs go on by 1 */
    int32_t a_stride[EC_BINARY_AXES];
    int32_t b_stride[EC_BINARY_AXES];
    int32_t a_constant, b_constant;
    int32_t shift, clamp_min, clamp_max;
} ec_binary_dsp_geometry;

typedef struct {
    const int8_t *constant; /* NULL when both inputs are computed */
    int32_t a_multiplier, b_multiplier, offset;
    int32_t a_zero_point, b_zero_point;
} ec_binary_dsp_data;

/* Two results, of the low and of the high halves of pairs of a * 256 and b * 256; 2^shift times as large. */
EC_INLINE void ec_binary_pair_dsp(ec_binary_op op, const ec_binary_dsp_data *d, uint32_t a, uint32_t b, int32_t *low,
                                  int32_t *high) {
    if (op == EC_MUL) {
        const uint32_t za = ec_pair(d->a_zero_point * 256, d->a_zero_point * 256);
        const uint32_t zb = ec_pair(d->b_zero_point * 256, d->b_zero_point * 256);
        a = ec_shsub16(a, za), b = ec_shsub16(b, zb);
        *low = ec_smmla(ec_smulbb(a, b), d->a_multiplier, d->offset);
        *high = ec_smmla(ec_smultt(a, b), d->a_multiplier, d->offset);
        return;
    }
    *low = ec_smlawb(d->b_multiplier, b, ec_smlawb(d->a_multiplier, a, d->offset));
    *high = ec_smlawt(d->b_multiplier, b, ec_smlawt(d->a_multiplier, a, d->offset));
}

/* Four elements; q: their results. */
EC_INLINE void ec_binary_four_dsp(ec_binary_op op, const ec_binary_dsp_geometry *g, const ec_binary_dsp_data *d,
                                  uint32_t a, uint32_t b, int32_t *q) {
    ec_binary_pair_dsp(op, d, ec_low_bytes(a), ec_low_bytes(b), &q[0], &q[2]);
    ec_binary_pair_dsp(op, d, ec_high_bytes(a), ec_high_bytes(b), &q[1], &q[3]);
    EC_UNROLL
    for (int32_t i = 0; i < 4; i++) q[i] = ec_within(ec_saturated_shift(q[i], g->shift), g->clamp_min, g->clamp_max);
}

/* a, b, y: `count` s8 side by side. */
EC_INLINE void ec_binary_run_dsp(ec_binary_op op, const ec_binary_dsp_geometry *g, const ec_binary_dsp_data *d,
                                 const int8_t *a, const int8_t *b, int32_t count, int8_t *y) {
    int32_t q[4];
    for (int32_t i = 0; i < count / 4; i++, a += 4, b += 4, y += 4) {
        ec_binary_four_dsp(op, g, d, ec_load4(a), ec_load4(b), q);
        ec_store4(y, q[0], q[1], q[2], q[3]);
    }
    for (int32_t i = 0; i < count % 4; i++) {
        ec_binary_four_dsp(op, g, d, (uint8_t)a[i], (uint8_t)b[i], q); /* the other three are not used */
        y[i] = (int8_t)q[0];
    }
}

/* y: (size[0], ..., size[3]) s8, written in order; a and b: s8, each element read before y's of the same index. */
EC_INLINE void ec_binary_dsp(ec_binary_op op, const ec_binary_dsp_geometry *g, const ec_binary_dsp_data *d,
                             const int8_t *const x[], int8_t *y) {
    const int8_t *const a = g->a_constant ? d->constant : x[0];
    const int8_t *const b = g->b_constant ? d->constant : x[g->a_constant ? 0 : 1];
    const int32_t *const n = g->size, *const sa = g->a_stride, *const sb = g->b_stride;
    for (int32_t i = 0; i < n[0]; i++) {
        for (int32_t j = 0; j < n[1]; j++) {
            for (int32_t k = 0; k < n[2]; k++, y += n[3]) {
                const int8_t *const a_run = a + (ptrdiff_t)i * sa[0] + (ptrdiff_t)j * sa[1] + (ptrdiff_t)k * sa[2];
                const int8_t *const b_run = b + (ptrdiff_t)i * sb[0] + (ptrdiff_t)j * sb[1] + (ptrdiff_t)k * sb[2];
                ec_binary_run_dsp(op, g, d, a_run, b_run, n[3], y);
            }
        }
    }
}

#endif
