/* Convolution, int8, on Helium: any kernel, stride, dilation and padding; no groups.
 *
 * Two pixels at a time with four output channels. The inputs of a pixel are `runs` runs of adjacent bytes: either the
 * kernel_h parts of its rows, where they lie, or one run that is gathered in scratch (a column). Pixels whose window
 * leaves the row are always gathered. */
#ifndef EDGEC_EC_CONV_S8_MVE_H
#define EDGEC_EC_CONV_S8_MVE_H

#include <stddef.h>

#include "edgec/ec_mve_sums.h"

#define EC_CONV_S8_MVE_PIECES 9 /* of the inputs of a pixel, at most */

typedef struct {
    int32_t in_w, in_c, out_w, out_c;
    int32_t kernel_h, kernel_w, stride_w, pad_w, dilation_w;
    int32_t columns;     /* 1: every pixel is gathered, as one run; 0: those at the border are, in kernel_h runs */
    int32_t inside;      /* 1: no window leaves its row */
    int32_t zeros;       /* bytes of scratch that stand for a row of padding, before the columns */
    int32_t apart;       /* bytes from the column of a pixel to that of the other one; 0 where one at most has any */
    int32_t zero_points; /* 1: weights have some */
    int32_t way;         /* EC_MVE_FITS ... */
} ec_conv_s8_mve_geometry;

