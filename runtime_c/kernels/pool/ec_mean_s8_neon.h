/* Mean over neighbouring axes, int8, on AArch64; over height and width it is the global average pool. */
#ifndef EDGEC_EC_MEAN_S8_NEON_H
#define EDGEC_EC_MEAN_S8_NEON_H

#include "edgec/ec_pool_neon.h"

#define EC_MEAN_NEON_PAIRS 128 /* vectors of pairs whose sum fits 16 bits */

typedef struct {
    int32_t outer, reduce, inner; /* inner: 1, or 8 and more */
    int32_t way;                  /* EC_NEON_FITS ... */
} ec_mean_s8_neon_geometry;

typedef struct {
    float scale; /* s_x / (s_y * reduce) */
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_mean_s8_neon_data;

/* The sum of `count` adjacent bytes. */
EC_INLINE int32_t ec_mean_s8_neon_adjacent(const int8_t *x, int32_t count) {
    int32_t acc = 0, i = 0;
    while (i + EC_NEON_BYTES <= count) {
        const int32_t left = (count - i) / EC_NEON_BYTES, some = left < EC_MEAN_NEON_PAIRS ? left : EC_MEAN_NEON_PAIRS;
        int16x8_t sums = vdupq_n_s16(0);
        for (int32_t n = 0; n < some; n++, i += EC_NEON_BYTES) sums = vpadalq_s8(sums, vld1q_s8(x + i));
        acc += vaddlvq_s16(sums);
    }
    for (; i < count; i++) acc += x[i];
    return acc;
}

/* The means of 64 neighbours, a whole cache line. x: (reduce, inner) s8 from the first of them on, y: (64) s8 */
EC_INLINE void ec_mean_s8_neon_64(const ec_mean_s8_neon_geometry *g, const int8_t *x, int32_t start, ec_neon_output to,
                                  float32x4_t scale, int8_t *y) {
    const int32x4_t begin = vdupq_n_s32(start);
    int32x4_t a[4] = {begin, begin, begin, begin}, b[4] = {begin, begin, begin, begin};
    int32x4_t c[4] = {begin, begin, begin, begin}, d[4] = {begin, begin, begin, begin};
    for (int32_t done = 0; done < g->reduce; done += EC_POOL_NEON_MOST) {
        const int32_t left = g->reduce - done, count = left < EC_POOL_NEON_MOST ? left : EC_POOL_NEON_MOST;
        const int16x8_t zero = vdupq_n_s16(0);
        int16x8_t sums[8] = {zero, zero, zero, zero, zero, zero, zero, zero};
        for (int32_t r = 0; r < count; r++, x += g->inner) {
            ec_pool_neon_add(&sums[0], vld1q_s8(x));
            ec_pool_neon_add(&sums[2], vld1q_s8(x + 16));
            ec_pool_neon_add(&sums[4], vld1q_s8(x + 32));
            ec_pool_neon_add(&sums[6], vld1q_s8(x + 48));
        }
        ec_pool_neon_flush(a, &sums[0]);
        ec_pool_neon_flush(b, &sums[2]);
        ec_pool_neon_flush(c, &sums[4]);
        ec_pool_neon_flush(d, &sums[6]);
    }
    vst1q_s8(y, ec_pool_neon_requantize(to, a, scale));
    vst1q_s8(y + 16, ec_pool_neon_requantize(to, b, scale));
    vst1q_s8(y + 32, ec_pool_neon_requantize(to, c, scale));
    vst1q_s8(y + 48, ec_pool_neon_requantize(to, d, scale));
}

/* The means of 16 neighbours, or of 8 to 15 where inner is no more. */
EC_INLINE void ec_mean_s8_neon_16(const ec_mean_s8_neon_geometry *g, const int8_t *x, int32_t start, ec_neon_output to,
                                  float32x4_t scale, int8_t *y) {
    const int32x4_t begin = vdupq_n_s32(start);
    int32x4_t acc[4] = {begin, begin, begin, begin};
    for (int32_t done = 0; done < g->reduce; done += EC_POOL_NEON_MOST) {
        const int32_t left = g->reduce - done, count = left < EC_POOL_NEON_MOST ? left : EC_POOL_NEON_MOST;
        int16x8_t sums[2] = {vdupq_n_s16(0), vdupq_n_s16(0)};
        for (int32_t r = 0; r < count; r++, x += g->inner) ec_pool_neon_add(sums, ec_neon_load(x, g->inner));
        ec_pool_neon_flush(acc, sums);
    }
    ec_neon_store(y, g->inner, ec_pool_neon_requantize(to, acc, scale));
}

/* x[0]: (outer, reduce, inner) s8, y: (outer, inner) s8, acc: s32 */
EC_INLINE void ec_mean_s8_neon(const ec_mean_s8_neon_geometry *g, const ec_mean_s8_neon_data *d, const int8_t *const x[],
                               int8_t *y, void *scratch) {
    (void)scratch;
    const ec_mean_s8_neon_data data = *d; /* y can't change it */
    const ec_neon_output to = ec_neon_output_of(g->way, data.output_zero_point, data.clamp_min, data.clamp_max);
    const float32x4_t scale = vdupq_n_f32(data.scale);
    const int32_t start = -g->reduce * data.input_zero_point;
    const int8_t *from = x[0];
    for (int32_t outer = 0; outer < g->outer; outer++, from += (ptrdiff_t)g->reduce * g->inner, y += g->inner) {
        if (g->inner == 1) {
            const int32_t acc = start + ec_mean_s8_neon_adjacent(from, g->reduce);
            *y = ec_requantize(acc, data.scale, data.output_zero_point, data.clamp_min, data.clamp_max);
            continue;
        }
        int32_t i = 0;
        for (; i + 64 <= g->inner; i += 64) ec_mean_s8_neon_64(g, from + i, start, to, scale, y + i);
        for (; i < g->inner; i += EC_NEON_BYTES) {
            const int32_t at = ec_pool_neon_at(g->inner, i);
            ec_mean_s8_neon_16(g, from + at, start, to, scale, y + at);
        }
    }
}

#endif
