/* Convolution, int8: any kernel, stride, dilation and group. Portable C, the reference for every variant. */
#ifndef EDGEC_EC_CONV_S8_H
#define EDGEC_EC_CONV_S8_H

#include <stddef.h>

#include "edgec/ec_requantize.h"

typedef struct {
    int32_t in_w, in_c, out_w, out_c;
    int32_t kernel_h, kernel_w, stride_w, pad_w, dilation_w, group;
} ec_conv_s8_geometry;

typedef struct {
    const int8_t *weights;            /* (out_c, kernel_h, kernel_w, in_c / group) */
    const int32_t *bias;              /* (out_c) */
    const float *scale;               /* (out_c) s_x * s_w / s_y */
    const int32_t *weight_zero_point; /* (out_c), or NULL when all are 0 */
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_conv_s8_data;

/* One output row. x: kernel_h rows of (in_w, in_c) s8, y: (out_w, out_c) s8, acc: s32. */
EC_INLINE void ec_conv_s8(const ec_conv_s8_geometry *g, const ec_conv_s8_data *d, const int8_t *const x[], int8_t *y,
                          void *scratch) {
    (void)scratch;
    const int32_t group_in = g->in_c / g->group, group_out = g->out_c / g->group;
    for (int32_t out_x = 0; out_x < g->out_w; out_x++, y += g->out_c) {
        const int32_t origin = out_x * g->stride_w - g->pad_w;
        for (int32_t o = 0; o < g->out_c; o++) {
            const int8_t *w = d->weights + (ptrdiff_t)o * g->kernel_h * g->kernel_w * group_in;
            const int32_t w_zero = d->weight_zero_point ? d->weight_zero_point[o] : 0;
            const int32_t first_in = o / group_out * group_in;
            int32_t acc = d->bias[o];
            for (int32_t ky = 0; ky < g->kernel_h; ky++) {
                for (int32_t kx = 0; kx < g->kernel_w; kx++, w += group_in) {
                    const int32_t in_x = origin + kx * g->dilation_w;
                    /* Left and right of the row stand real zeros: they add nothing. */
                    if (in_x < 0 || in_x >= g->in_w) continue;
                    const int8_t *pixel = x[ky] + (ptrdiff_t)in_x * g->in_c + first_in;
                    for (int32_t i = 0; i < group_in; i++) {
                        acc += (pixel[i] - d->input_zero_point) * (w[i] - w_zero);
                    }
                }
            }
            y[o] = ec_requantize(acc, d->scale[o], d->output_zero_point, d->clamp_min, d->clamp_max);
        }
    }
}

#endif
