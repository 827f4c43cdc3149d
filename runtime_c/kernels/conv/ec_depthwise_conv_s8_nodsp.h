/* Depthwise convolution, int8: for cores without DSP instructions and FPU.
 *
 * Four input channels at a time: their rows are copied into planes (ec_depthwise_row.h), with columns of padding, and
 * each filter runs over them, a tile of neighbouring outputs in registers. */
#ifndef EDGEC_EC_DEPTHWISE_CONV_S8_NODSP_H
#define EDGEC_EC_DEPTHWISE_CONV_S8_NODSP_H

#include <stddef.h>

#include "edgec/ec_depthwise_row.h"
#include "edgec/ec_fixed_point.h"

#define EC_FOUR 4

typedef struct {
    int32_t in_w, in_c, out_w, out_c;
    int32_t kernel_h, kernel_w, stride_w, pad_w, dilation_w;
    int32_t pitch; /* words of a plane */
    int32_t tile;  /* outputs at once */
} ec_depthwise_conv_s8_nodsp_geometry;

typedef struct {
    const int8_t *weights;    /* (out_c, kernel_h, kernel_w), each row by planes */
    const uint32_t *records;  /* (out_c, 4): bias with zero point and origin folded in, then the EC_FIXED_WORDS */
    const uint32_t *doubtful; /* (doubtful channels, 5) */
    int32_t input_zero_point, output_zero_point, clamp_min, clamp_max;
} ec_depthwise_conv_s8_nodsp_data;

/* count words (1 or more) of four channels, `step` bytes apart, sign bits turned over. */
EC_INLINE void ec_plane_of_four(uint32_t *to, const int8_t *x, int32_t count, int32_t step, int32_t aligned) {
#if defined(EC_NODSP_ASSEMBLY)
    if (aligned) {
        ec_plane_words(to, x, count, step);
        return;
    }
#endif
    const uint8_t *from = (const uint8_t *)x;
    for (const uint32_t *const end = to + count; to < end; from += step) {
        const uint32_t word =
            aligned ? *(const uint32_t *)(const void *)from
                    : from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
        *to++ = word ^ EC_TURNED;
    }
}

/* The same of fewer channels. */
EC_INLINE void ec_plane_of_fewer(uint32_t *to, const int8_t *x, int32_t count, int32_t step, int32_t channels) {
    for (int32_t i = 0; i < count; i++, x += step) {
        uint32_t word = 0;
        for (int32_t c = 0; c < channels; c++) word |= (uint32_t)(x[c] + 128) << 8 * c;
        to[i] = word;
    }
}

EC_INLINE uint32_t *ec_plane_padding(uint32_t *to, uint32_t padding, int32_t count) {
    for (int32_t i = 0; i < count; i++) *to++ = padding;
    return to;
}

/* One row of four channels, x: (in_w, in_c) s8 from the first of them or NULL, into its planes; the next planes. */
EC_INLINE uint32_t *ec_depthwise_planes(const ec_depthwise_conv_s8_nodsp_geometry *g, const int8_t *x, int32_t channels,
                                        uint32_t padding, uint32_t *to) {
    if (!x) return ec_plane_padding(to, padding, g->stride_w * g->pitch);
    for (int32_t phase = 0; phase < g->stride_w; phase++) {
        /* Columns of the plane inside the row: from `before` to `before` + `inside`. */
        const int32_t start = phase - g->pad_w;
        const int32_t outside = start < 0 ? (-start + g->stride_w - 1) / g->stride_w : 0;
        const int32_t before = outside < g->pitch ? outside : g->pitch;
        const int32_t first = start + before * g->stride_w;
        const int32_t there = first < g->in_w ? (g->in_w - first + g->stride_w - 1) / g->stride_w : 0;
        const int32_t inside = there < g->pitch - before ? there : g->pitch - before;
        to = ec_plane_padding(to, padding, before);
        if (inside > 0) {
            const int8_t *const from = x + (ptrdiff_t)first * g->in_c;
            const int32_t step = g->stride_w * g->in_c;
            if (channels == EC_FOUR) {
                ec_plane_of_four(to, from, inside, step, g->in_c % EC_FOUR == 0);
            } else {
                ec_plane_of_fewer(to, from, inside, step, channels);
            }
            to += inside;
        }
        to = ec_plane_padding(to, padding, g->pitch - before - inside);
    }
    return to;
}

/* One filter over the row in plain C. planes: (kernel_h, stride_w, pitch) words from the byte of its channel. */
EC_INLINE void ec_depthwise_sums(const ec_depthwise_conv_s8_nodsp_geometry *g, const uint8_t *planes,
                                 const int8_t *weights, int32_t bias, int32_t *sums) {
    for (int32_t out_x = 0; out_x < g->out_w; out_x += EC_FOUR) {
        const uint8_t *plane = planes + (ptrdiff_t)out_x * EC_FOUR;
        const int8_t *w = weights;
        int32_t sum[EC_FOUR] = {bias, bias, bias, bias};
        for (int32_t ky = 0; ky < g->kernel_h; ky++) {
            for (int32_t phase = 0; phase < g->stride_w; phase++, plane += g->pitch * EC_FOUR) {
                for (int32_t kx = 0; kx < g->kernel_w; kx++) {
                    if (kx * g->dilation_w % g->stride_w != phase) continue;
                    const uint8_t *const at = plane + kx * g->dilation_w / g->stride_w * EC_FOUR;
                    for (int32_t i = 0; i < EC_FOUR; i++) sum[i] += at[i * EC_FOUR] * *w;
                    w++;
                }
            }
        }
        for (int32_t i = 0; i < EC_FOUR; i++) sums[out_x + i] = sum[i];
    }
}

