/* Depthwise convolution without dot products, 8 channels a step: the columns of the window stay in registers along the
 * row.
 *
 * A pair holds what two rows have of one column and channel, so that SADALP adds two products a lane, or four after
 * SMLAL, to an int32 sum. Of an odd last row the pairs lie along it: a column with the one after it; the last column of
 * an odd width is single. */
#ifndef EDGEC_EC_DEPTHWISE_NEON_RING_H
#define EDGEC_EC_DEPTHWISE_NEON_RING_H

#include "edgec/ec_depthwise_neon_row.h"

#define EC_DEPTHWISE_NEON_COLUMNS 5
#define EC_DEPTHWISE_NEON_ROWS 5
#define EC_DEPTHWISE_NEON_HELD 6 /* pairs of weights that stay in registers */

typedef struct {
    int8x16_t pairs[EC_DEPTHWISE_NEON_COLUMNS][EC_DEPTHWISE_NEON_ROWS / 2]; /* column, rows */
    int8x16_t along[EC_DEPTHWISE_NEON_COLUMNS]; /* of the last row: this column and the one after it */
    int8x16_t last;                             /* its newest column */
    int8x16_t weights[EC_DEPTHWISE_NEON_HELD];
    int8x8_t single; /* weights of the single column */
    int32x4_t bias[2];
    float32x4_t scale[2];
    const int8_t *x[EC_DEPTHWISE_NEON_ROWS]; /* next column of each row */
    ptrdiff_t step;                          /* to the next column, and to the next output */
    const int8_t *constants;                 /* bias (8) s32, weights: the single ones (16), those of pairs (16 each) */
} ec_depthwise_neon_state;

/* Pairs of the window: those of its columns, then those along the last row. */
EC_INLINE int32_t ec_depthwise_neon_pairs(const ec_depthwise_neon_geometry *g) {
    return g->kernel_w * (g->kernel_h / 2) + (g->kernel_h % 2 ? g->kernel_w / 2 : 0);
}

/* Takes the next column of the row into slot; zero points where it lies outside. */
EC_INLINE void ec_depthwise_neon_column(const ec_depthwise_neon_geometry *g, ec_depthwise_neon_state *s,
                                        int8x16_t zeros, int32_t inside, int32_t slot) {
    EC_DEPTHWISE_UNROLL
    for (int32_t v = 0; v < g->kernel_h / 2; v++) {
        if (inside) {
            const int8x16_t a = ec_depthwise_neon_next(&s->x[2 * v], s->step);
            s->pairs[slot][v] = vzip1q_s8(a, ec_depthwise_neon_next(&s->x[2 * v + 1], s->step));
        } else {
            s->pairs[slot][v] = zeros;
        }
    }
    if (g->kernel_h % 2) {
        const int8x16_t x = inside ? ec_depthwise_neon_next(&s->x[g->kernel_h - 1], s->step) : zeros;
        s->along[(slot + g->kernel_w - 1) % g->kernel_w] = vzip1q_s8(s->last, x);
        s->last = x;
    }
}

