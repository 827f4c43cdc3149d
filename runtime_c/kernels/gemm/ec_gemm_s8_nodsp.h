/* Dense layer, int8: for cores without DSP instructions and FPU. A weight is used once: it is loaded where it is used.
 *
 * Weights are stored as w + 128, as only unsigned bytes load in one instruction:
 * sum(x * w) = sum(x * (w + 128)) - 128 * sum(x). */
#ifndef EDGEC_EC_GEMM_S8_NODSP_H
#define EDGEC_EC_GEMM_S8_NODSP_H

#include <stddef.h>

#include "edgec/ec_dot_bytes.h"
#include "edgec/ec_fixed_point.h"

#define EC_GEMM_FOUR 4

typedef struct {
    int32_t count, in_c, out_c;
} ec_gemm_s8_nodsp_geometry;

typedef struct {
    const uint8_t *weights;   /* (fours of outputs, in_c, 4) */
    const int32_t *bias;      /* (fours, 4), zero point and origin of the output folded in */
    const uint32_t *fixed;    /* (out_c, 3) */
    const uint32_t *doubtful; /* (doubtful outputs, 5) */
    int32_t output_zero_point, clamp_min, clamp_max;
} ec_gemm_s8_nodsp_data;

/* x: (count, in_c) s8, y: (count, out_c) s8, sums: s32. */
EC_INLINE void ec_gemm_s8_nodsp(const ec_gemm_s8_nodsp_geometry *g, const ec_gemm_s8_nodsp_data *d,
                                const int8_t *const x[], int8_t *y, void *scratch) {
    (void)scratch;
    const ec_fixed_output out = {d->doubtful, d->output_zero_point, d->clamp_min, d->clamp_max};
    const int8_t *vector = x[0];
    for (int32_t n = 0; n < g->count; n++, vector += g->in_c, y += g->out_c) {
        int32_t total = 0;
        for (int32_t i = 0; i < g->in_c; i++) total += vector[i];
        for (int32_t o = 0; o < g->out_c; o += EC_GEMM_FOUR) {
            int32_t sums[EC_GEMM_FOUR];
            for (int32_t i = 0; i < EC_GEMM_FOUR; i++) sums[i] = d->bias[o + i] - 128 * total;
            ec_dot_bytes(sums, vector, d->weights + (ptrdiff_t)o * g->in_c, g->in_c);
            const int32_t outputs = g->out_c - o < EC_GEMM_FOUR ? g->out_c - o : EC_GEMM_FOUR;
            ec_fixed_row(sums, d->fixed + (ptrdiff_t)o * EC_FIXED_WORDS, y + o, outputs, &out);
        }
    }
}

#endif
