/* int32 sums to int8 as ONNX QLinearConv does: saturate(round_half_even((float)acc * scale) + zero_point).
 *
 * Two ways to the same bits: float32 where the core has an FPU, integers where it has none
 * (EC_REQUANTIZE_INTEGER forces the second, so that a host test can compare them). */
#ifndef EDGEC_EC_REQUANTIZE_H
#define EDGEC_EC_REQUANTIZE_H

#include <stdint.h>

#if !defined(EC_REQUANTIZE_INTEGER) && defined(__arm__) && !defined(__ARM_FP)
#define EC_REQUANTIZE_INTEGER 1
#endif

#ifndef EC_INLINE
#define EC_INLINE static inline __attribute__((always_inline))
#endif

/* Never let the compiler fuse a * b + c: it would round once where ONNX rounds twice. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

EC_INLINE int32_t ec_clamp(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : (value > high ? high : value);
}

/* Round half to even: ONNX does, C's roundf does not. Values beyond +-2^22 saturate anyway.
 * 1.5 * 2^23: adding it leaves no fraction bits, so the addition itself rounds. */
EC_INLINE int32_t ec_round_even(float value) {
    const float magic = 12582912.0f;
    if (value > 4194303.0f) return 4194303;
    if (value < -4194303.0f) return -4194303;
    const float shifted = value + magic;
    return (int32_t)(shifted - magic);
}

#if defined(EC_REQUANTIZE_INTEGER)
int32_t ec_scale_round_integer(int32_t acc, float scale);
#endif

/* round_half_even((float)acc * scale), exact to the bit on every core. */
EC_INLINE int32_t ec_scale_round(int32_t acc, float scale) {
    return ec_round_even((float)acc * scale);
}

EC_INLINE int8_t ec_requantize(int32_t acc, float scale, int32_t zero_point, int32_t low, int32_t high) {
    return (int8_t)ec_clamp(ec_scale_round(acc, scale) + zero_point, low, high);
}

#endif
