/* How the depthwise convolutions for AArch64 go along an output row, whatever computes the outputs: with the columns of
 * the window kept (a ring), or with all inputs read anew. The functions that are handed in are inlined. */
#ifndef EDGEC_EC_DEPTHWISE_NEON_ROW_H
#define EDGEC_EC_DEPTHWISE_NEON_ROW_H

#include "edgec/ec_depthwise_neon.h"

/* One output of a ring, whose state is the kernel's; `phase` is its number modulo the turns after which columns have
 * the same slots again. p: number of its first new column, counted from the padding on; below 0 where all are inside.
 * y moves on. */
typedef void (*ec_depthwise_neon_step)(const ec_depthwise_neon_geometry *g, void *state, ec_neon_output o,
                                       int8x16_t zeros, int32_t phase, int32_t p, int8_t **y);

/* `count` outputs of a block. rows: where the first window begins in each row; `step` bytes from column to column. */
typedef void (*ec_depthwise_neon_outputs)(const ec_depthwise_neon_geometry *g, ec_neon_output o,
                                          const int8_t *constants, const int8_t *const rows[], ptrdiff_t step,
                                          int32_t count, int8_t *y);

/* One row of a block of channels whose columns stay in registers. */
EC_INLINE void ec_depthwise_neon_ring_block(const ec_depthwise_neon_geometry *g, ec_depthwise_neon_step step,
                                            void *state, ec_neon_output o, int8x16_t zeros, int8_t *y) {
    const ec_depthwise_neon_range inside = ec_depthwise_neon_inside(g);
    const int32_t kw = g->kernel_w, ahead = kw - g->stride_w;
    const int32_t period = kw % g->stride_w ? kw : kw / g->stride_w;
    const int32_t middle = inside.end - inside.first, rest = middle % period;
    EC_DEPTHWISE_UNROLL
    for (int32_t i = 0; i < inside.first; i++) {
        step(g, state, o, zeros, i, ahead + i * g->stride_w, &y);
    }
    EC_DEPTHWISE_ROLLED
    for (int32_t i = 0; i < middle / period; i++) {
        EC_DEPTHWISE_UNROLL
        for (int32_t j = 0; j < period; j++) step(g, state, o, zeros, inside.first + j, -1, &y);
    }
    EC_DEPTHWISE_UNROLL
    for (int32_t j = 0; j < rest; j++) step(g, state, o, zeros, inside.first + j, -1, &y);
    EC_DEPTHWISE_UNROLL
    for (int32_t i = inside.end; i < g->out_w; i++) {
        step(g, state, o, zeros, i, ahead + i * g->stride_w, &y);
    }
}

/* One output row of any window. size: bytes of constants and weights of a block; scratch: inputs
 * of a strip of outputs at the border. */
EC_INLINE void ec_depthwise_neon_any_row(const ec_depthwise_neon_geometry *g, ec_depthwise_neon_outputs outputs,
                                         int32_t size, const ec_depthwise_neon_data *d, const int8_t *const x[],
                                         int8_t *y, int8_t *scratch) {
    const ec_neon_output o = ec_depthwise_neon_output(g, d);
    const ec_depthwise_neon_range inside = ec_depthwise_neon_inside(g);
    const int32_t direct = g->channels >= EC_DEPTHWISE_NEON_NARROW && inside.end > inside.first;
    const int8_t *constants = d->weights;
    EC_DEPTHWISE_ROLLED
    for (int32_t i = 0; i < ec_depthwise_neon_blocks(g); i++, constants += size) {
        const int32_t channel = ec_depthwise_neon_channel(g, i);
        const int8_t *rows[EC_DEPTHWISE_NEON_TAPS];
        EC_DEPTHWISE_ROLLED
        for (int32_t out_x = 0; out_x < g->out_w;) {
            int8_t *const to = y + (ptrdiff_t)out_x * g->channels + channel;
            if (direct && out_x == inside.first) {
                for (int32_t ky = 0; ky < g->kernel_h; ky++) {
                    rows[ky] = x[ky] + (ptrdiff_t)(out_x * g->stride_w - g->pad_w) * g->channels + channel;
                }
                outputs(g, o, constants, rows, g->channels, inside.end - out_x, to);
                out_x = inside.end;
                continue;
            }
            const int32_t left = (direct && out_x < inside.first ? inside.first : g->out_w) - out_x;
            const int32_t count = ec_depthwise_neon_least(left, g->strip);
            ec_depthwise_neon_strip(g, d->input_zero_point, x, channel, out_x, count, scratch, rows);
            outputs(g, o, constants, rows, g->block, count, to);
            out_x += count;
        }
    }
}

#endif
