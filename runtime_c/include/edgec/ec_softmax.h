/* What Softmax and LogSoftmax share: exp as a table of integers with an exact sum, and a logarithm.
 *
 * core/ops/softmax.py is the definition; every float operation here is rounded once, in the same order. */
#ifndef EDGEC_EC_SOFTMAX_H
#define EDGEC_EC_SOFTMAX_H

#include <stddef.h>

#include "edgec/ec_requantize.h"

/* The largest of n elements that lie `stride` apart. */
EC_INLINE int32_t ec_softmax_max(const int8_t *x, int32_t n, int32_t stride) {
    int32_t high = x[0];
    for (int32_t i = 1; i < n; i++) {
        const int32_t q = x[(ptrdiff_t)i * stride];
        if (q > high) high = q;
    }
    return high;
}

/* round(2^k * exp(-distance * scale)); the table ends where that is 0. */
EC_INLINE uint32_t ec_softmax_exp(const uint32_t *table, int32_t entries, int32_t distance) {
    return distance < entries ? table[distance] : 0;
}

/* Sum of exp over n elements; the table's k keeps it within 32 bits. */
EC_INLINE uint32_t ec_softmax_sum(const uint32_t *table, int32_t entries, const int8_t *x, int32_t n, int32_t stride,
                                  int32_t high) {
    uint32_t sum = 0;
    for (int32_t i = 0; i < n; i++) sum += ec_softmax_exp(table, entries, high - x[(ptrdiff_t)i * stride]);
    return sum;
}

/* Natural logarithm of a normal positive number: x = m * 2^e, log(m) = 2 artanh((m - 1) / (m + 1)) as a series. */
EC_INLINE float ec_log(float x) {
    uint32_t bits;
    float m;
    __builtin_memcpy(&bits, &x, sizeof bits);
    int32_t e = (int32_t)(bits >> 23) - 127;
    bits = (bits & 0x7fffffu) | 0x3f800000u;
    __builtin_memcpy(&m, &bits, sizeof m);
    if (m > 1.41421354f) { /* sqrt(2) */
        m *= 0.5f;
        e++;
    }
    const float f = m - 1.0f;
    const float s = f / (f + 2.0f);
    const float z = s * s;
    float series = z * (0.142857149f + z * 0.111111112f); /* 1/7, 1/9 */
    series = z * (0.333333343f + z * (0.2f + series));    /* 1/3, 1/5 */
    const float twice = s + s, exponent = (float)e;
    /* ln(2) = 45426 / 65536 + the rest: the first product is exact. */
    return exponent * 0.693145752f + ((twice + twice * series) + exponent * 1.42860677e-06f);
}

EC_INLINE int8_t ec_softmax_quantize(float value, float scale, int32_t zero_point) {
    return (int8_t)ec_clamp(ec_round_even(value / scale) + zero_point, -128, 127);
}

#endif
