/* Axes in another order, int8, on AArch64: many transpositions of matrices, by tiles of 8x8 or by the instructions that
 * interleave two to four vectors. */
#ifndef EDGEC_EC_TRANSPOSE_S8_NEON_H
#define EDGEC_EC_TRANSPOSE_S8_NEON_H

#include <arm_neon.h>
#include <stddef.h>

#include "edgec/ec_strided.h"

#define EC_TRANSPOSE_AXES 4
#define EC_TRANSPOSE_TILE 8

/* y[i0, ..., i3][column][row] = x[i0, ..., i3][row][column] */
typedef struct {
    int32_t size[EC_TRANSPOSE_AXES];     /* of the axes beside the matrices' own */
    int32_t x_stride[EC_TRANSPOSE_AXES]; /* in elements */
    int32_t y_stride[EC_TRANSPOSE_AXES];
    int32_t rows, columns; /* of a matrix in x: both 8 and more, or one of them 2 to 4 and the other 16 and more */
    int32_t x_step;        /* from row to row in x */
    int32_t y_step;        /* from column to column in y */
} ec_transpose_s8_neon_geometry;

typedef struct {
    int32_t unused;
} ec_transpose_s8_neon_data;

/* Where the `count` elements begin that are done from i on: the last of `size` overlap those before them. */
EC_INLINE int32_t ec_transpose_s8_neon_at(int32_t i, int32_t count, int32_t size) {
    return size % count && i > size - count ? size - count : i;
}

/* Two to four rows: their elements take turns. */
EC_INLINE void ec_transpose_s8_neon_rows(const int8_t *x, int32_t step, int32_t rows, int8_t *y) {
    const int8x16_t first = vld1q_s8(x), second = vld1q_s8(x + step);
    if (rows == 2) {
        const int8x16x2_t all = {{first, second}};
        vst2q_s8(y, all);
    } else if (rows == 3) {
        const int8x16x3_t all = {{first, second, vld1q_s8(x + 2 * (ptrdiff_t)step)}};
        vst3q_s8(y, all);
    } else {
        const int8x16x4_t all = {{first, second, vld1q_s8(x + 2 * (ptrdiff_t)step), vld1q_s8(x + 3 * (ptrdiff_t)step)}};
        vst4q_s8(y, all);
    }
}

/* Two to four columns, whose elements take turns. */
EC_INLINE void ec_transpose_s8_neon_columns(const int8_t *x, int32_t columns, int8_t *y, int32_t step) {
    if (columns == 2) {
        const int8x16x2_t all = vld2q_s8(x);
        vst1q_s8(y, all.val[0]), vst1q_s8(y + step, all.val[1]);
    } else if (columns == 3) {
        const int8x16x3_t all = vld3q_s8(x);
        vst1q_s8(y, all.val[0]), vst1q_s8(y + step, all.val[1]);
        vst1q_s8(y + 2 * (ptrdiff_t)step, all.val[2]);
    } else {
        const int8x16x4_t all = vld4q_s8(x);
        vst1q_s8(y, all.val[0]), vst1q_s8(y + step, all.val[1]);
        vst1q_s8(y + 2 * (ptrdiff_t)step, all.val[2]), vst1q_s8(y + 3 * (ptrdiff_t)step, all.val[3]);
    }
}

