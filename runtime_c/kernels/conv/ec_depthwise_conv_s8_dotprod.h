/* Depthwise convolution, int8, on AArch64 with dot products: one filter a channel.
 *
 * A cell holds four inputs of one channel that lie in different rows or columns of the window: a table lookup (TBL)
 * makes the cells of four channels from four registers, and one SDOT multiplies them by their weights. */
#ifndef EDGEC_EC_DEPTHWISE_CONV_S8_DOTPROD_H
#define EDGEC_EC_DEPTHWISE_CONV_S8_DOTPROD_H

#include "edgec/ec_depthwise_dotprod_ring.h"
#include "edgec/ec_depthwise_neon.h"

typedef ec_depthwise_neon_geometry ec_depthwise_conv_s8_dotprod_geometry;
typedef ec_depthwise_neon_data ec_depthwise_conv_s8_dotprod_data;

/* Reads up to four inputs of a window, from number `tap` on; p: the next of them. */
EC_INLINE void ec_depthwise_dotprod_taps(const ec_depthwise_neon_geometry *g, const int8_t *const rows[], ptrdiff_t at,
                                         ptrdiff_t step, int32_t tap, const int8_t **p, int8x16_t x[4]) {
    EC_DEPTHWISE_UNROLL
    for (int32_t i = 0; i < 4; i++) {
        if (tap + i >= g->kernel_h * g->kernel_w) {
            x[i] = x[0];
            continue;
        }
        if ((tap + i) % g->kernel_w == 0) *p = rows[(tap + i) / g->kernel_w] + at;
        x[i] = ec_depthwise_neon_next_block(g, p, g->dilation_w * step);
    }
}

/* Adds the products of the cells of a block; w: their weights, of all sets. */
EC_INLINE void ec_depthwise_dotprod_cell(const ec_depthwise_neon_geometry *g, const int8x16_t x[4], int32_t used,
                                         const uint8x16_t order[4], const int8_t **w, int32x4_t acc[4]) {
    int8x16_t c[4];
    ec_depthwise_dotprod_both(x, used, order, c);
    if (g->block == EC_DEPTHWISE_NEON_NARROW) {
        EC_DEPTHWISE_UNROLL
        for (int32_t set = 0; set < g->sets; set++) {
            __asm volatile("ld1 {v28.16b-v29.16b}, [%2], #32\n\t"
                           "sdot %0.4s, %3.16b, v28.16b\n\tsdot %1.4s, %4.16b, v29.16b"
                           : "+w"(acc[0]), "+w"(acc[1]), "+r"(*w)
                           : "w"(c[0]), "w"(c[1])
                           : "v28", "v29");
        }
        return;
    }
    ec_depthwise_dotprod_both(x, used, order + 2, c + 2);
    EC_DEPTHWISE_UNROLL
    for (int32_t set = 0; set < g->sets; set++) {
        __asm volatile("ld1 {v28.16b-v31.16b}, [%4], #64\n\t"
                       "sdot %0.4s, %5.16b, v28.16b\n\tsdot %1.4s, %6.16b, v29.16b\n\t"
                       "sdot %2.4s, %7.16b, v30.16b\n\tsdot %3.4s, %8.16b, v31.16b"
                       : "+w"(acc[0]), "+w"(acc[1]), "+w"(acc[2]), "+w"(acc[3]), "+r"(*w)
                       : "w"(c[0]), "w"(c[1]), "w"(c[2]), "w"(c[3])
                       : "v28", "v29", "v30", "v31");
    }
}

/* `count` outputs of a block. rows: where the first window begins in each row; `step` bytes from column to column. */
EC_INLINE void ec_depthwise_dotprod_pixels(const ec_depthwise_neon_geometry *g, ec_neon_output o,
                                           const int8_t *constants, const int8_t *const rows[], ptrdiff_t step,
                                           int32_t count, int8_t *y) {
    const int32_t taps = g->kernel_h * g->kernel_w;
    uint8x16_t order[4];
    int32x4_t bias[4];
    float32x4_t scale[4];
    EC_DEPTHWISE_UNROLL
    for (int32_t q = 0; q < 4; q++) {
        const int32_t used = q < g->block / 4 ? q : 0;
        order[q] = ec_depthwise_dotprod_order(q);
        scale[q] = ec_neon_load_f32(constants + 16 * used);
        bias[q] = ec_neon_load_s32(constants + 4 * g->block + 16 * used);
    }
    ptrdiff_t at = 0;
    EC_DEPTHWISE_ROLLED
    for (int32_t i = 0; i < count; i++, at += g->stride_w * step, y += g->channels) {
        int32x4_t acc[4] = {bias[0], bias[1], bias[2], bias[3]};
        const int8_t *w = constants + 8 * g->block, *p = rows[0];
        EC_DEPTHWISE_UNROLL
        for (int32_t tap = 0; tap < taps; tap += 4) {
            int8x16_t x[4];
            ec_depthwise_dotprod_taps(g, rows, at, step, tap, &p, x);
            ec_depthwise_dotprod_cell(g, x, taps - tap, order, &w, acc);
        }
        ec_depthwise_neon_store(g, o, acc, scale, y);
    }
}

/* One output row. x: kernel_h rows of (in_w, channels) s8, y: (out_w, channels) s8, acc: s32. */
EC_INLINE void ec_depthwise_conv_s8_dotprod(const ec_depthwise_conv_s8_dotprod_geometry *g,
                                            const ec_depthwise_conv_s8_dotprod_data *d, const int8_t *const x[],
                                            int8_t *y, void *scratch) {
    if (g->ring) {
        ec_depthwise_dotprod_ring_row(g, d, x, y);
    } else {
        const int32_t size = g->block * (8 + 4 * ((g->kernel_h * g->kernel_w + 3) / 4) * g->sets);
        ec_depthwise_neon_any_row(g, ec_depthwise_dotprod_pixels, size, d, x, y, scratch);
    }
}

#endif
