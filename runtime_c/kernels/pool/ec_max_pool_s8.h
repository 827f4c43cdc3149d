/* Largest element of each window, int8: any window, stride, padding and dilation. */
#ifndef EDGEC_EC_MAX_POOL_S8_H
#define EDGEC_EC_MAX_POOL_S8_H

#include <stddef.h>

#include "edgec/ec_requantize.h"

typedef struct {
    int32_t in_w, out_w, channels;
    int32_t kernel_h, kernel_w, stride_w, pad_w, dilation_w;
} ec_max_pool_s8_geometry;

typedef struct {
    int32_t clamp_min, clamp_max;
} ec_max_pool_s8_data;

/* One output row. x: kernel_h rows of (in_w, channels) s8, y: (out_w, channels) s8 */
EC_INLINE void ec_max_pool_s8(const ec_max_pool_s8_geometry *g, const ec_max_pool_s8_data *d, const int8_t *const x[],
                              int8_t *y, void *scratch) {
    (void)scratch;
    for (int32_t out_x = 0; out_x < g->out_w; out_x++, y += g->channels) {
        const int32_t origin = out_x * g->stride_w - g->pad_w;
        for (int32_t c = 0; c < g->channels; c++) {
            int32_t high = -128;
            for (int32_t ky = 0; ky < g->kernel_h; ky++) {
                for (int32_t kx = 0; kx < g->kernel_w; kx++) {
                    const int32_t in_x = origin + kx * g->dilation_w;
                    if (in_x < 0 || in_x >= g->in_w) continue;
                    const int32_t q = x[ky][(ptrdiff_t)in_x * g->channels + c];
                    if (q > high) high = q;
                }
            }
            y[c] = (int8_t)ec_clamp(high, d->clamp_min, d->clamp_max);
        }
    }
}

#endif
