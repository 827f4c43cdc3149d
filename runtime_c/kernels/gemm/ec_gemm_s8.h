/* Dense layer, int8: y = x * transposed w + bias for each of `count` vectors. Portable C. */
#ifndef EDGEC_EC_GEMM_S8_H
#define EDGEC_EC_GEMM_S8_H

#include <stddef.h>

#include "edgec/ec_requantize.h"

typedef struct {
    int32_t count, in_c, out_c;
} ec_gemm_s8_geometry;

typedef struct {
    const int8_t *weights;            /* (out_c, in_c) */
    const int32_t *bias;              /* (out_c) */
    const float *scale;               /* (out_c) s_x * s_w / s_y */
    const int32_t *weight_zero_point; /* (out_c), or NULL when all are 0 */
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_gemm_s8_data;

/* x: (count, in_c) s8, y: (count, out_c) s8, acc: s32. */
EC_INLINE void ec_gemm_s8(const ec_gemm_s8_geometry *g, const ec_gemm_s8_data *d, const int8_t *const x[], int8_t *y,
                          void *scratch) {
    (void)scratch;
    const int8_t *vector = x[0];
    for (int32_t n = 0; n < g->count; n++, vector += g->in_c, y += g->out_c) {
        const int8_t *w = d->weights;
        for (int32_t o = 0; o < g->out_c; o++, w += g->in_c) {
            const int32_t w_zero = d->weight_zero_point ? d->weight_zero_point[o] : 0;
            int32_t acc = d->bias[o];
            for (int32_t i = 0; i < g->in_c; i++) {
                acc += (vector[i] - d->input_zero_point) * (w[i] - w_zero);
            }
            y[o] = ec_requantize(acc, d->scale[o], d->output_zero_point, d->clamp_min, d->clamp_max);
        }
    }
}

#endif
