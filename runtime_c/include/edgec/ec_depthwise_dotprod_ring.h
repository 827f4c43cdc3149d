/* Depthwise convolution with dot products, 8 channels a step: the columns of the window stay in registers along the
 * row, so that each column is read and brought into cells once.
 *
 * A cell holds what four rows (a plane) have of one column and channel. One more row, the first of one and the fifth of
 * five, has cells along the row: the last four columns that were read, which move on by a byte with each column.
 *
 * Weights that leave int8 without their zero points (sets == 2) come less an offset of their channel, the same for all
 * cells: a second SDOT with the offset, which stays in registers, adds what is missing. */
#ifndef EDGEC_EC_DEPTHWISE_DOTPROD_RING_H
#define EDGEC_EC_DEPTHWISE_DOTPROD_RING_H

#include "edgec/ec_depthwise_neon_row.h"

#define EC_DEPTHWISE_DOTPROD_COLUMNS 5
#define EC_DEPTHWISE_DOTPROD_PLANES 2
#define EC_DEPTHWISE_DOTPROD_HELD 8 /* vectors of weights that stay in registers */

/* Where the bytes of four registers go to: channels 4 * quad ... 4 * quad + 3, a byte of each register in turn. */
EC_INLINE uint8x16_t ec_depthwise_dotprod_order(int32_t quad) {
    static const uint8_t order[16] = {0, 16, 32, 48, 1, 17, 33, 49, 2, 18, 34, 50, 3, 19, 35, 51};
    return vaddq_u8(vld1q_u8(order), vdupq_n_u8((uint8_t)(4 * quad)));
}

