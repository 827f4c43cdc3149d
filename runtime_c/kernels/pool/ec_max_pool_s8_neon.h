/* Largest element of each window, int8, on AArch64: any window, stride, padding and dilation, 8 channels and more. */
#ifndef EDGEC_EC_MAX_POOL_S8_NEON_H
#define EDGEC_EC_MAX_POOL_S8_NEON_H

#include "edgec/ec_pool_neon.h"

typedef struct {
    int32_t in_w, out_w, channels;
    int32_t kernel_h, kernel_w, stride_w, pad_w, dilation_w;
    int32_t clamped; /* 1: to less than int8 */
} ec_max_pool_s8_neon_geometry;

typedef struct {
    int32_t clamp_min, clamp_max;
} ec_max_pool_s8_neon_data;

/* All channels of an output pixel. x: kernel_h rows, in which the window begins at `origin` (which may be outside). */
EC_INLINE void ec_max_pool_s8_neon_pixel(const ec_max_pool_s8_neon_geometry *g, const int8_t *const x[], int32_t origin,
                                         ec_pool_neon_taps taps, int8x16_t low, int8x16_t top, int8_t *y) {
    for (int32_t c = 0; c < g->channels; c += EC_NEON_BYTES) {
        const int32_t at = ec_pool_neon_at(g->channels, c);
        int8x16_t high = low;
        EC_POOL_NEON_UNROLL
        for (int32_t ky = 0; ky < g->kernel_h; ky++) {
            const int8_t *const from = x[ky] + (ptrdiff_t)origin * g->channels + at;
            EC_POOL_NEON_UNROLL
            for (int32_t kx = taps.first; kx < taps.last; kx++) {
                const int8x16_t q = ec_neon_load(from + (ptrdiff_t)kx * g->dilation_w * g->channels, g->channels);
                high = vmaxq_s8(high, q);
            }
        }
        ec_neon_store(y + at, g->channels, g->clamped ? vminq_s8(high, top) : high);
    }
}

/* One output row. x: kernel_h rows of (in_w, channels) s8, y: (out_w, channels) s8 */
EC_INLINE void ec_max_pool_s8_neon(const ec_max_pool_s8_neon_geometry *g, const ec_max_pool_s8_neon_data *d,
                                   const int8_t *const x[], int8_t *y, void *scratch) {
    (void)scratch;
    const int8x16_t low = vdupq_n_s8((int8_t)d->clamp_min), top = vdupq_n_s8((int8_t)d->clamp_max);
    const ec_pool_neon_taps all = {0, g->kernel_w};
    const int8_t *rows[EC_POOL_NEON_ROWS]; /* y can't change these */
    for (int32_t ky = 0; ky < EC_POOL_NEON_ROWS; ky++) rows[ky] = x[ky < g->kernel_h ? ky : 0];
    const int8_t *const *const from = g->kernel_h <= EC_POOL_NEON_ROWS ? rows : x;
    for (int32_t out_x = 0; out_x < g->out_w; out_x++, y += g->channels) {
        const int32_t origin = out_x * g->stride_w - g->pad_w;
        const ec_pool_neon_taps taps = ec_pool_neon_inside(g->in_w, g->kernel_w, g->dilation_w, origin);
        /* Windows that are whole are unrolled. */
        if (taps.first == 0 && taps.last == g->kernel_w) {
            ec_max_pool_s8_neon_pixel(g, from, origin, all, low, top, y);
        } else {
            ec_max_pool_s8_neon_pixel(g, from, origin, taps, low, top, y);
        }
    }
}

#endif
