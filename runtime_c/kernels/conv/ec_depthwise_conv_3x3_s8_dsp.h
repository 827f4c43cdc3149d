/* Depthwise convolution with a 3x3 window and stride 1 or 2 along the row; else as ec_depthwise_conv_s8_dsp.
 *
 * The weights of a channel stay in registers along its row. In scratch lie, for each channel and two columns, three
 * words side by side: the first two rows of one column, of the next, and the last row of both. */
#ifndef EDGEC_EC_DEPTHWISE_CONV_3X3_S8_DSP_H
#define EDGEC_EC_DEPTHWISE_CONV_3X3_S8_DSP_H

#include "edgec/ec_depthwise_dsp.h"

typedef ec_depthwise_dsp_geometry ec_depthwise_conv_3x3_s8_dsp_geometry;
typedef ec_depthwise_dsp_data ec_depthwise_conv_3x3_s8_dsp_data;

/* Rows of padding: any row stands in for them, their weights are cleared, and zero points times weights go into the
 * offset. */
typedef struct {
    int32_t any;
    uint32_t pair_kept, last_kept;   /* masks of the weights of the first two rows and of the last */
    uint32_t pair_zeros, last_zeros; /* zero points * 256 where a row is missing */
} ec_missing_rows;

/* Words of one channel in scratch. */
EC_INLINE int32_t ec_3x3_plane(const ec_depthwise_dsp_geometry *g) { return ec_depthwise_columns(g) / 2 * 3; }

/* The rows of a window, in place of missing ones another. */
EC_INLINE ec_missing_rows ec_3x3_rows(const int8_t *const x[], int32_t zero_point, const int8_t *row[]) {
    const uint32_t zero = (uint32_t)zero_point << 8 & 0xffffu;
    const int8_t *const there = x[0] ? x[0] : x[1] ? x[1] : x[2];
    for (int32_t i = 0; i < 3; i++) row[i] = x[i] ? x[i] : there;
    return (ec_missing_rows){.any = !x[0] || !x[1] || !x[2],
                             .pair_kept = (x[0] ? 0xffffu : 0u) | (x[1] ? 0xffff0000u : 0u),
                             .last_kept = x[2] ? 0xffffffffu : 0u,
                             .pair_zeros = (x[0] ? 0u : zero) | (x[1] ? 0u : zero << 16),
                             .last_zeros = x[2] ? 0u : zero | zero << 16};
}

/* `g->group` channels of three rows into their planes. */
EC_INLINE void ec_3x3_planes(const ec_depthwise_dsp_geometry *g, const int8_t *const row[], int32_t channel,
                             uint32_t zeros, uint32_t *planes) {
    const int32_t plane = ec_3x3_plane(g), inside = ec_depthwise_inside(g), next = g->in_c;
    const int8_t *first = row[0] + channel, *second = row[1] + channel, *last = row[2] + channel;
    uint32_t *to = planes + (g->pad_w + 1) / 2 * 3;
    int32_t column = 0;
    if (g->pad_w % 2 && inside > 0) { /* beside the left padding */
        ec_widen_pairs(ec_load(g, first), ec_load(g, second), g->group, to - 2, plane);
        ec_widen_pairs(zeros, ec_load(g, last), g->group, to - 1, plane);
        first += next, second += next, last += next, column++;
    }
    for (; column + 1 < inside; column += 2, to += 3, first += 2 * next, second += 2 * next, last += 2 * next) {
        ec_widen_pairs(ec_load(g, first), ec_load(g, second), g->group, to, plane);
        ec_widen_pairs(ec_load(g, first + next), ec_load(g, second + next), g->group, to + 1, plane);
        ec_widen_pairs(ec_load(g, last), ec_load(g, last + next), g->group, to + 2, plane);
    }
    if (column < inside) { /* beside the right padding */
        ec_widen_pairs(ec_load(g, first), ec_load(g, second), g->group, to, plane);
        ec_widen_pairs(ec_load(g, last), zeros, g->group, to + 2, plane);
    }
}

