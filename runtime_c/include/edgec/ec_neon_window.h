/* The windows of a convolution on AArch64, gathered: each output pixel's inputs as one run of bytes (a column). */
#ifndef EDGEC_EC_NEON_WINDOW_H
#define EDGEC_EC_NEON_WINDOW_H

#include "edgec/ec_neon_product.h"

#define EC_NEON_ROWS 16 /* of a window whose addresses are kept in registers */

typedef struct {
    int32_t in_w, in_c, out_w, out_c;
    int32_t kernel_h, kernel_w, stride_w, pad_w, dilation_w;
    int32_t depth;       /* kernel_h * kernel_w * in_c, up to a multiple of what a tile takes at once */
    int32_t strip;       /* pixels that are gathered before their channels are computed */
    int32_t zero_points; /* 1: weights have some */
    int32_t way;         /* EC_NEON_FITS ... */
    int32_t wide;        /* see ec_neon_product */
    int32_t direct;      /* with SMMLA: 1: windows that do not leave their row are not gathered */
} ec_neon_window_geometry;

typedef struct {
    const int8_t *weights;
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_neon_window_data;

/* Bytes of scratch before the columns: the sums of their inputs. */
EC_INLINE int32_t ec_neon_sums_bytes(int32_t strip, int32_t zero_points) {
    return zero_points ? (4 * strip + 15) / 16 * 16 : 0;
}

/* Each of `pixels` vectors of `size` bytes into a column of `depth`. */
EC_INLINE void ec_neon_copy_each(int32_t pixels, const int8_t *x, int32_t step, int32_t size, int32_t depth,
                                 int8_t *columns) {
    EC_PRODUCT_ROLLED
    for (int32_t p = 0; p < pixels; p++, x += step, columns += depth) ec_neon_copy(columns, x, size);
}

/* One row of a window that leaves its row, or has gaps. to: (kernel_w, in_c) s8. */
EC_INLINE void ec_neon_gather_edge(const ec_neon_window_geometry *g, int32_t zero_point, const int8_t *row,
                                   int32_t origin, int8_t *to) {
    EC_PRODUCT_ROLLED
    for (int32_t kx = 0; kx < g->kernel_w; kx++, to += g->in_c) {
        const int32_t in_x = origin + kx * g->dilation_w;
        if (in_x >= 0 && in_x < g->in_w) {
            ec_neon_copy(to, row + (ptrdiff_t)in_x * g->in_c, g->in_c);
        } else {
            __builtin_memset(to, zero_point, (size_t)g->in_c);
        }
    }
}

/* The window of one output pixel. x: kernel_h rows of (in_w, in_c) s8, to: (kernel_h, kernel_w, in_c) s8. */
EC_INLINE void ec_neon_gather(const ec_neon_window_geometry *g, int32_t zero_point, const int8_t *const x[],
                              int32_t out_x, int8_t *to) {
    const int32_t origin = out_x * g->stride_w - g->pad_w, run = g->kernel_w * g->in_c;
    const int32_t gapless = g->dilation_w == 1 || g->kernel_w == 1;
    EC_PRODUCT_ROLLED
    for (int32_t ky = 0; ky < g->kernel_h; ky++, to += run) {
        if (gapless && origin >= 0 && origin + g->kernel_w <= g->in_w) {
            ec_neon_copy(to, x[ky] + (ptrdiff_t)origin * g->in_c, run);
        } else {
            ec_neon_gather_edge(g, zero_point, x[ky], origin, to);
        }
    }
}

/* The windows of output pixels out_x .. end - 1, of which none leaves its row even if runs are read, and written, as
 * whole vectors: what is written too much is overwritten by the next run or meets weights of 0. */
EC_INLINE int8_t *ec_neon_gather_vectors(const ec_neon_window_geometry *g, const int8_t *const x[], int32_t out_x,
                                         int32_t end, int8_t *to) {
    const int32_t run = g->kernel_w * g->in_c, vectors = (run + 15) / 16;
    const int8_t *row[EC_NEON_ROWS]; /* stores could change what x points to, for all that the compiler knows */
    EC_PRODUCT_UNROLL
    for (int32_t ky = 0; ky < g->kernel_h; ky++) {
        row[ky] = x[ky] + (ptrdiff_t)(out_x * g->stride_w - g->pad_w) * g->in_c;
    }
    EC_PRODUCT_ROLLED
    for (; out_x < end; out_x++, to += g->depth) {
        EC_PRODUCT_UNROLL
        for (int32_t ky = 0; ky < g->kernel_h; ky++) {
            ec_neon_copy_vectors(to + ky * run, row[ky], vectors);
            row[ky] += g->stride_w * g->in_c;
        }
    }
    return to;
}

/* The windows of `pixels` output pixels from out_x on. Behind the last column 15 bytes may be written. */
EC_INLINE void ec_neon_gather_strip(const ec_neon_window_geometry *g, int32_t zero_point, const int8_t *const x[],
                                    int32_t out_x, int32_t pixels, int8_t *columns) {
    const int32_t run = g->kernel_w * g->in_c, step = g->stride_w * g->in_c;
    const int32_t room = (g->in_w + g->pad_w) * g->in_c - (run + 15) / 16 * 16; /* where the last window may begin */
    const int32_t gapless = g->kernel_h <= EC_NEON_ROWS && (g->dilation_w == 1 || g->kernel_w == 1) && room >= 0;
    const int32_t begin = (g->pad_w + g->stride_w - 1) / g->stride_w, behind = gapless ? room / step + 1 : 0;
    const int32_t end = out_x + pixels, last = behind < end ? behind : end;
    EC_PRODUCT_ROLLED
    for (; out_x < end && out_x < begin; out_x++, columns += g->depth) ec_neon_gather(g, zero_point, x, out_x, columns);
    if (out_x < last) {
        columns = ec_neon_gather_vectors(g, x, out_x, last, columns);
        out_x = last;
    }
    EC_PRODUCT_ROLLED
    for (; out_x < end; out_x++, columns += g->depth) ec_neon_gather(g, zero_point, x, out_x, columns);
}

#endif
