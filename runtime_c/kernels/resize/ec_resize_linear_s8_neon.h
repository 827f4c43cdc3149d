/* Bilinear resize of height and width, int8, on AArch64: float32 in the order of ec_resize_linear_s8, 8 channels and
 * more. Works on whole tensors: which rows are read does not follow a regular window. */
#ifndef EDGEC_EC_RESIZE_LINEAR_S8_NEON_H
#define EDGEC_EC_RESIZE_LINEAR_S8_NEON_H

#include <stddef.h>

#include "edgec/ec_neon.h"
#include "edgec/ec_neon_bytes.h"

typedef struct {
    int32_t in_w, channels, out_h, out_w;
    int32_t way; /* EC_NEON_FITS ... */
} ec_resize_linear_s8_neon_geometry;

typedef struct {
    const uint16_t *rows_lower, *rows_upper;                  /* (out_h) input rows */
    const float *rows_lower_weight, *rows_upper_weight;       /* (out_h) */
    const uint16_t *columns_lower, *columns_upper;            /* (out_w) input columns */
    const float *columns_lower_weight, *columns_upper_weight; /* (out_w) */
    float input_scale;
    int32_t input_zero_point;
    float output_scale;
    int32_t output_zero_point;
} ec_resize_linear_s8_neon_data;

/* Sixteen channels as real numbers. */
typedef struct {
    float32x4_t parts[4];
} ec_resize_linear_s8_neon_16;

EC_INLINE ec_resize_linear_s8_neon_16 ec_resize_linear_s8_neon_real(int8x16_t q, int8x8_t zero_point,
                                                                    float32x4_t scale) {
    const int16x8_t low = vsubl_s8(vget_low_s8(q), zero_point), high = vsubl_s8(vget_high_s8(q), zero_point);
    const ec_resize_linear_s8_neon_16 real = {{vmulq_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), scale),
                                               vmulq_f32(vcvtq_f32_s32(vmovl_high_s16(low)), scale),
                                               vmulq_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), scale),
                                               vmulq_f32(vcvtq_f32_s32(vmovl_high_s16(high)), scale)}};
    return real;
}

/* One part: left to right, each product and sum rounded once, as core/ops/resize.py does; divided, with the integer in
 * the lowest bits. */
EC_INLINE int16x8_t ec_resize_linear_s8_neon_part(const ec_resize_linear_s8_neon_16 *x, int32_t part,
                                                  float32x4_t weights, float32x4_t scale, ec_neon_output to) {
    float32x4_t sum = vmulq_laneq_f32(x[0].parts[part], weights, 0);
    sum = vaddq_f32(sum, vmulq_laneq_f32(x[1].parts[part], weights, 1));
    sum = vaddq_f32(sum, vmulq_laneq_f32(x[2].parts[part], weights, 2));
    sum = vaddq_f32(sum, vmulq_laneq_f32(x[3].parts[part], weights, 3));
    return vreinterpretq_s16_f32(vaddq_f32(vdivq_f32(sum, scale), to.magic));
}

EC_INLINE int16x8_t ec_resize_linear_s8_neon_join(int16x8_t a, int16x8_t b, ec_neon_output to) {
    const int16x8_t integers = vuzp1q_s16(a, b);
    return to.way & EC_NEON_ODD ? vaddq_s16(integers, to.zero_point) : integers;
}

/* All channels of an output pixel. corners: (4) where the input pixels are; weights: of each */
EC_INLINE void ec_resize_linear_s8_neon_pixel(const ec_resize_linear_s8_neon_geometry *g,
                                              const ec_resize_linear_s8_neon_data *d, const int8_t *const corners[4],
                                              float32x4_t weights, ec_neon_output to, int8_t *y) {
    const int8x8_t zero_point = vdup_n_s8((int8_t)d->input_zero_point);
    const float32x4_t from_scale = vdupq_n_f32(d->input_scale), to_scale = vdupq_n_f32(d->output_scale);
    const int32_t last = g->channels < EC_NEON_BYTES ? 0 : g->channels - EC_NEON_BYTES;
    for (int32_t c = 0; c < g->channels; c += EC_NEON_BYTES) {
        const int32_t at = c > last ? last : c; /* the last ones may overlap those before them */
        const ec_resize_linear_s8_neon_16 x[4] = {
            ec_resize_linear_s8_neon_real(ec_neon_load(corners[0] + at, g->channels), zero_point, from_scale),
            ec_resize_linear_s8_neon_real(ec_neon_load(corners[1] + at, g->channels), zero_point, from_scale),
            ec_resize_linear_s8_neon_real(ec_neon_load(corners[2] + at, g->channels), zero_point, from_scale),
            ec_resize_linear_s8_neon_real(ec_neon_load(corners[3] + at, g->channels), zero_point, from_scale)};
        const int16x8_t low =
            ec_resize_linear_s8_neon_join(ec_resize_linear_s8_neon_part(x, 0, weights, to_scale, to),
                                          ec_resize_linear_s8_neon_part(x, 1, weights, to_scale, to), to);
        const int16x8_t high =
            ec_resize_linear_s8_neon_join(ec_resize_linear_s8_neon_part(x, 2, weights, to_scale, to),
                                          ec_resize_linear_s8_neon_part(x, 3, weights, to_scale, to), to);
        ec_neon_store(y + at, g->channels, ec_neon_narrow(to, low, high));
    }
}

/* x[0]: (in_h, in_w, channels) s8, y: (out_h, out_w, channels) s8 */
EC_INLINE void ec_resize_linear_s8_neon(const ec_resize_linear_s8_neon_geometry *g,
                                        const ec_resize_linear_s8_neon_data *d, const int8_t *const x[], int8_t *y,
                                        void *scratch) {
    (void)scratch;
    const ec_resize_linear_s8_neon_data data = *d; /* y can't change it */
    const int8_t *const from = x[0];
    const ec_neon_output to = ec_neon_output_of(g->way, data.output_zero_point, -128, 127);
    for (int32_t out_y = 0; out_y < g->out_h; out_y++) {
        const int8_t *const top = from + (ptrdiff_t)data.rows_lower[out_y] * g->in_w * g->channels;
        const int8_t *const bottom = from + (ptrdiff_t)data.rows_upper[out_y] * g->in_w * g->channels;
        const float y0 = data.rows_lower_weight[out_y], y1 = data.rows_upper_weight[out_y];
        for (int32_t out_x = 0; out_x < g->out_w; out_x++, y += g->channels) {
            const ptrdiff_t left = (ptrdiff_t)data.columns_lower[out_x] * g->channels;
            const ptrdiff_t right = (ptrdiff_t)data.columns_upper[out_x] * g->channels;
            const float x0 = data.columns_lower_weight[out_x], x1 = data.columns_upper_weight[out_x];
            const float32x4_t weights = {x0 * y0, x1 * y0, x0 * y1, x1 * y1};
            const int8_t *const corners[4] = {top + left, top + right, bottom + left, bottom + right};
            ec_resize_linear_s8_neon_pixel(g, &data, corners, weights, to, y);
        }
    }
}

#endif