/* Padding columns of all planes. */
EC_INLINE void ec_3x3_padding(const ec_depthwise_dsp_geometry *g, uint32_t zeros, uint32_t *planes) {
    const int32_t end = ec_depthwise_columns(g) / 2, left = (g->pad_w + 1) / 2;
    const int32_t right = (g->pad_w + ec_depthwise_inside(g)) / 2;
    for (int32_t i = 0; i < g->group; i++, planes += ec_3x3_plane(g)) {
        for (int32_t at = 0; at < 3 * (left < end ? left : end); at++) planes[at] = zeros & EC_HIGH_BYTES;
        for (int32_t at = 3 * right; at < 3 * end; at++) planes[at] = zeros << 8 & EC_HIGH_BYTES;
    }
}

/* a, b, r: the three words of the columns of an output. Afterwards a is the sum of it; c, b, r (or c, b, u) are the
 * next three words; with two outputs r is the sum of the second, one column to the right. LDM takes registers in rising
 * order only: these are r8 to r12. */
#if defined(EC_DSP_ASM)
#define EC_3X3_REGISTER(number) __asm__(number)
#define EC_3X3_WEIGHTS [w0] "r"(w[0]), [w1] "r"(w[1]), [w2] "r"(w[2]), [wa] "r"(w[3]), [wb] "r"(w[4])
#define EC_3X3_ONE(a, b, r, c)                                                                                         \
    __asm__ volatile("smlad %0, %0, %[w0], %[offset]\n\t"                                                              \
                     "smlad %0, %1, %[w1], %0\n\t"                                                                     \
                     "smlad %0, %2, %[wa], %0\n\t"                                                                     \
                     "ldm %[x]!, {%3, %1, %2}\n\t"                                                                     \
                     "smlad %0, %3, %[w2], %0\n\t"                                                                     \
                     "smlabt %0, %2, %[wb], %0"                                                                        \
                     : "+r"(a), "+r"(b), "+r"(r), "=&r"(c), [x] "+r"(x)                                                \
                     : EC_3X3_WEIGHTS, [offset] "r"(offset)                                                            \
                     : "memory")
#define EC_3X3_TWO(a, b, r, c, u)                                                                                      \
    __asm__ volatile("smlad %0, %0, %[w0], %[offset]\n\t"                                                              \
                     "smlad %0, %1, %[w1], %0\n\t"                                                                     \
                     "smlad %0, %2, %[wa], %0\n\t"                                                                     \
                     "smlatb %2, %2, %[wa], %[offset]\n\t"                                                             \
                     "smlad %2, %1, %[w0], %2\n\t"                                                                     \
                     "ldm %[x]!, {%3, %1, %4}\n\t"                                                                     \
                     "smlad %0, %3, %[w2], %0\n\t"                                                                     \
                     "smlad %2, %3, %[w1], %2\n\t"                                                                     \
                     "smlabt %0, %4, %[wb], %0\n\t"                                                                    \
                     "smlad %2, %1, %[w2], %2\n\t"                                                                     \
                     "smlad %2, %4, %[wb], %2"                                                                         \
                     : "+r"(a), "+r"(b), "+r"(r), "=&r"(c), "=&r"(u), [x] "+r"(x)                                      \
                     : EC_3X3_WEIGHTS, [offset] "r"(offset)                                                            \
                     : "memory")
#define EC_3X3_LOAD(a, b, r)                                                                                           \
    __asm__ volatile("ldm %[x]!, {%0, %1, %2}" : "=&r"(a), "=&r"(b), "=&r"(r), [x] "+r"(x) : : "memory")
#else
#define EC_3X3_REGISTER(number)
#define EC_3X3_LOAD(a, b, r) (a = x[0], b = x[1], r = x[2], x += 3)
#define EC_3X3_ADD(sum, word, weight) sum = (uint32_t)ec_smlad(word, weight, (int32_t)sum)
#define EC_3X3_ONE(a, b, r, c)                                                                                         \
    do {                                                                                                               \
        a = (uint32_t)ec_smlad(a, w[0], offset);                                                                       \
        EC_3X3_ADD(a, b, w[1]), EC_3X3_ADD(a, r, w[3]);                                                                \
        EC_3X3_LOAD(c, b, r);                                                                                          \
        EC_3X3_ADD(a, c, w[2]), a = (uint32_t)ec_smlabt(r, w[4], (int32_t)a);                                          \
    } while (0)
