/* Depthwise convolution, int8, on AArch64 without dot products: one filter a channel.
 *
 * SMULL and SMLAL sum as many products in int16 as fit whatever the inputs are (`taps`, a constant of the layer: two
 * unless both weights are -128), SADDW adds them to the int32 sums. */
#ifndef EDGEC_EC_DEPTHWISE_CONV_S8_NEON_H
#define EDGEC_EC_DEPTHWISE_CONV_S8_NEON_H

#include "edgec/ec_depthwise_neon.h"
#include "edgec/ec_depthwise_neon_ring.h"

typedef ec_depthwise_neon_geometry ec_depthwise_conv_s8_neon_geometry;
typedef ec_depthwise_neon_data ec_depthwise_conv_s8_neon_data;

/* Constants of a block. */
typedef struct {
    int32x4_t bias[4];
    float32x4_t scale[4];
    const int8_t *weights; /* (kernel_h, kernel_w, sets, block) s8 */
} ec_depthwise_neon_constants;

EC_INLINE ec_depthwise_neon_constants ec_depthwise_neon_load(const ec_depthwise_neon_geometry *g, const int8_t *from) {
    ec_depthwise_neon_constants c;
    EC_DEPTHWISE_UNROLL
    for (int32_t q = 0; q < 4; q++) {
        const int32_t used = q < g->block / 4 ? q : 0;
        c.scale[q] = ec_neon_load_f32(from + 16 * used);
        c.bias[q] = ec_neon_load_s32(from + 4 * g->block + 16 * used);
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

/* Weights of up to four taps, the next ones of `left`. Not intrinsics: compilers would read before the loop and then
 * spill. */
EC_INLINE void ec_depthwise_neon_weights(const ec_depthwise_neon_geometry *g, int32_t left, const int8_t **from,
                                         int8x16_t w[4]) {
    register int8x16_t a __asm("v28");
    register int8x16_t b __asm("v29");
    register int8x16_t c __asm("v30");
    register int8x16_t d __asm("v31");
    if (left < 4) {
        EC_DEPTHWISE_UNROLL
        for (int32_t i = 0; i < left; i++) w[i] = ec_depthwise_neon_next_block(g, from, g->block);
        return;
    }
    if (g->block == EC_DEPTHWISE_NEON_NARROW) {
        __asm volatile("ld1 {v28.8b-v31.8b}, [%4], #32" : "=w"(a), "=w"(b), "=w"(c), "=w"(d), "+r"(*from));
    } else {
        __asm volatile("ld1 {v28.16b-v31.16b}, [%4], #64" : "=w"(a), "=w"(b), "=w"(c), "=w"(d), "+r"(*from));
    }
    w[0] = a;
    w[1] = b;
    w[2] = c;
    w[3] = d;
}

/* `count` outputs of a block. rows: where the first window begins in each row; `step` bytes from column to column. */
EC_INLINE void ec_depthwise_neon_pixels(const ec_depthwise_neon_geometry *g, ec_neon_output o, const int8_t *constants,
                                        const int8_t *const rows[], ptrdiff_t step, int32_t count, int8_t *y) {
    const int32_t products = g->kernel_h * g->kernel_w * g->sets;
    const ec_depthwise_neon_constants c = ec_depthwise_neon_load(g, constants);
    ptrdiff_t at = 0;
    EC_DEPTHWISE_ROLLED
    for (int32_t i = 0; i < count; i++, at += g->stride_w * step, y += g->channels) {
        int32x4_t acc[4] = {c.bias[0], c.bias[1], c.bias[2], c.bias[3]};
        const int8_t *from = c.weights, *next = rows[0];
        ec_depthwise_neon_products p;
        int8x16_t x = vdupq_n_s8(0), w[4] = {x, x, x, x};
        EC_DEPTHWISE_UNROLL
        for (int32_t t = 0; t < products; t++) {
            const int32_t tap = t / g->sets, first = t % g->taps == 0;
            if (t % (g->kernel_w * g->sets) == 0) next = rows[tap / g->kernel_w] + at;
            if (t % g->sets == 0) x = ec_depthwise_neon_next_block(g, &next, g->dilation_w * step);
            if (t % 4 == 0) ec_depthwise_neon_weights(g, products - t, &from, w);
            if (g->block == EC_DEPTHWISE_NEON_NARROW) {
                ec_depthwise_neon_multiply(&p, first, vget_low_s8(x), vget_low_s8(w[t % 4]));
            } else {
                ec_depthwise_neon_multiply_16(&p, first, x, w[t % 4]);
            }
            if (t % g->taps == g->taps - 1 || t == products - 1) {
                ec_depthwise_neon_add(g, acc, &p);
                ec_depthwise_neon_hold(&acc[0], &acc[1]);
                ec_depthwise_neon_hold(&acc[2], &acc[3]);
            }
        }
        ec_depthwise_neon_store(g, o, acc, c.scale, y);
    }
}

/* One output row. x: kernel_h rows of (in_w, channels) s8, y: (out_w, channels) s8, acc: s32. */
EC_INLINE void ec_depthwise_conv_s8_neon(const ec_depthwise_conv_s8_neon_geometry *g,
                                         const ec_depthwise_conv_s8_neon_data *d, const int8_t *const x[], int8_t *y,
                                         void *scratch) {
    if (g->ring) {
        ec_depthwise_neon_ring_row(g, d, x, y);
    } else {
        const int32_t size = g->block * (8 + g->kernel_h * g->kernel_w * g->sets);
        ec_depthwise_neon_any_row(g, ec_depthwise_neon_pixels, size, d, x, y, scratch);
    }
}

#endif
