/* Add, Sub and Mul of two int8 tensors with broadcasting on AArch64: sixteen elements at a time.
 *
 * The integers were proved equal to ec_binary on all pairs of inputs when the model was compiled:
 *   a + b:  y = (first * (a * a_first + b * b_first) + second * (a * a_second + b * b_second) + offset) >> 16 >> shift
 *   a * b:  y = ((((a - z_a) * (b - z_b) * 2 * first) >> 32) + 2^(shift - 1) >> shift) + z_y
 * A sum needs multipliers of about 22 bits: each is made of an int8 times an int16, twice, which NEON multiplies and
 * widens in one instruction. Where no integers do, float32 as the definition has it. */
#ifndef EDGEC_EC_BINARY_NEON_H
#define EDGEC_EC_BINARY_NEON_H

#include <stddef.h>

#include "edgec/ec_binary.h"
#include "edgec/ec_neon.h"
#include "edgec/ec_neon_bytes.h"

typedef enum {
    EC_BINARY_NEON_INTEGERS,
    EC_BINARY_NEON_PRODUCT,  /* float32; the real result is multiplied by a reciprocal of the output's scale */
    EC_BINARY_NEON_QUOTIENT, /* or divided by the scale */
} ec_binary_neon_method;

typedef struct {
    int32_t size[EC_BINARY_AXES];     /* of the output, outermost axis first; the last one is 8 or more */
    int32_t a_stride[EC_BINARY_AXES]; /* elements from one to the next; 0 where the input is repeated */
    int32_t b_stride[EC_BINARY_AXES];
    int32_t a_constant, b_constant; /* 1: this input is data->constant, not in x */
    int32_t method;                 /* ec_binary_neon_method */
    int32_t shift;                  /* of the integers */
    int32_t way;                    /* EC_NEON_FITS ... */
} ec_binary_neon_geometry;

typedef struct {
    const int8_t *constant; /* NULL when both inputs are computed */
    float a_scale, b_scale, y_scale;
    int32_t a_zero_point, b_zero_point, y_zero_point, clamp_min, clamp_max;
    float factor; /* of float32: reciprocal or scale */
    int32_t a_first, b_first, first, a_second, b_second, second, offset;
} ec_binary_neon_data;

/* The constants of a layer as they are used: y can't change them. */
typedef struct {
    ec_neon_output output;
    int8x16_t a_first, b_first, a_second, b_second;
    int16x4_t large; /* first, second */
    int32x4_t offset, multiplier;
    int8x8_t a_zero_point, b_zero_point;
    float32x4_t a_scale, b_scale, factor;
} ec_binary_neon_constants;

EC_INLINE ec_binary_neon_constants ec_binary_neon_constants_of(const ec_binary_neon_geometry *g,
                                                               const ec_binary_neon_data *d) {
    ec_binary_neon_constants k;
    k.output = ec_neon_output_of(g->way, d->y_zero_point, d->clamp_min, d->clamp_max);
    k.a_first = vdupq_n_s8((int8_t)d->a_first), k.b_first = vdupq_n_s8((int8_t)d->b_first);
    k.a_second = vdupq_n_s8((int8_t)d->a_second), k.b_second = vdupq_n_s8((int8_t)d->b_second);
    k.large = vset_lane_s16((int16_t)d->second, vdup_n_s16((int16_t)d->first), 1);
    k.offset = vdupq_n_s32(d->offset), k.multiplier = vdupq_n_s32(d->first);
    k.a_zero_point = vdup_n_s8((int8_t)d->a_zero_point), k.b_zero_point = vdup_n_s8((int8_t)d->b_zero_point);
    k.a_scale = vdupq_n_f32(d->a_scale), k.b_scale = vdupq_n_f32(d->b_scale), k.factor = vdupq_n_f32(d->factor);
    return k;
}

/* Eight sums, times 2^shift. a_first and so on: eight results each of the first level of products. */
EC_INLINE int16x8_t ec_binary_neon_sums(const ec_binary_neon_constants *k, int16x8_t first, int16x8_t second) {
    int32x4_t low = vmull_lane_s16(vget_low_s16(first), k->large, 0);
    int32x4_t high = vmull_high_lane_s16(first, k->large, 0);
    low = vmlal_lane_s16(low, vget_low_s16(second), k->large, 1);
    high = vmlal_high_lane_s16(high, second, k->large, 1);
    return vaddhn_high_s32(vaddhn_s32(low, k->offset), high, k->offset);
}

