/* What the pools share on Helium: which columns of a window lie inside its row, and sums of four channels. */
#ifndef EDGEC_EC_POOL_MVE_H
#define EDGEC_EC_POOL_MVE_H

#include <stddef.h>

#include "edgec/ec_mve.h"

/* The taps first..last-1 of a window of `kernel` columns that begins at `origin` are inside. */
typedef struct {
    int32_t first, last;
} ec_pool_mve_taps;

EC_INLINE ec_pool_mve_taps ec_pool_mve_inside(int32_t in_w, int32_t kernel, int32_t dilation, int32_t origin) {
    const int32_t room = in_w - origin;
    const int32_t first = origin < 0 ? (-origin + dilation - 1) / dilation : 0;
    const int32_t end = room > 0 ? (room + dilation - 1) / dilation : 0, last = end < kernel ? end : kernel;
    const ec_pool_mve_taps taps = {first, last > first ? last : first};
    return taps;
}

/* Adds four channels of `count` pixels that lie `step` bytes apart; `lanes` of them where not all four are there. */
EC_INLINE int32x4_t ec_pool_mve_sum(int32x4_t acc, const int8_t *x, int32_t count, int32_t step, int32_t whole,
                                    mve_pred16_t lanes) {
    for (int32_t i = 0; i < count; i++, x += step) {
        acc = vaddq_s32(acc, whole ? vldrbq_s32(x) : vldrbq_z_s32(x, lanes));
    }
    return acc;
}

#endif