typedef struct {
    const int8_t
        *weights; /* for each 4 channels their constants (ec_mve_channels), then as ec_mve_multiply reads them */
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_conv_s8_mve_data;

/* Bytes of a pixel's gathered inputs: in a column they fill whole vectors, for which there are weights of 0, unless all
 * inputs are summed. */
EC_INLINE int32_t ec_conv_s8_mve_column(const ec_conv_s8_mve_geometry *g) {
    const int32_t size = g->kernel_h * g->kernel_w * g->in_c;
    return g->columns && !g->zero_points ? (size + EC_MVE_BYTES - 1) / EC_MVE_BYTES * EC_MVE_BYTES : size;
}

/* One row of the window that begins at column `origin`, gathered. to: (kernel_w, in_c) s8; of a column, what lies
 * behind is written before the next row is. */
EC_INLINE void ec_conv_s8_mve_gather(const ec_conv_s8_mve_geometry *g, int32_t zero_point, const int8_t *row,
                                     int32_t origin, int8_t *to) {
    const int32_t run = g->kernel_w * g->in_c, vectors = (run + EC_MVE_BYTES - 1) / EC_MVE_BYTES;
    const int32_t begin = origin * g->in_c;
    if (g->columns && g->dilation_w == 1 && begin >= 0 && begin + vectors * EC_MVE_BYTES <= g->in_w * g->in_c) {
        for (int32_t i = 0; i < vectors; i++) {
            vstrbq_s8(to + i * EC_MVE_BYTES, vldrbq_s8(row + begin + i * EC_MVE_BYTES));
        }
        return;
    }
    EC_MVE_ROLLED
    for (int32_t kx = 0; kx < g->kernel_w; kx++, to += g->in_c) {
        const int32_t in_x = origin + kx * g->dilation_w;
        if (in_x >= 0 && in_x < g->in_w) {
            ec_mve_copy(to, row + (ptrdiff_t)in_x * g->in_c, g->in_c);
        } else {
            ec_mve_fill(to, zero_point, g->in_c);
        }
    }
}

EC_INLINE ec_mve_inputs ec_conv_s8_mve_inputs(const ec_conv_s8_mve_geometry *g) {
    const int32_t runs = g->columns ? 1 : g->kernel_h;
    const ec_mve_inputs in = {runs, ec_conv_s8_mve_column(g) / runs};
    return in;
}

/* The rows of a window, null pointers where they are padding (of which `zeros` holds what a window has of a row). */
typedef struct {
    const int8_t *const *x;
    int32_t first; /* the first column at which a window can begin that needs no padding: 0 or, with such rows, none */
    const int8_t *zeros;
} ec_conv_s8_mve_rows;

/* One row of a window, which may be padding, gathered or not: where it begins. */
EC_INLINE const int8_t *ec_conv_s8_mve_part(const ec_conv_s8_mve_geometry *g, int32_t zero_point,
                                            ec_conv_s8_mve_rows rows, int32_t ky, int32_t origin, int8_t *to) {
    const int8_t *const row = rows.x[ky];
    if (g->zeros && !row) {
        if (g->columns) ec_mve_copy(to, rows.zeros, g->kernel_w * g->in_c);
        return rows.zeros;
    }
    if (!g->columns && origin >= 0 && origin + g->kernel_w <= g->in_w) return row + (ptrdiff_t)origin * g->in_c;
    ec_conv_s8_mve_gather(g, zero_point, row, origin, to);
    return to;
}

/* Notes where the inputs of output pixel out_x begin, pixel 0 or 1 of those computed together. */
EC_INLINE void ec_conv_s8_mve_window(const ec_conv_s8_mve_geometry *g, int32_t zero_point, ec_conv_s8_mve_rows rows,
                                     int32_t out_x, int32_t pixel, int8_t *column, const int8_t *from[]) {
    const int32_t origin = out_x * g->stride_w - g->pad_w, run = g->kernel_w * g->in_c;
    const ptrdiff_t at = (ptrdiff_t)origin * g->in_c;
    const ec_mve_inputs in = ec_conv_s8_mve_inputs(g);
    const int32_t plain = g->zeros ? origin >= rows.first : 1; /* no row is padding */
    if (g->columns) {
        if (plain) {
            for (int32_t ky = 0; ky < g->kernel_h; ky++) {
                ec_conv_s8_mve_gather(g, zero_point, rows.x[ky], origin, column + ky * run);
            }
        } else {
            EC_MVE_ROLLED
            for (int32_t ky = 0; ky < g->kernel_h; ky++) {
                ec_conv_s8_mve_part(g, zero_point, rows, ky, origin, column + ky * run);
            }
        }
        ec_mve_set_run(in, 0, pixel, column, from);
    } else if ((g->inside && plain) || (plain && origin >= 0 && origin + g->kernel_w <= g->in_w)) {
        for (int32_t ky = 0; ky < g->kernel_h; ky++) ec_mve_set_run(in, ky, pixel, rows.x[ky] + at, from);
    } else {
        EC_MVE_ROLLED
        for (int32_t ky = 0; ky < g->kernel_h; ky++, column += run) {
            const int8_t *const begin = ec_conv_s8_mve_part(g, zero_point, rows, ky, origin, column);
            ec_mve_set_run(in, ky, pixel, begin, from);
        }
    }
}

/* n channels from o on of `pixels` pixels; gives the address behind the weights used. */
EC_INLINE const int8_t *ec_conv_s8_mve_tile(const ec_conv_s8_mve_geometry *g, ec_mve_output to, int32_t pixels,
                                            int32_t n, int32_t o, const int8_t *const from[], const int8_t *w,
                                            int8_t *y) {
    const ec_mve_channels c = ec_mve_load_channels(&w, g->zero_points);
    const ec_mve_sums s = ec_mve_multiply(pixels, n, g->zero_points, ec_conv_s8_mve_inputs(g), from, &w);
    for (int32_t p = 0; p < pixels; p++) {
        ec_mve_finish(s.acc[p], s.x, n, g->zero_points, c, g->way, to, y + o + p * g->out_c);
    }
    return w;
}

/* All channels of `pixels` pixels from out_x on. */
EC_INLINE void ec_conv_s8_mve_pixels(const ec_conv_s8_mve_geometry *g, const ec_conv_s8_mve_data *d, ec_mve_output to,
                                     int32_t pixels, ec_conv_s8_mve_rows rows, int32_t out_x, int8_t *y,
                                     int8_t *columns) {
    const int32_t whole = g->out_c - g->out_c % EC_MVE_GROUP, left = g->out_c % EC_MVE_GROUP;
    const int8_t *from[2 * EC_CONV_S8_MVE_PIECES];
    EC_MVE_UNROLL
    for (int32_t p = 0; p < pixels; p++) {
        ec_conv_s8_mve_window(g, d->input_zero_point, rows, out_x + p, p, columns + p * g->apart, from);
    }
    const int8_t *w = d->weights;
    EC_MVE_ROLLED
    for (int32_t o = 0; o < whole; o += EC_MVE_GROUP) {
        w = ec_conv_s8_mve_tile(g, to, pixels, EC_MVE_GROUP, o, from, w, y);
    }
    if (left == 3) ec_conv_s8_mve_tile(g, to, pixels, 3, whole, from, w, y);
    if (left == 2) ec_conv_s8_mve_tile(g, to, pixels, 2, whole, from, w, y);
    if (left == 1) ec_conv_s8_mve_tile(g, to, pixels, 1, whole, from, w, y);
}

/* One output row. x: kernel_h rows of (in_w, in_c) s8 or NULL, y: (out_w, out_c) s8, acc: s32.
 * scratch: zero points, then the columns of two pixels, where there are any. */
EC_INLINE void ec_conv_s8_mve(const ec_conv_s8_mve_geometry *g, const ec_conv_s8_mve_data *d, const int8_t *const x[],
                              int8_t *y, void *scratch) {
    const ec_conv_s8_mve_data data = *d; /* y cannot change it */
    const ec_mve_output to = {data.output_zero_point, data.clamp_min, data.clamp_max};
    const int32_t pairs = g->zero_points ? 0 : g->out_w / 2;
    int8_t *const columns = (int8_t *)scratch + g->zeros;
    ec_conv_s8_mve_rows rows = {x, g->columns ? -g->pad_w : 0, scratch};
    for (int32_t ky = 0; ky < g->kernel_h; ky++) rows.first = x[ky] ? rows.first : g->in_w;
    if (g->zeros) ec_mve_fill(scratch, data.input_zero_point, g->zeros);
    int32_t out_x = 0;
    EC_MVE_ROLLED
    for (; out_x < 2 * pairs; out_x += 2, y += 2 * g->out_c) {
        ec_conv_s8_mve_pixels(g, &data, to, 2, rows, out_x, y, columns);
    }
    EC_MVE_ROLLED
    for (; out_x < g->out_w; out_x++, y += g->out_c) ec_conv_s8_mve_pixels(g, &data, to, 1, rows, out_x, y, columns);
}

#endif
