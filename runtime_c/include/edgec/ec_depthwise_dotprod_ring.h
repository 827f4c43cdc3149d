/* Depthwise convolution with dot products, 8 channels a step: the columns of the window stay in registers along the
 * row, so that each column is read and brought into cells once.
 *
 * A cell holds what four rows (a plane) have of one column and channel. One more row, the first of one and the fifth of
 * five, has cells along the row: the last four columns that were read, which move on by a byte with each column. */
#ifndef EDGEC_EC_DEPTHWISE_DOTPROD_RING_H
#define EDGEC_EC_DEPTHWISE_DOTPROD_RING_H

#include "edgec/ec_depthwise_neon.h"

#define EC_DEPTHWISE_DOTPROD_COLUMNS 5
#define EC_DEPTHWISE_DOTPROD_PLANES 2
#define EC_DEPTHWISE_DOTPROD_HELD 8 /* vectors of weights that stay in registers */

/* Where the bytes of four registers go to: channels 4 * quad ... 4 * quad + 3, a byte of each register in turn. */
EC_INLINE uint8x16_t ec_depthwise_dotprod_order(int32_t quad) {
    static const uint8_t order[16] = {0, 16, 32, 48, 1, 17, 33, 49, 2, 18, 34, 50, 3, 19, 35, 51};
    return vaddq_u8(vld1q_u8(order), vdupq_n_u8((uint8_t)(4 * quad)));
}

EC_INLINE int8x16_t ec_depthwise_dotprod_load(const ec_depthwise_neon_geometry *g, const int8_t *from) {
    return g->block == EC_DEPTHWISE_NEON_NARROW ? vcombine_s8(vld1_s8(from), vdup_n_s8(0)) : vld1q_s8(from);
}

/* Cells of the first `used` of four registers. */
EC_INLINE int8x16_t ec_depthwise_dotprod_cells(const int8x16_t x[4], int32_t used, uint8x16_t order) {
    if (used == 1) return vqtbl1q_s8(x[0], order);
    if (used == 2) {
        const int8x16x2_t two = {{x[0], x[1]}};
        return vqtbl2q_s8(two, order);
    }
    if (used == 3) {
        const int8x16x3_t three = {{x[0], x[1], x[2]}};
        return vqtbl3q_s8(three, order);
    }
    const int8x16x4_t four = {{x[0], x[1], x[2], x[3]}};
    return vqtbl4q_s8(four, order);
}

typedef struct {
    int8x16_t cells[EC_DEPTHWISE_DOTPROD_COLUMNS][EC_DEPTHWISE_DOTPROD_PLANES][2]; /* column, plane, 4 channels */
    int8x16_t along[2];                                                            /* cells of the last row */
    int8x16_t weights[EC_DEPTHWISE_DOTPROD_HELD];
    uint8x16_t order[2], shift[2];
    float32x4_t scale[2];
    const int8_t *x[EC_DEPTHWISE_NEON_TAPS]; /* next column of each row */
    const int8_t *constants;
} ec_depthwise_dotprod_state;

/* One row more than whole planes of four. */
EC_INLINE int32_t ec_depthwise_dotprod_along(const ec_depthwise_neon_geometry *g) { return g->kernel_h % 4 == 1; }

EC_INLINE int32_t ec_depthwise_dotprod_planes(const ec_depthwise_neon_geometry *g) {
    return (g->kernel_h - ec_depthwise_dotprod_along(g) + 3) / 4;
}

/* Cells of the window: those of its columns, then those along the last row. */
EC_INLINE int32_t ec_depthwise_dotprod_ring_cells(const ec_depthwise_neon_geometry *g) {
    const int32_t along = ec_depthwise_dotprod_along(g) ? (g->kernel_w + 3) / 4 : 0;
    return g->kernel_w * ec_depthwise_dotprod_planes(g) + along;
}

/* Two vectors of constants that are read anew for each output: what the registers have no room for. Not an intrinsic:
 * compilers would read before the loop and then spill. */
EC_INLINE void ec_depthwise_dotprod_pair(const int8_t **from, int8x16_t *a, int8x16_t *b) {
    __asm volatile("ldp %q0, %q1, [%2], #32" : "=&w"(*a), "=&w"(*b), "+r"(*from));
}

