/* Convolution with one group, int8, for cores with DSP instructions and FPU: tiles of 3 pixels x 2 output channels.
 *
 * The windows of a tile's pixels are widened once into columns in scratch; all output channels then run over the
 * columns. Rows of a single pixel (dense layers too) need no columns: four output channels run over the window's bytes.
 * The input's zero point is folded into the bias, so padding is made of zero points. */
#ifndef EDGEC_EC_CONV_S8_DSP_H
#define EDGEC_EC_CONV_S8_DSP_H

#include "edgec/ec_dot_dsp.h"

typedef struct {
    int32_t in_w, in_c, out_w, out_c;
    int32_t kernel_h, kernel_w, stride_w, pad_w, dilation_w;
    int32_t blocks; /* of four on the k axis: kernel_h * kernel_w * in_c, rounded up */
    int32_t padded; /* 1: some window lies partly outside */
    int32_t tile;   /* pixels at once: 3, or 1 with four output channels where rows are one pixel wide */
    int32_t joined; /* 1: the weights of two channels share their words, see ec_dot_dsp.h */
    int32_t clamp_min, clamp_max;
} ec_conv_s8_dsp_geometry;

typedef struct {
    /* For each group of 2 output channels (of 4 with tile 1): biases s32, less input zero point * sum of the weights;
     * scales f32, s_x * s_w / s_y, joined each second / 256; (blocks, channels) words of weights. */
    const uint32_t *weights;
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
            EC_UNROLL
            for (int32_t p = 0; p < pixels; p++) from[p] = ec_conv_pixel_dsp(g, x[ky], first + p, kx, padding);
            columns = ec_widen_dsp(from, pixels, run * g->in_c / 4, columns);
        }
    }
}

/* The windows of `pixels` pixels as bytes, one after the other, each with zeros up to 4 * blocks. */
EC_INLINE void ec_conv_gather_dsp(const ec_conv_s8_dsp_geometry *g, const int8_t *const x[], int32_t first,
                                  int32_t pixels, const int8_t *padding, int8_t *bytes) {
    for (int32_t p = 0; p < pixels; p++) {
        int8_t *to = bytes + (ptrdiff_t)p * 4 * g->blocks;
        int8_t *const end = to + 4 * g->blocks;
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
        while (to < end) *to++ = 0; /* weights are 0 there */
    }
}

/* Requantises the sums of two channels and stores them; the second only where it exists. */
EC_INLINE void ec_conv_store_dsp(const ec_conv_s8_dsp_geometry *g, const int32_t *s, const float *scale,
                                 int32_t zero_point, int32_t both, int8_t *y) {
    int32_t q[2];
    const int32_t second = g->joined ? (int32_t)((uint32_t)s[1] - (uint32_t)s[0]) : s[1];
    ec_saturated2_dsp(s[0], second, scale[0], scale[1], zero_point, q);
    y[0] = ec_clamped_dsp(q[0], g->clamp_min, g->clamp_max);
    if (both) y[1] = ec_clamped_dsp(q[1], g->clamp_min, g->clamp_max);
}

/* `pixels` pixels of the output row from `first` on: 3 or 2, of which the second may lie behind the end of the row. */
EC_INLINE void ec_conv_tile_dsp(const ec_conv_s8_dsp_geometry *g, const ec_conv_s8_dsp_data *d, const int8_t *const x[],
                                int32_t first, int32_t pixels, int8_t *y, const int8_t *padding, uint32_t *columns) {
    if (g->in_c % 4 == 0) {
        ec_conv_columns_dsp(g, x, first, pixels, padding, columns);
    } else {
        int8_t *const bytes = (int8_t *)(columns + 6 * g->blocks);
        const int8_t *const from[3] = {bytes, bytes + 4 * g->blocks, bytes + 8 * g->blocks};
        ec_conv_gather_dsp(g, x, first, pixels, padding, bytes);
        ec_widen_dsp(from, pixels, g->blocks, columns);
    }
    y += (ptrdiff_t)first * g->out_c;
    const uint32_t *w = d->weights;
    const int32_t zero_point = d->output_zero_point;
    for (int32_t o = 0; o < g->out_c; o += 2, y += 2) {
        const int32_t bias0 = (int32_t)w[0], bias1 = (int32_t)w[1], both = g->out_c % 2 == 0 || o + 1 < g->out_c;
        int32_t s[6] = {bias0, bias1, bias0, bias1, bias0, bias1};
        float scale[2];
        __builtin_memcpy(scale, w + 2, sizeof scale);
        w += 4;
        w = pixels == 3 ? ec_dot_3x2_dsp(columns, w, g->blocks, g->joined, s)
                        : ec_dot_2x2_dsp(columns, w, g->blocks, g->joined, s);
        ec_conv_store_dsp(g, s, scale, zero_point, both, y);
        if (g->out_w > 1) ec_conv_store_dsp(g, s + 2, scale, zero_point, both, y + g->out_c);
        if (pixels > 2) ec_conv_store_dsp(g, s + 4, scale, zero_point, both, y + 2 * (ptrdiff_t)g->out_c);
    }
}

