/* Mean of each window, int8, four channels at once: any window up to 256 columns, stride, padding and dilation. Padding
 * rows are null pointers. */
#ifndef EDGEC_EC_AVERAGE_POOL_S8_DSP_H
#define EDGEC_EC_AVERAGE_POOL_S8_DSP_H

#include "edgec/ec_pool_dsp.h"

typedef struct {
    int32_t in_w, out_w, channels;
    int32_t kernel_h, kernel_w, stride_w, pad_w, dilation_w;
    int32_t count_include_pad;
    int32_t whole; /* 1: no window is cut off at the sides */
    int32_t clamp_min, clamp_max;
} ec_average_pool_s8_dsp_geometry;

typedef struct {
    float input_scale, output_scale;
    int32_t input_zero_point, output_zero_point;
} ec_average_pool_s8_dsp_data;

/* Four channels from c on of the window's taps; the sums begin at `start`. */
EC_INLINE ec_pool_sums ec_average_pool_s8_dsp_sums(const ec_average_pool_s8_dsp_geometry *g, const int8_t *const x[],
                                                   ec_pool_taps taps, int32_t origin, int32_t c, int32_t start) {
    const int32_t together = EC_POOL_MOST / g->kernel_w; /* rows whose sums fit 16 bits */
    ec_pool_sums s = {0, 0, {start, start, start, start}};
    for (int32_t row = 0; row < g->kernel_h;) {
        const int32_t end = g->kernel_h - row < together ? g->kernel_h : row + together;
        for (; row < end; row++) {
            if (!x[row]) continue;
            const int8_t *const from = x[row] + (ptrdiff_t)(origin + taps.first * g->dilation_w) * g->channels + c;
            ec_pool_add(&s, from, taps.last - taps.first, g->dilation_w * g->channels);
        }
        ec_pool_flush(&s);
    }
    return s;
}

/* One output row. x: kernel_h rows of (in_w, channels) s8 or NULL, y: (out_w, channels) s8, sums: s32 */
EC_INLINE void ec_average_pool_s8_dsp(const ec_average_pool_s8_dsp_geometry *g, const ec_average_pool_s8_dsp_data *d,
                                      const int8_t *const x[], int8_t *y, void *scratch) {
    (void)scratch;
    int32_t rows = 0;
    for (int32_t row = 0; row < g->kernel_h; row++) rows += x[row] != NULL;
    for (int32_t out_x = 0; out_x < g->out_w; out_x++, y += g->channels) {
        const int32_t origin = out_x * g->stride_w - g->pad_w;
        const ec_pool_taps all = {0, g->kernel_w};
        const ec_pool_taps taps = g->whole ? all : ec_pool_inside(g->in_w, g->kernel_w, g->dilation_w, origin);
        const int32_t inside = rows * (taps.last - taps.first);
        const int32_t count = g->count_include_pad ? g->kernel_h * g->kernel_w : inside;
        /* A window of padding alone has the mean 0. */
        const float scale = d->input_scale / (d->output_scale * (float)(count > 0 ? count : 1));
        const int32_t start = -inside * d->input_zero_point;
        for (int32_t c = 0; c < g->channels; c += 4) {
            /* The last four overlap those before them where the channels are no multiple of four. */
            const int32_t at = g->channels % 4 == 0 || c + 4 <= g->channels ? c : g->channels - 4;
            const ec_pool_sums s = ec_average_pool_s8_dsp_sums(g, x, taps, origin, at, start);
            ec_pool_store(&s, scale, d->output_zero_point, g->clamp_min, g->clamp_max, y + at);
        }
    }
}

#endif
