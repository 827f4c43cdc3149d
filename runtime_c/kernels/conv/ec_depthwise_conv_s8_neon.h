/* Depthwise convolution, int8, on AArch64 without dot products: one filter a channel.
 *
 * SMULL and SMLAL sum as many products in int16 as fit whatever the inputs are (`taps`, a constant of the layer: two
 * unless both weights are -128), SADDW adds them to the int32 sums. */
#ifndef EDGEC_EC_DEPTHWISE_CONV_S8_NEON_H
#define EDGEC_EC_DEPTHWISE_CONV_S8_NEON_H

#include "edgec/ec_depthwise_neon.h"

typedef ec_depthwise_neon_geometry ec_depthwise_conv_s8_neon_geometry;
typedef ec_depthwise_neon_data ec_depthwise_conv_s8_neon_data;

#define EC_DEPTHWISE_NEON_RING 12 /* inputs of a window that stay in registers, at most */

/* Constants of a block. */
typedef struct {
    int32x4_t bias[4];
    float32x4_t scale[4];
    const int8_t *weights; /* (kernel_h, kernel_w, sets, block) s8 */
} ec_depthwise_neon_constants;

EC_INLINE ec_depthwise_neon_constants ec_depthwise_neon_load(const ec_depthwise_neon_geometry *g, const int8_t *from) {
    ec_depthwise_neon_constants c;
    for (int32_t q = 0; q < g->block / 4; q++) {
        c.scale[q] = ec_neon_load_f32(from + 16 * q);
        c.bias[q] = ec_neon_load_s32(from + 4 * g->block + 16 * q);
    }
    c.weights = from + 8 * g->block;
    return c;
}

/* Sums of the products of a group of taps: eight channels, of 16 the first or last. */
typedef struct {
    int16x8_t sum[2];
} ec_depthwise_neon_products;

EC_INLINE void ec_depthwise_neon_multiply(ec_depthwise_neon_products *p, int32_t first, int8x8_t x, int8x8_t w) {
    p->sum[0] = first ? vmull_s8(x, w) : vmlal_s8(p->sum[0], x, w);
}

EC_INLINE void ec_depthwise_neon_multiply_16(ec_depthwise_neon_products *p, int32_t first, int8x16_t x, int8x16_t w) {
    ec_depthwise_neon_multiply(p, first, vget_low_s8(x), vget_low_s8(w));
    p->sum[1] = first ? vmull_high_s8(x, w) : vmlal_high_s8(p->sum[1], x, w);
}

EC_INLINE void ec_depthwise_neon_add(const ec_depthwise_neon_geometry *g, int32x4_t acc[4],
                                     const ec_depthwise_neon_products *p) {
    acc[0] = vaddw_s16(acc[0], vget_low_s16(p->sum[0]));
    acc[1] = vaddw_high_s16(acc[1], p->sum[0]);
    if (g->block == EC_DEPTHWISE_NEON_NARROW) return;
    acc[2] = vaddw_s16(acc[2], vget_low_s16(p->sum[1]));
    acc[3] = vaddw_high_s16(acc[3], p->sum[1]);
}

/* `count` outputs of a block. rows: where the first window begins in each row; `step` bytes from column to column. */
EC_INLINE void ec_depthwise_neon_pixels(const ec_depthwise_neon_geometry *g, ec_neon_output o, const int8_t *constants,
                                        const int8_t *const rows[], ptrdiff_t step, int32_t count, int8_t *y) {
    const int32_t products = g->kernel_h * g->kernel_w * g->sets;
    const ec_depthwise_neon_constants c = ec_depthwise_neon_load(g, constants);
    ptrdiff_t at = 0;
    EC_NEON_ROLLED
    for (int32_t i = 0; i < count; i++, at += g->stride_w * step, y += g->channels) {
        int32x4_t acc[4] = {c.bias[0], c.bias[1], c.bias[2], c.bias[3]};
        ec_depthwise_neon_products p;
        EC_NEON_UNROLL
        for (int32_t t = 0; t < products; t++) {
            const int32_t tap = t / g->sets, first = t % g->taps == 0;
            const int8_t *x = rows[tap / g->kernel_w] + at + tap % g->kernel_w * g->dilation_w * step;
            const int8_t *w = c.weights + t * g->block;
            if (g->block == EC_DEPTHWISE_NEON_NARROW) {
                ec_depthwise_neon_multiply(&p, first, vld1_s8(x), vld1_s8(w));
            } else {
                ec_depthwise_neon_multiply_16(&p, first, vld1q_s8(x), vld1q_s8(w));
            }
            if (t % g->taps == g->taps - 1 || t == products - 1) ec_depthwise_neon_add(g, acc, &p);
        }
        ec_depthwise_neon_store(g, o, acc, c.scale, y);
    }
}

