/* Largest element of each window, int8, four channels at once: any window, stride, padding and dilation. Padding rows
 * are null pointers. */
#ifndef EDGEC_EC_MAX_POOL_S8_DSP_H
#define EDGEC_EC_MAX_POOL_S8_DSP_H

#include "edgec/ec_pool_dsp.h"

typedef struct {
    int32_t in_w, out_w, channels;
    int32_t kernel_h, kernel_w, stride_w, pad_w, dilation_w;
    int32_t whole; /* 1: no window is cut off at the sides */
    int32_t clamp_min, clamp_max;
} ec_max_pool_s8_dsp_geometry;

typedef struct {
    int32_t unused; /* all is known when compiled */
} ec_max_pool_s8_dsp_data;

/* One output row. x: kernel_h rows of (in_w, channels) s8 or NULL, y: (out_w, channels) s8 */
EC_INLINE void ec_max_pool_s8_dsp(const ec_max_pool_s8_dsp_geometry *g, const ec_max_pool_s8_dsp_data *d,
                                  const int8_t *const x[], int8_t *y, void *scratch) {
    (void)d, (void)scratch;
    const uint32_t low = ((uint32_t)g->clamp_min & 0xffu) * 0x01010101u;
    const uint32_t high = ((uint32_t)g->clamp_max & 0xffu) * 0x01010101u;
    for (int32_t out_x = 0; out_x < g->out_w; out_x++, y += g->channels) {
        const int32_t origin = out_x * g->stride_w - g->pad_w;
        const ec_pool_taps all = {0, g->kernel_w};
        const ec_pool_taps taps = g->whole ? all : ec_pool_inside(g->in_w, g->kernel_w, g->dilation_w, origin);
        for (int32_t c = 0; c < g->channels; c += 4) {
            /* The last four overlap those before them where the channels are no multiple of four. */
            const int32_t at = g->channels % 4 == 0 || c + 4 <= g->channels ? c : g->channels - 4;
            uint32_t most = low;
            for (int32_t row = 0; row < g->kernel_h; row++) {
                if (!x[row]) continue;
                const int8_t *from = x[row] + (ptrdiff_t)(origin + taps.first * g->dilation_w) * g->channels + at;
                EC_UNROLL
                for (int32_t tap = taps.first; tap < taps.last; tap++, from += g->dilation_w * g->channels) {
                    most = ec_max4(most, ec_load4(from));
                }
            }
            if (g->clamp_max < 127) most = ec_min4(most, high);
            __builtin_memcpy(y + at, &most, sizeof most);
        }
    }
}

#endif
