/* Mean over neighbouring axes, int8, four channels at once; over height and width it is the global average pool. */
#ifndef EDGEC_EC_MEAN_S8_DSP_H
#define EDGEC_EC_MEAN_S8_DSP_H

#include "edgec/ec_pool_dsp.h"

typedef struct {
    int32_t outer, reduce, inner;
    int32_t clamp_min, clamp_max;
} ec_mean_s8_dsp_geometry;

typedef struct {
    float scale; /* s_x / (s_y * reduce) */
    int32_t input_zero_point, output_zero_point;
} ec_mean_s8_dsp_data;

/* x[0]: (outer, reduce, inner) s8, inner >= 4; y: (outer, inner) s8; sums: s32 */
EC_INLINE void ec_mean_s8_dsp(const ec_mean_s8_dsp_geometry *g, const ec_mean_s8_dsp_data *d, const int8_t *const x[],
                              int8_t *y, void *scratch) {
    (void)scratch;
    const int32_t start = -g->reduce * d->input_zero_point;
    const int8_t *block = x[0];
    for (int32_t outer = 0; outer < g->outer; outer++, y += g->inner, block += (ptrdiff_t)g->reduce * g->inner) {
        for (int32_t i = 0; i < g->inner; i += 4) {
            /* The last four overlap those before them where the channels are no multiple of four. */
            const int32_t at = g->inner % 4 == 0 || i + 4 <= g->inner ? i : g->inner - 4;
            ec_pool_sums s = {0, 0, {start, start, start, start}};
            for (int32_t done = 0; done < g->reduce; done += EC_POOL_MOST) {
                const int32_t left = g->reduce - done, count = left < EC_POOL_MOST ? left : EC_POOL_MOST;
                ec_pool_add(&s, block + (ptrdiff_t)done * g->inner + at, count, g->inner);
                ec_pool_flush(&s);
            }
            ec_pool_store(&s, d->scale, d->output_zero_point, g->clamp_min, g->clamp_max, y + at);
        }
    }
}

#endif
