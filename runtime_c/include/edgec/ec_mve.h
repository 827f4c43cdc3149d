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

/* Eight turns of the loop that follows as one; all of them where there are no more. */
#if defined(__clang__)
#define EC_MVE_UNROLL _Pragma("clang loop unroll_count(8)")
#else
#define EC_MVE_UNROLL _Pragma("GCC unroll 8")
#endif

/* How sums become int8; which of them a layer may take is known when the C is generated. */
typedef enum {
    EC_MVE_ANY,      /* any clamp, any size of result */
    EC_MVE_SATURATE, /* results within int16 before they are clamped to all of int8 */
    EC_MVE_EVEN,     /* the same, and the zero point is even */
} ec_mve_way;

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

/* clamp(round_half_even((float)acc * scale) + zero_point) in the lowest byte of each lane. */
EC_INLINE int32x4_t ec_mve_requantize(int32x4_t acc, float32x4_t scale, ec_mve_way way, ec_mve_output to) {
    const float32x4_t real = vmulq_f32(vcvtq_f32_s32(acc), scale);
    if (way == EC_MVE_EVEN) {
        /* 1.5 * 2^23: a sum with it has no fraction bits, so the addition rounds, and the result is its low half. An
         * even zero point added in the same step leaves halves where they are, between an even and an odd number. */
        const int32x4_t bits = vreinterpretq_s32_f32(vaddq_n_f32(real, 12582912.0f + (float)to.zero_point));
        return vreinterpretq_s32_s8(vqmovnbq_s16(vreinterpretq_s8_s32(bits), vreinterpretq_s16_s32(bits)));
    }
    const int32x4_t rounded = vcvtnq_s32_f32(real);
    if (way == EC_MVE_SATURATE) {
        const int32x4_t sum = vaddq_n_s32(rounded, to.zero_point);
        return vreinterpretq_s32_s8(vqmovnbq_s16(vreinterpretq_s8_s32(sum), vreinterpretq_s16_s32(sum)));
    }
    const int32x4_t low = vmaxq_s32(vqaddq_n_s32(rounded, to.zero_point), vdupq_n_s32(to.clamp_min));
    return vminq_s32(low, vdupq_n_s32(to.clamp_max));
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

/* Sums of up to 2 pixels with EC_MVE_GROUP channels. `x` is the sum of a pixel's inputs, only where weights have zero
 * points. */
typedef struct {
    int32_t acc[2][EC_MVE_GROUP];
    int32_t x[2];
} ec_mve_sums;

EC_INLINE ec_mve_sums ec_mve_zero(void) {
    const ec_mve_sums zero = {{{0, 0, 0, 0}, {0, 0, 0, 0}}, {0, 0}};
    return zero;
}

/* Adds the products of 16 inputs of each pixel with the weights of channel o. */
EC_INLINE void ec_mve_mac(ec_mve_sums *s, int32_t pixels, int32_t o, int8x16_t x0, int8x16_t x1, int8x16_t w) {
    s->acc[0][o] = vmladavaq_s8(s->acc[0][o], x0, w);
    if (pixels == 2) s->acc[1][o] = vmladavaq_s8(s->acc[1][o], x1, w);
}

/* Adds 16 inputs of each pixel. */
EC_INLINE void ec_mve_sum_x(ec_mve_sums *s, int32_t pixels, int8x16_t x0, int8x16_t x1) {
    s->x[0] = vaddvaq_s8(s->x[0], x0);
    if (pixels == 2) s->x[1] = vaddvaq_s8(s->x[1], x1);
}

/* Adds the products of 16 inputs of each pixel with the next weights of n channels, which lie `step` bytes apart. */
EC_INLINE void ec_mve_step(ec_mve_sums *s, int32_t pixels, int32_t n, int32_t zero_points, int8x16_t x0, int8x16_t x1,
                           const int8_t **w, int32_t step) {
    for (int32_t o = 0; o < n; o++) ec_mve_mac(s, pixels, o, x0, x1, ec_mve_next(w, step));
    if (zero_points) ec_mve_sum_x(s, pixels, x0, x1);
}

/* Adds the products of `count` adjacent inputs of each pixel; gives the address behind the weights used:
 * w: (count / 16, n, 16) and (n, count % 16) s8, 15 bytes behind them may be read. */
EC_INLINE const int8_t *ec_mve_run(ec_mve_sums *s, int32_t pixels, int32_t n, int32_t zero_points, const int8_t *x0,
                                   const int8_t *x1, int32_t count, const int8_t *w) {
    const int32_t rest = count % EC_MVE_BYTES;
    EC_MVE_UNROLL
    for (int32_t i = 0; i < count / EC_MVE_BYTES; i++) {
        const int8x16_t v0 = vldrbq_s8(x0 + i * EC_MVE_BYTES);
        const int8x16_t v1 = pixels == 2 ? vldrbq_s8(x1 + i * EC_MVE_BYTES) : v0;
        ec_mve_step(s, pixels, n, zero_points, v0, v1, &w, EC_MVE_BYTES);
    }
    if (rest) {
        /* Zeros in the lanes behind the inputs: what the weights have there does not matter. */
        const mve_pred16_t lanes = vctp8q((uint32_t)rest);
        const int8x16_t v0 = vldrbq_z_s8(x0 + (count - rest), lanes);
        const int8x16_t v1 = pixels == 2 ? vldrbq_z_s8(x1 + (count - rest), lanes) : v0;
        ec_mve_step(s, pixels, n, zero_points, v0, v1, &w, rest);
    }
    return w;
}

/* Constants of the channels from o on; the arrays hold a multiple of EC_MVE_GROUP entries. */
EC_INLINE ec_mve_channels ec_mve_load_channels(const int32_t *bias, const float *scale, const int32_t *zero_points,
                                               int32_t o) {
    const ec_mve_channels c = {vldrwq_s32(bias + o), vldrwq_f32(scale + o),
                               zero_points ? vldrwq_s32(zero_points + o) : vdupq_n_s32(0)};
    return c;
}

/* Requantises and stores the sums of n channels of one pixel. */
EC_INLINE void ec_mve_finish(const int32_t acc[EC_MVE_GROUP], int32_t x_sum, int32_t n, int32_t zero_points,
                             ec_mve_channels c, ec_mve_way way, ec_mve_output to, int8_t *y) {
    int32x4_t sums = vaddq_s32(ec_mve_lanes(acc[0], acc[1], acc[2], acc[3]), c.bias);
    if (zero_points) sums = vmlaq_n_s32(sums, c.weight_zero_point, x_sum);
    ec_mve_store(y, ec_mve_requantize(sums, c.scale, way, to), n);
}

#endif
