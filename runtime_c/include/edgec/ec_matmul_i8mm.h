/* Matrix products with SMMLA: a tile of up to 8 pixels and 8 channels, whose sums stay in registers.
 *
 * SMMLA makes 2 x 2 sums of 8 products each. The inputs of a tile's pixels are brought into the order (depth / 8, pair
 * of pixels, 2, 8) once, for all channels: then 8 inputs of each are 18 instructions for 512 products. What a tile has
 * of them is decided by the assembler (.if). */
#ifndef EDGEC_EC_MATMUL_I8MM_H
#define EDGEC_EC_MATMUL_I8MM_H

#include "edgec/ec_neon_window.h"

#define EC_I8MM_PIXELS 8
#define EC_I8MM_CHANNELS 8

/* Eight inputs of a pair of pixels with all pairs of channels. */
#define EC_I8MM_SUM(acc, x, w) "smmla v" acc ".4s, v" x ".16b, v" w ".16b\n\t"
#define EC_I8MM_PAIR(x, a, b, c, d)                                                                                    \
    EC_I8MM_SUM(a, x, "0")                                                                                             \
    EC_I8MM_SUM(b, x, "1") EC_ASM_IF("%c[vectors] > 1", EC_I8MM_SUM(c, x, "2") EC_I8MM_SUM(d, x, "3"))
#define EC_I8MM_STEP                                                                                                   \
    EC_ASM_IF("%c[pairs] == 1", "ld1 {v4.16b}, [%[x]], #16\n\t")                                                       \
    EC_ASM_IF("%c[pairs] == 2", "ld1 {v4.16b-v5.16b}, [%[x]], #32\n\t")                                                \
    EC_ASM_IF("%c[pairs] == 3", "ld1 {v4.16b-v6.16b}, [%[x]], #48\n\t")                                                \
    EC_ASM_IF("%c[pairs] == 4", "ld1 {v4.16b-v7.16b}, [%[x]], #64\n\t")                                                \
    EC_ASM_IF("%c[vectors] == 1", "ld1 {v0.16b-v1.16b}, [x13], #32\n\t")                                               \
    EC_ASM_IF("%c[vectors] == 2", "ld1 {v0.16b-v3.16b}, [x13], #64\n\t")                                               \
    EC_I8MM_PAIR("4", "16", "17", "18", "19")                                                                          \
    EC_ASM_IF("%c[pairs] > 1", EC_I8MM_PAIR("5", "20", "21", "22", "23"))                                              \
    EC_ASM_IF("%c[pairs] > 2", EC_I8MM_PAIR("6", "24", "25", "26", "27"))                                              \
    EC_ASM_IF("%c[pairs] > 3", EC_I8MM_PAIR("7", "28", "29", "30", "31"))
/* Both pixels of a pair begin with the biases of two channels. */
#define EC_I8MM_BIAS(pair, a, b, d)                                                                                    \
    EC_ASM_IF("%c[pairs] > " pair " && %c[vectors] == 1", "ld2r {" a "-" b "}, [%[constants]]\n\t")                    \
    EC_ASM_IF("%c[pairs] > " pair " && %c[vectors] == 2", "ld4r {" a "-" d "}, [%[constants]]\n\t")

#define EC_I8MM_TILE                                                                                                   \
    "add x13, %[constants], #%c[skip]\n\t" EC_I8MM_BIAS("0", "v16.2d", "v17.2d", "v19.2d")                             \
        EC_I8MM_BIAS("1", "v20.2d", "v21.2d", "v23.2d") EC_I8MM_BIAS("2", "v24.2d", "v25.2d", "v27.2d")                \
            EC_I8MM_BIAS("3", "v28.2d", "v29.2d", "v31.2d") EC_ASM_STEPS(EC_I8MM_STEP)

/* The sums of a tile. x: (depth / 8, pairs, 2, 8) s8; constants: bias and so on, then (depth / 8, 4 * vectors, 8) s8.
 * acc: (pairs, 2 * vectors) of two pixels times two channels. */
