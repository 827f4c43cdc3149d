/* Mean over neighbouring axes, int8; over height and width it is the global average pool. */
#ifndef EDGEC_EC_MEAN_S8_H
#define EDGEC_EC_MEAN_S8_H

#include <stddef.h>

#include "edgec/ec_requantize.h"

typedef struct {
    int32_t outer, reduce, inner;
} ec_mean_s8_geometry;

typedef struct {
    float scale; /* s_x / (s_y * reduce) */
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_mean_s8_data;

/* x[0]: (outer, reduce, inner) s8, y: (outer, inner) s8, acc: s32 */
EC_INLINE void ec_mean_s8(const ec_mean_s8_geometry *g, const ec_mean_s8_data *d, const int8_t *const x[], int8_t *y,
                          void *scratch) {
    (void)scratch;
    for (int32_t outer = 0; outer < g->outer; outer++, y += g->inner) {
        const int8_t *block = x[0] + (ptrdiff_t)outer * g->reduce * g->inner;
        for (int32_t i = 0; i < g->inner; i++) {
            int32_t acc = -g->reduce * d->input_zero_point;
            for (int32_t r = 0; r < g->reduce; r++) acc += block[(ptrdiff_t)r * g->inner + i];
            y[i] = ec_requantize(acc, d->scale, d->output_zero_point, d->clamp_min, d->clamp_max);
        }
    }
}

#endif