/* An ec_depthwise_neon_step. */
EC_INLINE void ec_depthwise_neon_ring_step(const ec_depthwise_neon_geometry *g, void *state, ec_neon_output o,
                                           int8x16_t zeros, int32_t phase, int32_t p, int8_t **y) {
    ec_depthwise_neon_state *const s = state;
    const int32_t kw = g->kernel_w, stride = g->stride_w, rows = g->kernel_h / 2;
    const int32_t pairs = ec_depthwise_neon_pairs(g), held = pairs <= EC_DEPTHWISE_NEON_HELD;
    register int8x16_t w0 __asm("v28");
    register int8x16_t w1 __asm("v29");
    register int8x16_t w2 __asm("v30");
    register int8x16_t w3 __asm("v31");
    EC_DEPTHWISE_UNROLL
    for (int32_t n = 0; n < stride; n++) {
        const int32_t inside = p < 0 || (p + n >= g->pad_w && p + n < g->pad_w + g->in_w);
        ec_depthwise_neon_column(g, s, zeros, inside, (kw - stride + phase * stride + n) % kw);
    }
    /* Not intrinsics: compilers would read before the loop and then spill. */
    if (!held) {
        __asm volatile("ld1 {v28.16b-v31.16b}, [%4]" : "=w"(w0), "=w"(w1), "=w"(w2), "=w"(w3) : "r"(s->constants));
    }
    int32x4_t acc0 = held ? s->bias[0] : vreinterpretq_s32_s8(w0);
    int32x4_t acc1 = held ? s->bias[1] : vreinterpretq_s32_s8(w1);
    if (g->kernel_h % 2 && kw % 2) {
        const int16x8_t product = vmull_s8(vget_low_s8(s->last), held ? s->single : vget_low_s8(w2));
        acc0 = vaddw_s16(acc0, vget_low_s16(product));
        acc1 = vaddw_high_s16(acc1, product);
    }
    int16x8_t low = vdupq_n_s16(0), high = low;
    EC_DEPTHWISE_UNROLL
    for (int32_t i = 0; i < pairs; i++) {
        const int32_t column = i < kw * rows ? i / rows : 2 * (i - kw * rows);
        const int32_t slot = (phase * stride + column) % kw;
        const int8x16_t x = i < kw * rows ? s->pairs[slot][i % rows] : s->along[slot];
        if (!held && i % 4 == 1) {
            const int8_t *const from = s->constants + 48 + 16 * i;
            __asm volatile("ld1 {v28.16b-v31.16b}, [%4]" : "=w"(w0), "=w"(w1), "=w"(w2), "=w"(w3) : "r"(from));
        }
        const int8x16_t w = held ? s->weights[i] : i % 4 == 1 ? w0 : i % 4 == 2 ? w1 : i % 4 == 3 ? w2 : w3;
        const int32_t first = i % g->taps == 0;
        low = first ? vmull_s8(vget_low_s8(x), vget_low_s8(w)) : vmlal_s8(low, vget_low_s8(x), vget_low_s8(w));
        high = first ? vmull_high_s8(x, w) : vmlal_high_s8(high, x, w);
        if (i % g->taps == g->taps - 1 || i == pairs - 1) {
            acc0 = vpadalq_s16(acc0, low);
            acc1 = vpadalq_s16(acc1, high);
            if (!held) ec_depthwise_neon_hold(&acc0, &acc1);
        }
    }
    const int16x8_t scaled = ec_neon_scaled(o, acc0, acc1, s->scale[0], s->scale[1]);
    ec_depthwise_neon_put(y, s->step, ec_neon_narrow_8(o, scaled));
}

/* Everything that a row of a block begins with: constants, and the columns before those of the first output. */
EC_INLINE void ec_depthwise_neon_ring_begin(const ec_depthwise_neon_geometry *g, ec_depthwise_neon_state *s,
                                            const int8_t *const x[], int32_t channel, int8x16_t zeros) {
    const int32_t pairs = ec_depthwise_neon_pairs(g);
    const int8_t *const from = s->constants;
    EC_DEPTHWISE_UNROLL
    for (int32_t q = 0; q < 2; q++) {
        s->scale[q] = ec_neon_load_f32(from + 16 * q);
        s->bias[q] = ec_neon_load_s32(from + 32 + 16 * q);
    }
    s->single = vld1_s8(from + 64);
    if (pairs <= EC_DEPTHWISE_NEON_HELD) {
        EC_DEPTHWISE_UNROLL
        for (int32_t i = 0; i < pairs; i++) s->weights[i] = vld1q_s8(from + 80 + 16 * i);
    }
    s->constants += 32;
    s->step = g->channels;
    s->last = zeros;
    EC_DEPTHWISE_UNROLL
    for (int32_t ky = 0; ky < g->kernel_h; ky++) s->x[ky] = x[ky] + channel;
    EC_DEPTHWISE_UNROLL
    for (int32_t p = 0; p < g->kernel_w - g->stride_w; p++) {
        ec_depthwise_neon_column(g, s, zeros, p >= g->pad_w && p < g->pad_w + g->in_w, p);
    }
}

/* One output row of a window whose columns fit the registers. */
EC_INLINE void ec_depthwise_neon_ring_row(const ec_depthwise_neon_geometry *g, const ec_depthwise_neon_data *d,
                                          const int8_t *const x[], int8_t *y) {
    const ec_neon_output o = ec_depthwise_neon_output(g, d);
    const int8x16_t zeros = vdupq_n_s8((int8_t)d->input_zero_point);
    const int32_t size = 80 + 16 * ec_depthwise_neon_pairs(g);
    EC_DEPTHWISE_ROLLED
    for (int32_t i = 0; i < ec_depthwise_neon_blocks(g); i++) {
        const int32_t channel = ec_depthwise_neon_channel(g, i);
        ec_depthwise_neon_state s;
        s.constants = d->weights + (ptrdiff_t)i * size;
        ec_depthwise_neon_ring_begin(g, &s, x, channel, zeros);
        ec_depthwise_neon_ring_block(g, ec_depthwise_neon_ring_step, &s, o, zeros, y + channel);
    }
}

#endif
