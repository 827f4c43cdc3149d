/* Sums of products on Helium: one or two pixels with up to four output channels, over runs of adjacent inputs. */
#ifndef EDGEC_EC_MVE_SUMS_H
#define EDGEC_EC_MVE_SUMS_H

#include "edgec/ec_mve_tile.h"

#define EC_MVE_MOST_STEPS 9 /* that ec_mve_tile_pieces takes at once */

/* How the inputs of a pixel lie: `runs` runs of `run` adjacent bytes. Where there are several, each is cut into pieces
 * of the same number of vectors; what is left of it is no piece. */
typedef struct {
    int32_t runs, run;
} ec_mve_inputs;

/* One lane a channel; x: the sum of a pixel's inputs. */
typedef struct {
    int32x4_t acc[2];
    int32_t x;
} ec_mve_sums;

/* Pieces of a run. */
EC_INLINE int32_t ec_mve_pieces(ec_mve_inputs in) {
    const int32_t vectors = in.run / EC_MVE_BYTES;
    if (in.runs == 1) return 1;
    for (int32_t steps = EC_MVE_MOST_STEPS; steps > 1; steps--) {
        if (vectors > 0 && vectors % steps == 0) return vectors / steps;
    }
    return vectors > 0 ? vectors : 1;
}

/* Notes in `from` where the pieces of run number `run` of pixel 0 or 1 begin. from: (runs, pieces, 2) addresses. */
EC_INLINE void ec_mve_set_run(ec_mve_inputs in, int32_t run, int32_t pixel, const int8_t *begin, const int8_t *from[]) {
    const int32_t pieces = ec_mve_pieces(in), bytes = in.run / EC_MVE_BYTES / pieces * EC_MVE_BYTES;
    for (int32_t i = 0; i < pieces; i++) from[(run * pieces + i) * 2 + pixel] = begin + i * bytes;
}

/* Sums in general registers. */
typedef struct {
    int32_t acc[2][EC_MVE_GROUP];
    int32_t x;
} ec_mve_scalars;

/* Adds the products of 16 inputs of each pixel with the next weights of n channels, which lie `step` bytes apart. */
EC_INLINE void ec_mve_step(ec_mve_scalars *s, int32_t pixels, int32_t n, int32_t zero_points, int8x16_t x0,
                           int8x16_t x1, const int8_t **w, int32_t step) {
    for (int32_t o = 0; o < n; o++) {
        const int8x16_t weights = ec_mve_next(w, step);
        s->acc[0][o] = vmladavaq_s8(s->acc[0][o], x0, weights);
        if (pixels == 2) s->acc[1][o] = vmladavaq_s8(s->acc[1][o], x1, weights);
    }
    if (zero_points) s->x = vaddvaq_s8(s->x, x0);
}

/* Adds the products of `vectors` times 16 adjacent inputs of each pixel. */
EC_INLINE void ec_mve_steps(ec_mve_scalars *s, int32_t pixels, int32_t n, int32_t zero_points, int32_t vectors,
                            const int8_t *x0, const int8_t *x1, const int8_t **w) {
    EC_MVE_UNROLL
    for (int32_t i = 0; i < vectors; i++) {
        const int8x16_t v0 = vldrbq_s8(x0 + i * EC_MVE_BYTES);
        const int8x16_t v1 = pixels == 2 ? vldrbq_s8(x1 + i * EC_MVE_BYTES) : v0;
        ec_mve_step(s, pixels, n, zero_points, v0, v1, w, EC_MVE_BYTES);
    }
}

/* Adds the products of the last `rest` inputs of each run. */
EC_INLINE void ec_mve_rests(ec_mve_scalars *s, int32_t pixels, int32_t n, int32_t zero_points, ec_mve_inputs in,
                            const int8_t *const from[], const int8_t **w) {
    const int32_t rest = in.run % EC_MVE_BYTES, step = 2 * ec_mve_pieces(in);
    const mve_pred16_t lanes = vctp8q((uint32_t)rest);
    for (int32_t run = 0; run < in.runs; run++) {
        /* Zeros in the lanes behind the inputs: what the weights have there does not matter. */
        const int8x16_t v0 = vldrbq_z_s8(from[run * step] + (in.run - rest), lanes);
        const int8x16_t v1 = pixels == 2 ? vldrbq_z_s8(from[run * step + 1] + (in.run - rest), lanes) : v0;
        ec_mve_step(s, pixels, n, zero_points, v0, v1, w, rest);
    }
}

EC_INLINE int32x4_t ec_mve_vector(const int32_t acc[EC_MVE_GROUP]) {
    return ec_mve_lanes(acc[0], acc[1], acc[2], acc[3]);
}

/* The sums of `pixels` pixels (one where weights have zero points) with n channels.
 * w: (runs, vectors of a run, n, 16), then (runs, n, rest of a run) s8, left behind them; 15 bytes more may be read. */
EC_INLINE ec_mve_sums ec_mve_multiply(int32_t pixels, int32_t n, int32_t zero_points, ec_mve_inputs in,
                                      const int8_t *const from[], const int8_t **w) {
    const int32_t vectors = in.run / EC_MVE_BYTES, pieces = ec_mve_pieces(in);
    const int32_t tile = pixels == 2 && n == EC_MVE_GROUP && !zero_points && vectors > 0;
    ec_mve_pair pair = {{vdupq_n_s32(0), vdupq_n_s32(0)}};
    ec_mve_scalars s = {{{0, 0, 0, 0}, {0, 0, 0, 0}}, 0};
    if (tile && in.runs == 1) {
        pair = ec_mve_tile(from[0], from[1], vectors, w);
    } else if (tile) {
        pair = ec_mve_tile_pieces(from, in.runs * pieces, vectors / pieces, w);
    } else if (in.runs == 1) {
        const int32_t turn = vectors < 8 ? vectors : 8;
        int32_t i = 0;
        for (; turn > 0 && i + turn <= vectors; i += turn) {
            ec_mve_steps(&s, pixels, n, zero_points, turn, from[0] + i * EC_MVE_BYTES, from[1] + i * EC_MVE_BYTES, w);
        }
        ec_mve_steps(&s, pixels, n, zero_points, vectors - i, from[0] + i * EC_MVE_BYTES, from[1] + i * EC_MVE_BYTES,
                     w);
    } else {
        for (int32_t i = 0; i < in.runs * pieces; i++) {
            ec_mve_steps(&s, pixels, n, zero_points, vectors / pieces, from[2 * i], from[2 * i + 1], w);
        }
    }
    if (in.run % EC_MVE_BYTES) ec_mve_rests(&s, pixels, n, zero_points, in, from, w);
    if (tile && in.run % EC_MVE_BYTES == 0) return (ec_mve_sums){{pair.acc[0], pair.acc[1]}, 0};
    const ec_mve_sums sums = {{ec_mve_vector(s.acc[0]), ec_mve_vector(s.acc[1])}, s.x};
    if (!tile) return sums;
    return (ec_mve_sums){{vaddq_s32(sums.acc[0], pair.acc[0]), vaddq_s32(sums.acc[1], pair.acc[1])}, 0};
}

#endif
