/* LogSoftmax along one axis, int8 to float32: -(max - q) * scale - log(sum of exp). */
#ifndef EDGEC_EC_LOG_SOFTMAX_S8_F32_H
#define EDGEC_EC_LOG_SOFTMAX_S8_F32_H

#include "edgec/ec_softmax.h"

typedef struct {
    int32_t outer, n, inner;
} ec_log_softmax_s8_f32_geometry;

typedef struct {
    const uint32_t *exp_table; /* (entries) round(2^k * exp(-i * input scale)) */
    int32_t entries;
    float input_scale, unit; /* unit: 2^-k */
} ec_log_softmax_s8_f32_data;

/* x[0]: (outer, n, inner) s8, y: (outer, n, inner) f32 */
EC_INLINE void ec_log_softmax_s8_f32(const ec_log_softmax_s8_f32_geometry *g, const ec_log_softmax_s8_f32_data *d,
                                     const int8_t *const x[], float *y, void *scratch) {
    (void)scratch;
    for (int32_t outer = 0; outer < g->outer; outer++) {
        for (int32_t inner = 0; inner < g->inner; inner++) {
            const ptrdiff_t first = (ptrdiff_t)outer * g->n * g->inner + inner;
            const int8_t *from = x[0] + first;
            const int32_t high = ec_softmax_max(from, g->n, g->inner);
            const float sum = (float)ec_softmax_sum(d->exp_table, d->entries, from, g->n, g->inner, high);
            const float log_sum = ec_log(sum * d->unit);
            for (int32_t i = 0; i < g->n; i++) {
                const ptrdiff_t at = (ptrdiff_t)i * g->inner;
                const float distance = (float)(high - from[at]) * d->input_scale;
                y[first + at] = -distance - log_sum;
            }
        }
    }
}

#endif