/* One output row of any window. scratch: inputs of a strip of outputs at the border. */
EC_INLINE void ec_depthwise_neon_row(const ec_depthwise_neon_geometry *g, const ec_depthwise_neon_data *d,
                                     const int8_t *const x[], int8_t *y, int8_t *scratch) {
    const ec_neon_output o = ec_depthwise_neon_output(g, d);
    const ec_depthwise_neon_range inside = ec_depthwise_neon_inside(g);
    const int32_t direct = g->channels >= EC_DEPTHWISE_NEON_NARROW && inside.end > inside.first;
    const int8_t *constants = d->weights;
    const int32_t size = g->block * (8 + g->kernel_h * g->kernel_w * g->sets);
    EC_NEON_ROLLED
    for (int32_t i = 0; i < ec_depthwise_neon_blocks(g); i++, constants += size) {
        const int32_t channel = ec_depthwise_neon_channel(g, i);
        const int8_t *rows[EC_DEPTHWISE_NEON_TAPS];
        EC_NEON_ROLLED
        for (int32_t out_x = 0; out_x < g->out_w;) {
            int8_t *const to = y + (ptrdiff_t)out_x * g->channels + channel;
            if (direct && out_x == inside.first) {
                for (int32_t ky = 0; ky < g->kernel_h; ky++) {
                    rows[ky] = x[ky] + (ptrdiff_t)(out_x * g->stride_w - g->pad_w) * g->channels + channel;
                }
                ec_depthwise_neon_pixels(g, o, constants, rows, g->channels, inside.end - out_x, to);
                out_x = inside.end;
                continue;
            }
            const int32_t left = (direct && out_x < inside.first ? inside.first : g->out_w) - out_x;
            const int32_t count = ec_depthwise_neon_least(left, g->strip);
            ec_depthwise_neon_strip(g, d->input_zero_point, x, channel, out_x, count, scratch, rows);
            ec_depthwise_neon_pixels(g, o, constants, rows, g->block, count, to);
            out_x += count;
        }
    }
}

/* The columns of a window in registers. */
typedef struct {
    int8x8_t columns[EC_DEPTHWISE_NEON_RING]; /* (slots, kernel_h) */
    int8x8_t weights[EC_DEPTHWISE_NEON_RING]; /* (kernel_h, kernel_w) */
    ec_depthwise_neon_constants c;
    const int8_t *x[EC_DEPTHWISE_NEON_RING]; /* next column of each row */
} ec_depthwise_neon_state;

/* Takes the next column of the row into slot; zero points where it lies outside. */
EC_INLINE void ec_depthwise_neon_column(const ec_depthwise_neon_geometry *g, ec_depthwise_neon_state *s, int8x8_t zeros,
                                        int32_t inside, int32_t slot) {
    EC_NEON_UNROLL
    for (int32_t ky = 0; ky < g->kernel_h; ky++) {
        s->columns[slot * g->kernel_h + ky] = inside ? vld1_s8(s->x[ky]) : zeros;
        if (inside) s->x[ky] += g->channels;
    }
}

/* One output; `phase` is its number modulo the turns after which columns have the same slots again. p: number of its
 * first new column, counted from the padding on; below 0 where all are inside. */
EC_INLINE void ec_depthwise_neon_ring_step(const ec_depthwise_neon_geometry *g, ec_depthwise_neon_state *s,
                                           ec_neon_output o, int8x8_t zeros, int32_t phase, int32_t p, int8_t *y) {
    const int32_t kw = g->kernel_w, stride = g->stride_w, taps = g->kernel_h * kw;
    EC_NEON_UNROLL
    for (int32_t n = 0; n < stride; n++) {
        const int32_t inside = p < 0 || (p + n >= g->pad_w && p + n < g->pad_w + g->in_w);
        ec_depthwise_neon_column(g, s, zeros, inside, (kw - stride + phase * stride + n) % kw);
    }
    int32x4_t acc[4] = {s->c.bias[0], s->c.bias[1], s->c.bias[0], s->c.bias[1]};
    ec_depthwise_neon_products sums;
    EC_NEON_UNROLL
    for (int32_t t = 0; t < taps; t++) {
        const int32_t slot = (phase * stride + t % kw) % kw;
        const int8x8_t x = s->columns[slot * g->kernel_h + t / kw];
        ec_depthwise_neon_multiply(&sums, t % g->taps == 0, x, s->weights[t]);
        if (t % g->taps == g->taps - 1 || t == taps - 1) ec_depthwise_neon_add(g, acc, &sums);
    }
    ec_depthwise_neon_store(g, o, acc, s->c.scale, y);
}

