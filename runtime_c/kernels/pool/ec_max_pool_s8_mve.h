/* Largest element of each window, int8, on Helium: any window, stride, padding and dilation. */
#ifndef EDGEC_EC_MAX_POOL_S8_MVE_H
#define EDGEC_EC_MAX_POOL_S8_MVE_H

#include "edgec/ec_pool_mve.h"

typedef struct {
    int32_t in_w, out_w, channels;
    int32_t kernel_h, kernel_w, stride_w, pad_w, dilation_w;
} ec_max_pool_s8_mve_geometry;

typedef struct {
    int32_t clamp_min, clamp_max;
} ec_max_pool_s8_mve_data;

/* 16 channels from c on, or `lanes` of them where they are not whole. */
EC_INLINE int8x16_t ec_max_pool_s8_mve_window(const ec_max_pool_s8_mve_geometry *g, const int8_t *const x[],
                                              int32_t origin, ec_pool_mve_taps taps, int32_t c, int32_t whole,
                                              mve_pred16_t lanes) {
    int8x16_t high = vdupq_n_s8(-128);
    for (int32_t ky = 0; ky < g->kernel_h; ky++) {
        const int8_t *from = x[ky] + (ptrdiff_t)(origin + taps.first * g->dilation_w) * g->channels + c;
        for (int32_t kx = taps.first; kx < taps.last; kx++, from += g->dilation_w * g->channels) {
            high = vmaxq_s8(high, whole ? vldrbq_s8(from) : vldrbq_z_s8(from, lanes));
        }
    }
    return high;
}

/* One output row. x: kernel_h rows of (in_w, channels) s8, y: (out_w, channels) s8 */
EC_INLINE void ec_max_pool_s8_mve(const ec_max_pool_s8_mve_geometry *g, const ec_max_pool_s8_mve_data *d,
                                  const int8_t *const x[], int8_t *y, void *scratch) {
    (void)scratch;
    const int8x16_t low = vdupq_n_s8((int8_t)d->clamp_min), top = vdupq_n_s8((int8_t)d->clamp_max);
    for (int32_t out_x = 0; out_x < g->out_w; out_x++, y += g->channels) {
        const int32_t origin = out_x * g->stride_w - g->pad_w;
        const ec_pool_mve_taps taps = ec_pool_mve_inside(g->in_w, g->kernel_w, g->dilation_w, origin);
        int32_t c = 0;
        for (; c + EC_MVE_BYTES <= g->channels; c += EC_MVE_BYTES) {
            const int8x16_t high = ec_max_pool_s8_mve_window(g, x, origin, taps, c, 1, 0);
            vstrbq_s8(y + c, vminq_s8(vmaxq_s8(high, low), top));
        }
        if (c < g->channels) {
            const mve_pred16_t lanes = vctp8q((uint32_t)(g->channels - c));
            const int8x16_t high = ec_max_pool_s8_mve_window(g, x, origin, taps, c, 0, lanes);
            vstrbq_p_s8(y + c, vminq_s8(vmaxq_s8(high, low), top), lanes);
        }
    }
}

#endif
