/* Convolution, int8, on AArch64 (NEON with SDOT): any kernel, stride, dilation and padding; no groups. */
#ifndef EDGEC_EC_CONV_S8_DOTPROD_H
#define EDGEC_EC_CONV_S8_DOTPROD_H

#include "edgec/ec_matmul_dotprod.h"

typedef ec_neon_window_geometry ec_conv_s8_dotprod_geometry;
typedef ec_neon_window_data ec_conv_s8_dotprod_data;

/* One output row. x: kernel_h rows of (in_w, in_c) s8, y: (out_w, out_c) s8, acc: s32. */
EC_INLINE void ec_conv_s8_dotprod(const ec_conv_s8_dotprod_geometry *g, const ec_conv_s8_dotprod_data *d,
                                  const int8_t *const x[], int8_t *y, void *scratch) {
    ec_window_dotprod(g, d, x, y, scratch);
}

#endif
