/* The DSP instructions of Armv7E-M and Armv8-M, one inline function each: two int16 products at once, bytes widened in
 * pairs. In plain C on other cores, so that the _dsp kernels run under sanitizers on a computer too.
 *
 * A pair is two int16 in a word, the first in the low half. EC_DSP_ASM: the instructions are there, with an FPU. */
#ifndef EDGEC_EC_DSP_H
#define EDGEC_EC_DSP_H

#include <stddef.h>

#include "edgec/ec_requantize.h"

/* Without optimisation the compiler has too few registers left for the assembly of the inner loops. */
#if defined(__arm__) && defined(__ARM_FEATURE_DSP) && defined(__ARM_FP) && defined(__OPTIMIZE__)
#define EC_DSP_ASM 1
#endif

/* Before a loop of few iterations, known when it is compiled: lay them out one after the other. */
#if defined(__clang__)
#define EC_UNROLL _Pragma("unroll")
/* Where a kernel is compiled without a geometry there is nothing to lay out, and no harm in it. */
#pragma clang diagnostic ignored "-Wpass-failed"
#else
#define EC_UNROLL _Pragma("GCC unroll 16")
#endif

/* The compiler knows nothing of the value of a variable after this. */
#define EC_KEEP(variable) __asm__("" : "+r"(variable))

/* Four bytes at any address. */
EC_INLINE uint32_t ec_load4(const int8_t *at) {
    uint32_t word;
    __builtin_memcpy(&word, at, sizeof word);
    return word;
}

EC_INLINE int32_t ec_low(uint32_t pair) { return (int16_t)(pair & 0xffffu); }
EC_INLINE int32_t ec_high(uint32_t pair) { return (int16_t)(pair >> 16); }

/* (low, high) as a pair, each cut to 16 bits. */
EC_INLINE uint32_t ec_pair(int32_t low, int32_t high) { return ((uint32_t)low & 0xffffu) | (uint32_t)high << 16; }

/* Bytes 0 and 2 of a word as a pair. */
EC_INLINE uint32_t ec_sxtb16(uint32_t word) {
#if defined(EC_DSP_ASM)
    uint32_t pair;
    __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(word));
    return pair;
#else
    return ec_pair((int8_t)(word & 0xffu), (int8_t)(word >> 16 & 0xffu));
#endif
}

/* Bytes 1 and 3 of a word as a pair. */
EC_INLINE uint32_t ec_sxtb16_odd(uint32_t word) {
#if defined(EC_DSP_ASM)
    uint32_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
    return pair;
#else
    return ec_sxtb16(word >> 8);
#endif
}

/* The low halves of two pairs as one pair. */
EC_INLINE uint32_t ec_pkhbt(uint32_t first, uint32_t second) {
#if defined(EC_DSP_ASM)
    uint32_t pair;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(pair) : "r"(first), "r"(second));
    return pair;
#else
    return (first & 0xffffu) | second << 16;
#endif
}

/* The high halves of two pairs as one pair. */
EC_INLINE uint32_t ec_pkhtb(uint32_t first, uint32_t second) {
#if defined(EC_DSP_ASM)
    uint32_t pair;
    __asm__("pkhtb %0, %2, %1, asr #16" : "=r"(pair) : "r"(first), "r"(second));
    return pair;
#else
    return first >> 16 | (second & 0xffff0000u);
#endif
}

/* acc + low * low + high * high, modulo 2^32. */
EC_INLINE int32_t ec_smlad(uint32_t x, uint32_t w, int32_t acc) {
#if defined(EC_DSP_ASM)
    __asm__("smlad %0, %1, %2, %0" : "+r"(acc) : "r"(x), "r"(w));
    return acc;
#else
    return (int32_t)((uint32_t)acc + (uint32_t)(ec_low(x) * ec_low(w)) + (uint32_t)(ec_high(x) * ec_high(w)));
#endif
}

/* acc + x's low half * w's low half; the other three take the halves that their names say (b: low, t: high). */
EC_INLINE int32_t ec_smlabb(uint32_t x, uint32_t w, int32_t acc) {
#if defined(EC_DSP_ASM)
    __asm__("smlabb %0, %1, %2, %0" : "+r"(acc) : "r"(x), "r"(w));
    return acc;
#else
    return acc + ec_low(x) * ec_low(w);
#endif
}

EC_INLINE int32_t ec_smlabt(uint32_t x, uint32_t w, int32_t acc) {
#if defined(EC_DSP_ASM)
    __asm__("smlabt %0, %1, %2, %0" : "+r"(acc) : "r"(x), "r"(w));
    return acc;
#else
    return acc + ec_low(x) * ec_high(w);
#endif
}

EC_INLINE int32_t ec_smlatb(uint32_t x, uint32_t w, int32_t acc) { return ec_smlabt(w, x, acc); }

