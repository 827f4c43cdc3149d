/* Resize of height and width to the nearest element, int8: row and column of the input come from tables.
 * Works on whole tensors: which rows are read does not follow a regular window. */
#ifndef EDGEC_EC_RESIZE_NEAREST_S8_H
#define EDGEC_EC_RESIZE_NEAREST_S8_H

#include <stddef.h>

#include "edgec/ec_requantize.h"

typedef struct {
    int32_t in_w, channels, out_h, out_w;
} ec_resize_nearest_s8_geometry;

typedef struct {
    const uint16_t *rows;    /* (out_h) input row of each output row */
    const uint16_t *columns; /* (out_w) input column of each output column */
    const int8_t *table;     /* (256) output of input q at q + 128, or NULL when the quantisation is the same */
} ec_resize_nearest_s8_data;

/* x[0]: (in_h, in_w, channels) s8, y: (out_h, out_w, channels) s8 */
EC_INLINE void ec_resize_nearest_s8(const ec_resize_nearest_s8_geometry *g, const ec_resize_nearest_s8_data *d,
                                    const int8_t *const x[], int8_t *y, void *scratch) {
    (void)scratch;
    for (int32_t out_y = 0; out_y < g->out_h; out_y++) {
        const int8_t *row = x[0] + (ptrdiff_t)d->rows[out_y] * g->in_w * g->channels;
        for (int32_t out_x = 0; out_x < g->out_w; out_x++, y += g->channels) {
            const int8_t *pixel = row + (ptrdiff_t)d->columns[out_x] * g->channels;
            if (d->table) {
                for (int32_t c = 0; c < g->channels; c++) y[c] = d->table[pixel[c] + 128];
            } else {
                __builtin_memcpy(y, pixel, (size_t)g->channels);
            }
        }
    }
}

#endif
