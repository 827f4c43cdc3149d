/* Mean of each window, int8: any window, stride, padding and dilation. Padding rows are null pointers. */
#ifndef EDGEC_EC_AVERAGE_POOL_S8_H
#define EDGEC_EC_AVERAGE_POOL_S8_H

#include <stddef.h>

#include "edgec/ec_requantize.h"

typedef struct {
    int32_t in_w, out_w, channels;
    int32_t kernel_h, kernel_w, stride_w, pad_w, dilation_w;
    int32_t count_include_pad;
} ec_average_pool_s8_geometry;

typedef struct {
    float input_scale, output_scale;
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_average_pool_s8_data;

/* One output row. x: kernel_h rows of (in_w, channels) s8 or NULL, y: (out_w, channels) s8, acc: s32 */
EC_INLINE void ec_average_pool_s8(const ec_average_pool_s8_geometry *g, const ec_average_pool_s8_data *d,
                                  const int8_t *const x[], int8_t *y, void *scratch) {
    (void)scratch;
    int32_t rows = 0;
    for (int32_t ky = 0; ky < g->kernel_h; ky++) rows += x[ky] != NULL;
    for (int32_t out_x = 0; out_x < g->out_w; out_x++, y += g->channels) {
        const int32_t origin = out_x * g->stride_w - g->pad_w;
        int32_t columns = 0;
        for (int32_t kx = 0; kx < g->kernel_w; kx++) {
            const int32_t in_x = origin + kx * g->dilation_w;
            columns += in_x >= 0 && in_x < g->in_w;
        }
        const int32_t inside = rows * columns;
        const int32_t count = g->count_include_pad ? g->kernel_h * g->kernel_w : inside;
        /* A window of padding alone has the mean 0. */
        const float scale = d->input_scale / (d->output_scale * (float)(count > 0 ? count : 1));
        for (int32_t c = 0; c < g->channels; c++) {
            int32_t acc = -inside * d->input_zero_point;
            for (int32_t ky = 0; ky < g->kernel_h; ky++) {
                if (!x[ky]) continue;
                for (int32_t kx = 0; kx < g->kernel_w; kx++) {
                    const int32_t in_x = origin + kx * g->dilation_w;
                    if (in_x < 0 || in_x >= g->in_w) continue;
                    acc += x[ky][(ptrdiff_t)in_x * g->channels + c];
                }
            }
            y[c] = ec_requantize(acc, scale, d->output_zero_point, d->clamp_min, d->clamp_max);
        }
    }
}

#endif
