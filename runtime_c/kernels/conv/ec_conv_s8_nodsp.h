/* Convolution, int8, group 1: for cores without DSP instructions and FPU. Weights are bytes, unpacked for several
 * pixels at once. */
#ifndef EDGEC_EC_CONV_S8_NODSP_H
#define EDGEC_EC_CONV_S8_NODSP_H

#include "edgec/ec_conv_nodsp.h"

typedef ec_conv_nodsp_geometry ec_conv_s8_nodsp_geometry;
typedef ec_conv_nodsp_data ec_conv_s8_nodsp_data;

/* For all geometries: once for `tile` pixels, what is known only at run time costs little, and one copy is enough. */
__attribute__((noinline, unused)) static void ec_conv_bytes_nodsp(const ec_conv_nodsp_geometry *g,
                                                                  const ec_conv_nodsp_data *d, const int8_t *const x[],
                                                                  int8_t *y, void *scratch) {
    ec_conv_nodsp(0, g, d, x, y, scratch);
}

/* One output row. x: kernel_h rows of (in_w, in_c) s8 or NULL for padding, y: (out_w, out_c) s8 */
EC_INLINE void ec_conv_s8_nodsp(const ec_conv_s8_nodsp_geometry *g, const ec_conv_s8_nodsp_data *d,
                                const int8_t *const x[], int8_t *y, void *scratch) {
    ec_conv_bytes_nodsp(g, d, x, y, scratch);
}

#endif
