/* Mean of each window, int8, on Helium: any window, stride, padding and dilation. Padding rows are null pointers. */
#ifndef EDGEC_EC_AVERAGE_POOL_S8_MVE_H
#define EDGEC_EC_AVERAGE_POOL_S8_MVE_H

#include "edgec/ec_pool_mve.h"

typedef struct {
    int32_t in_w, out_w, channels;
    int32_t kernel_h, kernel_w, stride_w, pad_w, dilation_w;
    int32_t count_include_pad;
    int32_t way; /* EC_MVE_FITS ... */
} ec_average_pool_s8_mve_geometry;

typedef struct {
    float input_scale, output_scale;
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_average_pool_s8_mve_data;

/* Four channels from c on (or fewer, where they are not whole) of a window with the given taps. */
EC_INLINE int32x4_t ec_average_pool_s8_mve_sum(const ec_average_pool_s8_mve_geometry *g, const int8_t *const x[],
                                               int32_t origin, ec_pool_mve_taps taps, int32_t c, int32_t start,
                                               int32_t whole) {
    const mve_pred16_t lanes = vctp32q((uint32_t)(g->channels - c));
    const int32_t step = g->dilation_w * g->channels;
    int32x4_t acc = vdupq_n_s32(start);
    for (int32_t ky = 0; ky < g->kernel_h; ky++) {
        if (!x[ky]) continue;
        const int8_t *const from = x[ky] + (ptrdiff_t)(origin + taps.first * g->dilation_w) * g->channels + c;
        acc = ec_pool_mve_sum(acc, from, taps.last - taps.first, step, whole, lanes);
    }
    return acc;
}

/* One output row. x: kernel_h rows of (in_w, channels) s8 or NULL, y: (out_w, channels) s8, acc: s32 */
EC_INLINE void ec_average_pool_s8_mve(const ec_average_pool_s8_mve_geometry *g, const ec_average_pool_s8_mve_data *d,
                                      const int8_t *const x[], int8_t *y, void *scratch) {
    (void)scratch;
    const ec_average_pool_s8_mve_data data = *d; /* y cannot change it */
    const ec_mve_output to = {data.output_zero_point, data.clamp_min, data.clamp_max};
    int32_t rows = 0;
    for (int32_t ky = 0; ky < g->kernel_h; ky++) rows += x[ky] != NULL;
    for (int32_t out_x = 0; out_x < g->out_w; out_x++, y += g->channels) {
        const int32_t origin = out_x * g->stride_w - g->pad_w;
        const ec_pool_mve_taps taps = ec_pool_mve_inside(g->in_w, g->kernel_w, g->dilation_w, origin);
        const int32_t inside = rows * (taps.last - taps.first);
        const int32_t count = g->count_include_pad ? g->kernel_h * g->kernel_w : inside;
        /* A window of padding alone has the mean 0. */
        const float factor = data.input_scale / (data.output_scale * (float)(count > 0 ? count : 1));
        const float32x4_t scale = vdupq_n_f32(ec_mve_hidden(factor));
        const int32_t start = -inside * data.input_zero_point;
        int32_t c = 0;
        for (; c + 4 <= g->channels; c += 4) {
            const int32x4_t acc = ec_average_pool_s8_mve_sum(g, x, origin, taps, c, start, 1);
            ec_mve_store(y + c, ec_mve_requantize(acc, scale, g->way, to), 4);
        }
        if (c < g->channels) {
            const int32x4_t acc = ec_average_pool_s8_mve_sum(g, x, origin, taps, c, start, 0);
            ec_mve_store(y + c, ec_mve_requantize(acc, scale, g->way, to), g->channels - c);
        }
    }
}

#endif