EC_INLINE int32_t ec_smlatt(uint32_t x, uint32_t w, int32_t acc) {
#if defined(EC_DSP_ASM)
    __asm__("smlatt %0, %1, %2, %0" : "+r"(acc) : "r"(x), "r"(w));
    return acc;
#else
    return acc + ec_high(x) * ec_high(w);
#endif
}

/* saturate(round_half_even((float)acc * scale) + zero_point) to int8. |acc * scale| must stay below 2^30. */
EC_INLINE int32_t ec_saturated_dsp(int32_t acc, float scale, int32_t zero_point) {
#if defined(EC_DSP_ASM)
    float real = (float)acc * scale;
    int32_t q;
    __asm__("vcvtr.s32.f32 %0, %0" : "+t"(real)); /* rounds half to even, as the FPU is set up by reset */
    __builtin_memcpy(&q, &real, sizeof q);
    __asm__("ssat %0, #8, %1" : "=r"(q) : "r"(q + zero_point));
    return q;
#else
    return ec_clamp(ec_scale_round(acc, scale) + zero_point, -128, 127);
#endif
}

/* Two sums at once: q[0], q[1] as ec_saturated_dsp, one instruction less for each. */
EC_INLINE void ec_saturated2_dsp(int32_t acc0, int32_t acc1, float scale0, float scale1, int32_t zero_point,
                                 int32_t *q) {
#if defined(EC_DSP_ASM)
    __asm__("vmov s14, s15, %0, %1\n\t"
            "vcvt.f32.s32 s14, s14\n\t"
            "vcvt.f32.s32 s15, s15\n\t"
            "vmul.f32 s14, s14, %2\n\t"
            "vmul.f32 s15, s15, %3\n\t"
            "vcvtr.s32.f32 s14, s14\n\t"
            "vcvtr.s32.f32 s15, s15\n\t"
            "vmov %0, %1, s14, s15\n\t"
            "add %0, %0, %4\n\t"
            "add %1, %1, %4\n\t"
            "ssat %0, #8, %0\n\t"
            "ssat %1, #8, %1"
            : "+r"(acc0), "+r"(acc1)
            : "t"(scale0), "t"(scale1), "r"(zero_point)
            : "s14", "s15");
    q[0] = acc0;
    q[1] = acc1;
#else
    q[0] = ec_saturated_dsp(acc0, scale0, zero_point);
    q[1] = ec_saturated_dsp(acc1, scale1, zero_point);
#endif
}

/* An int8 after saturating, within a clamp; costs nothing where the clamp is the range of int8. */
EC_INLINE int32_t ec_within(int32_t q, int32_t low, int32_t high) {
    if (low > -128 && q < low) q = low;
    if (high < 127 && q > high) q = high;
    return q;
}

EC_INLINE int8_t ec_clamped_dsp(int32_t q, int32_t low, int32_t high) { return (int8_t)ec_within(q, low, high); }

/* Bytes 1 and 3 of a word as a pair of bytes * 256. */
EC_INLINE uint32_t ec_high_bytes(uint32_t word) { return word & 0xff00ff00u; }

/* Bytes 0 and 2 of a word as a pair of bytes * 256. */
EC_INLINE uint32_t ec_low_bytes(uint32_t word) {
#if defined(EC_DSP_ASM)
    uint32_t pair; /* GCC would take two instructions */
    __asm__("and %0, %1, %2, lsl #8" : "=r"(pair) : "r"(0xff00ff00u), "r"(word));
    return pair;
#else
    return word << 8 & 0xff00ff00u;
#endif
}

/* `bytes` (2 or 4) bytes of each of two words to pairs of bytes * 256, one of the first word and one of the second:
 * byte i to to[i * distance]. */
EC_INLINE void ec_widen_pairs(uint32_t first, uint32_t second, int32_t bytes, uint32_t *to, int32_t distance) {
    const uint32_t low = ec_pkhbt(first, second), high = ec_pkhtb(first, second);
    to[0] = ec_low_bytes(low);
    to[distance] = ec_high_bytes(low);
    if (bytes == 2) return;
    to[2 * distance] = ec_low_bytes(high);
    to[3 * distance] = ec_high_bytes(high);
}

/* saturate(value >> shift) to int8; shift: 1..31. */
EC_INLINE int32_t ec_saturated_shift(int32_t value, int32_t shift) {
#if defined(EC_DSP_ASM)
    if (__builtin_constant_p(shift)) { /* as it is in a generated project */
        int32_t q;
        __asm__("ssat %0, #8, %1, asr %2" : "=r"(q) : "r"(value), "i"(shift));
        return q;
    }
#endif
    return ec_clamp(value >> shift, -128, 127);
}

