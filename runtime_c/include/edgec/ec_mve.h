/* What the Helium kernels share: tiles of sums over 16 bytes at once, and requantising four sums at once. */
#ifndef EDGEC_EC_MVE_H
#define EDGEC_EC_MVE_H

#include "edgec/ec_requantize.h"

#if !defined(__ARM_FEATURE_MVE) || (__ARM_FEATURE_MVE & 3) != 3
#error "this kernel needs Helium with float32: build it for a core that has it, such as -mcpu=cortex-m55"
#endif
#include <arm_mve.h>

#define EC_MVE_BYTES 16 /* of a vector */
#define EC_MVE_GROUP 4  /* output channels whose sums are computed together: one vector of int32 */

/* The loop that follows: all turns one after the other, 9 at most; or as a loop, whatever the compiler thinks. */
#if defined(__clang__)
#define EC_MVE_UNROLL _Pragma("clang loop unroll_count(9)")
#define EC_MVE_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define EC_MVE_UNROLL _Pragma("GCC unroll 9")
#define EC_MVE_ROLLED _Pragma("GCC unroll 1")
#endif

/* How sums become int8, known when the C is generated: 0, or EC_MVE_FITS with any of the others. */
enum {
    EC_MVE_FITS = 1,   /* results fit int16 before they are clamped */
    EC_MVE_ODD = 2,    /* the zero point is odd */
    EC_MVE_CLAMPED = 4 /* to less than int8 */
};

/* The next 16 bytes of constants. Not an intrinsic: compilers would load the constants of a whole loop before it, far
 * more than there are registers, and take no addressing with increment. */
EC_INLINE int8x16_t ec_mve_next(const int8_t **constants, int32_t bytes) {
    int8x16_t v;
    if (bytes == EC_MVE_BYTES) {
        __asm volatile("vldrb.8 %q0, [%1], #16" : "=w"(v), "+r"(*constants));
    } else {
        __asm volatile("vldrb.8 %q0, [%1]" : "=w"(v) : "r"(*constants));
        *constants += bytes;
    }
    return v;
}

EC_INLINE void ec_mve_copy(int8_t *to, const int8_t *from, int32_t count) {
    int32_t i = 0;
    for (; i + EC_MVE_BYTES <= count; i += EC_MVE_BYTES) vstrbq_s8(to + i, vldrbq_s8(from + i));
    if (i < count) {
        const mve_pred16_t lanes = vctp8q((uint32_t)(count - i));
        vstrbq_p_s8(to + i, vldrbq_z_s8(from + i, lanes), lanes);
    }
}

EC_INLINE void ec_mve_fill(int8_t *to, int32_t value, int32_t count) {
    const int8x16_t v = vdupq_n_s8((int8_t)value);
    for (int32_t i = 0; i < count; i += EC_MVE_BYTES) vstrbq_p_s8(to + i, v, vctp8q((uint32_t)(count - i)));
}

/* What differs from layer to layer, of the output. */
typedef struct {
    int32_t zero_point, clamp_min, clamp_max;
} ec_mve_output;

EC_INLINE int32x4_t ec_mve_lanes(int32_t a, int32_t b, int32_t c, int32_t d) {
    int32x4_t v = vuninitializedq_s32();
    v = vsetq_lane_s32(a, v, 0);
    v = vsetq_lane_s32(b, v, 1);
    v = vsetq_lane_s32(c, v, 2);
    return vsetq_lane_s32(d, v, 3);
}

/* The same number, hidden from the compiler: clang 22 makes the product of a conversion with a power of two a
 * conversion with another exponent. */
EC_INLINE float ec_mve_hidden(float value) {
    __asm("" : "+t"(value));
    return value;
}

/* int16 in the low half of each lane, whatever is in the high one, to the clamp in its lowest byte. */
EC_INLINE int32x4_t ec_mve_narrow(int32x4_t v, int32_t clamped, int32_t low, int32_t high) {
    int8x16_t bytes = vqmovnbq_s16(vreinterpretq_s8_s32(v), vreinterpretq_s16_s32(v));
    if (clamped) bytes = vminq_s8(vmaxq_s8(bytes, vdupq_n_s8((int8_t)low)), vdupq_n_s8((int8_t)high));
    return vreinterpretq_s32_s8(bytes);
}

/* clamp(round_half_even((float)acc * scale) + zero_point) in the lowest byte of each lane. */
EC_INLINE int32x4_t ec_mve_requantize(int32x4_t acc, float32x4_t scale, int32_t way, ec_mve_output to) {
    const float32x4_t real = vmulq_f32(vcvtq_f32_s32(acc), scale);
    if (way & EC_MVE_FITS) {
        /* 1.5 * 2^23: a sum with it has no fraction bits, so the addition rounds, and the result is its low half. An
         * even number added in the same step leaves halves where they are, between an even and an odd one. */
        const int32_t odd = way & EC_MVE_ODD ? 1 : 0;
        const float32x4_t sum = vaddq_n_f32(real, 12582912.0f + (float)(to.zero_point - odd));
        const int32x4_t bits = vreinterpretq_s32_f32(sum);
        return ec_mve_narrow(odd ? vaddq_n_s32(bits, 1) : bits, way & EC_MVE_CLAMPED, to.clamp_min, to.clamp_max);
    }
    const int32x4_t rounded = vqaddq_n_s32(vcvtnq_s32_f32(real), to.zero_point);
    return vminq_s32(vmaxq_s32(rounded, vdupq_n_s32(to.clamp_min)), vdupq_n_s32(to.clamp_max));
}

/* The first n bytes of y, n in 1..4, from the lowest bytes of the lanes. */
EC_INLINE void ec_mve_store(int8_t *y, int32x4_t lanes, int32_t n) {
    if (n == EC_MVE_GROUP) {
        vstrbq_s32(y, lanes);
    } else {
        vstrbq_p_s32(y, lanes, vctp32q((uint32_t)n));
    }
}

/* Constants of EC_MVE_GROUP output channels. */
typedef struct {
    int32x4_t bias;              /* with -input_zero_point * sum(w - w_zero) in it */
    float32x4_t scale;           /* s_x * s_w / s_y */
    int32x4_t weight_zero_point; /* negative */
} ec_mve_channels;

/* The constants of a group, which stand before its weights. w: (2 or 3, 4) of 4 bytes each, left behind them. */
EC_INLINE ec_mve_channels ec_mve_load_channels(const int8_t **w, int32_t zero_points) {
    ec_mve_channels c;
    c.bias = vreinterpretq_s32_s8(ec_mve_next(w, EC_MVE_BYTES));
    c.scale = vreinterpretq_f32_s8(ec_mve_next(w, EC_MVE_BYTES));
    c.weight_zero_point = zero_points ? vreinterpretq_s32_s8(ec_mve_next(w, EC_MVE_BYTES)) : vuninitializedq_s32();
    return c;
}

/* Adds the bias, requantises and stores n channels of one pixel. `x` is the sum of its inputs, only where weights have
 * zero points. */
EC_INLINE void ec_mve_finish(int32x4_t acc, int32_t x, int32_t n, int32_t zero_points, ec_mve_channels c, int32_t way,
                             ec_mve_output to, int8_t *y) {
    int32x4_t sums = vaddq_s32(acc, c.bias);
    if (zero_points) sums = vmlaq_n_s32(sums, c.weight_zero_point, x);
    ec_mve_store(y, ec_mve_requantize(sums, c.scale, way, to), n);
}

#endif