#define EC_3X3_TWO(a, b, r, c, u)                                                                                      \
    do {                                                                                                               \
        a = (uint32_t)ec_smlad(a, w[0], offset);                                                                       \
        EC_3X3_ADD(a, b, w[1]), EC_3X3_ADD(a, r, w[3]);                                                                \
        r = (uint32_t)ec_smlatb(r, w[3], offset);                                                                      \
        EC_3X3_ADD(r, b, w[0]);                                                                                        \
        EC_3X3_LOAD(c, b, u);                                                                                          \
        EC_3X3_ADD(a, c, w[2]), a = (uint32_t)ec_smlabt(u, w[4], (int32_t)a);                                          \
        EC_3X3_ADD(r, c, w[1]), EC_3X3_ADD(r, b, w[2]), EC_3X3_ADD(r, u, w[4]);                                        \
    } while (0)
#endif

#define EC_3X3_STORE(sum, at)                                                                                          \
    y[(ptrdiff_t)(at) * g->in_c] =                                                                                     \
        ec_clamped_dsp(ec_fixed_dsp((int32_t)(sum), multiplier, g->shift), g->clamp_min, g->clamp_max)
#define EC_3X3_STORE_FLOAT(sum)                                                                                        \
    *y = ec_clamped_dsp(ec_saturated_dsp((int32_t)(sum) >> 8, scale, zero_point), g->clamp_min, g->clamp_max),         \
    y += g->in_c

/* A channel's row. x: its plane; w: pairs of weights of the first two rows, (w20, w21), (w21, w22). */
EC_INLINE void ec_3x3_row(const ec_depthwise_dsp_geometry *g, const uint32_t *x, const uint32_t *w, int32_t offset,
                          int32_t multiplier, int8_t *y) {
    register uint32_t p0 EC_3X3_REGISTER("r8"), p1 EC_3X3_REGISTER("r9"), p2 EC_3X3_REGISTER("r10");
    register uint32_t p3 EC_3X3_REGISTER("r11"), p4 EC_3X3_REGISTER("r12");
    EC_3X3_LOAD(p0, p2, p3);
    if (g->stride_w == 2) {
        for (int32_t i = 0; i < g->out_w / 2; i++, y += 2 * (ptrdiff_t)g->in_c) {
            EC_3X3_ONE(p0, p2, p3, p1);
            EC_3X3_STORE(p0, 0);
            EC_3X3_ONE(p1, p2, p3, p0);
            EC_3X3_STORE(p1, 1);
        }
        if (g->out_w % 2) {
            EC_3X3_ONE(p0, p2, p3, p1);
            EC_3X3_STORE(p0, 0);
        }
        return;
    }
    for (int32_t i = 0; i < g->out_w / 4; i++, y += 4 * (ptrdiff_t)g->in_c) {
        EC_3X3_TWO(p0, p2, p3, p1, p4);
        EC_3X3_STORE(p0, 0);
        EC_3X3_STORE(p3, 1);
        EC_3X3_TWO(p1, p2, p4, p0, p3);
        EC_3X3_STORE(p1, 2);
        EC_3X3_STORE(p4, 3);
    }
    if (g->out_w % 4 >= 2) {
        EC_3X3_TWO(p0, p2, p3, p1, p4);
        EC_3X3_STORE(p0, 0);
        EC_3X3_STORE(p3, 1);
    }
    if (g->out_w % 4 == 1) {
        EC_3X3_ONE(p0, p2, p3, p1);
        EC_3X3_STORE(p0, 0);
    } else if (g->out_w % 4 == 3) {
        EC_3X3_ONE(p1, p2, p4, p0);
        EC_3X3_STORE(p1, 2);
    }
}

