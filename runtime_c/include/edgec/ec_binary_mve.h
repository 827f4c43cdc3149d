/* Add, Sub and Mul of two int8 tensors with broadcasting on Helium: the loop that their kernels share.
 *
 * As ec_binary.h, four elements at a time; the division by the output's scale is a product where that gives the same
 * integers for all pairs of inputs. */
#ifndef EDGEC_EC_BINARY_MVE_H
#define EDGEC_EC_BINARY_MVE_H

#include <stddef.h>

#include "edgec/ec_binary.h"
#include "edgec/ec_mve.h"

/* How a real result is divided by the output's scale. */
typedef enum {
    EC_BINARY_FUSED,    /* times a reciprocal, in one step with the rounding to an integer */
    EC_BINARY_PRODUCT,  /* times a reciprocal, rounded to float32 first */
    EC_BINARY_QUOTIENT, /* divided */
} ec_binary_mve_way;

typedef struct {
    int32_t size[EC_BINARY_AXES];     /* of the output, outermost axis first */
    int32_t a_stride[EC_BINARY_AXES]; /* elements from one to the next; 0 where the input is repeated */
    int32_t b_stride[EC_BINARY_AXES];
    int32_t a_constant, b_constant; /* 1: this input is data->constant, not in x */
    int32_t way;                    /* ec_binary_mve_way */
    int32_t odd;                    /* 1: the output's zero point is odd */
    int32_t clamped;                /* 1: to less than int8 */
} ec_binary_mve_geometry;

typedef struct {
    const int8_t *constant; /* NULL when both inputs are computed */
    float a_scale, b_scale, y_scale;
    int32_t a_zero_point, b_zero_point, y_zero_point, clamp_min, clamp_max;
    float factor; /* of the way: reciprocal or scale */
} ec_binary_mve_data;

/* Four real values, or one four times where the input is repeated. */
EC_INLINE float32x4_t ec_binary_mve_real(const int8_t *q, int32_t stride, mve_pred16_t lanes, int32_t whole,
                                         int32_t zero_point, float scale) {
    if (stride == 0) return vdupq_n_f32((float)(*q - zero_point) * scale);
    const int32x4_t v = whole ? vldrbq_s32(q) : vldrbq_z_s32(q, lanes);
    return vmulq_n_f32(vcvtq_f32_s32(vsubq_n_s32(v, zero_point)), scale);
}

EC_INLINE float32x4_t ec_binary_mve_apply(ec_binary_op op, float32x4_t a, float32x4_t b) {
    return op == EC_ADD ? vaddq_f32(a, b) : op == EC_SUB ? vsubq_f32(a, b) : vmulq_f32(a, b);
}

/* The output's integers in the lowest bytes of the lanes. Results fit int16. */
EC_INLINE int32x4_t ec_binary_mve_quantize(const ec_binary_mve_geometry *g, const ec_binary_mve_data *d,
                                           float32x4_t real) {
    /* 1.5 * 2^23: a sum with it has no fraction bits, so the addition rounds; so does one with an even zero point. */
    const float magic = 12582912.0f + (float)(d->y_zero_point - g->odd);
    float32x4_t sum;
    if (g->way == EC_BINARY_FUSED) {
        sum = vfmasq_n_f32(real, vdupq_n_f32(d->factor), magic);
    } else if (g->way == EC_BINARY_PRODUCT) {
        sum = vaddq_n_f32(vmulq_n_f32(real, d->factor), magic);
    } else {
        float32x4_t quotient = real;
        quotient = vsetq_lane_f32(vgetq_lane_f32(real, 0) / d->factor, quotient, 0);
        quotient = vsetq_lane_f32(vgetq_lane_f32(real, 1) / d->factor, quotient, 1);
        quotient = vsetq_lane_f32(vgetq_lane_f32(real, 2) / d->factor, quotient, 2);
        quotient = vsetq_lane_f32(vgetq_lane_f32(real, 3) / d->factor, quotient, 3);
        sum = vaddq_n_f32(quotient, magic);
    }
    int32x4_t bits = vreinterpretq_s32_f32(sum);
    if (g->odd) bits = vaddq_n_s32(bits, 1);
    return ec_mve_narrow(bits, g->clamped, d->clamp_min, d->clamp_max);
}

EC_INLINE void ec_binary_mve_four(ec_binary_op op, const ec_binary_mve_geometry *g, const ec_binary_mve_data *d,
                                  const int8_t *a, const int8_t *b, mve_pred16_t lanes, int32_t whole, int8_t *y) {
    const float32x4_t a_real =
        ec_binary_mve_real(a, g->a_stride[EC_BINARY_AXES - 1], lanes, whole, d->a_zero_point, d->a_scale);
    const float32x4_t b_real =
        ec_binary_mve_real(b, g->b_stride[EC_BINARY_AXES - 1], lanes, whole, d->b_zero_point, d->b_scale);
    const int32x4_t result = ec_binary_mve_quantize(g, d, ec_binary_mve_apply(op, a_real, b_real));
    if (whole) {
        vstrbq_s32(y, result);
    } else {
        vstrbq_p_s32(y, result, lanes);
    }
}

/* The innermost axis, along which each input lies dense or is repeated. y may be a. */
EC_INLINE void ec_binary_mve_run(ec_binary_op op, const ec_binary_mve_geometry *g, const ec_binary_mve_data *d,
                                 const int8_t *a, const int8_t *b, int8_t *y) {
    const int32_t count = g->size[EC_BINARY_AXES - 1];
    const int32_t a_step = g->a_stride[EC_BINARY_AXES - 1], b_step = g->b_stride[EC_BINARY_AXES - 1];
    int32_t i = 0;
    for (; i + 4 <= count; i += 4) ec_binary_mve_four(op, g, d, a + i * a_step, b + i * b_step, 0, 1, y + i);
    if (i < count) {
        ec_binary_mve_four(op, g, d, a + i * a_step, b + i * b_step, vctp32q((uint32_t)(count - i)), 0, y + i);
    }
}

/* y: (size[0], ..., size[3]) s8, written in order; a and b: s8, each element read before y's of the same index. */
EC_INLINE void ec_binary_mve(ec_binary_op op, const ec_binary_mve_geometry *g, const ec_binary_mve_data *data,
                             const int8_t *const x[], int8_t *y) {
    ec_binary_mve_data d = *data; /* y cannot change it */
    d.a_scale = ec_mve_hidden(d.a_scale);
    d.b_scale = ec_mve_hidden(d.b_scale);
    const int8_t *const a = g->a_constant ? d.constant : x[0];
    const int8_t *const b = g->b_constant ? d.constant : x[g->a_constant ? 0 : 1];
    const int32_t *const n = g->size, *const sa = g->a_stride, *const sb = g->b_stride;
    for (int32_t i = 0; i < n[0]; i++) {
        for (int32_t j = 0; j < n[1]; j++) {
            for (int32_t k = 0; k < n[2]; k++, y += n[3]) {
                const int8_t *const a_run = a + (ptrdiff_t)i * sa[0] + (ptrdiff_t)j * sa[1] + (ptrdiff_t)k * sa[2];
                const int8_t *const b_run = b + (ptrdiff_t)i * sb[0] + (ptrdiff_t)j * sb[1] + (ptrdiff_t)k * sb[2];
                ec_binary_mve_run(op, g, &d, a_run, b_run, y);
            }
        }
    }
}

#endif
