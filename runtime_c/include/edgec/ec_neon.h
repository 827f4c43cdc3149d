/* int32 sums to int8 on AArch64, as ec_requantize.h has it, sixteen or eight at a time.
 *
 * `way` (EC_NEON_FITS and so on, constants of a layer) says what is known of all results of a layer at compile time:
 * what fits int16 is rounded by an addition that leaves the integer in the lower half of each float32. */
#ifndef EDGEC_EC_NEON_H
#define EDGEC_EC_NEON_H

#include <arm_neon.h>

#include "edgec/ec_requantize.h"

enum {
    EC_NEON_FITS = 1,   /* results fit int16, with their zero point added too */
    EC_NEON_ODD = 2,    /* the zero point is odd: it must be added behind the rounding, which goes to even numbers */
    EC_NEON_CLAMPED = 4 /* the clamp is not all of int8 */
};

#define EC_NEON_MAGIC 12582912.0f /* 1.5 * 2^23: a sum with it has no fraction bits, so the addition itself rounds */

typedef struct {
    int32_t way;
    float32x4_t magic; /* with an even zero point in it */
    int16x8_t zero_point;
    int8x16_t low, high;
} ec_neon_output;

EC_INLINE ec_neon_output ec_neon_output_of(int32_t way, int32_t zero_point, int32_t low, int32_t high) {
    ec_neon_output o;
    o.way = way & EC_NEON_FITS ? way : EC_NEON_CLAMPED; /* of other layers nothing is known */
    o.magic = vdupq_n_f32(EC_NEON_MAGIC + (way & EC_NEON_ODD ? 0.0f : (float)zero_point));
    o.zero_point = vdupq_n_s16((int16_t)zero_point);
    o.low = vdupq_n_s8((int8_t)low);
    o.high = vdupq_n_s8((int8_t)high);
    return o;
}

/* round_half_even((float)acc * scale) + zero_point of eight sums, in int16. */
EC_INLINE int16x8_t ec_neon_scaled(ec_neon_output o, int32x4_t a, int32x4_t b, float32x4_t scale_a,
                                   float32x4_t scale_b) {
    const float32x4_t real_a = vmulq_f32(vcvtq_f32_s32(a), scale_a);
    const float32x4_t real_b = vmulq_f32(vcvtq_f32_s32(b), scale_b);
    if ((o.way & EC_NEON_FITS) == 0) {
        const int16x8_t rounded = vqmovn_high_s32(vqmovn_s32(vcvtnq_s32_f32(real_a)), vcvtnq_s32_f32(real_b));
        return vqaddq_s16(rounded, o.zero_point);
    }
    const int16x8_t integers = vuzp1q_s16(vreinterpretq_s16_f32(vaddq_f32(real_a, o.magic)),
                                          vreinterpretq_s16_f32(vaddq_f32(real_b, o.magic)));
    return o.way & EC_NEON_ODD ? vaddq_s16(integers, o.zero_point) : integers;
}

/* Saturated to int8 and clamped. */
EC_INLINE int8x16_t ec_neon_narrow(ec_neon_output o, int16x8_t a, int16x8_t b) {
    const int8x16_t bytes = vqmovn_high_s16(vqmovn_s16(a), b);
    return o.way & EC_NEON_CLAMPED ? vminq_s8(vmaxq_s8(bytes, o.low), o.high) : bytes;
}

EC_INLINE int8x8_t ec_neon_narrow_8(ec_neon_output o, int16x8_t a) {
    const int8x8_t bytes = vqmovn_s16(a);
    return o.way & EC_NEON_CLAMPED ? vmin_s8(vmax_s8(bytes, vget_low_s8(o.low)), vget_low_s8(o.high)) : bytes;
}

#endif
