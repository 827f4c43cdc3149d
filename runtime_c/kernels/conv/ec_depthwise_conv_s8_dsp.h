/* Depthwise convolution, int8, one output channel an input channel, for cores with DSP instructions and FPU.
 *
 * Four channels (or two) at a time: the window's rows are taken apart into scratch, for each channel a word a column
 * and pair of rows, and of an odd last row a word for each two columns. Then each channel runs along its row, several
 * outputs at once. The input's zero point is folded into the offset, so padding is made of zero points. */
#ifndef EDGEC_EC_DEPTHWISE_CONV_S8_DSP_H
#define EDGEC_EC_DEPTHWISE_CONV_S8_DSP_H

#include "edgec/ec_depthwise_dsp.h"

typedef ec_depthwise_dsp_geometry ec_depthwise_conv_s8_dsp_geometry;
typedef ec_depthwise_dsp_data ec_depthwise_conv_s8_dsp_data;

/* Words of one channel in scratch: (kernel_h / 2, columns), then (columns / 2) of an odd last row. */
EC_INLINE int32_t ec_depthwise_plane(const ec_depthwise_dsp_geometry *g) {
    return ec_depthwise_columns(g) / 2 * g->kernel_h;
}

/* A group of channels from `channel` on of all rows into their planes. A row of padding stands still on zero points. */
EC_INLINE void ec_depthwise_planes_dsp(const ec_depthwise_dsp_geometry *g, const int8_t *const x[], int32_t channel,
                                       uint32_t zeros, uint32_t *planes) {
    const int8_t *const outside = (const int8_t *)&zeros;
    const int32_t plane = ec_depthwise_plane(g), inside = ec_depthwise_inside(g), pad = g->pad_w;
    uint32_t *to = planes + pad;
    for (int32_t row = 0; row + 1 < g->kernel_h; row += 2, to += ec_depthwise_columns(g)) {
        const int8_t *first = x[row] ? x[row] + channel : outside,
                     *second = x[row + 1] ? x[row + 1] + channel : outside;
        const int32_t first_step = x[row] ? g->in_c : 0, second_step = x[row + 1] ? g->in_c : 0;
        for (int32_t column = 0; column < inside; column++, first += first_step, second += second_step) {
            ec_widen_pairs(ec_load(g, first), ec_load(g, second), g->group, to + column, plane);
        }
    }
    if (g->kernel_h % 2 == 0 || inside == 0) return;
    to = planes + g->kernel_h / 2 * ec_depthwise_columns(g) + (pad + 1) / 2;
    const int8_t *last = x[g->kernel_h - 1] ? x[g->kernel_h - 1] + channel : outside;
    const int32_t step = x[g->kernel_h - 1] ? g->in_c : 0;
    if (pad % 2) {
        ec_widen_pairs(zeros, ec_load(g, last), g->group, to - 1, plane);
        last += step;
    }
    for (int32_t column = pad % 2; column + 1 < inside; column += 2, last += 2 * step) {
        ec_widen_pairs(ec_load(g, last), ec_load(g, last + step), g->group, to++, plane);
    }
    if ((pad + inside) % 2) ec_widen_pairs(ec_load(g, last), zeros, g->group, to, plane);
}

/* `outputs` outputs of a channel, the first of which begins at the even column `column`. */
EC_INLINE void ec_depthwise_outputs_dsp(const ec_depthwise_dsp_geometry *g, const uint32_t *plane, int32_t column,
                                        const uint32_t *weights, int32_t outputs, int32_t zero_point, int8_t *y) {
    uint32_t w[EC_DEPTHWISE_WIDTH];
    int32_t sums[EC_DEPTHWISE_OUTPUTS];
    const int32_t offset = (int32_t)weights[ec_depthwise_weights(g)];
    const int32_t multiplier = (int32_t)weights[ec_depthwise_weights(g) + 1];
    EC_UNROLL
    for (int32_t t = 0; t < EC_DEPTHWISE_OUTPUTS; t++) sums[t] = offset;
    for (int32_t row = 0; row + 1 < g->kernel_h; row += 2) {
        weights = ec_depthwise_unpack(weights, g->kernel_w, w);
        ec_depthwise_pair_sums(g, plane + column, w, outputs, sums);
        plane += ec_depthwise_columns(g);
    }
    if (g->kernel_h % 2) {
        ec_depthwise_unpack(weights, ec_depthwise_odd_pairs(g), w);
        ec_depthwise_odd_sums(g, plane + column / 2, w, outputs, sums);
    }
    ec_depthwise_store(g, sums, outputs, multiplier, zero_point, y);
}

/* One output row. x: kernel_h rows of (in_w, in_c) s8, NULL for padding; y: (out_w, in_c) s8; sums: s32 * 256.
 * scratch: g->group planes of s16 pairs. */
EC_INLINE void ec_depthwise_conv_s8_dsp(const ec_depthwise_conv_s8_dsp_geometry *g,
                                        const ec_depthwise_conv_s8_dsp_data *d, const int8_t *const x[], int8_t *y,
                                        void *scratch) {
    uint32_t *const planes = scratch;
    const uint32_t *weights = d->channels;
    const uint32_t zeros = ((uint32_t)d->input_zero_point & 0xffu) * 0x01010101u;
    for (int32_t i = 0; i < g->group * ec_depthwise_plane(g); i++)
        planes[i] = ec_high_bytes(zeros); /* padding columns */
    /* An odd column of outputs would begin at an odd word. */
    const int32_t tile = g->out_w <= EC_DEPTHWISE_OUTPUTS ? g->out_w : 4;
    for (int32_t group = 0; group < g->in_c; group += g->group) {
        /* The last group overlaps the one before it where the channels are no multiple of four. */
        const int32_t first = group + g->group <= g->in_c ? group : g->in_c - g->group;
        ec_depthwise_planes_dsp(g, x, first, zeros, planes);
        for (int32_t channel = group; channel < first + g->group; channel++) {
            const uint32_t *plane = planes + (channel - first) * ec_depthwise_plane(g);
            int8_t *to = y + channel;
            int32_t done = 0;
            for (; done + tile <= g->out_w; done += tile, to += (ptrdiff_t)tile * g->in_c) {
                ec_depthwise_outputs_dsp(g, plane, done * g->stride_w, weights, tile, d->output_zero_point, to);
            }
            if (g->out_w % tile) {
                ec_depthwise_outputs_dsp(g, plane, done * g->stride_w, weights, g->out_w % tile, d->output_zero_point,
                                         to);
            }
            weights += ec_depthwise_weights(g) + 2;
        }
    }
}

#endif
