/* Depthwise convolution, int8, on Helium: one filter a channel, windows of up to 8 x 8 without dilation along the row.
 *
 * Rows are interleaved first: a cell holds what four rows of the window have of one pixel and channel, so that a window
 * of 3 x 3 is three cells, which one gathering load brings together for one multiplication by all its weights. Cells
 * stand in scratch for a strip of the row and a block of channels: (planes of 4 rows, columns, channels, 4) s8. */
#ifndef EDGEC_EC_DEPTHWISE_CONV_S8_MVE_H
#define EDGEC_EC_DEPTHWISE_CONV_S8_MVE_H

#include <stddef.h>

#include "edgec/ec_mve.h"

#define EC_DEPTHWISE_MVE_CELL 4    /* bytes */
#define EC_DEPTHWISE_MVE_VECTORS 4 /* of the cells of a window, at most */
#define EC_DEPTHWISE_MVE_BEHIND 64 /* bytes that may be written behind a plane */

typedef struct {
    int32_t in_w, channels, out_w;
    int32_t kernel_h, kernel_w, stride_w, pad_w;
    int32_t strip;       /* output pixels whose inputs are interleaved together */
    int32_t zero_points; /* 1: weights have some */
    int32_t way;         /* EC_MVE_FITS ... */
} ec_depthwise_conv_s8_mve_geometry;

