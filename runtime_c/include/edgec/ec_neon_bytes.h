/* Sixteen bytes at a time on AArch64, of runs of eight and more; shifts that are known when the model is compiled. */
#ifndef EDGEC_EC_NEON_BYTES_H
#define EDGEC_EC_NEON_BYTES_H

#include <arm_neon.h>
#include <stdint.h>

#ifndef EC_INLINE
#define EC_INLINE static inline __attribute__((always_inline))
#endif

#define EC_NEON_BYTES 16

/* The first 16 of `count` bytes; of 8 to 15 the first 8 and the last 8, which may be in both halves. */
EC_INLINE int8x16_t ec_neon_load(const int8_t *from, int32_t count) {
    if (count >= EC_NEON_BYTES) return vld1q_s8(from);
    return vcombine_s8(vld1_s8(from), vld1_s8(from + count - 8));
}

EC_INLINE void ec_neon_store(int8_t *to, int32_t count, int8x16_t bytes) {
    if (count >= EC_NEON_BYTES) {
        vst1q_s8(to, bytes);
    } else {
        vst1_s8(to, vget_low_s8(bytes));
        vst1_s8(to + count - 8, vget_high_s8(bytes));
    }
}

/* Instructions take a literal for the shift: with a geometry that is a constant, one case is left of each switch. */
#define EC_NEON_BYTES_CASE(n)                                                                                          \
    case n:                                                                                                            \
        return vqshrn_high_n_s16(vqshrn_n_s16(a, n), b, n);

/* a >> shift and b >> shift, saturated to int8; shift in 1..8. */
EC_INLINE int8x16_t ec_neon_shift_to_bytes(int16x8_t a, int16x8_t b, int32_t shift) {
    switch (shift) {
        EC_NEON_BYTES_CASE(1)
        EC_NEON_BYTES_CASE(2)
        EC_NEON_BYTES_CASE(3)
        EC_NEON_BYTES_CASE(4)
        EC_NEON_BYTES_CASE(5)
        EC_NEON_BYTES_CASE(6)
        EC_NEON_BYTES_CASE(7)
    default:
        return vqshrn_high_n_s16(vqshrn_n_s16(a, 8), b, 8);
    }
}

#define EC_NEON_HALVES_CASE(n)                                                                                         \
    case n:                                                                                                            \
        return vqrshrn_high_n_s32(vqrshrn_n_s32(a, n), b, n);

/* (a + 2^(shift - 1)) >> shift and the same of b, saturated to int16; shift even, in 2..16. */
EC_INLINE int16x8_t ec_neon_round_to_halves(int32x4_t a, int32x4_t b, int32_t shift) {
    switch (shift) {
        EC_NEON_HALVES_CASE(2)
        EC_NEON_HALVES_CASE(4)
        EC_NEON_HALVES_CASE(6)
        EC_NEON_HALVES_CASE(8)
        EC_NEON_HALVES_CASE(10)
        EC_NEON_HALVES_CASE(12)
        EC_NEON_HALVES_CASE(14)
    default:
        return vqrshrn_high_n_s32(vqrshrn_n_s32(a, 16), b, 16);
    }
}

#undef EC_NEON_BYTES_CASE
#undef EC_NEON_HALVES_CASE

#endif
