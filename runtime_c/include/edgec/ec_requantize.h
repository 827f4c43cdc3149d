/* int32 sums to int8 as ONNX QLinearConv does: saturate(round_half_even((float)acc * scale) + zero_point).
 *
 * Two ways to the same bits: float32 where the core has an FPU, integers where it has none
 * (EC_REQUANTIZE_INTEGER forces the second, so that a host test can compare them). */
#ifndef EDGEC_EC_REQUANTIZE_H
#define EDGEC_EC_REQUANTIZE_H

#include <float.h>
#include <stdint.h>

#if !defined(EC_REQUANTIZE_INTEGER) && defined(__arm__) && !defined(__ARM_FP)
#define EC_REQUANTIZE_INTEGER 1
#endif

#ifndef EC_INLINE
#define EC_INLINE static inline __attribute__((always_inline))
#endif

/* Each float32 operation must round once, to float32, half to even. */
#if defined(__FAST_MATH__)
#error "edgec's kernels need exact float32: build them without -ffast-math"
#endif
#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16
#error "edgec's kernels need float32 computed as float32: on x86 build with -msse2 -mfpmath=sse"
#endif
/* Never let the compiler fuse a * b + c, which would round once where ONNX rounds twice. GCC does not know the pragma;
 * there -ffp-contract=off is in the generated build files, and -std=c11 has the same effect. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/* Beyond this both ways saturate: far outside int8, and adding a zero point can't overflow. */
#define EC_ROUND_LIMIT 4194303

EC_INLINE int32_t ec_clamp(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : (value > high ? high : value);
}

/* Round half to even: ONNX does, C's roundf does not. Saturates at +-EC_ROUND_LIMIT; NaN gives the lower end.
 * 1.5 * 2^23: a sum with it has no fraction bits, so the addition itself rounds. */
EC_INLINE int32_t ec_round_even(float value) {
    const float magic = 12582912.0f;
    if (!(value > (float)-EC_ROUND_LIMIT)) return -EC_ROUND_LIMIT;
    if (value > (float)EC_ROUND_LIMIT) return EC_ROUND_LIMIT;
    const float shifted = value + magic;
    return (int32_t)(shifted - magic);
}

/* value >> drop, rounded half to even; drop in 1..63. */
EC_INLINE uint64_t ec_shift_even(uint64_t value, int32_t drop) {
    const uint64_t half = (uint64_t)1 << (drop - 1);
    return (value + half - 1 + ((value >> drop) & 1)) >> drop;
}

/* The float32 steps of ec_scale_round in integers: convert, multiply, round, each half to even. scale: finite, >= 0.
 * Not inline: one copy is enough for a core where flash is as short as speed. */
__attribute__((noinline, unused)) static int32_t ec_scale_round_integer(int32_t acc, float scale) {
    uint32_t bits;
    __builtin_memcpy(&bits, &scale, sizeof bits);
    const uint32_t field = (bits >> 23) & 0xffu;
    const uint32_t mantissa = (bits & 0x7fffffu) | 0x800000u;
    int32_t exponent = (int32_t)field - 150; /* scale = mantissa * 2^exponent */
    uint32_t magnitude = acc < 0 ? 0u - (uint32_t)acc : (uint32_t)acc;
    /* Subnormal scales are below 2^-126: times any int32 that rounds to 0. */
    if (magnitude == 0 || field == 0) return 0;
    /* (float)acc keeps 24 bits. */
    if (magnitude >> 24) {
        const int32_t drop = 8 - __builtin_clz(magnitude);
        magnitude = (uint32_t)ec_shift_even(magnitude, drop);
        exponent += drop;
    }
    /* So does the product. (Where float32 would keep fewer, below 2^-126, both ways give 0 in the end.) */
    uint64_t product = (uint64_t)magnitude * mantissa;
    const int32_t drop = 40 - __builtin_clzll(product);
    if (drop > 0) {
        product = ec_shift_even(product, drop);
        exponent += drop;
    }
    /* 2^23 <= product <= 2^24: saturates from exponent 0 on, is at most a half, which rounds to 0, from -25 down. */
    int32_t result = EC_ROUND_LIMIT;
    if (exponent <= -25) {
        result = 0;
    } else if (exponent < 0) {
        product = ec_shift_even(product, -exponent);
        if (product < EC_ROUND_LIMIT) result = (int32_t)product;
    }
    return acc < 0 ? -result : result;
}

/* round_half_even((float)acc * scale) saturated at +-EC_ROUND_LIMIT, the same bits on every core. */
EC_INLINE int32_t ec_scale_round(int32_t acc, float scale) {
#if defined(EC_REQUANTIZE_INTEGER)
    return ec_scale_round_integer(acc, scale);
#else
    return ec_round_even((float)acc * scale);
#endif
}

/* low and high: the output's clamp, within -128..127. */
EC_INLINE int8_t ec_requantize(int32_t acc, float scale, int32_t zero_point, int32_t low, int32_t high) {
    return (int8_t)ec_clamp(ec_scale_round(acc, scale) + zero_point, low, high);
}

#endif
