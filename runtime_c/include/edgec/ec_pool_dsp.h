/* What the pools share on cores with DSP instructions: four channels of a word at a time. */
#ifndef EDGEC_EC_POOL_DSP_H
#define EDGEC_EC_POOL_DSP_H

#include "edgec/ec_dsp.h"

#define EC_POOL_MOST 256 /* int8 values whose sum always fits 16 bits */

/* Sums of four channels: pixels in 16 bits, all of them in 32. */
typedef struct {
    uint32_t even, odd; /* channels 0 and 2, 1 and 3 */
    int32_t sums[4];
} ec_pool_sums;

/* Adds four channels of `count` pixels that lie `step` bytes apart. */
EC_INLINE void ec_pool_add(ec_pool_sums *s, const int8_t *x, int32_t count, int32_t step) {
    EC_UNROLL
    for (int32_t i = 0; i < count; i++, x += step) {
        const uint32_t word = ec_load4(x);
        s->even = ec_sxtab16(s->even, word);
        s->odd = ec_sxtab16_odd(s->odd, word);
    }
}

/* The pixels so far into the 32-bit sums. */
EC_INLINE void ec_pool_flush(ec_pool_sums *s) {
    s->sums[0] += ec_low(s->even), s->sums[2] += ec_high(s->even);
    s->sums[1] += ec_low(s->odd), s->sums[3] += ec_high(s->odd);
    s->even = 0, s->odd = 0;
}

/* Four sums as means. */
EC_INLINE void ec_pool_store(const ec_pool_sums *s, float scale, int32_t zero_point, int32_t low, int32_t high,
                             int8_t *y) {
    int32_t q[4];
    ec_saturated2_dsp(s->sums[0], s->sums[1], scale, scale, zero_point, q);
    ec_saturated2_dsp(s->sums[2], s->sums[3], scale, scale, zero_point, q + 2);
    EC_UNROLL
    for (int32_t i = 0; i < 4; i++) q[i] = ec_within(q[i], low, high);
    ec_store4(y, q[0], q[1], q[2], q[3]);
}

/* Which taps of a window that begins at `origin` are inside: first..last-1. */
typedef struct {
    int32_t first, last;
} ec_pool_taps;

EC_INLINE ec_pool_taps ec_pool_inside(int32_t in_w, int32_t kernel, int32_t dilation, int32_t origin) {
    const int32_t room = in_w - origin;
    const int32_t first = origin < 0 ? (-origin + dilation - 1) / dilation : 0;
    const int32_t end = room > 0 ? (room + dilation - 1) / dilation : 0, last = end < kernel ? end : kernel;
    const ec_pool_taps taps = {first, last > first ? last : first};
    return taps;
}

#endif