/* The same for channels without an exact multiplier: short code, for they are few. */
EC_INLINE void ec_3x3_float_row(const ec_depthwise_dsp_geometry *g, const uint32_t *x, const uint32_t *w,
                                int32_t offset, float scale, int32_t zero_point, int8_t *y) {
    register uint32_t p0 EC_3X3_REGISTER("r8"), p1 EC_3X3_REGISTER("r9"), p2 EC_3X3_REGISTER("r10");
    register uint32_t p3 EC_3X3_REGISTER("r11"), p4 EC_3X3_REGISTER("r12");
    EC_3X3_LOAD(p0, p2, p3);
    for (int32_t left = g->out_w; left > 0; left -= 2 / g->stride_w) {
        if (g->stride_w == 2) {
            EC_3X3_ONE(p0, p2, p3, p1);
            EC_3X3_STORE_FLOAT(p0);
        } else {
            EC_3X3_TWO(p0, p2, p3, p1, p4);
            EC_3X3_STORE_FLOAT(p0);
            if (left > 1) EC_3X3_STORE_FLOAT(p3);
            p3 = p4;
        }
        p0 = p1;
    }
}

/* One channel: its constants into registers, then along the row. */
EC_INLINE void ec_3x3_channel(const ec_depthwise_dsp_geometry *g, const uint32_t *plane, const uint32_t *record,
                              const ec_missing_rows *missing, int32_t zero_point, int8_t *y) {
    uint32_t w[5] = {ec_sxtb16(record[0]), ec_sxtb16_odd(record[0]), ec_sxtb16(record[1]), ec_sxtb16(record[2]),
                     ec_sxtb16_odd(record[2])};
    int32_t offset = (int32_t)record[3];
    const int32_t multiplier = (int32_t)record[4];
    if (missing->any) {
        EC_UNROLL
        for (int32_t i = 0; i < 3; i++) {
            offset = ec_smlad(w[i], missing->pair_zeros, offset);
            w[i] &= missing->pair_kept;
        }
        offset = ec_smlad(w[3], missing->last_zeros, offset);
        offset = ec_smlabt(missing->last_zeros, w[4], offset);
        w[3] &= missing->last_kept, w[4] &= missing->last_kept;
    }
    if (multiplier >= 0) {
        ec_3x3_row(g, plane, w, offset, multiplier, y);
    } else {
        ec_3x3_float_row(g, plane, w, offset, ec_depthwise_scale(multiplier), zero_point, y);
    }
}

/* One output row. x: kernel_h rows of (in_w, in_c) s8, NULL for padding; y: (out_w, in_c) s8; sums: s32 * 256.
 * scratch: g->group planes of s16 pairs. */
EC_INLINE void ec_depthwise_conv_3x3_s8_dsp(const ec_depthwise_conv_3x3_s8_dsp_geometry *g,
                                            const ec_depthwise_conv_3x3_s8_dsp_data *d, const int8_t *const x[],
                                            int8_t *y, void *scratch) {
    uint32_t *const planes = scratch;
    const uint32_t *record = d->channels;
    const uint32_t zeros = ((uint32_t)d->input_zero_point & 0xffu) * 0x01010101u;
    const int8_t *row[3];
    const ec_missing_rows missing = ec_3x3_rows(x, d->input_zero_point, row);
    ec_3x3_padding(g, zeros, planes);
    for (int32_t channel = 0; channel < g->in_c;) {
        /* The last group overlaps the one before it where the channels are no multiple of it. */
        const int32_t first = channel + g->group <= g->in_c ? channel : g->in_c - g->group;
        if (row[0]) ec_3x3_planes(g, row, first, zeros, planes);
        const uint32_t *plane = planes + (channel - first) * ec_3x3_plane(g);
        for (; channel < first + g->group; channel++, plane += ec_3x3_plane(g), record += 5) {
            ec_3x3_channel(g, plane, record, &missing, d->output_zero_point, y + channel);
        }
    }
}

#endif
