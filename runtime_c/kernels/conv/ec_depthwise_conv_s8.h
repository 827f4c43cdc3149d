/* Depthwise convolution, int8: each input channel has its own out_c / in_c filters. Portable C. */
#ifndef EDGEC_EC_DEPTHWISE_CONV_S8_H
#define EDGEC_EC_DEPTHWISE_CONV_S8_H

#include <stddef.h>

#include "edgec/ec_requantize.h"

typedef struct {
    int32_t in_w, in_c, out_w, out_c;
    int32_t kernel_h, kernel_w, stride_w, pad_w, dilation_w;
} ec_depthwise_conv_s8_geometry;

typedef struct {
    const int8_t *weights;            /* (out_c, kernel_h, kernel_w) */
    const int32_t *bias;              /* (out_c) */
    const float *scale;               /* (out_c) s_x * s_w / s_y */
    const int32_t *weight_zero_point; /* (out_c), or NULL when all are 0 */
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_depthwise_conv_s8_data;

/* One output row. x: kernel_h rows of (in_w, in_c) s8, y: (out_w, out_c) s8, acc: s32. */
EC_INLINE void ec_depthwise_conv_s8(const ec_depthwise_conv_s8_geometry *g, const ec_depthwise_conv_s8_data *d,
                                    const int8_t *const x[], int8_t *y, void *scratch) {
    (void)scratch;
    const int32_t multiplier = g->out_c / g->in_c;
    for (int32_t out_x = 0; out_x < g->out_w; out_x++, y += g->out_c) {
        const int32_t origin = out_x * g->stride_w - g->pad_w;
        /* Taps that lie inside the row: left and right of it stand real zeros, which add nothing. */
        const int32_t first = origin < 0 ? (-origin + g->dilation_w - 1) / g->dilation_w : 0;
        const int32_t room = g->in_w - origin; /* of columns from the first tap to the end of the row */
        const int32_t inside = room > 0 ? (room + g->dilation_w - 1) / g->dilation_w : 0;
        const int32_t last = inside < g->kernel_w ? inside : g->kernel_w;
        for (int32_t o = 0; o < g->out_c; o++) {
            const int8_t *w = d->weights + (ptrdiff_t)o * g->kernel_h * g->kernel_w;
            const int32_t w_zero = d->weight_zero_point ? d->weight_zero_point[o] : 0;
            const ptrdiff_t channel = o / multiplier;
            int32_t acc = d->bias[o];
            for (int32_t ky = 0; ky < g->kernel_h; ky++, w += g->kernel_w) {
                for (int32_t kx = first; kx < last; kx++) {
                    const ptrdiff_t in_x = origin + kx * g->dilation_w;
                    acc += (x[ky][in_x * g->in_c + channel] - d->input_zero_point) * (w[kx] - w_zero);
                }
            }
            y[o] = ec_requantize(acc, d->scale[o], d->output_zero_point, d->clamp_min, d->clamp_max);
        }
    }
}

#endif
