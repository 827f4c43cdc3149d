/* Mean over all rows and neighbouring axes behind them, int8, of rows that come one by one. */
#ifndef EDGEC_EC_MEAN_ROWS_S8_H
#define EDGEC_EC_MEAN_ROWS_S8_H

#include <stddef.h>

#include "edgec/ec_requantize.h"

typedef struct {
    int32_t rows, reduce, inner;
} ec_mean_rows_s8_geometry;

typedef struct {
    float scale; /* s_x / (s_y * rows * reduce) */
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_mean_rows_s8_data;

/* x[0]: the next row, (reduce, inner) s8; y: (inner) s8, written with the last row. scratch is kept from call to call:
 * s32 rows done, then (inner) s32 sums; zeros before the first row. */
EC_INLINE void ec_mean_rows_s8(const ec_mean_rows_s8_geometry *g, const ec_mean_rows_s8_data *d,
                               const int8_t *const x[], int8_t *y, void *scratch) {
    int32_t *const done = scratch, *const sums = done + 1;
    for (int32_t i = 0; i < g->inner; i++) {
        int32_t acc = 0;
        for (int32_t r = 0; r < g->reduce; r++) acc += x[0][(ptrdiff_t)r * g->inner + i];
        sums[i] += acc;
    }
    if (++*done < g->rows) return;
    const int32_t zero = g->rows * g->reduce * d->input_zero_point;
    for (int32_t i = 0; i < g->inner; i++) {
        y[i] = ec_requantize(sums[i] - zero, d->scale, d->output_zero_point, d->clamp_min, d->clamp_max);
    }
}

#endif
