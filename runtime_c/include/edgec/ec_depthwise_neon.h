/* What the depthwise convolutions for AArch64 share: constants, blocks of channels, borders of a row.
 *
 * A step computes one output of `block` (16 or 8) channels. The last block of channels lies at their end, over the one
 * before, so that nothing beyond a row is read or written; fewer than 8 channels are copied. */
#ifndef EDGEC_EC_DEPTHWISE_NEON_H
#define EDGEC_EC_DEPTHWISE_NEON_H

#include <stddef.h>
#include <string.h>

#include "edgec/ec_neon.h"

#define EC_DEPTHWISE_NEON_TAPS 64  /* of a window, at most */
#define EC_DEPTHWISE_NEON_NARROW 8 /* channels of the smaller block */

/* The loop that follows, of constant length: all turns one after the other; or as a loop, whatever the compiler thinks.
 */
#if defined(__clang__)
#define EC_DEPTHWISE_UNROLL _Pragma("clang loop unroll(full)")
#define EC_DEPTHWISE_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define EC_DEPTHWISE_UNROLL _Pragma("GCC unroll 128")
#define EC_DEPTHWISE_ROLLED _Pragma("GCC unroll 1")
#endif

typedef struct {
    int32_t in_w, channels, out_w;
    int32_t kernel_h, kernel_w, stride_w, pad_w, dilation_w;
    int32_t block; /* channels of a step */
    int32_t ring;  /* 1: the columns of a window stay in registers */
    int32_t strip; /* output pixels at the border whose inputs are copied together */
    int32_t sets;  /* a weight less its zero point is the sum of so many int8 */
    int32_t taps;  /* products whose sum fits int16, 1 ... 4; nothing to kernels with dot products */
    int32_t way;   /* EC_NEON_FITS ... */
} ec_depthwise_neon_geometry;

