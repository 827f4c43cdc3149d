/* Convolution with one group, int8, for cores with DSP instructions and FPU: tiles of 3 pixels x 2 output channels.
 *
 * The window of each pixel of a tile is widened once into a column in scratch (docs/kernels.md); all output channels
 * then run over the columns. The input's zero point is folded into the bias, so padding is made of zero points. */
#ifndef EDGEC_EC_CONV_S8_DSP_H
#define EDGEC_EC_CONV_S8_DSP_H

#include "edgec/ec_dot_dsp.h"

typedef struct {
    int32_t in_w, in_c, out_w, out_c;
    int32_t kernel_h, kernel_w, stride_w, pad_w, dilation_w;
    int32_t blocks; /* of four on the k axis: kernel_h * kernel_w * in_c, rounded up */
    int32_t padded; /* 1: some window lies partly outside */
    int32_t tile;   /* pixels at once: 3, or 1 with four output channels where rows are one pixel wide */
    int32_t clamp_min, clamp_max;
} ec_conv_s8_dsp_geometry;

typedef struct {
    const uint32_t
        *weights;        /* (groups of channels, blocks, channels of a group: 2, or 4 with tile 1) words of four s8 */
    const int32_t *bias; /* (out_c rounded up to groups) less input zero point * sum of the weights */
    const float *scale;  /* (out_c rounded up to groups) s_x * s_w / s_y */
    int32_t input_zero_point, output_zero_point;
} ec_conv_s8_dsp_data;

/* Where column kx of the window of output pixel `pixel` lies in row ky; outside it is the padding pixel. */
EC_INLINE const int8_t *ec_conv_pixel_dsp(const ec_conv_s8_dsp_geometry *g, const int8_t *row, int32_t pixel,
                                          int32_t kx, const int8_t *padding) {
    if (pixel >= g->out_w) pixel = g->out_w - 1; /* a tile's second pixel behind the end: any will do */
    const int32_t in_x = pixel * g->stride_w - g->pad_w + kx * g->dilation_w;
    if (g->padded && (!row || in_x < 0 || in_x >= g->in_w)) return padding;
    return row + (ptrdiff_t)in_x * g->in_c;
}

/* Columns of `pixels` windows where in_c is a multiple of 4: widened straight from the rows. */
EC_INLINE void ec_conv_columns_dsp(const ec_conv_s8_dsp_geometry *g, const int8_t *const x[], int32_t first,
                                   int32_t pixels, const int8_t *padding, uint32_t *columns) {
    const int32_t left = first * g->stride_w - g->pad_w;
    const int32_t right = left + (pixels - 1) * g->stride_w + g->kernel_w - 1;
    const int32_t inside = g->dilation_w == 1 && (!g->padded || (left >= 0 && right < g->in_w));
    for (int32_t ky = 0; ky < g->kernel_h; ky++) {
        /* Neighbouring columns of a row inside are one run of bytes. */
        const int32_t run = inside && (!g->padded || x[ky]) ? g->kernel_w : 1;
        for (int32_t kx = 0; kx < g->kernel_w; kx += run) {
            const int8_t *from[3];
            for (int32_t p = 0; p < pixels; p++) from[p] = ec_conv_pixel_dsp(g, x[ky], first + p, kx, padding);
            columns = ec_widen_dsp(from, pixels, run * g->in_c / 4, columns);
        }
    }
}

/* The same for any in_c: the windows are first gathered as bytes. */
EC_INLINE void ec_conv_gathered_dsp(const ec_conv_s8_dsp_geometry *g, const int8_t *const x[], int32_t first,
                                    int32_t pixels, const int8_t *padding, int8_t *bytes, uint32_t *columns) {
    const int8_t *from[3];
    for (int32_t p = 0; p < pixels; p++) {
        int8_t *to = bytes + (ptrdiff_t)p * 4 * g->blocks;
        from[p] = to;
        const int32_t pixel = first + p < g->out_w ? first + p : first;
        const int32_t left = pixel * g->stride_w - g->pad_w;
        const int32_t inside = g->dilation_w == 1 && (!g->padded || (left >= 0 && left + g->kernel_w <= g->in_w));
        for (int32_t ky = 0; ky < g->kernel_h; ky++) {
            if (inside && (!g->padded || x[ky])) {
                __builtin_memcpy(to, x[ky] + (ptrdiff_t)left * g->in_c, (size_t)(g->kernel_w * g->in_c));
                to += g->kernel_w * g->in_c;
                continue;
            }
            for (int32_t kx = 0; kx < g->kernel_w; kx++) {
                const int8_t *column = ec_conv_pixel_dsp(g, x[ky], pixel, kx, padding);
                for (int32_t c = 0; c < g->in_c; c++) *to++ = column[c];
            }
        }
        while (to < from[p] + 4 * g->blocks) *to++ = 0; /* weights are 0 there */
    }
    ec_widen_dsp(from, pixels, g->blocks, columns);
}