EC_INLINE void ec_transpose_s8_neon_tile(const int8_t *x, ptrdiff_t x_step, int8_t *y, ptrdiff_t y_step) {
    /* Element n of the 64 has to go to 8 * n modulo 63: each zip of the upper half with the lower takes n to 2 * n. */
    const int8x16_t a0 = vcombine_s8(vld1_s8(x), vld1_s8(x + x_step));
    const int8x16_t a1 = vcombine_s8(vld1_s8(x + 2 * x_step), vld1_s8(x + 3 * x_step));
    const int8x16_t a2 = vcombine_s8(vld1_s8(x + 4 * x_step), vld1_s8(x + 5 * x_step));
    const int8x16_t a3 = vcombine_s8(vld1_s8(x + 6 * x_step), vld1_s8(x + 7 * x_step));
    const int8x16_t b0 = vzip1q_s8(a0, a2), b1 = vzip2q_s8(a0, a2), b2 = vzip1q_s8(a1, a3), b3 = vzip2q_s8(a1, a3);
    const int8x16_t c0 = vzip1q_s8(b0, b2), c1 = vzip2q_s8(b0, b2), c2 = vzip1q_s8(b1, b3), c3 = vzip2q_s8(b1, b3);
    const int8x16_t d0 = vzip1q_s8(c0, c2), d1 = vzip2q_s8(c0, c2), d2 = vzip1q_s8(c1, c3), d3 = vzip2q_s8(c1, c3);
    vst1_s8(y, vget_low_s8(d0)), vst1_s8(y + y_step, vget_high_s8(d0));
    vst1_s8(y + 2 * y_step, vget_low_s8(d1)), vst1_s8(y + 3 * y_step, vget_high_s8(d1));
    vst1_s8(y + 4 * y_step, vget_low_s8(d2)), vst1_s8(y + 5 * y_step, vget_high_s8(d2));
    vst1_s8(y + 6 * y_step, vget_low_s8(d3)), vst1_s8(y + 7 * y_step, vget_high_s8(d3));
}

/* x: (rows, columns) s8, y: (columns, rows) s8 */
EC_INLINE void ec_transpose_s8_neon_matrix(const ec_transpose_s8_neon_geometry *g, const int8_t *x, int8_t *y) {
    if (g->rows <= 4) {
        for (int32_t i = 0; i < g->columns; i += 16) {
            const int32_t at = ec_transpose_s8_neon_at(i, 16, g->columns);
            ec_transpose_s8_neon_rows(x + at, g->x_step, g->rows, y + (ptrdiff_t)at * g->rows);
        }
    } else if (g->columns <= 4) {
        for (int32_t i = 0; i < g->rows; i += 16) {
            const int32_t at = ec_transpose_s8_neon_at(i, 16, g->rows);
            ec_transpose_s8_neon_columns(x + (ptrdiff_t)at * g->columns, g->columns, y + at, g->y_step);
        }
    } else {
        for (int32_t i = 0; i < g->columns; i += EC_TRANSPOSE_TILE) {
            const int32_t column = ec_transpose_s8_neon_at(i, EC_TRANSPOSE_TILE, g->columns);
            for (int32_t j = 0; j < g->rows; j += EC_TRANSPOSE_TILE) {
                const int32_t row = ec_transpose_s8_neon_at(j, EC_TRANSPOSE_TILE, g->rows);
                ec_transpose_s8_neon_tile(x + (ptrdiff_t)row * g->x_step + column, g->x_step,
                                          y + (ptrdiff_t)column * g->y_step + row, g->y_step);
            }
        }
    }
}

/* x[0]: the input, y: s8, in the order of its axes */
EC_INLINE void ec_transpose_s8_neon(const ec_transpose_s8_neon_geometry *g, const ec_transpose_s8_neon_data *d,
                                    const int8_t *const x[], int8_t *y, void *scratch) {
    (void)d;
    (void)scratch;
    const int8_t *const from = x[0];
    const int32_t *const n = g->size, *const sx = g->x_stride, *const sy = g->y_stride;
    for (int32_t i = 0; i < n[0]; i++) {
        for (int32_t j = 0; j < n[1]; j++) {
            for (int32_t k = 0; k < n[2]; k++) {
                for (int32_t l = 0; l < n[3]; l++) {
                    const ptrdiff_t in = (ptrdiff_t)i * sx[0] + (ptrdiff_t)j * sx[1] + (ptrdiff_t)k * sx[2];
                    const ptrdiff_t out = (ptrdiff_t)i * sy[0] + (ptrdiff_t)j * sy[1] + (ptrdiff_t)k * sy[2];
                    ec_transpose_s8_neon_matrix(g, from + in + (ptrdiff_t)l * sx[3], y + out + (ptrdiff_t)l * sy[3]);
                }
            }
        }
    }
}

#endif
