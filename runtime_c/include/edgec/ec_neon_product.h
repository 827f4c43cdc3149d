/* What the matrix products of AArch64 share: `pixels` vectors of `depth` inputs with all output channels.
 *
 * Channels come in blocks. Of each block the packed weights hold the bias (s32), the scale (f32), the negative zero
 * points (s32) where there are any, and then the weights in the order in which a tile reads them; channels beyond the
 * last one have weights of 0 up to a multiple of four. */
#ifndef EDGEC_EC_NEON_PRODUCT_H
#define EDGEC_EC_NEON_PRODUCT_H

#include <stddef.h>

#include "edgec/ec_neon.h"

/* The loop that follows: all turns one after the other, 16 at most; as a loop of four turns each; or as a loop,
 * whatever the compiler thinks. */
#if defined(__clang__)
#define EC_PRODUCT_UNROLL _Pragma("clang loop unroll_count(16)")
#define EC_PRODUCT_UNROLL_4 _Pragma("clang loop unroll_count(4)")
#define EC_PRODUCT_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define EC_PRODUCT_UNROLL _Pragma("GCC unroll 16")
#define EC_PRODUCT_UNROLL_4 _Pragma("GCC unroll 4")
#define EC_PRODUCT_ROLLED _Pragma("GCC unroll 1")
#endif

typedef struct {
    int32_t depth;       /* inputs of a pixel, up to a multiple of what a tile takes at once */
    int32_t out_c;       /* channels, and bytes from an output pixel to the next */
    int32_t zero_points; /* 1: weights have some */
    int32_t way;         /* EC_NEON_FITS ... */
    int32_t wide;        /* without dot products: 1: the sum of two products may leave int16 */
} ec_neon_product;

typedef struct {
    const int8_t *weights;
    int32_t output_zero_point, clamp_min, clamp_max;
} ec_neon_matmul_data;

typedef struct {
    int32_t count; /* pixels */
    int32_t step;  /* bytes from one to the next */
    int32_t in_c, out_c;
    int32_t depth;       /* in_c, up to a multiple of what a tile takes at once */
    int32_t strip;       /* pixels of which all channels are computed before the next are read */
    int32_t zero_points; /* 1: weights have some */
    int32_t way;         /* EC_NEON_FITS ... */
    int32_t wide;        /* see ec_neon_product */
} ec_neon_matmul_geometry;

/* For inline assembly: `text` where the assembler finds that a condition of constants holds. */
#define EC_ASM_IF(condition, text) ".if " condition "\n\t" text ".endif\n\t"

/* For inline assembly, whose operands `lead`, `turns` and `unroll` say how often: `step` so many times, then in a loop
 * `unroll` times a turn, counted by register 14. */
#define EC_ASM_STEPS(step)                                                                                             \
    EC_ASM_IF("%c[lead] > 0", ".rept %c[lead]\n\t" step ".endr\n\t")                                                   \
    EC_ASM_IF("%c[turns] > 1", "mov w14, #%c[turns]\n\t1:\n\t")                                                        \
    EC_ASM_IF("%c[turns] > 0", ".rept %c[unroll]\n\t" step ".endr\n\t")                                                \
    EC_ASM_IF("%c[turns] > 1", "subs w14, w14, #1\n\tb.ne 1b\n\t")
/* Those operands for so many steps. */
#define EC_ASM_TURNS(steps, times) [lead] "i"((steps) % (times)), [turns] "i"((steps) / (times)), [unroll] "i"(times)

/* Bytes of constants of a block of 4 * vectors channels. */
EC_INLINE int32_t ec_neon_constants(const ec_neon_product *g, int32_t vectors) {
    return 16 * vectors * (g->zero_points ? 3 : 2);
}

/* The constants of a block of channels, those that stay in registers for all pixels among them. */
typedef struct {
    const int8_t *packed;
    int32x4_t bias[4];
    float32x4_t scale[4];
} ec_neon_channels;