typedef struct {
    int8x16_t cells[EC_DEPTHWISE_DOTPROD_COLUMNS][EC_DEPTHWISE_DOTPROD_PLANES][2]; /* column, plane, 4 channels */
    int8x16_t along[2];                                                            /* cells of the last row */
    int8x16_t weights[EC_DEPTHWISE_DOTPROD_HELD];
    int8x16_t offset[2];
    uint8x16_t order[2], shift[2];
    float32x4_t scale[2];
    const int8_t *x[EC_DEPTHWISE_NEON_TAPS]; /* next column of each row */
    ptrdiff_t step;                          /* to the next column, and to the next output */
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

/* Cells of 8 channels from the first `used` of four registers. GCC 12 copies the registers of vqtbl3q to neighbouring
 * ones instead of reading into those; volatile: clang would read the next column first and copy it. */
EC_INLINE void ec_depthwise_dotprod_both(const int8x16_t x[4], int32_t used, const uint8x16_t order[2],
                                         int8x16_t cells[2]) {
    register int8x16_t a __asm("v28") = x[0];
    register int8x16_t b __asm("v29") = x[1];
    register int8x16_t c __asm("v30") = x[2];
    register int8x16_t d __asm("v31") = x[3];
    if (used == 1) {
        cells[0] = vqtbl1q_s8(x[0], order[0]);
        cells[1] = vqtbl1q_s8(x[0], order[1]);
    } else if (used == 2) {
        __asm volatile("tbl %0.16b, {v28.16b-v29.16b}, %2.16b\n\ttbl %1.16b, {v28.16b-v29.16b}, %3.16b"
                       : "=&w"(cells[0]), "=w"(cells[1])
                       : "w"(order[0]), "w"(order[1]), "w"(a), "w"(b));
    } else if (used == 3) {
        __asm volatile("tbl %0.16b, {v28.16b-v30.16b}, %2.16b\n\ttbl %1.16b, {v28.16b-v30.16b}, %3.16b"
                       : "=&w"(cells[0]), "=w"(cells[1])
                       : "w"(order[0]), "w"(order[1]), "w"(a), "w"(b), "w"(c));
    } else {
        __asm volatile("tbl %0.16b, {v28.16b-v31.16b}, %2.16b\n\ttbl %1.16b, {v28.16b-v31.16b}, %3.16b"
                       : "=&w"(cells[0]), "=w"(cells[1])
                       : "w"(order[0]), "w"(order[1]), "w"(a), "w"(b), "w"(c), "w"(d));
    }
}

/* Adds the products of a cell of 8 channels. Not intrinsics: GCC 12 moves sums to other registers in between. */
#define EC_DEPTHWISE_DOTPROD_ADD(a, b, x, w, v)                                                                        \
    __asm("sdot %0.4s, %2.16b, %4.16b\n\tsdot %1.4s, %3.16b, %5.16b"                                                   \
          : "+w"(a), "+w"(b)                                                                                           \
          : "w"((x)[0]), "w"((x)[1]), "w"(w), "w"(v))

/* The last cells of a row move on by one column: a byte of x, 8 channels, comes in. `after` holds the compiler from
 * doing so before what computed it: both cells would need a copy. */
EC_INLINE void ec_depthwise_dotprod_move(ec_depthwise_dotprod_state *s, int8x16_t x, int32x4_t after) {
    register int8x16_t low __asm("v23") = s->along[0];
    register int8x16_t in __asm("v24") = x;
    register int8x16_t high __asm("v25") = s->along[1];
    __asm("tbl v23.16b, {v23.16b-v24.16b}, %3.16b\n\ttbl v25.16b, {v24.16b-v25.16b}, %4.16b"
          : "+w"(low), "+w"(high)
          : "w"(in), "w"(s->shift[0]), "w"(s->shift[1]), "w"(after));
    s->along[0] = low;
    s->along[1] = high;
}

/* Takes the next column of the row into slot; zero points where it lies outside. Returns what the row along which cells
 * lie has of it. */
EC_INLINE int8x16_t ec_depthwise_dotprod_column(const ec_depthwise_neon_geometry *g, ec_depthwise_dotprod_state *s,
                                                int8x16_t zeros, int32_t inside, int32_t slot) {
    const int32_t planes = ec_depthwise_dotprod_planes(g), rows = g->kernel_h - ec_depthwise_dotprod_along(g);
    int8x16_t last = zeros;
    EC_DEPTHWISE_UNROLL
    for (int32_t p = 0; p < planes; p++) {
        int8x16_t x[4] = {zeros, zeros, zeros, zeros};
        EC_DEPTHWISE_UNROLL
        for (int32_t i = 0; i < 4; i++) {
            if (!inside || 4 * p + i >= rows) continue;
            x[i] = ec_depthwise_neon_next(&s->x[4 * p + i], s->step);
        }
        if (inside) {
            ec_depthwise_dotprod_both(x, rows - 4 * p, s->order, s->cells[slot][p]);
        } else {
            s->cells[slot][p][0] = s->cells[slot][p][1] = zeros;
        }
    }
    if (ec_depthwise_dotprod_along(g) && inside) {
        last = ec_depthwise_neon_next(&s->x[rows], s->step);
    }
    return last;
}

/* An ec_depthwise_neon_step. */
EC_INLINE void ec_depthwise_dotprod_ring_step(const ec_depthwise_neon_geometry *g, void *state, ec_neon_output o,
                                              int8x16_t zeros, int32_t phase, int32_t p, int8_t **y) {
    ec_depthwise_dotprod_state *const s = state;
    const int32_t planes = ec_depthwise_dotprod_planes(g), cells = ec_depthwise_dotprod_ring_cells(g);
    const int32_t kw = g->kernel_w, stride = g->stride_w, held = 2 * cells <= EC_DEPTHWISE_DOTPROD_HELD;
    register int32x4_t acc0 __asm("v26");
    register int32x4_t acc1 __asm("v27");
    register int8x16_t w0 __asm("v28");
    register int8x16_t w1 __asm("v29");
    register int8x16_t w2 __asm("v30");
    register int8x16_t w3 __asm("v31");
    int8x16_t last = zeros;
    EC_DEPTHWISE_UNROLL
    for (int32_t n = 0; n < stride; n++) {
        const int32_t inside = p < 0 || (p + n >= g->pad_w && p + n < g->pad_w + g->in_w);
        const int32_t slot = (kw - stride + phase * stride + n) % kw;
        last = ec_depthwise_dotprod_column(g, s, zeros, inside, slot);
        if (ec_depthwise_dotprod_along(g) && (n + 1 < stride || kw <= 4))
            ec_depthwise_dotprod_move(s, last, vreinterpretq_s32_s8(last));
    }
    /* Not intrinsics: compilers would read before the loop and then spill. */
    if (held) {
        __asm volatile("ldp %q0, %q1, [%2]" : "=w"(acc0), "=w"(acc1) : "r"(s->constants));
    } else {
        __asm volatile("ld1 {v26.16b-v29.16b}, [%4]" : "=w"(acc0), "=w"(acc1), "=w"(w0), "=w"(w1) : "r"(s->constants));
    }
    EC_DEPTHWISE_UNROLL
    for (int32_t cell = 0; cell < cells; cell++) {
        const int32_t column = planes ? cell / planes : kw;
        const int32_t slot = (phase * stride + column) % kw, plane = planes ? cell % planes : 0;
        if (cell == kw * planes + 1) ec_depthwise_dotprod_move(s, last, acc0);
        const int8x16_t *x = column < kw ? s->cells[slot][plane] : s->along;
        const int8_t *const from = s->constants + 32 * (cell + 1);
        if (held) {
            EC_DEPTHWISE_DOTPROD_ADD(acc0, acc1, x, s->weights[2 * cell], s->weights[2 * cell + 1]);
        } else if (cell > 0 && cell % 2 == 0) {
            EC_DEPTHWISE_DOTPROD_ADD(acc0, acc1, x, w2, w3);
        } else {
            if (cell > 0 && cell + 1 < cells) {
                __asm volatile("ld1 {v28.16b-v31.16b}, [%4]" : "=w"(w0), "=w"(w1), "=w"(w2), "=w"(w3) : "r"(from));
            } else if (cell > 0) {
                __asm volatile("ldp %q0, %q1, [%2]" : "=w"(w0), "=w"(w1) : "r"(from));
            }
            EC_DEPTHWISE_DOTPROD_ADD(acc0, acc1, x, w0, w1);
        }
        if (g->sets > 1) EC_DEPTHWISE_DOTPROD_ADD(acc0, acc1, x, s->offset[0], s->offset[1]);
    }
    const int16x8_t scaled = ec_neon_scaled(o, acc0, acc1, s->scale[0], s->scale[1]);
    ec_depthwise_neon_put(y, s->step, ec_neon_narrow_8(o, scaled));
}

/* Everything that a row of a block begins with: constants, and the columns before those of the first output. */
EC_INLINE void ec_depthwise_dotprod_ring_begin(const ec_depthwise_neon_geometry *g, ec_depthwise_dotprod_state *s,
                                               const int8_t *const x[], int32_t channel, int8x16_t zeros) {
    static const uint8_t shift[2][16] = {{1, 2, 3, 16, 5, 6, 7, 17, 9, 10, 11, 18, 13, 14, 15, 19},
                                         {17, 18, 19, 4, 21, 22, 23, 5, 25, 26, 27, 6, 29, 30, 31, 7}};
    const int32_t cells = ec_depthwise_dotprod_ring_cells(g);
    EC_DEPTHWISE_UNROLL
    for (int32_t q = 0; q < 2; q++) {
        s->shift[q] = vld1q_u8(shift[q]);
        s->order[q] = ec_depthwise_dotprod_order(q);
        s->scale[q] = ec_neon_load_f32(s->constants + 16 * q);
        s->along[q] = zeros;
    }
    s->constants += 32;
    s->step = g->channels;
    if (2 * cells <= EC_DEPTHWISE_DOTPROD_HELD) {
        EC_DEPTHWISE_UNROLL
        for (int32_t i = 0; i < 2 * cells; i++) s->weights[i] = vld1q_s8(s->constants + 32 + 16 * i);
    }
    if (g->sets > 1) {
        EC_DEPTHWISE_UNROLL
        for (int32_t q = 0; q < 2; q++) s->offset[q] = vld1q_s8(s->constants + 32 + 32 * cells + 16 * q);
    }
    EC_DEPTHWISE_UNROLL
    for (int32_t ky = 0; ky < g->kernel_h; ky++) s->x[ky] = x[ky] + channel;
    EC_DEPTHWISE_UNROLL
    for (int32_t p = 0; p < g->kernel_w - g->stride_w; p++) {
        const int32_t inside = p >= g->pad_w && p < g->pad_w + g->in_w;
        const int8x16_t last = ec_depthwise_dotprod_column(g, s, zeros, inside, p);
        if (ec_depthwise_dotprod_along(g)) ec_depthwise_dotprod_move(s, last, vreinterpretq_s32_s8(zeros));
    }
}

/* One output row of a window whose columns fit the registers. */
EC_INLINE void ec_depthwise_dotprod_ring_row(const ec_depthwise_neon_geometry *g, const ec_depthwise_neon_data *d,
                                             const int8_t *const x[], int8_t *y) {
    const ec_neon_output o = ec_depthwise_neon_output(g, d);
    const int8x16_t zeros = vdupq_n_s8((int8_t)d->input_zero_point);
    const int32_t size = g->block * (8 + 4 * (ec_depthwise_dotprod_ring_cells(g) + g->sets - 1));
    EC_DEPTHWISE_ROLLED
    for (int32_t i = 0; i < ec_depthwise_neon_blocks(g); i++) {
        const int32_t channel = ec_depthwise_neon_channel(g, i);
        ec_depthwise_dotprod_state s;
        s.constants = d->weights + (ptrdiff_t)i * size;
        ec_depthwise_dotprod_ring_begin(g, &s, x, channel, zeros);
        ec_depthwise_neon_ring_block(g, ec_depthwise_dotprod_ring_step, &s, o, zeros, y + channel);
    }
}

#endif