typedef struct {
    const int8_t *weights; /* for each block scale (block) f32, bias (block) s32, then weights of all taps and sets */
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_depthwise_neon_data;

EC_INLINE int32x4_t ec_neon_load_s32(const int8_t *p) { return vreinterpretq_s32_s8(vld1q_s8(p)); }
EC_INLINE float32x4_t ec_neon_load_f32(const int8_t *p) { return vreinterpretq_f32_s8(vld1q_s8(p)); }

EC_INLINE int32_t ec_depthwise_neon_blocks(const ec_depthwise_neon_geometry *g) {
    return (g->channels + g->block - 1) / g->block;
}

/* First channel of block i. */
EC_INLINE int32_t ec_depthwise_neon_channel(const ec_depthwise_neon_geometry *g, int32_t i) {
    const int32_t last = g->channels > g->block ? g->channels - g->block : 0;
    return i * g->block < last ? i * g->block : last;
}

EC_INLINE ec_neon_output ec_depthwise_neon_output(const ec_depthwise_neon_geometry *g,
                                                  const ec_depthwise_neon_data *d) {
    return ec_neon_output_of(g->way, d->output_zero_point, d->clamp_min, d->clamp_max);
}

/* Outputs first..end-1 have what they need inside the row: all columns, or those that the output before has not. */
typedef struct {
    int32_t first, end;
} ec_depthwise_neon_range;

EC_INLINE ec_depthwise_neon_range ec_depthwise_neon_inside(const ec_depthwise_neon_geometry *g) {
    const int32_t reach = (g->kernel_w - 1) * g->dilation_w + 1;
    const int32_t before = g->pad_w + (g->ring ? g->stride_w - g->kernel_w : 0);
    const int32_t first = before > 0 ? (before + g->stride_w - 1) / g->stride_w : 0;
    const int32_t room = g->pad_w + g->in_w - reach;
    const int32_t last = room >= 0 ? room / g->stride_w + 1 : 0;
    const int32_t end = last < g->out_w ? last : g->out_w;
    const ec_depthwise_neon_range range = {first, end > first ? end : first};
    return range;
}

EC_INLINE int32_t ec_depthwise_neon_least(int32_t a, int32_t b) { return a < b ? a : b; }

/* Copies a column of a block, or zero points. */
EC_INLINE void ec_depthwise_neon_copy(const ec_depthwise_neon_geometry *g, int32_t inside, const int8_t *from,
                                      int8x16_t zeros, int8_t *to) {
    if (g->block != EC_DEPTHWISE_NEON_NARROW) {
        vst1q_s8(to, inside ? vld1q_s8(from) : zeros);
    } else if (g->channels >= EC_DEPTHWISE_NEON_NARROW) {
        vst1_s8(to, inside ? vld1_s8(from) : vget_low_s8(zeros));
    } else {
        vst1_s8(to, vget_low_s8(zeros));
        if (inside) memcpy(to, from, (size_t)g->channels);
    }
}

/* Copies what `count` outputs from out_x on read of a block of channels, zero points for what lies outside the row.
 * to: (kernel_h, columns, block) s8; rows: where each row of it begins. */
EC_INLINE void ec_depthwise_neon_strip(const ec_depthwise_neon_geometry *g, int32_t zero_point, const int8_t *const x[],
                                       int32_t channel, int32_t out_x, int32_t count, int8_t *to,
                                       const int8_t *rows[]) {
    const int32_t columns = (count - 1) * g->stride_w + (g->kernel_w - 1) * g->dilation_w + 1;
    const int32_t start = out_x * g->stride_w - g->pad_w, room = g->in_w - start;
    const int32_t low = start < 0 ? ec_depthwise_neon_least(-start, columns) : 0;
    const int32_t end = room > low ? ec_depthwise_neon_least(room, columns) : low;
    const int8x16_t zeros = vdupq_n_s8((int8_t)zero_point);
    for (int32_t ky = 0; ky < g->kernel_h; ky++) {
        const int8_t *from = x[ky] + (ptrdiff_t)(start + low) * g->channels + channel;
        int32_t i = 0;
        rows[ky] = to;
        EC_DEPTHWISE_ROLLED
        for (; i < low; i++, to += g->block) ec_depthwise_neon_copy(g, 0, from, zeros, to);
        EC_DEPTHWISE_ROLLED
        for (; i < end; i++, to += g->block, from += g->channels) ec_depthwise_neon_copy(g, 1, from, zeros, to);
        EC_DEPTHWISE_ROLLED
        for (; i < columns; i++, to += g->block) ec_depthwise_neon_copy(g, 0, from, zeros, to);
    }
}

/* Eight bytes of a row; the next column's are read next. Not an intrinsic: the post-increment by a register takes no
 * instruction of its own. */
EC_INLINE int8x16_t ec_depthwise_neon_next(const int8_t **from, ptrdiff_t step) {
    int8x16_t x;
    __asm volatile("ld1 {%0.8b}, [%1], %2" : "=w"(x), "+r"(*from) : "r"(step) : "memory");
    return x;
}

/* The same of a block. */
EC_INLINE int8x16_t ec_depthwise_neon_next_block(const ec_depthwise_neon_geometry *g, const int8_t **from,
                                                 ptrdiff_t step) {
    int8x16_t x;
    if (g->block == EC_DEPTHWISE_NEON_NARROW) return ec_depthwise_neon_next(from, step);
    __asm volatile("ld1 {%0.16b}, [%1], %2" : "=w"(x), "+r"(*from) : "r"(step) : "memory");
    return x;
}

EC_INLINE void ec_depthwise_neon_put(int8_t **to, ptrdiff_t step, int8x8_t y) {
    __asm volatile("st1 {%1.8b}, [%0], %2" : "+r"(*to) : "w"(y), "r"(step) : "memory");
}

/* Sums that are computed here, before what is read next: else compilers read far ahead, and spill. */
EC_INLINE void ec_depthwise_neon_hold(int32x4_t *a, int32x4_t *b) { __asm volatile("" : "+w"(*a), "+w"(*b)); }

/* Stores a block of outputs. */
EC_INLINE void ec_depthwise_neon_store(const ec_depthwise_neon_geometry *g, ec_neon_output o, const int32x4_t acc[],
                                       const float32x4_t scale[], int8_t *y) {
    const int16x8_t a = ec_neon_scaled(o, acc[0], acc[1], scale[0], scale[1]);
    if (g->block != EC_DEPTHWISE_NEON_NARROW) {
        vst1q_s8(y, ec_neon_narrow(o, a, ec_neon_scaled(o, acc[2], acc[3], scale[2], scale[3])));
    } else if (g->channels >= EC_DEPTHWISE_NEON_NARROW) {
        vst1_s8(y, ec_neon_narrow_8(o, a));
    } else {
        int8_t bytes[EC_DEPTHWISE_NEON_NARROW];
        vst1_s8(bytes, ec_neon_narrow_8(o, a));
        memcpy(y, bytes, (size_t)g->channels);
    }
}

#endif