EC_INLINE void ec_i8mm_multiply(const ec_neon_product *g, const int8_t *constants, int32_t vectors, int32_t pairs,
                                const int8_t *x, int32x4_t acc[16]) {
    register int32x4_t s0 __asm("v16"), s1 __asm("v17"), s2 __asm("v18"), s3 __asm("v19");
    register int32x4_t s4 __asm("v20"), s5 __asm("v21"), s6 __asm("v22"), s7 __asm("v23");
    register int32x4_t s8 __asm("v24"), s9 __asm("v25"), s10 __asm("v26"), s11 __asm("v27");
    register int32x4_t s12 __asm("v28"), s13 __asm("v29"), s14 __asm("v30"), s15 __asm("v31");
    const int32_t steps = g->depth / 8;
    __asm volatile(EC_I8MM_TILE
                   : "=w"(s0), "=w"(s1), "=w"(s2), "=w"(s3), "=w"(s4), "=w"(s5), "=w"(s6), "=w"(s7), "=w"(s8), "=w"(s9),
                     "=w"(s10), "=w"(s11), "=w"(s12), "=w"(s13), "=w"(s14), "=w"(s15), [x] "+r"(x)
                   : [constants] "r"(constants), [pairs] "i"(pairs), [vectors] "i"(vectors),
                     [skip] "i"(ec_neon_constants(g, vectors)), EC_ASM_TURNS(steps, 4)
                   : "x13", "x14", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "cc", "memory");
    const int32x4_t sums[16] = {s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15};
    EC_PRODUCT_UNROLL
    for (int32_t i = 0; i < pairs * 2 * vectors; i++) acc[i] = sums[i / (2 * vectors) * 4 + i % (2 * vectors)];
}

/* Two adjacent constants twice. */
EC_INLINE int32x4_t ec_i8mm_twice(const int8_t *constants, int32_t pair) {
    return vreinterpretq_s32_s64(vld1q_dup_s64((const int64_t *)(const void *)constants + pair));
}

/* n bytes from lane 0 .. 3 of 4 bytes each on. */
EC_INLINE void ec_i8mm_put(int8_t *to, int8x16_t v, int32_t lane, int32_t n) {
    if (n == 8) {
        ec_neon_put(to, v, lane, 8);
    } else {
        ec_neon_put(to, v, lane, n < 4 ? n : 4);
        if (n > 4) ec_neon_put(to + 4, v, lane + 1, n - 4);
    }
}

/* Sums to int8: all in one vector are of the same two channels of two pixels, so that 16 bits of the bytes belong
 * together. Even ones of two pairs of pixels are of the first pixel of each pair, odd ones of the second. */
EC_INLINE void ec_i8mm_finish(const ec_neon_product *g, ec_neon_output to, int32_t pixels, int32_t n,
                              const int32x4_t acc[16], const float32x4_t scale[4], int8_t *y) {
    const int32_t vectors = (n + 3) / 4, pairs = (pixels + 1) / 2, size = 2 * vectors;
    EC_PRODUCT_UNROLL
    for (int32_t i = 0; i < pairs; i += 2) {
        const int32x4_t *const first = acc + i * size, *const second = acc + (i + 1 < pairs ? i + 1 : i) * size;
        const int16x8_t a = ec_neon_scaled(to, first[0], first[1], scale[0], scale[1]);
        const int16x8_t b = ec_neon_scaled(to, second[0], second[1], scale[0], scale[1]);
        int16x8_t bytes, behind;
        if (vectors == 1) {
            bytes = behind = vreinterpretq_s16_s8(ec_neon_narrow(to, a, b));
        } else {
            const int16x8_t c = ec_neon_scaled(to, first[2], first[3], scale[2], scale[3]);
            const int16x8_t d = ec_neon_scaled(to, second[2], second[3], scale[2], scale[3]);
            bytes = vreinterpretq_s16_s8(ec_neon_narrow(to, a, c));
            behind = vreinterpretq_s16_s8(ec_neon_narrow(to, b, d));
        }
        const int8x16_t even = vreinterpretq_s8_s16(vuzp1q_s16(bytes, behind));
        const int8x16_t odd = vreinterpretq_s8_s16(vuzp2q_s16(bytes, behind));
        int8_t *const at = y + 2 * i * g->out_c;
        ec_i8mm_put(at, even, 0, n);
        if (2 * i + 1 < pixels) ec_i8mm_put(at + g->out_c, odd, 0, n);
        if (2 * i + 2 < pixels) ec_i8mm_put(at + 2 * g->out_c, even, vectors, n);
        if (2 * i + 3 < pixels) ec_i8mm_put(at + 3 * g->out_c, odd, vectors, n);
    }
}

/* One tile, from sums to bytes. */
EC_INLINE void ec_i8mm_tile(const ec_neon_product *g, ec_neon_output to, int32_t pixels, int32_t n, const int8_t *x,
                            const int32_t *sums, const int8_t *w, const float32x4_t scale[4], int8_t *y) {
    const int32_t vectors = (n + 3) / 4, pairs = (pixels + 1) / 2, size = 2 * vectors;
    int32x4_t acc[16];
    ec_i8mm_multiply(g, w, vectors, pairs, x, acc);
    if (g->zero_points) {
        EC_PRODUCT_UNROLL
        for (int32_t i = 0; i < pairs * size; i++) {
            const int32_t even = i / size * 2, odd = even + 1 < pixels ? even + 1 : even;
            const int32x4_t x_sums = vcombine_s32(vdup_n_s32(sums[even]), vdup_n_s32(sums[odd]));
            acc[i] = vmlaq_s32(acc[i], ec_i8mm_twice(w + 32 * vectors, i % size), x_sums);
        }
    }
    ec_i8mm_finish(g, to, pixels, n, acc, scale, y);
}

