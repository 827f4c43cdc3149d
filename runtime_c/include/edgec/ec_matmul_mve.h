/* y = x * w + bias for many vectors on Helium: what 1x1 convolution and dense layers share. */
#ifndef EDGEC_EC_MATMUL_MVE_H
#define EDGEC_EC_MATMUL_MVE_H

#include <stddef.h>

#include "edgec/ec_mve.h"

typedef struct {
    int32_t count; /* vectors */
    int32_t step;  /* bytes from one to the next */
    int32_t in_c, out_c;
    int32_t zero_points; /* 1: weights have some */
    int32_t way;         /* ec_mve_way */
} ec_matmul_mve_geometry;

typedef struct {
    const int8_t *weights;            /* for each 4 channels as ec_mve_run reads them */
    const int32_t *bias;              /* (out_c rounded up to 4), the input's zero point folded in */
    const float *scale;               /* (out_c rounded up to 4) s_x * s_w / s_y */
    const int32_t *weight_zero_point; /* (out_c rounded up to 4), negative, or NULL when all are 0 */
    int32_t output_zero_point, clamp_min, clamp_max;
} ec_matmul_mve_data;

/* `pixels` vectors from x on with n channels. `held` are the weights where they fit into registers. */
EC_INLINE void ec_matmul_mve_tile(const ec_matmul_mve_geometry *g, int32_t pixels, int32_t n, const int8_t *x,
                                  const int8_t *w, const int8x16_t held[EC_MVE_GROUP], const ec_mve_channels *c,
                                  ec_mve_output to, int8_t *y) {
    ec_mve_sums s = ec_mve_zero();
    if (g->in_c <= EC_MVE_BYTES) {
        const mve_pred16_t lanes = vctp8q((uint32_t)g->in_c);
        const int32_t whole = g->in_c == EC_MVE_BYTES;
        const int8x16_t x0 = whole ? vldrbq_s8(x) : vldrbq_z_s8(x, lanes);
        const int8_t *const next = pixels == 2 ? x + g->step : x;
        const int8x16_t x1 = whole ? vldrbq_s8(next) : vldrbq_z_s8(next, lanes);
        for (int32_t o = 0; o < n; o++) ec_mve_mac(&s, pixels, o, x0, x1, held[o]);
        if (g->zero_points) ec_mve_sum_x(&s, pixels, x0, x1);
    } else {
        ec_mve_run(&s, pixels, n, g->zero_points, x, x + g->step, g->in_c, w);
    }
    ec_mve_finish(s.acc[0], s.x[0], n, g->zero_points, *c, (ec_mve_way)g->way, to, y);
    if (pixels == 2) ec_mve_finish(s.acc[1], s.x[1], n, g->zero_points, *c, (ec_mve_way)g->way, to, y + g->out_c);
}

/* All vectors with n channels: two at a time, so that each load of weights serves both. */
EC_INLINE void ec_matmul_mve_group(const ec_matmul_mve_geometry *g, int32_t n, const int8_t *x, const int8_t *w,
                                   ec_mve_channels c, ec_mve_output to, int8_t *y) {
    int8x16_t held[EC_MVE_GROUP] = {vdupq_n_s8(0), vdupq_n_s8(0), vdupq_n_s8(0), vdupq_n_s8(0)};
    if (g->in_c <= EC_MVE_BYTES) {
        const int8_t *next = w;
        for (int32_t o = 0; o < n; o++) held[o] = ec_mve_next(&next, g->in_c);
    }
    for (int32_t pair = 0; pair < g->count / 2; pair++, x += 2 * g->step, y += 2 * g->out_c) {
        ec_matmul_mve_tile(g, 2, n, x, w, held, &c, to, y);
    }
    if (g->count % 2) ec_matmul_mve_tile(g, 1, n, x, w, held, &c, to, y);
}

/* x: (count, in_c) s8 with `step` bytes from vector to vector, y: (count, out_c) s8, acc: s32. */
EC_INLINE void ec_matmul_mve(const ec_matmul_mve_geometry *g, const ec_matmul_mve_data *d, const int8_t *x, int8_t *y) {
    const ec_mve_output to = {d->output_zero_point, d->clamp_min, d->clamp_max};
    const int8_t *w = d->weights;
    const int32_t *const zero_points = g->zero_points ? d->weight_zero_point : NULL;
    const int32_t whole = g->out_c - g->out_c % EC_MVE_GROUP, left = g->out_c % EC_MVE_GROUP;
    for (int32_t o = 0; o < whole; o += EC_MVE_GROUP, w += EC_MVE_GROUP * g->in_c) {
        ec_matmul_mve_group(g, EC_MVE_GROUP, x, w, ec_mve_load_channels(d->bias, d->scale, zero_points, o), to, y + o);
    }
    if (left) {
        const ec_mve_channels c = ec_mve_load_channels(d->bias, d->scale, zero_points, whole);
        if (left == 3) ec_matmul_mve_group(g, 3, x, w, c, to, y + whole);
        if (left == 2) ec_matmul_mve_group(g, 2, x, w, c, to, y + whole);
        if (left == 1) ec_matmul_mve_group(g, 1, x, w, c, to, y + whole);
    }
}

#endif
