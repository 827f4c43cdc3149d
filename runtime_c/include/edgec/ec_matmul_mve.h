/* y = x * w + bias for many vectors on Helium: what 1x1 convolution and dense layers share. */
#ifndef EDGEC_EC_MATMUL_MVE_H
#define EDGEC_EC_MATMUL_MVE_H

#include <stddef.h>

#include "edgec/ec_mve_sums.h"

typedef struct {
    int32_t count; /* vectors */
    int32_t step;  /* bytes from one to the next */
    int32_t in_c, out_c;
    int32_t zero_points; /* 1: weights have some */
    int32_t way;         /* EC_MVE_FITS ... */
} ec_matmul_mve_geometry;

typedef struct {
    const int8_t
        *weights; /* for each 4 channels their constants (ec_mve_channels), then as ec_mve_multiply reads them */
    int32_t output_zero_point, clamp_min, clamp_max;
} ec_matmul_mve_data;

/* Vectors from the first on behind which 16 bytes may be read: what weights of 0 meet there does not matter. */
EC_INLINE int32_t ec_matmul_mve_readable(const ec_matmul_mve_geometry *g) {
    const int32_t behind = EC_MVE_BYTES - g->in_c, last = behind > 0 ? (behind + g->step - 1) / g->step : 0;
    return g->count > last ? g->count - last : 0;
}

/* The sums of `pixels` vectors of up to 16 elements with weights that stay in registers, 0 in the lanes behind. */
EC_INLINE ec_mve_sums ec_matmul_mve_held(const ec_matmul_mve_geometry *g, int32_t pixels, int32_t n, int32_t readable,
                                         const int8_t *x, const int8x16_t held[EC_MVE_GROUP]) {
    ec_mve_scalars s = {{{0, 0, 0, 0}, {0, 0, 0, 0}}, 0};
    for (int32_t p = 0; p < pixels; p++, x += g->step) {
        const int8x16_t v = readable ? vldrbq_s8(x) : vldrbq_z_s8(x, vctp8q((uint32_t)g->in_c));
        for (int32_t o = 0; o < n; o++) s.acc[p][o] = vmladavq_s8(v, held[o]);
        if (g->zero_points) s.x = vaddvq_s8(v);
    }
    return (ec_mve_sums){{ec_mve_vector(s.acc[0]), ec_mve_vector(s.acc[1])}, s.x};
}

/* `pixels` vectors from x on with n channels. */
EC_INLINE void ec_matmul_mve_tile(const ec_matmul_mve_geometry *g, int32_t pixels, int32_t n, int32_t readable,
                                  const int8_t *x, const int8_t *w, const int8x16_t held[EC_MVE_GROUP],
                                  const ec_mve_channels *c, ec_mve_output to, int8_t *y) {
    const int8_t *const from[2] = {x, pixels == 2 ? x + g->step : x};
    const ec_mve_inputs in = {1, g->in_c};
    const ec_mve_sums s = g->in_c <= EC_MVE_BYTES ? ec_matmul_mve_held(g, pixels, n, readable, x, held)
                                                  : ec_mve_multiply(pixels, n, g->zero_points, in, from, &w);
    for (int32_t p = 0; p < pixels; p++) {
        ec_mve_finish(s.acc[p], s.x, n, g->zero_points, *c, g->way, to, y + p * g->out_c);
    }
}

/* All vectors with n channels: two at a time, so that each load of weights serves both. w: the group's constants and
 * weights. */
EC_INLINE void ec_matmul_mve_group(const ec_matmul_mve_geometry *g, int32_t n, const int8_t *x, const int8_t *w,
                                   ec_mve_output to, int8_t *y) {
    const ec_mve_channels c = ec_mve_load_channels(&w, g->zero_points);
    int8x16_t held[EC_MVE_GROUP] = {vdupq_n_s8(0), vdupq_n_s8(0), vdupq_n_s8(0), vdupq_n_s8(0)};
    if (g->in_c <= EC_MVE_BYTES) {
        const mve_pred16_t lanes = vctp8q((uint32_t)g->in_c);
        for (int32_t o = 0; o < n; o++) held[o] = vldrbq_z_s8(w + o * g->in_c, lanes);
    }
    const int32_t pairs = g->zero_points ? 0 : (g->in_c < EC_MVE_BYTES ? ec_matmul_mve_readable(g) : g->count) / 2;
    EC_MVE_ROLLED
    for (int32_t i = 0; i < pairs; i++, x += 2 * g->step, y += 2 * g->out_c) {
        ec_matmul_mve_tile(g, 2, n, 1, x, w, held, &c, to, y);
    }
    EC_MVE_ROLLED
    for (int32_t i = 2 * pairs; i < g->count; i++, x += g->step, y += g->out_c) {
        ec_matmul_mve_tile(g, 1, n, g->in_c == EC_MVE_BYTES, x, w, held, &c, to, y);
    }
}

/* x: (count, in_c) s8 with `step` bytes from vector to vector, y: (count, out_c) s8, acc: s32. */
EC_INLINE void ec_matmul_mve(const ec_matmul_mve_geometry *g, const ec_matmul_mve_data *d, const int8_t *x, int8_t *y) {
    const ec_mve_output to = {d->output_zero_point, d->clamp_min, d->clamp_max};
    const int8_t *w = d->weights;
    const int32_t whole = g->out_c - g->out_c % EC_MVE_GROUP, left = g->out_c % EC_MVE_GROUP;
    const int32_t size = EC_MVE_GROUP * g->in_c + (g->zero_points ? 3 : 2) * EC_MVE_BYTES;
    EC_MVE_ROLLED
    for (int32_t o = 0; o < whole; o += EC_MVE_GROUP, w += size) {
        ec_matmul_mve_group(g, EC_MVE_GROUP, x, w, to, y + o);
    }
    if (left == 3) ec_matmul_mve_group(g, 3, x, w, to, y + whole);
    if (left == 2) ec_matmul_mve_group(g, 2, x, w, to, y + whole);
    if (left == 1) ec_matmul_mve_group(g, 1, x, w, to, y + whole);
}

#endif