typedef struct {
    const int8_t
        *weights;       /* for each 4 channels their constants (ec_mve_channels), then (4, vectors, 16): their cells */
    const int8_t *ones; /* (vectors, 16): 1 where weights are, or NULL without zero points */
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_depthwise_conv_s8_mve_data;

/* Channels interleaved together; fewer than a vector has are taken as they lie, pixel after pixel. */
EC_INLINE int32_t ec_depthwise_mve_block(const ec_depthwise_conv_s8_mve_geometry *g) {
    return g->channels < EC_MVE_BYTES ? g->channels : EC_MVE_BYTES;
}

EC_INLINE int32_t ec_depthwise_mve_column(const ec_depthwise_conv_s8_mve_geometry *g) {
    return ec_depthwise_mve_block(g) * EC_DEPTHWISE_MVE_CELL;
}

EC_INLINE int32_t ec_depthwise_mve_plane(const ec_depthwise_conv_s8_mve_geometry *g) {
    const int32_t columns = (g->strip - 1) * g->stride_w + g->kernel_w;
    return columns * ec_depthwise_mve_column(g) + EC_DEPTHWISE_MVE_BEHIND;
}

/* Up to four rows: where the next bytes of each are, and how far it is to those of the next pixel. */
typedef struct {
    const int8_t *at[4];
    int32_t step[4];
    int32_t count;
} ec_depthwise_mve_rows;

/* 16 cells from 16 (or, where they are not whole, the first `lanes`) bytes of each row. What a cell holds of absent
 * rows does not matter: the weights there are 0. */
EC_INLINE void ec_depthwise_mve_cells(ec_depthwise_mve_rows *rows, int32_t whole, mve_pred16_t lanes, int8_t *to) {
    int8x16x4_t v;
    for (int32_t i = 0; i < 4; i++) {
        if (i >= rows->count) {
            v.val[i] = vuninitializedq_s8();
        } else {
            v.val[i] = whole ? vldrbq_s8(rows->at[i]) : vldrbq_z_s8(rows->at[i], lanes);
            rows->at[i] += rows->step[i];
        }
    }
    vst4q_s8(to, v);
}

/* Which columns of a strip lie inside the row: low..high-1 of `columns` columns from column `first` of the row on. */
typedef struct {
    int32_t first, columns, low, high;
} ec_depthwise_mve_range;

EC_INLINE ec_depthwise_mve_range ec_depthwise_mve_inside(const ec_depthwise_conv_s8_mve_geometry *g, int32_t out_x,
                                                         int32_t count) {
    const int32_t first = out_x * g->stride_w - g->pad_w, columns = (count - 1) * g->stride_w + g->kernel_w;
    const int32_t low = first < 0 ? (-first < columns ? -first : columns) : 0;
    const int32_t room = g->in_w - first, end = room < columns ? room : columns;
    const ec_depthwise_mve_range range = {first, columns, low, end > low ? end : low};
    return range;
}

/* The cells of one plane that lie inside the row. A row of padding is a null pointer in x; `zeros` holds 16 zero
 * points. */
EC_INLINE void ec_depthwise_mve_interleave(const ec_depthwise_conv_s8_mve_geometry *g, const int8_t *zeros,
                                           const int8_t *const x[], int32_t count, ec_depthwise_mve_range range,
                                           int32_t channel, int8_t *to) {
    const int32_t flat = g->channels < EC_MVE_BYTES, step = flat ? EC_MVE_BYTES : g->channels;
    const int32_t size = ec_depthwise_mve_column(g), inside = range.high - range.low;
    ec_depthwise_mve_rows rows = {{zeros, zeros, zeros, zeros}, {0, 0, 0, 0}, count};
    for (int32_t i = 0; i < count; i++) {
        if (!x[i]) continue;
        rows.at[i] = x[i] + (ptrdiff_t)(range.first + range.low) * g->channels + channel;
        rows.step[i] = step;
    }
    to += range.low * size;
    if (flat) {
        const int32_t bytes = inside * g->channels, rest = bytes % EC_MVE_BYTES;
        EC_MVE_ROLLED
        for (int32_t i = 0; i < bytes / EC_MVE_BYTES; i++, to += EC_MVE_BYTES * EC_DEPTHWISE_MVE_CELL) {
            ec_depthwise_mve_cells(&rows, 1, 0, to);
        }
        if (rest) ec_depthwise_mve_cells(&rows, 0, vctp8q((uint32_t)rest), to);
        return;
    }
    const int32_t left = g->channels - channel;
    const mve_pred16_t lanes = vctp8q((uint32_t)left);
    EC_MVE_ROLLED
    for (int32_t i = 0; i < inside; i++, to += size) {
        ec_depthwise_mve_cells(&rows, left >= EC_MVE_BYTES, lanes, to);
    }
}

/* The cells of all planes that lie outside the row. */
EC_INLINE void ec_depthwise_mve_outside(const ec_depthwise_conv_s8_mve_geometry *g, int32_t zero_point,
                                        ec_depthwise_mve_range range, int8_t *cells) {
    const int32_t size = ec_depthwise_mve_column(g);
    for (int32_t row = 0; row < g->kernel_h; row += 4, cells += ec_depthwise_mve_plane(g)) {
        if (range.low > 0) ec_mve_fill(cells, zero_point, range.low * size);
        if (range.high < range.columns) {
            ec_mve_fill(cells + range.high * size, zero_point, (range.columns - range.high) * size);
        }
    }
}

/* The cells at four addresses, of the channel that lies `channel` after theirs. Not an intrinsic: GCC 12 does not know
 * that it reads memory. */
EC_INLINE int8x16_t ec_depthwise_mve_gather(uint32x4_t at, int32_t channel) {
    int8x16_t v;
    switch (channel) {
    case 0:
        __asm volatile("vldrw.u32 %q0, [%q1]" : "=&w"(v) : "w"(at) : "memory");
        break;
    case 1:
        __asm volatile("vldrw.u32 %q0, [%q1, #4]" : "=&w"(v) : "w"(at) : "memory");
        break;
    case 2:
        __asm volatile("vldrw.u32 %q0, [%q1, #8]" : "=&w"(v) : "w"(at) : "memory");
        break;
    default:
        __asm volatile("vldrw.u32 %q0, [%q1, #12]" : "=&w"(v) : "w"(at) : "memory");
        break;
    }
    return v;
}

/* The sums of four channels over the cells at four addresses, `offset` and the text of its multiples of 4 behind them.
 */
#define EC_DEPTHWISE_MVE_FOUR(first, second, third, fourth)                                                            \
    __asm volatile("vldrw.u32 %q[t], [%q[at], #" first "]\n\tvmladav.s8 %[a], %q[t], %q[w0]\n\t"                       \
                   "vldrw.u32 %q[t], [%q[at], #" second "]\n\tvmladav.s8 %[b], %q[t], %q[w1]\n\t"                      \
                   "vldrw.u32 %q[t], [%q[at], #" third "]\n\tvmladav.s8 %[c], %q[t], %q[w2]\n\t"                       \
                   "vldrw.u32 %q[t], [%q[at], #" fourth "]\n\tvmladav.s8 %[d], %q[t], %q[w3]\n\t"                      \
                   "vmov %q[t][2], %q[t][0], %[a], %[c]\n\tvmov %q[t][3], %q[t][1], %[b], %[d]"                        \
                   : [t] "=&w"(t), [a] "=&Te"(a), [b] "=&Te"(b), [c] "=&Te"(c), [d] "=&Te"(d)                          \
                   : [at] "w"(at), [w0] "w"(w[0]), [w1] "w"(w[1]), [w2] "w"(w[2]), [w3] "w"(w[3])                      \
                   : "memory")

/* The sums of four channels whose weights are held, `offset` (0, 64 or 128) bytes behind the cells at four addresses.
 */
EC_INLINE int32x4_t ec_depthwise_mve_four(uint32x4_t at, int32_t offset, const int8x16_t w[EC_MVE_GROUP]) {
    int32x4_t t;
    int32_t a, b, c, d;
    if (offset == 0) {
        EC_DEPTHWISE_MVE_FOUR("0", "4", "8", "12");
    } else if (offset == 64) {
        EC_DEPTHWISE_MVE_FOUR("64", "68", "72", "76");
    } else {
        EC_DEPTHWISE_MVE_FOUR("128", "132", "136", "140");
    }
    return t;
}

/* Bytes from the first cell of a window to its cell number i; cells beyond the window stand for the first. */
EC_INLINE int32_t ec_depthwise_mve_offset(const ec_depthwise_conv_s8_mve_geometry *g, int32_t i) {
    const int32_t planes = (g->kernel_h + 3) / 4;
    if (i >= planes * g->kernel_w) return 0;
    return i / g->kernel_w * ec_depthwise_mve_plane(g) + i % g->kernel_w * ec_depthwise_mve_column(g);
}

EC_INLINE int32_t ec_depthwise_mve_vectors(const ec_depthwise_conv_s8_mve_geometry *g) {
    return ((g->kernel_h + 3) / 4 * g->kernel_w + 3) / 4;
}

/* n channels of `count` pixels; `cells` is the first cell of the first window. */
EC_INLINE void ec_depthwise_mve_pixels(const ec_depthwise_conv_s8_mve_geometry *g,
                                       const ec_depthwise_conv_s8_mve_data *d, int32_t n, int32_t channel,
                                       int32_t count, const int8_t *cells, int8_t *y) {
    const int32_t vectors = ec_depthwise_mve_vectors(g);
    const ec_mve_output to = {d->output_zero_point, d->clamp_min, d->clamp_max};
    const int32_t constants = (g->zero_points ? 3 : 2) * EC_MVE_BYTES;
    const int32_t group = EC_MVE_GROUP * vectors * EC_MVE_BYTES + constants;
    const int8_t *w = d->weights + channel / EC_MVE_GROUP * group;
    const ec_mve_channels c = ec_mve_load_channels(&w, g->zero_points);
    const int8_t *const weights = w;
    int8x16_t held[EC_MVE_GROUP] = {vdupq_n_s8(0), vdupq_n_s8(0), vdupq_n_s8(0), vdupq_n_s8(0)};
    if (vectors == 1) {
        for (int32_t o = 0; o < n; o++) held[o] = ec_mve_next(&w, EC_MVE_BYTES);
    }
    uint32x4_t at[EC_DEPTHWISE_MVE_VECTORS];
    for (int32_t v = 0; v < vectors; v++) {
        at[v] = vaddq_n_u32(vreinterpretq_u32_s32(ec_mve_lanes(
                                ec_depthwise_mve_offset(g, 4 * v), ec_depthwise_mve_offset(g, 4 * v + 1),
                                ec_depthwise_mve_offset(g, 4 * v + 2), ec_depthwise_mve_offset(g, 4 * v + 3))),
                            (uint32_t)(uintptr_t)cells);
    }
    const int32_t step = g->stride_w * ec_depthwise_mve_column(g);
    int32_t i = 0;
    if (vectors == 1 && n == EC_MVE_GROUP && !g->zero_points) {
        const int32_t near = step == 64 || step == 128; /* the second pixel is in reach of the first's addresses */
        EC_MVE_ROLLED
        for (; i + 2 <= count; i += 2, y += 2 * g->channels) {
            ec_mve_finish(ec_depthwise_mve_four(at[0], 0, held), 0, n, 0, c, g->way, to, y);
            if (!near) at[0] = vaddq_n_u32(at[0], (uint32_t)step);
            const int32x4_t second = ec_depthwise_mve_four(at[0], near ? step : 0, held);
            ec_mve_finish(second, 0, n, 0, c, g->way, to, y + g->channels);
            at[0] = vaddq_n_u32(at[0], (uint32_t)(near ? 2 * step : step));
        }
        if (i < count) ec_mve_finish(ec_depthwise_mve_four(at[0], 0, held), 0, n, 0, c, g->way, to, y);
        return;
    }
    for (; i < count; i++, y += g->channels) {
        int32_t acc[EC_MVE_GROUP] = {0, 0, 0, 0}, x_sum[EC_MVE_GROUP] = {0, 0, 0, 0};
        w = weights;
        EC_MVE_UNROLL
        for (int32_t o = 0; o < n; o++) {
            EC_MVE_UNROLL
            for (int32_t v = 0; v < vectors; v++) {
                const int8x16_t x = ec_depthwise_mve_gather(at[v], o);
                acc[o] = vmladavaq_s8(acc[o], x, vectors == 1 ? held[o] : ec_mve_next(&w, EC_MVE_BYTES));
                if (g->zero_points) x_sum[o] = vmladavaq_s8(x_sum[o], x, vldrbq_s8(d->ones + v * EC_MVE_BYTES));
            }
        }
        for (int32_t v = 0; v < vectors; v++) at[v] = vaddq_n_u32(at[v], (uint32_t)step);
        int32x4_t sums = ec_mve_lanes(acc[0], acc[1], acc[2], acc[3]);
        if (g->zero_points) {
            const int32x4_t x = ec_mve_lanes(x_sum[0], x_sum[1], x_sum[2], x_sum[3]);
            sums = vaddq_s32(sums, vmulq_s32(x, c.weight_zero_point));
        }
        ec_mve_finish(sums, 0, n, 0, c, g->way, to, y);
    }
}

/* `count` output pixels from out_x on, block of channels after block. */
EC_INLINE void ec_depthwise_mve_strip(const ec_depthwise_conv_s8_mve_geometry *g,
                                      const ec_depthwise_conv_s8_mve_data *d, const int8_t *const x[], int32_t out_x,
                                      int32_t count, int8_t *y, int8_t *scratch) {
    int8_t *const cells = scratch + EC_MVE_BYTES;
    const int32_t block = ec_depthwise_mve_block(g), plane = ec_depthwise_mve_plane(g);
    const ec_depthwise_mve_range range = ec_depthwise_mve_inside(g, out_x, count);
    if (g->channels >= EC_MVE_BYTES) ec_depthwise_mve_outside(g, d->input_zero_point, range, cells);
    for (int32_t start = 0; start < g->channels; start += block) {
        for (int32_t row = 0; row < g->kernel_h; row += 4) {
            const int32_t rows = g->kernel_h - row < 4 ? g->kernel_h - row : 4;
            ec_depthwise_mve_interleave(g, scratch, x + row, rows, range, start, cells + row / 4 * plane);
        }
        /* Rows taken as they lie end in the middle of a vector of cells: what is outside comes behind them. */
        if (g->channels < EC_MVE_BYTES) ec_depthwise_mve_outside(g, d->input_zero_point, range, cells);
        const int32_t end = g->channels - start < block ? g->channels : start + block;
        int32_t o = start;
        for (; o + EC_MVE_GROUP <= end; o += EC_MVE_GROUP) {
            ec_depthwise_mve_pixels(g, d, EC_MVE_GROUP, o, count, cells + (o - start) * EC_DEPTHWISE_MVE_CELL, y + o);
        }
        const int8_t *const rest = cells + (o - start) * EC_DEPTHWISE_MVE_CELL;
        if (end - o == 3) ec_depthwise_mve_pixels(g, d, 3, o, count, rest, y + o);
        if (end - o == 2) ec_depthwise_mve_pixels(g, d, 2, o, count, rest, y + o);
        if (end - o == 1) ec_depthwise_mve_pixels(g, d, 1, o, count, rest, y + o);
    }
}

/* One output row. x: kernel_h rows of (in_w, channels) s8 or NULL, y: (out_w, channels) s8, acc: s32.
 * scratch: 16 zero points, then the cells of a strip. */
EC_INLINE void ec_depthwise_conv_s8_mve(const ec_depthwise_conv_s8_mve_geometry *g,
                                        const ec_depthwise_conv_s8_mve_data *d, const int8_t *const x[], int8_t *y,
                                        void *scratch) {
    const ec_depthwise_conv_s8_mve_data data = *d; /* y cannot change it */
    ec_mve_fill(scratch, data.input_zero_point, EC_MVE_BYTES);
    if (g->strip == g->out_w) {
        ec_depthwise_mve_strip(g, &data, x, 0, g->out_w, y, scratch);
        return;
    }
    for (int32_t out_x = 0; out_x < g->out_w; out_x += g->strip) {
        const int32_t left = g->out_w - out_x;
        ec_depthwise_mve_strip(g, &data, x, out_x, left < g->strip ? left : g->strip, y + out_x * g->channels, scratch);
    }
}

#endif