/* One row of a block of 8 channels. */
EC_INLINE void ec_depthwise_neon_ring_block(const ec_depthwise_neon_geometry *g, ec_depthwise_neon_state *s,
                                            ec_neon_output o, int8x8_t zeros, int8_t *y) {
    const ec_depthwise_neon_range inside = ec_depthwise_neon_inside(g);
    const int32_t kw = g->kernel_w, ahead = kw - g->stride_w;
    const int32_t period = kw % g->stride_w ? kw : kw / g->stride_w;
    const int32_t middle = inside.end - inside.first, rest = middle % period;
    EC_NEON_UNROLL
    for (int32_t p = 0; p < ahead; p++) {
        ec_depthwise_neon_column(g, s, zeros, p >= g->pad_w && p < g->pad_w + g->in_w, p);
    }
    EC_NEON_UNROLL
    for (int32_t i = 0; i < inside.first; i++, y += g->channels) {
        ec_depthwise_neon_ring_step(g, s, o, zeros, i, ahead + i * g->stride_w, y);
    }
    EC_NEON_ROLLED
    for (int32_t i = 0; i < middle / period; i++) {
        EC_NEON_UNROLL
        for (int32_t j = 0; j < period; j++, y += g->channels) {
            ec_depthwise_neon_ring_step(g, s, o, zeros, inside.first + j, -1, y);
        }
    }
    EC_NEON_UNROLL
    for (int32_t j = 0; j < rest; j++, y += g->channels) {
        ec_depthwise_neon_ring_step(g, s, o, zeros, inside.first + j, -1, y);
    }
    EC_NEON_UNROLL
    for (int32_t i = inside.end; i < g->out_w; i++, y += g->channels) {
        ec_depthwise_neon_ring_step(g, s, o, zeros, i, ahead + i * g->stride_w, y);
    }
}

/* One output row of a window whose inputs fit the registers. */
EC_INLINE void ec_depthwise_neon_ring_row(const ec_depthwise_neon_geometry *g, const ec_depthwise_neon_data *d,
                                          const int8_t *const x[], int8_t *y) {
    const ec_neon_output o = ec_depthwise_neon_output(g, d);
    const int8x8_t zeros = vdup_n_s8((int8_t)d->input_zero_point);
    const int32_t taps = g->kernel_h * g->kernel_w, size = g->block * (8 + taps);
    EC_NEON_ROLLED
    for (int32_t i = 0; i < ec_depthwise_neon_blocks(g); i++) {
        const int32_t channel = ec_depthwise_neon_channel(g, i);
        ec_depthwise_neon_state s;
        s.c = ec_depthwise_neon_load(g, d->weights + (ptrdiff_t)i * size);
        EC_NEON_UNROLL
        for (int32_t t = 0; t < taps; t++) s.weights[t] = vld1_s8(s.c.weights + t * g->block);
        EC_NEON_UNROLL
        for (int32_t ky = 0; ky < g->kernel_h; ky++) s.x[ky] = x[ky] + channel;
        ec_depthwise_neon_ring_block(g, &s, o, zeros, y + channel);
    }
}

/* One output row. x: kernel_h rows of (in_w, channels) s8, y: (out_w, channels) s8, acc: s32. */
EC_INLINE void ec_depthwise_conv_s8_neon(const ec_depthwise_conv_s8_neon_geometry *g,
                                         const ec_depthwise_conv_s8_neon_data *d, const int8_t *const x[], int8_t *y,
                                         void *scratch) {
    if (g->ring) {
        ec_depthwise_neon_ring_row(g, d, x, y);
    } else {
        ec_depthwise_neon_row(g, d, x, y, scratch);
    }
}

#endif
