/* What the pools share on AArch64: which columns of a window lie inside its row, and sums of sixteen channels. */
#ifndef EDGEC_EC_POOL_NEON_H
#define EDGEC_EC_POOL_NEON_H

#include <stddef.h>

#include "edgec/ec_neon.h"
#include "edgec/ec_neon_bytes.h"

#if defined(__clang__)
#define EC_POOL_NEON_UNROLL _Pragma("unroll")
/* Where a kernel is compiled without a geometry there is nothing to unroll, and no harm in it. */
#pragma clang diagnostic ignored "-Wpass-failed"
#else
#define EC_POOL_NEON_UNROLL _Pragma("GCC unroll 8")
#endif

#define EC_POOL_NEON_MOST 256 /* int8 values whose sum always fits 16 bits */
#define EC_POOL_NEON_ROWS 8   /* rows of a window up to which their pointers are kept in registers */

/* The taps first..last-1 of a window of `kernel` columns that begins at `origin` are inside. */
typedef struct {
    int32_t first, last;
} ec_pool_neon_taps;

EC_INLINE ec_pool_neon_taps ec_pool_neon_inside(int32_t in_w, int32_t kernel, int32_t dilation, int32_t origin) {
    const int32_t room = in_w - origin;
    const int32_t first = origin < 0 ? (-origin + dilation - 1) / dilation : 0;
    const int32_t end = room > 0 ? (room + dilation - 1) / dilation : 0, last = end < kernel ? end : kernel;
    const ec_pool_neon_taps taps = {first, last > first ? last : first};
    return taps;
}

/* Where the last 16 of the channels begin that are computed from c on: they may overlap those before them. */
EC_INLINE int32_t ec_pool_neon_at(int32_t channels, int32_t c) {
    const int32_t last = channels < EC_NEON_BYTES ? 0 : channels - EC_NEON_BYTES;
    return channels % EC_NEON_BYTES && c > last ? last : c;
}

/* sums: (2) s16 of sixteen channels. */
EC_INLINE void ec_pool_neon_add(int16x8_t *sums, int8x16_t x) {
    sums[0] = vaddw_s8(sums[0], vget_low_s8(x));
    sums[1] = vaddw_high_s8(sums[1], x);
}

/* acc: (4) s32 of the same channels. */
EC_INLINE void ec_pool_neon_flush(int32x4_t *acc, const int16x8_t *sums) {
    acc[0] = vaddw_s16(acc[0], vget_low_s16(sums[0])), acc[1] = vaddw_high_s16(acc[1], sums[0]);
    acc[2] = vaddw_s16(acc[2], vget_low_s16(sums[1])), acc[3] = vaddw_high_s16(acc[3], sums[1]);
}

EC_INLINE int8x16_t ec_pool_neon_requantize(ec_neon_output to, const int32x4_t *acc, float32x4_t scale) {
    return ec_neon_narrow(to, ec_neon_scaled(to, acc[0], acc[1], scale, scale),
                          ec_neon_scaled(to, acc[2], acc[3], scale, scale));
}

#endif