/* All pixels with a block of n channels; `count` % EC_I8MM_PIXELS are what is left of them in the end. */
EC_INLINE void ec_i8mm_block(const ec_neon_product *g, ec_neon_output to, int32_t count, int32_t pixels, int32_t n,
                             const int8_t *x, const int32_t *sums, const int8_t *w, int8_t *y) {
    const int32_t rest = count % EC_I8MM_PIXELS, vectors = (n + 3) / 4;
    float32x4_t scale[4];
    EC_PRODUCT_UNROLL
    for (int32_t i = 0; i < 2 * vectors; i++) scale[i] = vreinterpretq_f32_s32(ec_i8mm_twice(w + 16 * vectors, i));
    int32_t p = 0;
    EC_PRODUCT_ROLLED
    for (; p + EC_I8MM_PIXELS <= pixels; p += EC_I8MM_PIXELS) {
        ec_i8mm_tile(g, to, EC_I8MM_PIXELS, n, x, sums + p, w, scale, y);
        x += EC_I8MM_PIXELS * g->depth, y += EC_I8MM_PIXELS * g->out_c;
    }
    if (rest && p < pixels) ec_i8mm_tile(g, to, rest, n, x, sums + p, w, scale, y);
}

/* x: `pixels` pixels in the order of their tiles, sums: (pixels) their sums where weights have zero points; y: (pixels,
 * out_c) s8. */
EC_INLINE void ec_i8mm_blocks(const ec_neon_product *g, ec_neon_output to, int32_t count, int32_t pixels,
                              const int8_t *x, const int32_t *sums, const int8_t *w, int8_t *y) {
    const int32_t whole = g->out_c - g->out_c % EC_I8MM_CHANNELS, left = g->out_c % EC_I8MM_CHANNELS;
    const int32_t size = EC_I8MM_CHANNELS * g->depth + ec_neon_constants(g, EC_I8MM_CHANNELS / 4);
    EC_PRODUCT_ROLLED
    for (int32_t o = 0; o < whole; o += EC_I8MM_CHANNELS, w += size) {
        ec_i8mm_block(g, to, count, pixels, EC_I8MM_CHANNELS, x, sums, w, y + o);
    }
    if (left) ec_i8mm_block(g, to, count, pixels, left, x, sums, w, y + whole);
}

/* `size` inputs of two pixels, eight of each in turn, `stride` bytes from eight to eight. The last eight are filled
 * with 0. */
EC_INLINE void ec_i8mm_pair(const int8_t *a, const int8_t *b, int32_t size, int8_t *to, int32_t stride) {
    const int32_t left = size % 16;
    EC_PRODUCT_UNROLL_4
    for (int32_t i = 0; i < size / 16; i++, a += 16, b += 16, to += 2 * stride) {
        const int64x2_t p = vreinterpretq_s64_s8(vld1q_s8(a)), q = vreinterpretq_s64_s8(vld1q_s8(b));
        vst1q_s8(to, vreinterpretq_s8_s64(vzip1q_s64(p, q)));
        vst1q_s8(to + stride, vreinterpretq_s8_s64(vzip2q_s64(p, q)));
    }
    if (left >= 8) {
        vst1q_s8(to, vcombine_s8(vld1_s8(a), vld1_s8(b)));
        a += 8, b += 8, to += stride;
    }
    if (left % 8) {
        int8_t ends[16] = {0};
        __builtin_memcpy(ends, a, (size_t)(left % 8));
        __builtin_memcpy(ends + 8, b, (size_t)(left % 8));
        vst1q_s8(to, vld1q_s8(ends));
    }
}

/* Where a pair of pixels goes, and how many bytes lie between its eights: the last tile may have fewer pairs. */
typedef struct {
    int8_t *to;
    int32_t stride;
} ec_i8mm_place;

EC_INLINE ec_i8mm_place ec_i8mm_place_of(int32_t depth, int32_t count, int32_t pixels, int32_t pixel, int8_t *strip) {
    const int32_t tile = pixel / EC_I8MM_PIXELS * EC_I8MM_PIXELS, rest = (count % EC_I8MM_PIXELS + 1) / 2;
    const ec_i8mm_place place = {strip + tile * depth + pixel % EC_I8MM_PIXELS * 8,
                                 rest && tile + EC_I8MM_PIXELS > pixels ? 16 * rest : 8 * EC_I8MM_PIXELS};
    return place;
}

