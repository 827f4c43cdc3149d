/* Matrix products on AArch64 in tiles of pixels and channels, whatever multiplies one tile: 1x1 convolutions and dense
 * layers read their inputs where they lie, windows are gathered. */
#ifndef EDGEC_EC_NEON_TILES_H
#define EDGEC_EC_NEON_TILES_H

#include "edgec/ec_neon_window.h"

/* Pixels and channels of a whole tile, and what computes its sums. x: (pixels, depth) s8, `step` bytes apart; acc:
 * (pixels, vectors of channels). All are constants: the function is inlined. */
typedef struct {
    int32_t pixels, channels;
    void (*multiply)(const ec_neon_product *g, const ec_neon_channels *c, int32_t pixels, int32_t vectors,
                     const int8_t *x, int64_t step, int32x4_t acc[16]);
} ec_neon_tiles;

/* One tile, from sums to bytes. */
EC_INLINE void ec_neon_tile(ec_neon_tiles tiles, const ec_neon_product *g, ec_neon_output to, const ec_neon_channels *c,
                            int32_t pixels, int32_t n, const int8_t *x, int32_t step, const int32_t *sums, int8_t *y) {
    const int32_t vectors = (n + 3) / 4;
    int32x4_t acc[16];
    tiles.multiply(g, c, pixels, vectors, x, step, acc);
    if (g->zero_points) ec_neon_subtract(pixels, vectors, c->packed, sums, acc);
    ec_neon_finish(g, to, pixels, n, acc, c->scale, y);
}

/* All pixels with a block of n channels; `count` % tiles.pixels are what is left of them in the end. */
EC_INLINE void ec_neon_block(ec_neon_tiles tiles, const ec_neon_product *g, ec_neon_output to, int32_t count,
                             int32_t pixels, int32_t n, const int8_t *x, int32_t step, const int32_t *sums,
                             const int8_t *w, int8_t *y) {
    const int32_t rest = count % tiles.pixels;
    const ec_neon_channels c = ec_neon_load_channels(w, (n + 3) / 4);
    int32_t p = 0;
    EC_PRODUCT_ROLLED
    for (; p + tiles.pixels <= pixels; p += tiles.pixels) {
        ec_neon_tile(tiles, g, to, &c, tiles.pixels, n, x, step, sums + p, y);
        x += tiles.pixels * step, y += tiles.pixels * g->out_c;
    }
    if (rest && p < pixels) ec_neon_tile(tiles, g, to, &c, rest, n, x, step, sums + p, y);
}

/* x: (pixels, depth) s8, `step` bytes apart, sums: (pixels) their sums where weights have zero points; y: (pixels,
 * out_c) s8. */
EC_INLINE void ec_neon_blocks(ec_neon_tiles tiles, const ec_neon_product *g, ec_neon_output to, int32_t count,
                              int32_t pixels, const int8_t *x, int32_t step, const int32_t *sums, const int8_t *w,
                              int8_t *y) {
    const int32_t whole = g->out_c - g->out_c % tiles.channels, left = g->out_c % tiles.channels;
    const int32_t size = tiles.channels * g->depth + ec_neon_constants(g, tiles.channels / 4);
    EC_PRODUCT_ROLLED
    for (int32_t o = 0; o < whole; o += tiles.channels, w += size) {
        ec_neon_block(tiles, g, to, count, pixels, tiles.channels, x, step, sums, w, y + o);
    }
    if (left) ec_neon_block(tiles, g, to, count, pixels, left, x, step, sums, w, y + whole);
}

/* 1x1 convolution and dense. x: (count, in_c) s8, `step` bytes apart; y: (count, out_c) s8. */
EC_INLINE void ec_neon_matmul(ec_neon_tiles tiles, const ec_neon_matmul_geometry *g, const ec_neon_matmul_data *d,
                              const int8_t *x, int8_t *y, int8_t *scratch) {
    const ec_neon_product product = {g->depth, g->out_c, g->zero_points, g->way, g->wide};
    const ec_neon_output to = ec_neon_output_of(g->way, d->output_zero_point, d->clamp_min, d->clamp_max);
    const int8_t *const weights = d->weights;
    const int32_t gathered = g->depth != g->in_c;
    int32_t *const sums = (int32_t *)(void *)scratch;
    int8_t *const columns = scratch + ec_neon_sums_bytes(g->strip, g->zero_points);
    EC_PRODUCT_ROLLED
    for (int32_t first = 0; first < g->count; first += g->strip, x += g->strip * g->step, y += g->strip * g->out_c) {
        const int32_t pixels = ec_neon_next(g->count, first, g->strip);
        if (g->zero_points) ec_neon_sums(pixels, x, g->step, g->in_c, sums);
        if (gathered) ec_neon_copy_each(pixels, x, g->step, g->in_c, g->depth, columns);
        ec_neon_blocks(tiles, &product, to, g->count, pixels, gathered ? columns : x, gathered ? g->depth : g->step,
                       sums, weights, y);
    }
}

/* One output row of a convolution. x: kernel_h rows of (in_w, in_c) s8; y: (out_w, out_c) s8. */
EC_INLINE void ec_neon_window(ec_neon_tiles tiles, const ec_neon_window_geometry *g, const ec_neon_window_data *d,
                              const int8_t *const x[], int8_t *y, int8_t *scratch) {
    const ec_neon_product product = {g->depth, g->out_c, g->zero_points, g->way, g->wide};
    const ec_neon_output to = ec_neon_output_of(g->way, d->output_zero_point, d->clamp_min, d->clamp_max);
    const int8_t *const weights = d->weights;
    const int32_t zero_point = d->input_zero_point, size = g->kernel_h * g->kernel_w * g->in_c;
    int32_t *const sums = (int32_t *)(void *)scratch;
    int8_t *const columns = scratch + ec_neon_sums_bytes(g->strip, g->zero_points);
    EC_PRODUCT_ROLLED
    for (int32_t first = 0; first < g->out_w; first += g->strip, y += g->strip * g->out_c) {
        const int32_t pixels = ec_neon_next(g->out_w, first, g->strip);
        ec_neon_gather_strip(g, zero_point, x, first, pixels, columns);
        if (g->zero_points) ec_neon_sums(pixels, columns, g->depth, size, sums);
        ec_neon_blocks(tiles, &product, to, g->out_w, pixels, columns, g->depth, sums, weights, y);
    }
}

#endif