EC_INLINE int8x16_t ec_binary_neon_add(const ec_binary_neon_constants *k, int32_t shift, int8x16_t a, int8x16_t b) {
    int16x8_t first[2], second[2];
    first[0] = vmull_s8(vget_low_s8(a), vget_low_s8(k->a_first));
    first[1] = vmull_high_s8(a, k->a_first);
    second[0] = vmull_s8(vget_low_s8(a), vget_low_s8(k->a_second));
    second[1] = vmull_high_s8(a, k->a_second);
    first[0] = vmlal_s8(first[0], vget_low_s8(b), vget_low_s8(k->b_first));
    first[1] = vmlal_high_s8(first[1], b, k->b_first);
    second[0] = vmlal_s8(second[0], vget_low_s8(b), vget_low_s8(k->b_second));
    second[1] = vmlal_high_s8(second[1], b, k->b_second);
    return ec_neon_shift_to_bytes(ec_binary_neon_sums(k, first[0], second[0]),
                                  ec_binary_neon_sums(k, first[1], second[1]), shift);
}

/* Eight products of values less their zero points, with the output's zero point. */
EC_INLINE int16x8_t ec_binary_neon_products(const ec_binary_neon_constants *k, int32_t shift, int16x8_t a,
                                            int16x8_t b) {
    const int32x4_t low = vqdmulhq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)), k->multiplier);
    const int32x4_t high = vqdmulhq_s32(vmull_high_s16(a, b), k->multiplier);
    return vqaddq_s16(ec_neon_round_to_halves(low, high, shift), k->output.zero_point);
}

/* Four real results of the operator, divided by the output's scale. */
EC_INLINE float32x4_t ec_binary_neon_real(ec_binary_op op, int32_t method, const ec_binary_neon_constants *k,
                                          int16x4_t a, int16x4_t b) {
    const float32x4_t left = vmulq_f32(vcvtq_f32_s32(vmovl_s16(a)), k->a_scale);
    const float32x4_t right = vmulq_f32(vcvtq_f32_s32(vmovl_s16(b)), k->b_scale);
    const float32x4_t real = op == EC_ADD   ? vaddq_f32(left, right)
                             : op == EC_SUB ? vsubq_f32(left, right)
                                            : vmulq_f32(left, right);
    return method == EC_BINARY_NEON_PRODUCT ? vmulq_f32(real, k->factor) : vdivq_f32(real, k->factor);
}

/* Eight results that fit int16, with the output's zero point. */
EC_INLINE int16x8_t ec_binary_neon_rounded(ec_binary_op op, int32_t method, const ec_binary_neon_constants *k,
                                           int16x8_t a, int16x8_t b) {
    const float32x4_t low = ec_binary_neon_real(op, method, k, vget_low_s16(a), vget_low_s16(b));
    const float32x4_t high = ec_binary_neon_real(op, method, k, vget_high_s16(a), vget_high_s16(b));
    const int16x8_t integers = vuzp1q_s16(vreinterpretq_s16_f32(vaddq_f32(low, k->output.magic)),
                                          vreinterpretq_s16_f32(vaddq_f32(high, k->output.magic)));
    return k->output.way & EC_NEON_ODD ? vaddq_s16(integers, k->output.zero_point) : integers;
}