EC_INLINE ec_neon_channels ec_neon_load_channels(const int8_t *packed, int32_t vectors) {
    ec_neon_channels c;
    c.packed = packed;
    EC_PRODUCT_UNROLL
    for (int32_t v = 0; v < vectors; v++) {
        c.bias[v] = vreinterpretq_s32_s8(vld1q_s8(packed + 16 * v));
        c.scale[v] = vreinterpretq_f32_s8(vld1q_s8(packed + 16 * (vectors + v)));
    }
    return c;
}

/* The next `most` pixels, or what is left of `count` from `first` on. */
EC_INLINE int32_t ec_neon_next(int32_t count, int32_t first, int32_t most) {
    if (most >= count) return count;
    return count - first < most ? count - first : most;
}

/* size bytes that do not overlap; size is a constant. */
EC_INLINE void ec_neon_copy(int8_t *to, const int8_t *from, int32_t size) {
    EC_PRODUCT_ROLLED
    for (; size >= 128; size -= 64, to += 64, from += 64) {
        const int8x16_t a = vld1q_s8(from), b = vld1q_s8(from + 16), c = vld1q_s8(from + 32), d = vld1q_s8(from + 48);
        vst1q_s8(to, a);
        vst1q_s8(to + 16, b);
        vst1q_s8(to + 32, c);
        vst1q_s8(to + 48, d);
    }
    __builtin_memcpy(to, from, (size_t)size);
}

/* Vectors of 16 bytes that do not overlap, a constant number. */
EC_INLINE void ec_neon_copy_vectors(int8_t *to, const int8_t *from, int32_t vectors) {
    EC_PRODUCT_ROLLED
    for (; vectors > 4; vectors -= 4, to += 64, from += 64) {
        const int8x16_t a = vld1q_s8(from), b = vld1q_s8(from + 16), c = vld1q_s8(from + 32), d = vld1q_s8(from + 48);
        vst1q_s8(to, a);
        vst1q_s8(to + 16, b);
        vst1q_s8(to + 32, c);
        vst1q_s8(to + 48, d);
    }
    const int8x16_t a = vld1q_s8(from), b = vectors > 1 ? vld1q_s8(from + 16) : a;
    const int8x16_t c = vectors > 2 ? vld1q_s8(from + 32) : a, d = vectors > 3 ? vld1q_s8(from + 48) : a;
    vst1q_s8(to, a);
    if (vectors > 1) vst1q_s8(to + 16, b);
    if (vectors > 2) vst1q_s8(to + 32, c);
    if (vectors > 3) vst1q_s8(to + 48, d);
}

#define EC_NEON_SUMMED 128 /* vectors whose neighbours' sums an int16 holds, even if all are -128 */

/* The sum of n inputs; n is a constant. */
EC_INLINE int32_t ec_neon_sum(const int8_t *x, int32_t n) {
    int32_t sum = 0;
    EC_PRODUCT_ROLLED
    for (int32_t vectors = n / 16; vectors > 0; vectors -= EC_NEON_SUMMED) {
        const int32_t turns = vectors < EC_NEON_SUMMED ? vectors : EC_NEON_SUMMED;
        int16x8_t pairs = vpaddlq_s8(vld1q_s8(x));
        x += 16;
        EC_PRODUCT_UNROLL_4
        for (int32_t i = 1; i < turns; i++, x += 16) pairs = vpadalq_s8(pairs, vld1q_s8(x));
        sum += vaddlvq_s16(pairs);
    }
    if (n & 8) {
        sum += vaddlv_s8(vld1_s8(x));
        x += 8;
    }
    EC_PRODUCT_UNROLL
    for (int32_t i = 0; i < n % 8; i++) sum += x[i];
    return sum;
}

/* The sums of `pixels` vectors, for weights with zero points. */
EC_INLINE void ec_neon_sums(int32_t pixels, const int8_t *x, int32_t step, int32_t n, int32_t *sums) {
    EC_PRODUCT_ROLLED
    for (int32_t p = 0; p < pixels; p++, x += step) sums[p] = ec_neon_sum(x, n);
}

