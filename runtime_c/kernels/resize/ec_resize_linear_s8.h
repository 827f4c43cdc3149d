/* Bilinear resize of height and width, int8: float32 between dequantising and quantising, in a fixed order.
 * Works on whole tensors: which rows are read does not follow a regular window. */
#ifndef EDGEC_EC_RESIZE_LINEAR_S8_H
#define EDGEC_EC_RESIZE_LINEAR_S8_H

#include <stddef.h>

#include "edgec/ec_requantize.h"

typedef struct {
    int32_t in_w, channels, out_h, out_w;
} ec_resize_linear_s8_geometry;

typedef struct {
    const uint16_t *rows_lower, *rows_upper;                  /* (out_h) input rows */
    const float *rows_lower_weight, *rows_upper_weight;       /* (out_h) */
    const uint16_t *columns_lower, *columns_upper;            /* (out_w) input columns */
    const float *columns_lower_weight, *columns_upper_weight; /* (out_w) */
    float input_scale;
    int32_t input_zero_point;
    float output_scale;
    int32_t output_zero_point;
} ec_resize_linear_s8_data;

/* x[0]: (in_h, in_w, channels) s8, y: (out_h, out_w, channels) s8 */
EC_INLINE void ec_resize_linear_s8(const ec_resize_linear_s8_geometry *g, const ec_resize_linear_s8_data *d,
                                   const int8_t *const x[], int8_t *y, void *scratch) {
    (void)scratch;
    const int32_t zero = d->input_zero_point;
    for (int32_t out_y = 0; out_y < g->out_h; out_y++) {
        const int8_t *top = x[0] + (ptrdiff_t)d->rows_lower[out_y] * g->in_w * g->channels;
        const int8_t *bottom = x[0] + (ptrdiff_t)d->rows_upper[out_y] * g->in_w * g->channels;
        const float y0 = d->rows_lower_weight[out_y], y1 = d->rows_upper_weight[out_y];
        for (int32_t out_x = 0; out_x < g->out_w; out_x++, y += g->channels) {
            const ptrdiff_t left = (ptrdiff_t)d->columns_lower[out_x] * g->channels;
            const ptrdiff_t right = (ptrdiff_t)d->columns_upper[out_x] * g->channels;
            const float x0 = d->columns_lower_weight[out_x], x1 = d->columns_upper_weight[out_x];
            const float w00 = x0 * y0, w01 = x1 * y0, w10 = x0 * y1, w11 = x1 * y1;
            for (int32_t c = 0; c < g->channels; c++) {
                /* Left to right, each product and sum rounded once: core/ops/resize.py does the same. */
                float sum = w00 * ((float)(top[left + c] - zero) * d->input_scale);
                sum += w01 * ((float)(top[right + c] - zero) * d->input_scale);
                sum += w10 * ((float)(bottom[left + c] - zero) * d->input_scale);
                sum += w11 * ((float)(bottom[right + c] - zero) * d->input_scale);
                y[c] = (int8_t)ec_clamp(ec_round_even(sum / d->output_scale) + d->output_zero_point, -128, 127);
            }
        }
    }
}

#endif