/* Four int8 to memory, side by side. */
EC_INLINE void ec_store4(int8_t *at, int32_t q0, int32_t q1, int32_t q2, int32_t q3) {
#if defined(EC_DSP_ASM)
    __asm__("bfi %0, %1, #8, #8" : "+r"(q0) : "r"(q1));
    __asm__("bfi %0, %1, #16, #8" : "+r"(q0) : "r"(q2));
    __asm__("bfi %0, %1, #24, #8" : "+r"(q0) : "r"(q3));
    __builtin_memcpy(at, &q0, sizeof q0);
#else
    at[0] = (int8_t)q0, at[1] = (int8_t)q1, at[2] = (int8_t)q2, at[3] = (int8_t)q3;
#endif
}

/* acc + ((x * y) >> 32), and without acc. */
EC_INLINE int32_t ec_smmla(int32_t x, int32_t y, int32_t acc) {
#if defined(EC_DSP_ASM)
    int32_t result;
    __asm__("smmla %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(y), "r"(acc));
    return result;
#else
    return acc + (int32_t)(((int64_t)x * y) >> 32);
#endif
}

EC_INLINE int32_t ec_smmul(int32_t x, int32_t y) {
#if defined(EC_DSP_ASM)
    int32_t result;
    __asm__("smmul %0, %1, %2" : "=r"(result) : "r"(x), "r"(y));
    return result;
#else
    return (int32_t)(((int64_t)x * y) >> 32);
#endif
}

/* acc + ((x * y's low half) >> 16), then the same of the high half. */
EC_INLINE int32_t ec_smlawb(int32_t x, uint32_t y, int32_t acc) {
#if defined(EC_DSP_ASM)
    int32_t result;
    __asm__("smlawb %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(y), "r"(acc));
    return result;
#else
    return acc + (int32_t)(((int64_t)x * ec_low(y)) >> 16);
#endif
}

EC_INLINE int32_t ec_smlawt(int32_t x, uint32_t y, int32_t acc) {
#if defined(EC_DSP_ASM)
    int32_t result;
    __asm__("smlawt %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(y), "r"(acc));
    return result;
#else
    return acc + (int32_t)(((int64_t)x * ec_high(y)) >> 16);
#endif
}

/* The product of the low halves, of the high halves. */
EC_INLINE int32_t ec_smulbb(uint32_t x, uint32_t y) { return ec_low(x) * ec_low(y); }
EC_INLINE int32_t ec_smultt(uint32_t x, uint32_t y) { return ec_high(x) * ec_high(y); }

/* (x - y) / 2 of both halves, rounded down. */
EC_INLINE uint32_t ec_shsub16(uint32_t x, uint32_t y) {
#if defined(EC_DSP_ASM)
    uint32_t pair;
    __asm__("shsub16 %0, %1, %2" : "=r"(pair) : "r"(x), "r"(y));
    return pair;
#else
    return ec_pair((ec_low(x) - ec_low(y)) >> 1, (ec_high(x) - ec_high(y)) >> 1);
#endif
}

/* A sum as int8: saturate(((acc * multiplier) >> 32) >> shift). */
EC_INLINE int32_t ec_fixed_dsp(int32_t acc, int32_t multiplier, int32_t shift) {
    return ec_saturated_shift(ec_smmul(acc, multiplier), shift);
}

/* sums + bytes 0 and 2 of a word, each pair of its own; then the same with bytes 1 and 3. */
EC_INLINE uint32_t ec_sxtab16(uint32_t sums, uint32_t word) {
#if defined(EC_DSP_ASM)
    __asm__("sxtab16 %0, %0, %1" : "+r"(sums) : "r"(word));
    return sums;
#else
    const uint32_t pair = ec_sxtb16(word);
    return ec_pair(ec_low(sums) + ec_low(pair), ec_high(sums) + ec_high(pair));
#endif
}

EC_INLINE uint32_t ec_sxtab16_odd(uint32_t sums, uint32_t word) {
#if defined(EC_DSP_ASM)
    __asm__("sxtab16 %0, %0, %1, ror #8" : "+r"(sums) : "r"(word));
    return sums;
#else
    return ec_sxtab16(sums, word >> 8);
#endif
}

/* The larger, and the smaller, of each of four int8. */
EC_INLINE uint32_t ec_max4(uint32_t x, uint32_t y) {
#if defined(EC_DSP_ASM)
    uint32_t most;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(most) : "r"(x), "r"(y) : "cc");
    return most;
#else
    uint32_t most = 0;
    for (int32_t i = 0; i < 32; i += 8) {
        const int8_t a = (int8_t)(x >> i & 0xffu), b = (int8_t)(y >> i & 0xffu);
        most |= (uint32_t)(uint8_t)(a > b ? a : b) << i;
    }
    return most;
#endif
}

EC_INLINE uint32_t ec_min4(uint32_t x, uint32_t y) { return ~ec_max4(~x, ~y); }

#endif