/* One pixel of the output row, four output channels at once. */
EC_INLINE void ec_conv_single_dsp(const ec_conv_s8_dsp_geometry *g, const ec_conv_s8_dsp_data *d,
                                  const int8_t *const x[], int32_t first, int8_t *y, const int8_t *padding,
                                  int8_t *bytes) {
    const int8_t *column = bytes;
    if (g->in_c % 4 == 0 && g->kernel_h * g->kernel_w == 1 && !g->padded) {
        column = ec_conv_pixel_dsp(g, x[0], first, 0, padding);
    } else {
        ec_conv_gather_dsp(g, x, first, 1, padding, bytes);
    }
    y += (ptrdiff_t)first * g->out_c;
    const uint32_t *w = d->weights;
    const int32_t zero_point = d->output_zero_point;
    for (int32_t o = 0; o < g->out_c; o += 4, y += 4) {
        int32_t s[4] = {(int32_t)w[0], (int32_t)w[1], (int32_t)w[2], (int32_t)w[3]};
        float scale[4];
        __builtin_memcpy(scale, w + 4, sizeof scale);
        w += 8;
        w = ec_dot_1x4_dsp(column, w, g->blocks, g->joined, s);
        const int32_t all = g->out_c % 4 == 0;
        ec_conv_store_dsp(g, s, scale, zero_point, all || o + 1 < g->out_c, y);
        if (all || o + 2 < g->out_c) ec_conv_store_dsp(g, s + 2, scale + 2, zero_point, all || o + 3 < g->out_c, y + 2);
    }
}

/* One output row. x: kernel_h rows of (in_w, in_c) s8, NULL for padding; y: (out_w, out_c) s8; acc: s32.
 * scratch: (blocks, 2, 3) s16 pairs of a tile of 3, then the bytes of gathered windows, then a pixel of padding. */
EC_INLINE void ec_conv_s8_dsp(const ec_conv_s8_dsp_geometry *g, const ec_conv_s8_dsp_data *d, const int8_t *const x[],
                              int8_t *y, void *scratch) {
    uint32_t *const columns = scratch;
    int32_t first = 0;
    int8_t *padding = scratch;
    if (g->padded) {
        padding += 4 * (g->tile == 1 ? 1 : g->in_c % 4 == 0 ? 6 : 9) * g->blocks;
        for (int32_t c = 0; c < g->in_c; c++) padding[c] = (int8_t)d->input_zero_point;
    }
    if (g->tile == 1) {
        for (; first < g->out_w; first++) ec_conv_single_dsp(g, d, x, first, y, padding, scratch);
        return;
    }
    /* Tiles of 3; what is left are tiles of 2: 4 = 2 + 2. */
    const int32_t threes = g->out_w % 3 == 1 ? g->out_w / 3 - 1 : g->out_w / 3;
    for (; first < 3 * threes; first += 3) ec_conv_tile_dsp(g, d, x, first, 3, y, padding, columns);
    for (; first < g->out_w; first += 2) ec_conv_tile_dsp(g, d, x, first, 2, y, padding, columns);
}

#endif
