/* What the _dsp kernels of depthwise convolutions share: sums along a row of one channel, requantised outputs.
 *
 * Words are pairs of int16: of activations (bytes * 256) and of weights. */
#ifndef EDGEC_EC_DEPTHWISE_DSP_H
#define EDGEC_EC_DEPTHWISE_DSP_H

#include "edgec/ec_dsp.h"

#define EC_DEPTHWISE_OUTPUTS 6 /* of a channel at once: as many sums as registers hold */
#define EC_DEPTHWISE_WIDTH 16  /* largest kernel_w */

typedef struct {
    int32_t in_w, in_c, out_w;
    int32_t kernel_h, kernel_w, stride_w, pad_w;
    int32_t group; /* channels that are taken apart at once: 4, or 2 where scratch would grow too large */
    int32_t shift; /* of the fixed-point multipliers */
    int32_t clamp_min, clamp_max;
} ec_depthwise_dsp_geometry;

typedef struct {
    /* (in_c, words): pairs of weights as bytes, two in a word; the offset; the multiplier, or - (bits of the scale).
     * Each pair of rows of the window has a pair for each column; an odd last row has (w0, w1), (w2, w3), ... for
     * outputs that begin at an even column, then (w1, w2), (w3, w4), ... for the others. */
    const uint32_t *channels;
    int32_t input_zero_point, output_zero_point;
} ec_depthwise_dsp_data;

/* Columns that a row reads, padding included, rounded up to an even number. */
EC_INLINE int32_t ec_depthwise_columns(const ec_depthwise_dsp_geometry *g) {
    return ((g->out_w - 1) * g->stride_w + g->kernel_w + 1) / 2 * 2;
}

/* Of them, those that are inside the input. */
EC_INLINE int32_t ec_depthwise_inside(const ec_depthwise_dsp_geometry *g) {
    const int32_t room = ec_depthwise_columns(g) - g->pad_w;
    return g->in_w < room ? g->in_w : (room > 0 ? room : 0);
}

/* The bytes of a group of channels. */
EC_INLINE uint32_t ec_load(const ec_depthwise_dsp_geometry *g, const int8_t *at) {
    if (g->group == 4) return ec_load4(at);
    uint16_t half;
    __builtin_memcpy(&half, at, sizeof half);
    return half;
}

/* The float32 scale of a channel without an exact multiplier. */
EC_INLINE float ec_depthwise_scale(int32_t multiplier) {
    const uint32_t bits = (uint32_t)multiplier ^ 0x80000000u;
    float scale;
    __builtin_memcpy(&scale, &bits, sizeof scale);
    return scale;
}

/* Pairs of weights of an odd row. */
EC_INLINE int32_t ec_depthwise_odd_pairs(const ec_depthwise_dsp_geometry *g) {
    return g->kernel_w == 1 ? 1 : g->kernel_w - 1;
}

/* Words of so many pairs of weights. */
EC_INLINE int32_t ec_depthwise_words(int32_t pairs) { return (pairs + 1) / 2; }

/* Words of the weights of a channel. */
EC_INLINE int32_t ec_depthwise_weights(const ec_depthwise_dsp_geometry *g) {
    return g->kernel_h / 2 * ec_depthwise_words(g->kernel_w) +
           g->kernel_h % 2 * ec_depthwise_words(ec_depthwise_odd_pairs(g));
}

/* ec_smlad; in assembly, as the loads are, so that the order of the source stays. */
EC_INLINE int32_t ec_smlad_in_order(uint32_t x, uint32_t w, int32_t acc) {
#if defined(EC_DSP_ASM)
    __asm__ volatile("smlad %0, %1, %2, %0" : "+r"(acc) : "r"(x), "r"(w));
    return acc;
#else
    return ec_smlad(x, w, acc);
#endif
}

/* Two words from *at, which moves on. In the order of the source: more words alive than registers would go through the
 * stack. */
EC_INLINE void ec_next2(const uint32_t **at, uint32_t *first, uint32_t *second) {
#if defined(EC_DSP_ASM)
    __asm__ volatile("ldrd %0, %1, [%2], #8" : "=&r"(*first), "=&r"(*second), "+r"(*at) : : "memory");
#else
    *first = (*at)[0], *second = (*at)[1];
    *at += 2;
#endif
}

EC_INLINE uint32_t ec_next(const uint32_t **at) {
#if defined(EC_DSP_ASM)
    uint32_t word;
    __asm__ volatile("ldr %0, [%1], #4" : "=&r"(word), "+r"(*at) : : "memory");
    return word;
#else
    return *(*at)++;
#endif
}

