/* Mean over the last rows and neighbouring axes behind them, int8, after each row of an endless input. */
#ifndef EDGEC_EC_MEAN_WINDOW_S8_H
#define EDGEC_EC_MEAN_WINDOW_S8_H

#include <stddef.h>

#include "edgec/ec_requantize.h"

typedef struct {
    int32_t rows, reduce, inner;
} ec_mean_window_s8_geometry;

typedef struct {
    float scale; /* s_x / (s_y * rows * reduce) */
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_mean_window_s8_data;

/* x[0]: the next row, (reduce, inner) s8, reduce <= 255; y: (inner) s8. scratch is kept from call to call: s32 number
 * of the oldest row, (inner) s32 sums of all rows, (rows, inner) s16 sums of each; zeros before the first row. */
EC_INLINE void ec_mean_window_s8(const ec_mean_window_s8_geometry *g, const ec_mean_window_s8_data *d,
                                 const int8_t *const x[], int8_t *y, void *scratch) {
    int32_t *const oldest = scratch, *const totals = oldest + 1;
    int16_t *const sums = (int16_t *)(void *)(totals + g->inner) + (ptrdiff_t)*oldest * g->inner;
    const int32_t zero = g->rows * g->reduce * d->input_zero_point;
    for (int32_t i = 0; i < g->inner; i++) {
        int32_t acc = 0;
        for (int32_t r = 0; r < g->reduce; r++) acc += x[0][(ptrdiff_t)r * g->inner + i];
        totals[i] += acc - sums[i];
        sums[i] = (int16_t)acc;
        y[i] = ec_requantize(totals[i] - zero, d->scale, d->output_zero_point, d->clamp_min, d->clamp_max);
    }
    *oldest = *oldest + 1 < g->rows ? *oldest + 1 : 0;
}

#endif
