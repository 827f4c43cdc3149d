/* Mean over neighbouring axes, int8, on Helium; over height and width it is the global average pool. */
#ifndef EDGEC_EC_MEAN_S8_MVE_H
#define EDGEC_EC_MEAN_S8_MVE_H

#include "edgec/ec_pool_mve.h"

typedef struct {
    int32_t outer, reduce, inner;
    int32_t way; /* EC_MVE_FITS ... */
} ec_mean_s8_mve_geometry;

typedef struct {
    float scale; /* s_x / (s_y * reduce) */
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_mean_s8_mve_data;

/* The sum of `count` adjacent bytes. */
EC_INLINE int32_t ec_mean_s8_mve_adjacent(const int8_t *x, int32_t count) {
    int32_t acc = 0, i = 0;
    for (; i + EC_MVE_BYTES <= count; i += EC_MVE_BYTES) acc = vaddvaq_s8(acc, vldrbq_s8(x + i));
    return i < count ? vaddvaq_s8(acc, vldrbq_z_s8(x + i, vctp8q((uint32_t)(count - i)))) : acc;
}

/* x[0]: (outer, reduce, inner) s8, y: (outer, inner) s8, acc: s32 */
EC_INLINE void ec_mean_s8_mve(const ec_mean_s8_mve_geometry *g, const ec_mean_s8_mve_data *d, const int8_t *const x[],
                              int8_t *y, void *scratch) {
    (void)scratch;
    const ec_mve_output to = {d->output_zero_point, d->clamp_min, d->clamp_max};
    const float32x4_t scale = vdupq_n_f32(ec_mve_hidden(d->scale));
    const int32x4_t start = vdupq_n_s32(-g->reduce * d->input_zero_point);
    const int8_t *from = x[0];
    for (int32_t outer = 0; outer < g->outer; outer++, from += g->reduce * g->inner, y += g->inner) {
        if (g->inner == 1) {
            const int32x4_t acc = vaddq_n_s32(start, ec_mean_s8_mve_adjacent(from, g->reduce));
            ec_mve_store(y, ec_mve_requantize(acc, scale, g->way, to), 1);
            continue;
        }
        int32_t i = 0;
        for (; i + 4 <= g->inner; i += 4) {
            const int32x4_t acc = ec_pool_mve_sum(start, from + i, g->reduce, g->inner, 1, 0);
            ec_mve_store(y + i, ec_mve_requantize(acc, scale, g->way, to), 4);
        }
        if (i < g->inner) {
            const mve_pred16_t lanes = vctp32q((uint32_t)(g->inner - i));
            const int32x4_t acc = ec_pool_mve_sum(start, from + i, g->reduce, g->inner, 0, lanes);
            ec_mve_store(y + i, ec_mve_requantize(acc, scale, g->way, to), g->inner - i);
        }
    }
}

#endif
