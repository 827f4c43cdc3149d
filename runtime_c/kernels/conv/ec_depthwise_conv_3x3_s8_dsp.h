/* Depthwise convolution with a 3x3 window and stride 1 or 2 along the row; else as ec_depthwise_conv_s8_dsp.
 *
 * The weights of a channel stay in registers along its row. In scratch lie, for each channel and two columns, three
 * words side by side: the first two rows of one column, of the next, and the last row of both. */
#ifndef EDGEC_EC_DEPTHWISE_CONV_3X3_S8_DSP_H
#define EDGEC_EC_DEPTHWISE_CONV_3X3_S8_DSP_H

#include "edgec/ec_3x3_dsp.h"

typedef ec_depthwise_dsp_geometry ec_depthwise_conv_3x3_s8_dsp_geometry;
typedef ec_depthwise_dsp_data ec_depthwise_conv_3x3_s8_dsp_data;

/* Rows of padding: any row stands in for them, their weights are cleared, and zero points times weights go into the
 * offset. */
typedef struct {
    int32_t any;
    uint32_t pair_kept, last_kept;   /* masks of the weights of the first two rows and of the last */
    uint32_t pair_zeros, last_zeros; /* zero points * 256 where a row is missing */
} ec_missing_rows;

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
EC_INLINE void ec_3x3_planes(const ec_depthwise_dsp_geometry *g, const int8_t *const rows[], int32_t channel,
                             uint32_t zeros, uint32_t *planes) {
    const int32_t plane = ec_3x3_plane(g), inside = ec_depthwise_inside(g);
    const int8_t *row[3] = {rows[0] + channel, rows[1] + channel, rows[2] + channel};
    uint32_t *to = planes + (g->pad_w + 1) / 2 * 3;
    const int32_t odd = g->pad_w % 2 && inside > 0; /* a column beside the left padding */
    if (odd) {
        ec_widen_pairs(ec_load(g, row[0]), ec_load(g, row[1]), g->group, to - 2, plane);
        ec_widen_pairs(zeros, ec_load(g, row[2]), g->group, to - 1, plane);
        for (int32_t i = 0; i < 3; i++) row[i] += g->in_c;
    }
    to = ec_3x3_columns(g, row, (inside - odd) / 2, to);
    if ((inside - odd) % 2) { /* one beside the right padding */
        ec_widen_pairs(ec_load(g, row[0]), ec_load(g, row[1]), g->group, to, plane);
        ec_widen_pairs(ec_load(g, row[2]), zeros, g->group, to + 2, plane);
    }
}

/* Padding columns of all planes. */
EC_INLINE void ec_3x3_padding(const ec_depthwise_dsp_geometry *g, uint32_t zeros, uint32_t *planes) {
    const int32_t end = ec_depthwise_columns(g) / 2, left = (g->pad_w + 1) / 2;
    const int32_t right = (g->pad_w + ec_depthwise_inside(g)) / 2;
    for (int32_t i = 0; i < g->group; i++, planes += ec_3x3_plane(g)) {
        for (int32_t at = 0; at < 3 * (left < end ? left : end); at++) planes[at] = ec_high_bytes(zeros);
        for (int32_t at = 3 * right; at < 3 * end; at++) planes[at] = ec_high_bytes(zeros);
    }
}

#define EC_3X3_BODY 4 /* outputs in the body of a loop */
#define EC_3X3_STORE(sum, at)                                                                                          \
    y[(ptrdiff_t)(at) * g->in_c] =                                                                                     \
        ec_clamped_dsp(ec_fixed_dsp((int32_t)(sum), multiplier, g->shift), g->clamp_min, g->clamp_max)
#define EC_3X3_STORE_FLOAT(sum)                                                                                        \
    *y = ec_clamped_dsp(ec_saturated_dsp((int32_t)(sum) >> 8, scale, zero_point), g->clamp_min, g->clamp_max),         \
    y += g->in_c

/* A channel's row. x: its plane; w: pairs of weights of the first two rows, (w20, w21), (w21, w22). Returns the plane
 * behind it. */