/* `pairs` pairs of weights from words of four bytes. */
EC_INLINE const uint32_t *ec_depthwise_unpack(const uint32_t *packed, int32_t pairs, uint32_t *w) {
    EC_UNROLL
    for (int32_t k = 0; k < pairs; k += 2) {
        const uint32_t word = ec_next(&packed);
        w[k] = ec_sxtb16(word);
        if (k + 1 < pairs) w[k + 1] = ec_sxtb16_odd(word);
    }
    return packed;
}

/* sums[t] += word of a pair of rows in `column` * its weight, for the outputs whose window has the column. */
EC_INLINE void ec_depthwise_pair_word(const ec_depthwise_dsp_geometry *g, uint32_t word, int32_t column,
                                      const uint32_t *w, int32_t outputs, int32_t *sums) {
    EC_UNROLL
    for (int32_t t = 0; t < outputs; t++) {
        const int32_t k = column - t * g->stride_w;
        if (k >= 0 && k < g->kernel_w) sums[t] = ec_smlad_in_order(word, w[k], sums[t]);
    }
}

/* sums[t] += a pair of rows: x are its words from the column of the first output on, w its weights. */
EC_INLINE void ec_depthwise_pair_sums(const ec_depthwise_dsp_geometry *g, const uint32_t *x, const uint32_t *w,
                                      int32_t outputs, int32_t *sums) {
    const int32_t columns = (outputs - 1) * g->stride_w + g->kernel_w;
    EC_UNROLL
    for (int32_t column = 0; column + 1 < columns; column += 2) {
        uint32_t first, second;
        ec_next2(&x, &first, &second);
        ec_depthwise_pair_word(g, first, column, w, outputs, sums);
        ec_depthwise_pair_word(g, second, column + 1, w, outputs, sums);
    }
    if (columns % 2) ec_depthwise_pair_word(g, ec_next(&x), columns - 1, w, outputs, sums);
}

/* The same for an odd row: x are its words, each of two columns, from the (even) column of the first output on. */
EC_INLINE void ec_depthwise_odd_sums(const ec_depthwise_dsp_geometry *g, const uint32_t *x, const uint32_t *w,
                                     int32_t outputs, int32_t *sums) {
    const int32_t even = g->kernel_w / 2, last = ec_depthwise_odd_pairs(g) - 1;
    EC_UNROLL
    for (int32_t column = 0; column < (outputs - 1) * g->stride_w + g->kernel_w; column += 2) {
        const uint32_t word = ec_next(&x);
        EC_UNROLL
        for (int32_t t = 0; t < outputs; t++) {
            const int32_t k = column - t * g->stride_w; /* the weight of the word's first half */
            if (k < -1 || k >= g->kernel_w) continue;
            if (k == -1) {
                sums[t] = ec_smlatb(word, w[0], sums[t]);
            } else if (g->kernel_w == 1) {
                sums[t] = ec_smlabb(word, w[0], sums[t]);
            } else if (k == g->kernel_w - 1) { /* the last weight alone: the second of the last pair that has it */
                sums[t] = ec_smlabt(word, w[g->kernel_w % 2 ? last : even - 1], sums[t]);
            } else {
                sums[t] = ec_smlad_in_order(word, w[k % 2 ? even + k / 2 : k / 2], sums[t]);
            }
        }
    }
}

/* Sums as outputs, `distance` apart; the multiplier is fixed-point, or - (bits of the float32 scale). */
EC_INLINE void ec_depthwise_store(const ec_depthwise_dsp_geometry *g, const int32_t *sums, int32_t outputs,
                                  int32_t multiplier, int32_t zero_point, int8_t *y) {
    const int32_t low = g->clamp_min, high = g->clamp_max;
    if (multiplier >= 0) {
        EC_UNROLL
        for (int32_t t = 0; t < outputs; t++) {
            y[(ptrdiff_t)t * g->in_c] = ec_clamped_dsp(ec_fixed_dsp(sums[t], multiplier, g->shift), low, high);
        }
        return;
    }
    const float scale = ec_depthwise_scale(multiplier);
    EC_UNROLL
    for (int32_t t = 0; t < outputs; t++) {
        y[(ptrdiff_t)t * g->in_c] = ec_clamped_dsp(ec_saturated_dsp(sums[t] >> 8, scale, zero_point), low, high);
    }
}

#endif
