/* Mean of each window, int8, on AArch64: any window up to 256 wide, stride, padding and dilation, 8 channels and more.
 * Padding rows are null pointers. */
#ifndef EDGEC_EC_AVERAGE_POOL_S8_NEON_H
#define EDGEC_EC_AVERAGE_POOL_S8_NEON_H

#include "edgec/ec_pool_neon.h"

typedef struct {
    int32_t in_w, out_w, channels;
    int32_t kernel_h, kernel_w, stride_w, pad_w, dilation_w;
    int32_t count_include_pad;
    int32_t way; /* EC_NEON_FITS ... */
} ec_average_pool_s8_neon_geometry;

typedef struct {
    float input_scale, output_scale;
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_average_pool_s8_neon_data;

/* All channels of an output pixel. x: `rows` rows, in which the window begins at `origin` (which may be outside). */
EC_INLINE void ec_average_pool_s8_neon_pixel(const ec_average_pool_s8_neon_geometry *g, const int8_t *const x[],
                                             int32_t rows, int32_t origin, ec_pool_neon_taps taps, int32_t start,
                                             ec_neon_output to, float32x4_t scale, int8_t *y) {
    const int32_t at_once = EC_POOL_NEON_MOST / g->kernel_w; /* rows whose sum fits 16 bits */
    for (int32_t c = 0; c < g->channels; c += EC_NEON_BYTES) {
        const int32_t at = ec_pool_neon_at(g->channels, c);
        int32x4_t acc[4] = {vdupq_n_s32(start), vdupq_n_s32(start), vdupq_n_s32(start), vdupq_n_s32(start)};
        for (int32_t first = 0; first < rows; first += at_once) {
            int16x8_t sums[2] = {vdupq_n_s16(0), vdupq_n_s16(0)};
            const int32_t end = rows - first < at_once ? rows : first + at_once;
            EC_POOL_NEON_UNROLL
            for (int32_t ky = first; ky < end; ky++) {
                const int8_t *const from = x[ky] + (ptrdiff_t)origin * g->channels + at;
                EC_POOL_NEON_UNROLL
                for (int32_t kx = taps.first; kx < taps.last; kx++) {
                    const ptrdiff_t tap = (ptrdiff_t)kx * g->dilation_w * g->channels;
                    ec_pool_neon_add(sums, ec_neon_load(from + tap, g->channels));
                }
            }
            ec_pool_neon_flush(acc, sums);
        }
        ec_neon_store(y + at, g->channels, ec_pool_neon_requantize(to, acc, scale));
    }
}

/* One output row. x: `rows` rows of (in_w, channels) s8, y: (out_w, channels) s8, acc: s32 */
EC_INLINE void ec_average_pool_s8_neon_row(const ec_average_pool_s8_neon_geometry *g,
                                           const ec_average_pool_s8_neon_data *d, const int8_t *const x[], int32_t rows,
                                           int8_t *y) {
    const ec_average_pool_s8_neon_data data = *d; /* y can't change it */
    const ec_neon_output to = ec_neon_output_of(g->way, data.output_zero_point, data.clamp_min, data.clamp_max);
    const ec_pool_neon_taps all = {0, g->kernel_w};
    for (int32_t out_x = 0; out_x < g->out_w; out_x++, y += g->channels) {
        const int32_t origin = out_x * g->stride_w - g->pad_w;
        const ec_pool_neon_taps taps = ec_pool_neon_inside(g->in_w, g->kernel_w, g->dilation_w, origin);
        const int32_t inside = rows * (taps.last - taps.first);
        const int32_t count = g->count_include_pad ? g->kernel_h * g->kernel_w : inside;
        /* A window of padding alone has the mean 0. */
        const float factor = data.input_scale / (data.output_scale * (float)(count > 0 ? count : 1));
        const float32x4_t scale = vdupq_n_f32(factor);
        const int32_t start = -inside * data.input_zero_point;
        /* Windows that are whole are unrolled. */
        if (taps.first == 0 && taps.last == g->kernel_w) {
            ec_average_pool_s8_neon_pixel(g, x, rows, origin, all, start, to, scale, y);
        } else {
            ec_average_pool_s8_neon_pixel(g, x, rows, origin, taps, start, to, scale, y);
        }
    }
}

/* One output row. x: kernel_h rows of (in_w, channels) s8 or NULL, y: (out_w, channels) s8 */
EC_INLINE void ec_average_pool_s8_neon(const ec_average_pool_s8_neon_geometry *g, const ec_average_pool_s8_neon_data *d,
                                       const int8_t *const x[], int8_t *y, void *scratch) {
    (void)scratch;
    /* The padding is above or below: what is inside lies side by side, in x or here, where y can't change it. */
    const int8_t *rows[EC_POOL_NEON_ROWS] = {0};
    int32_t first = 0, end = g->kernel_h;
    while (first < end && !x[first]) first++;
    while (end > first && !x[end - 1]) end--;
    if (g->kernel_h > EC_POOL_NEON_ROWS) {
        ec_average_pool_s8_neon_row(g, d, x + first, end - first, y);
        return;
    }
    for (int32_t ky = 0; ky < g->kernel_h; ky++) rows[ky] = x[first + ky < end ? first + ky : first];
    if (end - first == g->kernel_h) {
        ec_average_pool_s8_neon_row(g, d, rows, g->kernel_h, y);
    } else {
        ec_average_pool_s8_neon_row(g, d, rows, end - first, y);
    }
}

#endif