/* 1x1 convolution and dense. x: (count, in_c) s8, `step` bytes apart; y: (count, out_c) s8. */
EC_INLINE void ec_matmul_i8mm(const ec_neon_matmul_geometry *g, const ec_neon_matmul_data *d, const int8_t *x,
                              int8_t *y, int8_t *scratch) {
    const ec_neon_product product = {g->depth, g->out_c, g->zero_points, g->way, g->wide};
    const ec_neon_output to = ec_neon_output_of(g->way, d->output_zero_point, d->clamp_min, d->clamp_max);
    const int8_t *const weights = d->weights;
    int32_t *const sums = (int32_t *)(void *)scratch;
    int8_t *const strip = scratch + ec_neon_sums_bytes(g->strip, g->zero_points);
    EC_PRODUCT_ROLLED
    for (int32_t first = 0; first < g->count; first += g->strip, x += g->strip * g->step, y += g->strip * g->out_c) {
        const int32_t pixels = ec_neon_next(g->count, first, g->strip);
        if (g->zero_points) ec_neon_sums(pixels, x, g->step, g->in_c, sums);
        EC_PRODUCT_ROLLED
        for (int32_t p = 0; p < pixels; p += 2) {
            const ec_i8mm_place place = ec_i8mm_place_of(g->depth, g->count, pixels, p, strip);
            const int8_t *const a = x + p * g->step, *const b = p + 1 < pixels ? a + g->step : a;
            ec_i8mm_pair(a, b, g->in_c, place.to, place.stride);
        }
        ec_i8mm_blocks(&product, to, g->count, pixels, strip, sums, weights, y);
    }
}

/* The windows of output pixels out_x and `next` (which may be the same), in the order of a tile: from the rows as they
 * lie where both have all of them, else from two columns. */
EC_INLINE void ec_i8mm_windows(const ec_neon_window_geometry *g, int32_t zero_point, const int8_t *const x[],
                               int32_t out_x, int32_t next, int8_t *columns, ec_i8mm_place place) {
    const int32_t run = g->kernel_w * g->in_c;
    const int32_t origin = out_x * g->stride_w - g->pad_w, end = next * g->stride_w - g->pad_w + g->kernel_w;
    if (origin >= 0 && end <= g->in_w) {
        const ptrdiff_t at = (ptrdiff_t)origin * g->in_c, to_next = (next - out_x) * g->stride_w * g->in_c;
        EC_PRODUCT_ROLLED
        for (int32_t ky = 0; ky < g->kernel_h; ky++, place.to += run / 8 * place.stride) {
            ec_i8mm_pair(x[ky] + at, x[ky] + at + to_next, run, place.to, place.stride);
        }
        return;
    }
    ec_neon_gather(g, zero_point, x, out_x, columns);
    ec_neon_gather(g, zero_point, x, next, columns + g->depth);
    ec_i8mm_pair(columns, columns + g->depth, g->depth, place.to, place.stride);
}

/* One output row of a convolution. x: kernel_h rows of (in_w, in_c) s8; y: (out_w, out_c) s8. */
EC_INLINE void ec_window_i8mm(const ec_neon_window_geometry *g, const ec_neon_window_data *d, const int8_t *const x[],
                              int8_t *y, int8_t *scratch) {
    const ec_neon_product product = {g->depth, g->out_c, g->zero_points, g->way, g->wide};
    const ec_neon_output to = ec_neon_output_of(g->way, d->output_zero_point, d->clamp_min, d->clamp_max);
    const int8_t *const weights = d->weights;
    const int32_t zero_point = d->input_zero_point;
    int32_t *const sums = (int32_t *)(void *)scratch;
    int8_t *const strip = scratch + ec_neon_sums_bytes(g->strip, g->zero_points);
    int8_t *const columns = strip + (g->strip + g->strip % 2) * g->depth;
    EC_PRODUCT_ROLLED
    for (int32_t first = 0; first < g->out_w; first += g->strip, y += g->strip * g->out_c) {
        const int32_t pixels = ec_neon_next(g->out_w, first, g->strip);
        if (!g->direct) ec_neon_gather_strip(g, zero_point, x, first, pixels, columns);
        if (g->zero_points) ec_neon_sums(pixels, columns, g->depth, g->kernel_h * g->kernel_w * g->in_c, sums);
        EC_PRODUCT_ROLLED
        for (int32_t p = 0; p < pixels; p += 2) {
            const ec_i8mm_place place = ec_i8mm_place_of(g->depth, g->out_w, pixels, p, strip);
            const int32_t next = p + 1 < pixels ? p + 1 : p;
            if (g->direct) {
                ec_i8mm_windows(g, zero_point, x, first + p, first + next, columns, place);
            } else {
                ec_i8mm_pair(columns + p * g->depth, columns + next * g->depth, g->depth, place.to, place.stride);
            }
        }
        ec_i8mm_blocks(&product, to, g->out_w, pixels, strip, sums, weights, y);
    }
}

#endif