/* Sixteen elements. */
EC_INLINE int8x16_t ec_binary_neon_16(ec_binary_op op, const ec_binary_neon_geometry *g,
                                      const ec_binary_neon_constants *k, int8x16_t a, int8x16_t b) {
    if (g->method == EC_BINARY_NEON_INTEGERS && op != EC_MUL) {
        const int8x16_t y = ec_binary_neon_add(k, g->shift, a, b);
        return g->way & EC_NEON_CLAMPED ? vminq_s8(vmaxq_s8(y, k->output.low), k->output.high) : y;
    }
    const int16x8_t a_low = vsubl_s8(vget_low_s8(a), k->a_zero_point);
    const int16x8_t b_low = vsubl_s8(vget_low_s8(b), k->b_zero_point);
    const int16x8_t a_high = vsubl_s8(vget_high_s8(a), k->a_zero_point);
    const int16x8_t b_high = vsubl_s8(vget_high_s8(b), k->b_zero_point);
    if (g->method == EC_BINARY_NEON_INTEGERS) {
        return ec_neon_narrow(k->output, ec_binary_neon_products(k, g->shift, a_low, b_low),
                              ec_binary_neon_products(k, g->shift, a_high, b_high));
    }
    return ec_neon_narrow(k->output, ec_binary_neon_rounded(op, g->method, k, a_low, b_low),
                          ec_binary_neon_rounded(op, g->method, k, a_high, b_high));
}

/* The innermost axis, along which each input lies dense or is repeated. y may be a or b: the end, which overlaps what
 * is before it, is read first. */
EC_INLINE void ec_binary_neon_run(ec_binary_op op, const ec_binary_neon_geometry *g, const ec_binary_neon_constants *k,
                                  const int8_t *a, const int8_t *b, int8_t *y) {
    const int32_t count = g->size[EC_BINARY_AXES - 1], a_step = g->a_stride[EC_BINARY_AXES - 1],
                  b_step = g->b_stride[EC_BINARY_AXES - 1];
    const int32_t last = count < EC_NEON_BYTES ? 0 : count - EC_NEON_BYTES;
    const int8x16_t a_end = a_step ? ec_neon_load(a + last, count) : vdupq_n_s8(*a);
    const int8x16_t b_end = b_step ? ec_neon_load(b + last, count) : vdupq_n_s8(*b);
    int32_t i = 0;
    for (; i + 2 * EC_NEON_BYTES <= count; i += 2 * EC_NEON_BYTES) {
        const int8x16_t a0 = a_step ? vld1q_s8(a + i) : a_end, b0 = b_step ? vld1q_s8(b + i) : b_end;
        const int8x16_t a1 = a_step ? vld1q_s8(a + i + 16) : a_end, b1 = b_step ? vld1q_s8(b + i + 16) : b_end;
        const int8x16_t y0 = ec_binary_neon_16(op, g, k, a0, b0), y1 = ec_binary_neon_16(op, g, k, a1, b1);
        vst1q_s8(y + i, y0);
        vst1q_s8(y + i + 16, y1);
    }
    if (i + EC_NEON_BYTES <= count) {
        const int8x16_t a0 = a_step ? vld1q_s8(a + i) : a_end, b0 = b_step ? vld1q_s8(b + i) : b_end;
        vst1q_s8(y + i, ec_binary_neon_16(op, g, k, a0, b0));
    }
    if (count % EC_NEON_BYTES) ec_neon_store(y + last, count, ec_binary_neon_16(op, g, k, a_end, b_end));
}

/* y: (size[0], ..., size[3]) s8, written in order; a and b: s8, each element read before y's of the same index. */
EC_INLINE void ec_binary_neon(ec_binary_op op, const ec_binary_neon_geometry *g, const ec_binary_neon_data *d,
                              const int8_t *const x[], int8_t *y) {
    const ec_binary_neon_constants k = ec_binary_neon_constants_of(g, d);
    const int8_t *const a = g->a_constant ? d->constant : x[0];
    const int8_t *const b = g->b_constant ? d->constant : x[g->a_constant ? 0 : 1];
    const int32_t *const n = g->size, *const sa = g->a_stride, *const sb = g->b_stride;
    for (int32_t i = 0; i < n[0]; i++) {
        for (int32_t j = 0; j < n[1]; j++) {
            for (int32_t l = 0; l < n[2]; l++, y += n[3]) {
                const int8_t *const a_run = a + (ptrdiff_t)i * sa[0] + (ptrdiff_t)j * sa[1] + (ptrdiff_t)l * sa[2];
                const int8_t *const b_run = b + (ptrdiff_t)i * sb[0] + (ptrdiff_t)j * sb[1] + (ptrdiff_t)l * sb[2];
                ec_binary_neon_run(op, g, &k, a_run, b_run, y);
            }
        }
    }
}

#endif
