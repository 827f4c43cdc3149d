/* Convolution, int8, group 1: for cores without DSP instructions and FPU. Weights take 16 bits, so that nothing is
 * unpacked. */
#ifndef EDGEC_EC_CONV_WIDE_S8_NODSP_H
#define EDGEC_EC_CONV_WIDE_S8_NODSP_H

#include "edgec/ec_conv_nodsp.h"

typedef ec_conv_nodsp_geometry ec_conv_wide_s8_nodsp_geometry;
typedef ec_conv_nodsp_data ec_conv_wide_s8_nodsp_data;

/* One output row. x: kernel_h rows of (in_w, in_c) s8 or NULL for padding, y: (out_w, out_c) s8 */
EC_INLINE void ec_conv_wide_s8_nodsp(const ec_conv_wide_s8_nodsp_geometry *g, const ec_conv_wide_s8_nodsp_data *d,
                                     const int8_t *const x[], int8_t *y, void *scratch) {
    ec_conv_nodsp(1, g, d, x, y, scratch);
}

#endif
