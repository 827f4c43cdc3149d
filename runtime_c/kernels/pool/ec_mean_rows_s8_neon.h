/* Mean over all rows and neighbouring axes behind them, int8, of rows that come one by one, on AArch64. */
#ifndef EDGEC_EC_MEAN_ROWS_S8_NEON_H
#define EDGEC_EC_MEAN_ROWS_S8_NEON_H

#include "edgec/ec_pool_neon.h"

typedef struct {
    int32_t rows, reduce, inner; /* inner: 16 or more */
    int32_t way;                 /* EC_NEON_FITS ... */
} ec_mean_rows_s8_neon_geometry;

typedef struct {
    float scale; /* s_x / (s_y * rows * reduce) */
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_mean_rows_s8_neon_data;

/* Adds a row's sums. x: (reduce, inner) s8, sums: s32; both from the first of sixteen on */
EC_INLINE void ec_mean_rows_s8_neon_add(const ec_mean_rows_s8_neon_geometry *g, const int8_t *x, int32_t *sums) {
    int32x4_t acc[4] = {vld1q_s32(sums), vld1q_s32(sums + 4), vld1q_s32(sums + 8), vld1q_s32(sums + 12)};
    for (int32_t done = 0; done < g->reduce; done += EC_POOL_NEON_MOST) {
        const int32_t left = g->reduce - done, count = left < EC_POOL_NEON_MOST ? left : EC_POOL_NEON_MOST;
        int16x8_t row[2] = {vdupq_n_s16(0), vdupq_n_s16(0)};
        EC_POOL_NEON_UNROLL
        for (int32_t r = 0; r < count; r++, x += g->inner) ec_pool_neon_add(row, vld1q_s8(x));
        ec_pool_neon_flush(acc, row);
    }
    vst1q_s32(sums, acc[0]), vst1q_s32(sums + 4, acc[1]);
    vst1q_s32(sums + 8, acc[2]), vst1q_s32(sums + 12, acc[3]);
}

/* x[0]: the next row, (reduce, inner) s8; y: (inner) s8, written with the last row. scratch is kept from call to call:
 * s32 rows done, then (inner) s32 sums; zeros before the first row. */
EC_INLINE void ec_mean_rows_s8_neon(const ec_mean_rows_s8_neon_geometry *g, const ec_mean_rows_s8_neon_data *d,
                                    const int8_t *const x[], int8_t *y, void *scratch) {
    int32_t *const done = scratch, *const sums = done + 1;
    const int8_t *const row = x[0];
    int32_t i = 0;
    for (; i + EC_NEON_BYTES <= g->inner; i += EC_NEON_BYTES) ec_mean_rows_s8_neon_add(g, row + i, sums + i);
    for (; i < g->inner; i++) {
        for (int32_t r = 0; r < g->reduce; r++) sums[i] += row[(ptrdiff_t)r * g->inner + i];
    }
    if (++*done < g->rows) return;
    const ec_neon_output to = ec_neon_output_of(g->way, d->output_zero_point, d->clamp_min, d->clamp_max);
    const float32x4_t scale = vdupq_n_f32(d->scale);
    const int32x4_t zero = vdupq_n_s32(g->rows * g->reduce * d->input_zero_point);
    for (i = 0; i < g->inner; i += EC_NEON_BYTES) {
        const int32_t at = ec_pool_neon_at(g->inner, i);
        const int32_t *const from = sums + at;
        const int32x4_t acc[4] = {vsubq_s32(vld1q_s32(from), zero), vsubq_s32(vld1q_s32(from + 4), zero),
                                  vsubq_s32(vld1q_s32(from + 8), zero), vsubq_s32(vld1q_s32(from + 12), zero)};
        vst1q_s8(y + at, ec_pool_neon_requantize(to, acc, scale));
    }
}

#endif