/* The windows of `pixels` pixels from `first` on as columns. */
EC_INLINE void ec_conv_window_dsp(const ec_conv_s8_dsp_geometry *g, const int8_t *const x[], int32_t first,
                                  int32_t pixels, const int8_t *padding, uint32_t *columns) {
    if (g->in_c % 4 == 0) {
        ec_conv_columns_dsp(g, x, first, pixels, padding, columns);
    } else {
        ec_conv_gathered_dsp(g, x, first, pixels, padding, (int8_t *)(columns + 2 * g->tile * g->blocks), columns);
    }
}

/* `pixels` pixels of the output row from `first` on: 3 or 2, of which the second may lie behind the end of the row. */
EC_INLINE void ec_conv_tile_dsp(const ec_conv_s8_dsp_geometry *g, const ec_conv_s8_dsp_data *d, const int8_t *const x[],
                                int32_t first, int32_t pixels, int8_t *y, const int8_t *padding, uint32_t *columns) {
    ec_conv_window_dsp(g, x, first, pixels, padding, columns);
    y += (ptrdiff_t)first * g->out_c;
    const uint32_t *w = d->weights;
    for (int32_t o = 0; o < g->out_c; o += 2, y += 2) {
        const int32_t bias0 = d->bias[o], bias1 = d->bias[o + 1];
        int32_t s[6] = {bias0, bias1, bias0, bias1, bias0, bias1};
        w = pixels == 3 ? ec_dot_3x2_dsp(columns, w, g->blocks, s) : ec_dot_2x2_dsp(columns, w, g->blocks, s);
        const float scale0 = d->scale[o], scale1 = d->scale[o + 1];
        EC_UNROLL
        for (int32_t p = 0; p < 3; p++) {
            if (p >= pixels || p >= g->out_w) break; /* known when compiled */
            int32_t q[2];
            ec_saturated2_dsp(s[2 * p], s[2 * p + 1], scale0, scale1, d->output_zero_point, q);
            y[(ptrdiff_t)p * g->out_c] = ec_clamped_dsp(q[0], g->clamp_min, g->clamp_max);
            if (g->out_c % 2 == 0 || o + 1 < g->out_c) {
                y[(ptrdiff_t)p * g->out_c + 1] = ec_clamped_dsp(q[1], g->clamp_min, g->clamp_max);
            }
        }
    }
}

/* One pixel of the output row, four output channels at once. */
EC_INLINE void ec_conv_single_dsp(const ec_conv_s8_dsp_geometry *g, const ec_conv_s8_dsp_data *d,
                                  const int8_t *const x[], int32_t first, int8_t *y, const int8_t *padding,
                                  uint32_t *columns) {
    ec_conv_window_dsp(g, x, first, 1, padding, columns);
    y += (ptrdiff_t)first * g->out_c;
    const uint32_t *w = d->weights;
    for (int32_t o = 0; o < g->out_c; o += 4, y += 4) {
        int32_t s[4] = {d->bias[o], d->bias[o + 1], d->bias[o + 2], d->bias[o + 3]};
        w = ec_dot_1x4_dsp(columns, w, g->blocks, s);
        EC_UNROLL
        for (int32_t i = 0; i < 4; i += 2) {
            int32_t q[2];
            ec_saturated2_dsp(s[i], s[i + 1], d->scale[o + i], d->scale[o + i + 1], d->output_zero_point, q);
            if (g->out_c % 4 == 0 || o + i < g->out_c) y[i] = ec_clamped_dsp(q[0], g->clamp_min, g->clamp_max);
            if (g->out_c % 4 == 0 || o + i + 1 < g->out_c) y[i + 1] = ec_clamped_dsp(q[1], g->clamp_min, g->clamp_max);
        }
    }
}

/* One output row. x: kernel_h rows of (in_w, in_c) s8, NULL for padding; y: (out_w, out_c) s8; acc: s32.
 * scratch: (blocks, 2, tile) s16 pairs, then bytes of the gathered windows, then a pixel of padding. */
EC_INLINE void ec_conv_s8_dsp(const ec_conv_s8_dsp_geometry *g, const ec_conv_s8_dsp_data *d, const int8_t *const x[],
                              int8_t *y, void *scratch) {
    uint32_t *const columns = scratch;
    int8_t *const padding = (int8_t *)(columns + (g->in_c % 4 == 0 ? 2 : 3) * g->tile * g->blocks);
    if (g->padded) {
        for (int32_t c = 0; c < g->in_c; c++) padding[c] = (int8_t)d->input_zero_point;
    }
    int32_t first = 0;
    if (g->tile == 1) {
        for (; first < g->out_w; first++) ec_conv_single_dsp(g, d, x, first, y, padding, columns);
        return;
    }
    /* Tiles of 3; what is left are tiles of 2: 4 = 2 + 2. */
    const int32_t threes = g->out_w % 3 == 1 ? g->out_w / 3 - 1 : g->out_w / 3;
    for (; first < 3 * threes; first += 3) ec_conv_tile_dsp(g, d, x, first, 3, y, padding, columns);
    for (; first < g->out_w; first += 2) ec_conv_tile_dsp(g, d, x, first, 2, y, padding, columns);
}

#endif