EC_INLINE const uint32_t *ec_3x3_row(const ec_depthwise_dsp_geometry *g, const uint32_t *x, const uint32_t *w,
                                     int32_t start, int32_t multiplier, int8_t *y) {
    EC_3X3_REGISTERS;
    EC_3X3_LOAD(p0, p2, p3);
    const int32_t left = g->out_w % EC_3X3_BODY;
    if (g->stride_w == 2) {
        for (const int8_t *const end = y + (ptrdiff_t)(g->out_w - left) * g->in_c; y != end;
             y += EC_3X3_BODY * (ptrdiff_t)g->in_c) {
            EC_UNROLL
            for (int32_t i = 0; i < EC_3X3_BODY; i += 2) {
                EC_3X3_ONE(p0, p2, p3, p1);
                EC_3X3_STORE(p0, i);
                EC_3X3_ONE(p1, p2, p3, p0);
                EC_3X3_STORE(p1, i + 1);
            }
        }
        EC_UNROLL
        for (int32_t i = 0; i < left; i += 2) {
            EC_3X3_ONE(p0, p2, p3, p1);
            EC_3X3_STORE(p0, i);
            if (i + 1 == left) break;
            EC_3X3_ONE(p1, p2, p3, p0);
            EC_3X3_STORE(p1, i + 1);
        }
        return x;
    }
    for (const int8_t *const end = y + (ptrdiff_t)(g->out_w - left) * g->in_c; y != end;
         y += EC_3X3_BODY * (ptrdiff_t)g->in_c) {
        EC_UNROLL
        for (int32_t i = 0; i < EC_3X3_BODY; i += 4) {
            EC_3X3_TWO(p0, p2, p3, p1, p4);
            EC_3X3_STORE(p0, i);
            EC_3X3_STORE(p3, i + 1);
            EC_3X3_TWO(p1, p2, p4, p0, p3);
            EC_3X3_STORE(p1, i + 2);
            EC_3X3_STORE(p4, i + 3);
        }
    }
    EC_UNROLL
    for (int32_t i = 0; i + 1 < left; i += 4) {
        EC_3X3_TWO(p0, p2, p3, p1, p4);
        EC_3X3_STORE(p0, i);
        EC_3X3_STORE(p3, i + 1);
        if (i + 3 >= left) break;
        EC_3X3_TWO(p1, p2, p4, p0, p3);
        EC_3X3_STORE(p1, i + 2);
        EC_3X3_STORE(p4, i + 3);
    }
    if (left % 4 == 1) {
        EC_3X3_ONE(p0, p2, p3, p1);
        EC_3X3_STORE(p0, left - 1);
    } else if (left % 4 == 3) {
        EC_3X3_ONE(p1, p2, p4, p0);
        EC_3X3_STORE(p1, left - 1);
    }
    return x;
}

/* The same for channels without an exact multiplier: short code, for they are few. */
EC_INLINE const uint32_t *ec_3x3_float_row(const ec_depthwise_dsp_geometry *g, const uint32_t *x, const uint32_t *w,
                                           int32_t start, float scale, int32_t zero_point, int8_t *y) {
    EC_3X3_REGISTERS;
    EC_3X3_LOAD(p0, p2, p3);
    EC_KEEP(y); /* or the compiler steps a second pointer in the fast path for the sake of this one */
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
    return x;
}

/* One channel: its constants into registers, then along the row. Returns the plane behind it. */
EC_INLINE const uint32_t *ec_3x3_channel(const ec_depthwise_dsp_geometry *g, const uint32_t *plane,
                                         const uint32_t **record, const ec_missing_rows *missing, int32_t zero_point,
                                         int8_t *y) {
    uint32_t a, b, c, offset_bits, multiplier_bits;
    ec_next2(record, &a, &b);
    ec_next2(record, &c, &offset_bits);
    multiplier_bits = ec_next(record);
    uint32_t w[5] = {ec_sxtb16(a), ec_sxtb16_odd(a), ec_sxtb16(b), ec_sxtb16(c), ec_sxtb16_odd(c)};
    int32_t offset = (int32_t)offset_bits;
    const int32_t multiplier = (int32_t)multiplier_bits;
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
    if (multiplier >= 0) return ec_3x3_row(g, plane, w, offset, multiplier, y);
    return ec_3x3_float_row(g, plane, w, offset, ec_depthwise_scale(multiplier), zero_point, y);
}

/* One output row. x: kernel_h rows of (in_w, in_c) s8, NULL for padding; y: (out_w, in_c) s8; sums: s32 * 256.
 * scratch: g->group planes of s16 pairs. */
EC_INLINE void ec_depthwise_conv_3x3_s8_dsp(const ec_depthwise_conv_3x3_s8_dsp_geometry *g,
                                            const ec_depthwise_conv_3x3_s8_dsp_data *d, const int8_t *const x[],
                                            int8_t *y, void *scratch) {
    const uint32_t *record = d->channels;
    const uint32_t zeros = ((uint32_t)d->input_zero_point & 0xffu) * 0x01010101u;
    const int8_t *row[3];
    const ec_missing_rows missing = ec_3x3_rows(x, d->input_zero_point, row);
    ec_3x3_padding(g, zeros, scratch);
    const int32_t rest = g->in_c % g->group;
    for (int32_t channel = 0; channel < g->in_c; channel += g->group) {
        const uint32_t *plane = scratch;
        int32_t first = channel, count = g->group;
        if (rest > 0 && channel + g->group > g->in_c) { /* the last group overlaps the one before it */
            first = g->in_c - g->group, count = rest;
            plane += (g->group - rest) * ec_3x3_plane(g);
        }
        if (row[0]) ec_3x3_planes(g, row, first, zeros, scratch);
        for (int32_t i = 0; i < count; i++) {
            plane = ec_3x3_channel(g, plane, &record, &missing, d->output_zero_point, y + channel + i);
        }
    }
}

#endif
