/* Convolution, int8, group 1, for cores without DSP instructions and FPU: what its two kernels share.
 *
 * The window of a pixel is laid out as pairs of 16 bits, padding as the input's zero point; every output channel is
 * then one sum over it. Weights stand in flash as the pairs they are multiplied as (wide), or as bytes, which are
 * unpacked once for `tile` pixels. */
#ifndef EDGEC_EC_CONV_NODSP_H
#define EDGEC_EC_CONV_NODSP_H

#include <stddef.h>

#include "edgec/ec_fixed_point.h"
#include "edgec/ec_pairs.h"

#define EC_CONV_BLOCK 32
#define EC_CONV_UNPACKED 32 /* quads of two channels, 16 bytes each */

typedef struct {
    int32_t in_w, in_c, out_w, out_c;
    int32_t kernel_h, kernel_w, stride_w, pad_w, dilation_w;
    int32_t quads, tile;
    int32_t at_once; /* twos of channels that are unpacked at a time */
} ec_conv_nodsp_geometry;

typedef struct {
    const uint32_t *weights;  /* (twos, quads, 2) of two words, or of one where they are bytes */
    const int32_t *bias;      /* (twos, 2), zero point and origin of the channel folded in */
    const uint32_t *fixed;    /* (out_c, 3) */
    const uint32_t *doubtful; /* (doubtful channels, 5) */
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_conv_nodsp_data;

/* count bytes from x, or count of the zero point where x is NULL. */
EC_INLINE int8_t *ec_window_bytes(int8_t *to, const int8_t *x, int32_t count, int32_t zero_point) {
    int8_t *const end = to + count;
    if (x) {
        while (to < end) *to++ = *x++;
    } else {
        while (to < end) *to++ = (int8_t)zero_point;
    }
    return to;
}

/* A window whose channels do not come in fours: its bytes in the order (kernel_h, kernel_w, in_c), then quads of them.
 * The bytes stand in the second half of the place that the quads fill from the front. */
EC_INLINE void ec_window(const ec_conv_nodsp_geometry *g, const int8_t *const x[], int32_t origin, int32_t zero_point,
                         uint32_t *to) {
    /* Columns left of the row, inside, right of it. */
    int32_t left = 0, inside = 0;
    while (left < g->kernel_w && origin + left * g->dilation_w < 0) left++;
    while (left + inside < g->kernel_w && origin + (left + inside) * g->dilation_w < g->in_w) inside++;
    const int32_t in_c = g->in_c, right = g->kernel_w - left - inside;
    int8_t *byte = (int8_t *)(void *)(to + g->quads);
    for (int32_t ky = 0; ky < g->kernel_h; ky++) {
        byte = ec_window_bytes(byte, NULL, left * in_c, zero_point);
        const int8_t *from = x[ky] ? x[ky] + (ptrdiff_t)(origin + left * g->dilation_w) * in_c : NULL;
        if (g->dilation_w == 1 || !from) {
            byte = ec_window_bytes(byte, from, inside * in_c, zero_point);
        } else {
            for (int32_t kx = 0; kx < inside; kx++) {
                byte = ec_window_bytes(byte, from + (ptrdiff_t)kx * g->dilation_w * in_c, in_c, zero_point);
            }
        }
        byte = ec_window_bytes(byte, NULL, right * in_c, zero_point);
    }
    ec_quads(to, to + g->quads, g->quads, EC_TURNED);
}

/* Column in_x of kernel_h rows, in_c / 4 words each, as quads. */
EC_INLINE uint32_t *ec_column(const ec_conv_nodsp_geometry *g, const int8_t *const x[], int32_t in_x,
                              int32_t zero_point, uint32_t *to) {
    for (int32_t ky = 0; ky < g->kernel_h; ky++, to += g->in_c / 2) {
        if (x[ky] && in_x >= 0 && in_x < g->in_w) {
            const int8_t *const from = x[ky] + (ptrdiff_t)in_x * g->in_c;
            ec_quads(to, (const uint32_t *)(const void *)from, g->in_c / 4, EC_TURNED);
        } else {
            const uint32_t pair = (uint32_t)zero_point + ((uint32_t)zero_point << 16);
            for (int32_t i = 0; i < g->in_c / 2; i++) to[i] = pair;
        }
    }
    return to;
}

/* Columns that windows share stand once in scratch; kernel_w more for each pixel where they share none. */
EC_INLINE int32_t ec_columns_apart(const ec_conv_nodsp_geometry *g) {
    return g->dilation_w == 1 && g->stride_w < g->kernel_w ? g->stride_w : g->kernel_w;
}

/* The windows of count pixels from out_x on. */
EC_INLINE void ec_windows(const ec_conv_nodsp_geometry *g, const int8_t *const x[], int32_t out_x, int32_t count,
                          int32_t zero_point, uint32_t *to) {
    const int32_t origin = out_x * g->stride_w - g->pad_w;
    if (g->in_c % 4) {
        for (int32_t p = 0; p < count; p++) {
            ec_window(g, x, origin + p * g->stride_w, zero_point, to + 2 * (ptrdiff_t)p * g->quads);
        }
    } else if (g->kernel_h == 1 && g->kernel_w == 1 && g->stride_w == 1 && g->pad_w == 0 && g->out_w <= g->in_w &&
               x[0]) {
        const int8_t *const from = x[0] + (ptrdiff_t)out_x * g->in_c;
        ec_quads(to, (const uint32_t *)(const void *)from, count * g->in_c / 4, EC_TURNED);
    } else {
        /* Of each but the first pixel, the columns that the one before does not have. */
        const int32_t apart = ec_columns_apart(g);
        for (int32_t p = 0; p < count; p++) {
            for (int32_t kx = p ? g->kernel_w - apart : 0; kx < g->kernel_w; kx++) {
                to = ec_column(g, x, origin + p * g->stride_w + kx * g->dilation_w, zero_point, to);
            }
        }
    }
}

/* Sums of `twos` * 2 channels for count windows, `apart` words from one to the next, whose weights are bytes.
 * sums: `stride` s32 a window. */
EC_INLINE void ec_pairs_of_bytes(int32_t *sums, int32_t stride, const int32_t *bias, const uint32_t *windows,
                                 ptrdiff_t apart, const uint32_t *weights, int32_t quads, int32_t twos, int32_t at_once,
                                 int32_t count, uint32_t *unpacked) {
    for (int32_t two = 0; two < twos; two += at_once) {
        const int32_t these = twos - two < at_once ? twos - two : at_once;
        for (int32_t first = 0; first < quads; first += EC_CONV_UNPACKED) {
            const int32_t part = quads - first < EC_CONV_UNPACKED ? quads - first : EC_CONV_UNPACKED;
            ec_quads(unpacked, weights + 2 * ((ptrdiff_t)two * quads + first), 2 * these * part, 0);
            for (int32_t p = 0; p < count; p++) {
                int32_t *const to = sums + (ptrdiff_t)p * stride + 2 * two;
                const uint32_t *const window = windows + p * apart + 2 * first;
                ec_pairs(to, first ? to : bias + 2 * two, window, unpacked, part, these);
            }
        }
    }
}

/* One output row; wide: how the weights stand. x: kernel_h rows of (in_w, in_c) s8 or NULL for padding, y: (out_w,
 * out_c) s8, sums: s32. */
EC_INLINE void ec_conv_nodsp(int32_t wide, const ec_conv_nodsp_geometry *g, const ec_conv_nodsp_data *d,
                             const int8_t *const x[], int8_t *y, void *scratch) {
    const ec_fixed_output out = {d->doubtful, d->output_zero_point, d->clamp_min, d->clamp_max};
    const int32_t even_c = g->out_c + g->out_c % 2, stride = even_c < EC_CONV_BLOCK ? even_c : EC_CONV_BLOCK;
    const ptrdiff_t apart = g->in_c % 4 ? 2 * (ptrdiff_t)g->quads : ec_columns_apart(g) * g->kernel_h * g->in_c / 2;
    int32_t *const sums = scratch;
    uint32_t *const unpacked = (uint32_t *)(void *)(sums + (ptrdiff_t)(wide ? 1 : g->tile) * stride);
    uint32_t *const windows = unpacked + (wide ? 0 : 4 * EC_CONV_UNPACKED);
    for (int32_t out_x = 0; out_x < g->out_w; out_x += g->tile) {
        const int32_t count = g->out_w - out_x < g->tile ? g->out_w - out_x : g->tile;
        ec_windows(g, x, out_x, count, d->input_zero_point, windows);
        for (int32_t o = 0; o < g->out_c; o += EC_CONV_BLOCK) {
            const int32_t channels = g->out_c - o < EC_CONV_BLOCK ? g->out_c - o : EC_CONV_BLOCK;
            const int32_t twos = (channels + 1) / 2;
            const uint32_t *const weights = d->weights + (wide ? 2 : 1) * (ptrdiff_t)o * g->quads;
            if (!wide) {
                ec_pairs_of_bytes(sums, stride, d->bias + o, windows, apart, weights, g->quads, twos, g->at_once, count,
                                  unpacked);
            }
            for (int32_t p = 0; p < count; p++) {
                if (wide) ec_pairs(sums, d->bias + o, windows + p * apart, weights, g->quads, twos);
                ec_fixed_row(sums + (wide ? 0 : (ptrdiff_t)p * stride), d->fixed + (ptrdiff_t)o * EC_FIXED_WORDS,
                             y + (ptrdiff_t)p * g->out_c + o, channels, &out);
            }
        }
        y += (ptrdiff_t)count * g->out_c;
    }
}

#endif