/* The last cells of a row move on by one column: a byte of x, 8 channels, comes in. */
EC_INLINE void ec_depthwise_dotprod_move(ec_depthwise_dotprod_state *s, int8x16_t x) {
    const int8x16x2_t low = {{s->along[0], x}}, high = {{s->along[1], x}};
    s->along[0] = vqtbl2q_s8(low, s->shift[0]);
    s->along[1] = vqtbl2q_s8(high, s->shift[1]);
}

/* Takes the next column of the row into slot; zero points where it lies outside. The row along it: see return. */
EC_INLINE int8x16_t ec_depthwise_dotprod_column(const ec_depthwise_neon_geometry *g, ec_depthwise_dotprod_state *s,
                                                int8x16_t zeros, int32_t inside, int32_t slot) {
    const int32_t planes = ec_depthwise_dotprod_planes(g), rows = g->kernel_h - ec_depthwise_dotprod_along(g);
    int8x16_t last = zeros;
    EC_NEON_UNROLL
    for (int32_t p = 0; p < planes; p++) {
        int8x16_t x[4] = {zeros, zeros, zeros, zeros};
        EC_NEON_UNROLL
        for (int32_t i = 0; i < 4; i++) {
            if (!inside || 4 * p + i >= rows) continue;
            x[i] = ec_depthwise_dotprod_load(g, s->x[4 * p + i]);
            s->x[4 * p + i] += g->channels;
        }
        EC_NEON_UNROLL
        for (int32_t q = 0; q < 2; q++) {
            s->cells[slot][p][q] = inside ? ec_depthwise_dotprod_cells(x, rows - 4 * p, s->order[q]) : zeros;
        }
    }
    if (ec_depthwise_dotprod_along(g) && inside) {
        last = ec_depthwise_dotprod_load(g, s->x[rows]);
        s->x[rows] += g->channels;
    }
    return last;
}

/* One output; `phase` is its number modulo the turns after which columns have the same slots again. p: number of its
 * first new column, counted from the padding on. */
EC_INLINE void ec_depthwise_dotprod_ring_step(const ec_depthwise_neon_geometry *g, ec_depthwise_dotprod_state *s,
                                              ec_neon_output o, int8x16_t zeros, int32_t phase, int32_t p, int8_t *y) {
    const int32_t planes = ec_depthwise_dotprod_planes(g), cells = ec_depthwise_dotprod_ring_cells(g);
    const int32_t kw = g->kernel_w, stride = g->stride_w, held = 2 * cells <= EC_DEPTHWISE_DOTPROD_HELD;
    const int8_t *from = s->constants;
    int8x16_t a, b;
    int32x4_t acc[2];
    int8x16_t last = zeros;
    EC_NEON_UNROLL
    for (int32_t n = 0; n < stride; n++) {
        const int32_t inside = p < 0 || (p + n >= g->pad_w && p + n < g->pad_w + g->in_w);
        const int32_t slot = (kw - stride + phase * stride + n) % kw;
        last = ec_depthwise_dotprod_column(g, s, zeros, inside, slot);
        if (ec_depthwise_dotprod_along(g) && (n + 1 < stride || kw <= 4)) ec_depthwise_dotprod_move(s, last);
    }
    ec_depthwise_dotprod_pair(&from, &a, &b);
    acc[0] = vreinterpretq_s32_s8(a);
    acc[1] = vreinterpretq_s32_s8(b);
    EC_NEON_UNROLL
    for (int32_t cell = 0; cell < cells; cell++) {
        const int32_t column = planes ? cell / planes : kw;
        const int32_t slot = (phase * stride + column) % kw, plane = planes ? cell % planes : 0;
        if (cell == kw * planes + 1) ec_depthwise_dotprod_move(s, last);
        if (!held) ec_depthwise_dotprod_pair(&from, &a, &b);
        EC_NEON_UNROLL
        for (int32_t q = 0; q < 2; q++) {
            const int8x16_t w = held ? s->weights[2 * cell + q] : q ? b : a;
            acc[q] = vdotq_s32(acc[q], column < kw ? s->cells[slot][plane][q] : s->along[q], w);
        }
    }
    ec_depthwise_neon_store(g, o, acc, s->scale, y);
}