/* sum(x * (w - w_z)) = sum(x * w) - w_z * sum(x). */
EC_INLINE void ec_neon_subtract(int32_t pixels, int32_t vectors, const int8_t *packed, const int32_t *sums,
                                int32x4_t acc[16]) {
    EC_PRODUCT_UNROLL
    for (int32_t i = 0; i < pixels * vectors; i++) {
        const int8_t *const zeros = packed + 16 * (2 * vectors + i % vectors);
        acc[i] = vmlaq_n_s32(acc[i], vreinterpretq_s32_s8(vld1q_s8(zeros)), sums[i / vectors]);
    }
}

/* n bytes, 4 at most, from lane 0 .. 3 of 4 bytes each on; up to 8 from lane 0 or 2. */
EC_INLINE void ec_neon_put(int8_t *to, int8x16_t v, int32_t lane, int32_t n) {
    const int32x4_t words = vreinterpretq_s32_s8(v);
    if (n == 8) {
        const int64x2_t longs = vreinterpretq_s64_s8(v);
        if (lane == 0) vst1q_lane_s64((int64_t *)(void *)to, longs, 0);
        if (lane == 2) vst1q_lane_s64((int64_t *)(void *)to, longs, 1);
    } else if (n == 4) {
        if (lane == 0) vst1q_lane_s32((int32_t *)(void *)to, words, 0);
        if (lane == 1) vst1q_lane_s32((int32_t *)(void *)to, words, 1);
        if (lane == 2) vst1q_lane_s32((int32_t *)(void *)to, words, 2);
        if (lane == 3) vst1q_lane_s32((int32_t *)(void *)to, words, 3);
    } else {
        int32_t word = lane == 0   ? vgetq_lane_s32(words, 0)
                       : lane == 1 ? vgetq_lane_s32(words, 1)
                       : lane == 2 ? vgetq_lane_s32(words, 2)
                                   : vgetq_lane_s32(words, 3);
        if (n & 2) {
            __builtin_memcpy(to, &word, 2);
            to += 2, word >>= 16;
        }
        if (n & 1) __builtin_memcpy(to, &word, 1);
    }
}

/* The sums of `pixels` pixels with n channels, requantised. acc: (pixels, vectors), y: (pixels, out_c) s8.
 * Four vectors after the other, whatever pixel they are of, fill one of bytes. */
EC_INLINE void ec_neon_finish(const ec_neon_product *g, ec_neon_output to, int32_t pixels, int32_t n,
                              const int32x4_t acc[16], const float32x4_t scale[4], int8_t *y) {
    const int32_t vectors = (n + 3) / 4, total = pixels * vectors;
    EC_PRODUCT_UNROLL
    for (int32_t i = 0; i < total; i += 4) {
        const int32_t last = total - 1, b = i + 1 < last ? i + 1 : last, c = i + 2 < last ? i + 2 : last;
        const int32_t d = i + 3 < last ? i + 3 : last;
        const int16x8_t low = ec_neon_scaled(to, acc[i], acc[b], scale[i % vectors], scale[b % vectors]);
        const int16x8_t high = c > b ? ec_neon_scaled(to, acc[c], acc[d], scale[c % vectors], scale[d % vectors]) : low;
        int8x16_t bytes;
        if (c > b) {
            bytes = ec_neon_narrow(to, low, high);
        } else {
            const int8x8_t half = ec_neon_narrow_8(to, low);
            bytes = vcombine_s8(half, half);
        }
        if (total - i >= 4 && (n == g->out_c || vectors == 4) && n == 4 * vectors) {
            vst1q_s8(y + (vectors == 4 ? i / 4 * g->out_c : i * 4), bytes); /* what lies behind is of the next pixel */
            continue;
        }
        EC_PRODUCT_UNROLL
        for (int32_t lane = 0; lane < 4; lane++) {
            const int32_t at = i + lane, v = at % vectors, left = n - 4 * v;
            int8_t *const pixel = y + at / vectors * g->out_c + 4 * v;
            if (at >= total) continue;
            if (lane % 2 == 1 && v > 0 && left >= 4) continue; /* stored with the one before */
            if (lane % 2 == 0 && left >= 8 && v + 1 < vectors) {
                ec_neon_put(pixel, bytes, lane, 8);
            } else {
                ec_neon_put(pixel, bytes, lane, left < 4 ? left : 4);
            }
        }
    }
}

#endif
