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

/* `count` outputs of a block. rows: where the first window begins in each row; `step` bytes from column to column. */
EC_INLINE void ec_depthwise_dotprod_pixels(const ec_depthwise_neon_geometry *g, ec_neon_output o,
                                           const int8_t *constants, const int8_t *const rows[], ptrdiff_t step,
                                           int32_t count, int8_t *y) {
    const int32_t quads = g->block / 4, taps = g->kernel_h * g->kernel_w, cells = (taps + 3) / 4;
    const int8_t *weights = constants + 8 * g->block;
    uint8x16_t order[4];
    int32x4_t bias[4];
    float32x4_t scale[4];
    for (int32_t q = 0; q < quads; q++) {
        order[q] = ec_depthwise_dotprod_order(q);
        bias[q] = ec_neon_load_s32(constants + 4 * g->block + 16 * q);
        scale[q] = ec_neon_load_f32(constants + 16 * q);
    }
    ptrdiff_t at = 0;
    EC_NEON_ROLLED
    for (int32_t i = 0; i < count; i++, at += g->stride_w * step, y += g->channels) {
        int32x4_t acc[4] = {bias[0], bias[1], bias[2], bias[3]};
        EC_NEON_UNROLL
        for (int32_t cell = 0; cell < cells; cell++) {
            int8x16_t x[4];
            EC_NEON_UNROLL
            for (int32_t i = 0; i < 4; i++) {
                const int32_t tap = 4 * cell + i < taps ? 4 * cell + i : taps - 1;
                const ptrdiff_t column = tap / g->kernel_h * g->dilation_w * step;
                x[i] = ec_depthwise_dotprod_load(g, rows[tap % g->kernel_h] + at + column);
            }
            const int32_t used = taps - 4 * cell;
            EC_NEON_UNROLL
            for (int32_t q = 0; q < quads; q++) {
                const int8x16_t c = ec_depthwise_dotprod_cells(x, used, order[q]);
                for (int32_t set = 0; set < g->sets; set++) {
                    const int8_t *w = weights + ((cell * g->sets + set) * quads + q) * 16;
                    acc[q] = vdotq_s32(acc[q], c, vld1q_s8(w));
                }
            }
        }
        ec_depthwise_neon_store(g, o, acc, scale, y);
    }
}

/* One output row of any window. scratch: inputs of a strip of outputs at the border. */
EC_INLINE void ec_depthwise_dotprod_row(const ec_depthwise_neon_geometry *g, const ec_depthwise_neon_data *d,
                                        const int8_t *const x[], int8_t *y, int8_t *scratch) {
    const ec_neon_output o = ec_depthwise_neon_output(g, d);
    const ec_depthwise_neon_range inside = ec_depthwise_neon_inside(g);
    const int32_t direct = g->channels >= EC_DEPTHWISE_NEON_NARROW && inside.end > inside.first;
    const int32_t cells = (g->kernel_h * g->kernel_w + 3) / 4;
    const int8_t *constants = d->weights;
    EC_NEON_ROLLED
    for (int32_t i = 0; i < ec_depthwise_neon_blocks(g); i++, constants += g->block * (8 + 4 * cells * g->sets)) {
        const int32_t channel = ec_depthwise_neon_channel(g, i);
        const int8_t *rows[EC_DEPTHWISE_NEON_TAPS];
        EC_NEON_ROLLED
        for (int32_t out_x = 0; out_x < g->out_w;) {
            int8_t *const to = y + (ptrdiff_t)out_x * g->channels + channel;
            if (direct && out_x == inside.first) {
                for (int32_t ky = 0; ky < g->kernel_h; ky++) {
                    rows[ky] = x[ky] + (ptrdiff_t)(out_x * g->stride_w - g->pad_w) * g->channels + channel;
                }
                ec_depthwise_dotprod_pixels(g, o, constants, rows, g->channels, inside.end - out_x, to);
                out_x = inside.end;
                continue;
            }
            const int32_t left = (direct && out_x < inside.first ? inside.first : g->out_w) - out_x;
            const int32_t count = ec_depthwise_neon_least(left, g->strip);
            ec_depthwise_neon_strip(g, d->input_zero_point, x, channel, out_x, count, scratch, rows);
            ec_depthwise_dotprod_pixels(g, o, constants, rows, g->block, count, to);
            out_x += count;
        }
    }
}

/* One output row. x: kernel_h rows of (in_w, channels) s8, y: (out_w, channels) s8, acc: s32. */
EC_INLINE void ec_depthwise_conv_s8_dotprod(const ec_depthwise_conv_s8_dotprod_geometry *g,
                                            const ec_depthwise_conv_s8_dotprod_data *d, const int8_t *const x[],
                                            int8_t *y, void *scratch) {
    if (g->ring) {
        ec_depthwise_dotprod_ring_row(g, d, x, y);
    } else {
        ec_depthwise_dotprod_row(g, d, x, y, scratch);
    }
}

#endif