/* Everything that a row of a block begins with: constants, and the columns before those of the first output. */
EC_INLINE void ec_depthwise_dotprod_ring_begin(const ec_depthwise_neon_geometry *g, ec_depthwise_dotprod_state *s,
                                               const int8_t *const x[], int32_t channel, int8x16_t zeros) {
    static const uint8_t shift[2][16] = {{1, 2, 3, 16, 5, 6, 7, 17, 9, 10, 11, 18, 13, 14, 15, 19},
                                         {1, 2, 3, 20, 5, 6, 7, 21, 9, 10, 11, 22, 13, 14, 15, 23}};
    const int32_t cells = ec_depthwise_dotprod_ring_cells(g);
    EC_NEON_UNROLL
    for (int32_t q = 0; q < 2; q++) {
        s->shift[q] = vld1q_u8(shift[q]);
        s->order[q] = ec_depthwise_dotprod_order(q);
        s->scale[q] = ec_neon_load_f32(s->constants + 16 * q);
        s->along[q] = zeros;
    }
    s->constants += 32;
    if (2 * cells <= EC_DEPTHWISE_DOTPROD_HELD) {
        EC_NEON_UNROLL
        for (int32_t i = 0; i < 2 * cells; i++) s->weights[i] = vld1q_s8(s->constants + 32 + 16 * i);
    }
    EC_NEON_UNROLL
    for (int32_t ky = 0; ky < g->kernel_h; ky++) s->x[ky] = x[ky] + channel;
    EC_NEON_UNROLL
    for (int32_t p = 0; p < g->kernel_w - g->stride_w; p++) {
        const int32_t inside = p >= g->pad_w && p < g->pad_w + g->in_w;
        const int8x16_t last = ec_depthwise_dotprod_column(g, s, zeros, inside, p);
        if (ec_depthwise_dotprod_along(g)) ec_depthwise_dotprod_move(s, last);
    }
}

/* One row of a block. */
EC_INLINE void ec_depthwise_dotprod_ring_block(const ec_depthwise_neon_geometry *g, ec_depthwise_dotprod_state *s,
                                               ec_neon_output o, int8x16_t zeros, int8_t *y) {
    const ec_depthwise_neon_range inside = ec_depthwise_neon_inside(g);
    const int32_t kw = g->kernel_w, ahead = kw - g->stride_w;
    const int32_t period = kw % g->stride_w ? kw : kw / g->stride_w;
    const int32_t middle = inside.end - inside.first, rest = middle % period;
    EC_NEON_UNROLL
    for (int32_t i = 0; i < inside.first; i++, y += g->channels) {
        ec_depthwise_dotprod_ring_step(g, s, o, zeros, i, ahead + i * g->stride_w, y);
    }
    EC_NEON_ROLLED
    for (int32_t i = 0; i < middle / period; i++) {
        EC_NEON_UNROLL
        for (int32_t j = 0; j < period; j++, y += g->channels) {
            ec_depthwise_dotprod_ring_step(g, s, o, zeros, inside.first + j, -1, y);
        }
    }
    EC_NEON_UNROLL
    for (int32_t j = 0; j < rest; j++, y += g->channels) {
        ec_depthwise_dotprod_ring_step(g, s, o, zeros, inside.first + j, -1, y);
    }
    EC_NEON_UNROLL
    for (int32_t i = inside.end; i < g->out_w; i++, y += g->channels) {
        ec_depthwise_dotprod_ring_step(g, s, o, zeros, i, ahead + i * g->stride_w, y);
    }
}

/* One output row of a window whose columns fit the registers. */
EC_INLINE void ec_depthwise_dotprod_ring_row(const ec_depthwise_neon_geometry *g, const ec_depthwise_neon_data *d,
                                             const int8_t *const x[], int8_t *y) {
    const ec_neon_output o = ec_depthwise_neon_output(g, d);
    const int8x16_t zeros = vdupq_n_s8((int8_t)d->input_zero_point);
    const int32_t size = g->block * (8 + 4 * ec_depthwise_dotprod_ring_cells(g));
    EC_NEON_ROLLED
    for (int32_t i = 0; i < ec_depthwise_neon_blocks(g); i++) {
        const int32_t channel = ec_depthwise_neon_channel(g, i);
        ec_depthwise_dotprod_state s;
        s.constants = d->weights + (ptrdiff_t)i * size;
        ec_depthwise_dotprod_ring_begin(g, &s, x, channel, zeros);
        ec_depthwise_dotprod_ring_block(g, &s, o, zeros, y + channel);
    }
}

#endif