/* Outputs of one channel from their sums; record: of the channel. */
EC_INLINE void ec_depthwise_outputs(const int32_t *sums, const uint32_t *record, int8_t *y, int32_t count, int32_t step,
                                    const ec_fixed_output *out) {
    if (record[1]) {
        for (int32_t i = 0; i < count; i++) y[(ptrdiff_t)i * step] = ec_fixed_value((uint32_t)sums[i], record + 1, out);
    } else {
        for (int32_t i = 0; i < count; i++) {
            y[(ptrdiff_t)i * step] = ec_fixed_doubtful((uint32_t)sums[i], record + 1, out);
        }
    }
}

/* Filters of one group of channels in plain C. weights, records, y: from the first filter on. */
EC_INLINE void ec_depthwise_filters(const ec_depthwise_conv_s8_nodsp_geometry *g, const uint8_t *planes,
                                    const int8_t *weights, const uint32_t *records, int8_t *y, int32_t filters,
                                    int32_t *sums, const ec_fixed_output *out) {
    const int32_t multiplier = g->out_c / g->in_c;
    for (int32_t f = 0; f < filters; f++) {
        const uint32_t *const record = records + (ptrdiff_t)f * EC_DEPTHWISE_RECORD;
        ec_depthwise_sums(g, planes + f / multiplier, weights + (ptrdiff_t)f * g->kernel_h * g->kernel_w,
                          (int32_t)record[0], sums);
        ec_depthwise_outputs(sums, record, y + f, g->out_w, g->out_c, out);
    }
}

#if defined(EC_NODSP_ASSEMBLY)
/* The same by a function of ec_depthwise_row.h, which takes filters of neighbouring or of equal channels. */
EC_INLINE void ec_depthwise_filters_by(ec_depthwise_row_function *row, const ec_depthwise_conv_s8_nodsp_geometry *g,
                                       const uint8_t *planes, const int8_t *weights, const uint32_t *records, int8_t *y,
                                       int32_t filters, ec_depthwise_job *job, const ec_fixed_output *out) {
    const int32_t multiplier = g->out_c / g->in_c;
    for (int32_t f = 0; f < filters; f += job->filters) {
        const int32_t most = multiplier == 1 ? filters - f : multiplier - f % multiplier;
        const uint32_t *const record = records + (ptrdiff_t)f * EC_DEPTHWISE_RECORD, *last = record;
        int32_t count = 1; /* to the next doubtful one, or all */
        for (; count < most && last[1]; count++) last += EC_DEPTHWISE_RECORD;
        job->filters = count;
        row(planes + f / multiplier, weights + (ptrdiff_t)f * job->taps, record, y + f, job);
        if (!last[1]) ec_depthwise_outputs(job->sums, last, y + f + count - 1, g->out_w, g->out_c, out);
    }
}
#endif

/* One output row. x: kernel_h rows of (in_w, in_c) s8 or NULL for padding, y: (out_w, out_c) s8, sums: s32. */
EC_INLINE void ec_depthwise_conv_s8_nodsp(const ec_depthwise_conv_s8_nodsp_geometry *g,
                                          const ec_depthwise_conv_s8_nodsp_data *d, const int8_t *const x[], int8_t *y,
                                          void *scratch) {
    const ec_fixed_output out = {d->doubtful, d->output_zero_point, d->clamp_min, d->clamp_max};
    const int32_t multiplier = g->out_c / g->in_c;
    const uint32_t padding = (uint32_t)(d->input_zero_point + 128) * 0x01010101u;
    uint32_t *const planes = scratch;
    int32_t *const sums = (int32_t *)(void *)(planes + (ptrdiff_t)g->kernel_h * g->stride_w * g->pitch);
#if defined(EC_NODSP_ASSEMBLY)
    ec_depthwise_row_function *const row =
        g->dilation_w == 1 ? ec_depthwise_row(g->kernel_h, g->kernel_w, g->stride_w, g->tile) : NULL;
    ec_depthwise_job job = {.rows = g->kernel_h,
                            .pitch = g->pitch * EC_FOUR,
                            .last = (g->out_w - g->tile) * EC_FOUR,
                            .y_step = g->out_c,
                            .taps = g->kernel_h * g->kernel_w,
                            .x_step = multiplier == 1,
                            .sums = sums,
                            .low_high = out.low ^ out.high,
                            .high = out.high};
#endif
    for (int32_t c = 0; c < g->in_c; c += EC_FOUR) {
        const int32_t channels = g->in_c - c < EC_FOUR ? g->in_c - c : EC_FOUR;
        uint32_t *to = planes;
        for (int32_t ky = 0; ky < g->kernel_h; ky++) {
            to = ec_depthwise_planes(g, x[ky] ? x[ky] + c : NULL, channels, padding, to);
        }
        const uint8_t *const bytes = (const uint8_t *)(const void *)planes;
        const ptrdiff_t o = (ptrdiff_t)c * multiplier;
        const uint32_t *const records = d->records + o * EC_DEPTHWISE_RECORD;
        const int8_t *const weights = d->weights + o * g->kernel_h * g->kernel_w;
#if defined(EC_NODSP_ASSEMBLY)
        if (row) {
            ec_depthwise_filters_by(row, g, bytes, weights, records, y + o, channels * multiplier, &job, &out);
            continue;
        }
#endif
        ec_depthwise_filters(g, bytes, weights, records, y + o, channels * multiplier, sums, &out);
    }
}

#endif
