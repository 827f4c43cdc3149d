/* Matrix products without dot products: a tile of up to 2 pixels and 8 channels, whose sums stay in registers.
 *
 * SMULL and SMLAL2 add two products in int16, SADALP adds neighbours of those to the sums: 52 instructions for 256
 * products. Two products leave int16 only where both weights are -128; layers that have such a pair add each by itself
 * (`wide`). In assembly, so that no register is moved about; what a tile has of it is decided by the assembler (.if).
 */
#ifndef EDGEC_EC_MATMUL_NEON_H
#define EDGEC_EC_MATMUL_NEON_H

#include "edgec/ec_neon_window.h"

#define EC_NEON_PIXELS 2
#define EC_NEON_CHANNELS 8

/* `op` of four products: inputs of a pixel, in vector x, times the weights in v0 .. v3. */
#define EC_NEON_FOUR(op, bytes, x)                                                                                     \
    op " v8.8h, v0." bytes ", v" x "." bytes "\n\t" op " v9.8h, v1." bytes ", v" x "." bytes "\n\t" op                 \
       " v10.8h, v2." bytes ", v" x "." bytes "\n\t" op " v11.8h, v3." bytes ", v" x "." bytes "\n\t"
/* Products into sums. */
#define EC_NEON_ADD(op, a, b, c, d)                                                                                    \
    op " v" a ".4s, v8.8h\n\t" op " v" b ".4s, v9.8h\n\t" op " v" c ".4s, v10.8h\n\t" op " v" d ".4s, v11.8h\n\t"
/* Sixteen inputs of a pixel with four channels; `begin` is how their first products become sums. */
#define EC_NEON_SIXTEEN(begin, x, a, b, c, d)                                                                          \
    EC_NEON_FOUR("smull", "8b", x)                                                                                     \
    ".if %c[wide]\n\t" EC_NEON_ADD(begin, a, b, c, d) EC_NEON_FOUR("smull2", "16b", x)                                 \
        EC_NEON_ADD("sadalp", a, b, c, d) ".else\n\t" EC_NEON_FOUR("smlal2", "16b", x)                                 \
            EC_NEON_ADD(begin, a, b, c, d) ".endif\n\t"
#define EC_NEON_EIGHT(begin, x, a, b, c, d) EC_NEON_FOUR("smull", "8b", x) EC_NEON_ADD(begin, a, b, c, d)
#define EC_NEON_WEIGHTS_q "ld1 {v0.16b-v3.16b}, [x13], #64\n\t"
#define EC_NEON_WEIGHTS_d "ld1 {v0.8b-v3.8b}, [x13], #32\n\t"
/* Inputs of both pixels, in vectors of `kind` and `bytes`, with all channels. */
#define EC_NEON_STEP(kind, bytes, products, begin)                                                                     \
    "ldr " #kind "4, [%[x]], #" bytes                                                                                  \
    "\n\t" EC_ASM_IF("%c[pixels] > 1", "ldr " #kind "5, [x10], #" bytes "\n\t") EC_NEON_WEIGHTS_##kind                 \
    products(begin, "4", "16", "17", "18", "19") EC_ASM_IF("%c[pixels] > 1",                                           \
                                                           products(begin, "5", "24", "25", "26", "27"))               \
        EC_ASM_IF("%c[vectors] > 1", EC_NEON_WEIGHTS_##kind products(begin, "4", "20", "21", "22", "23")               \
                                         EC_ASM_IF("%c[pixels] > 1", products(begin, "5", "28", "29", "30", "31")))

#define EC_NEON_TILE                                                                                                   \
    EC_ASM_IF("%c[pixels] > 1", "add x10, %[x], %[step]\n\t")                                                          \
    "add x13, %[constants], #%c[skip]\n\t" EC_ASM_IF("%c[steps] > 0",                                                  \
                                                     EC_NEON_STEP(q, "16", EC_NEON_SIXTEEN, "saddlp"))                 \
        EC_ASM_STEPS(EC_NEON_STEP(q, "16", EC_NEON_SIXTEEN, "sadalp"))                                                 \
            EC_ASM_IF("%c[tail] && %c[steps]", EC_NEON_STEP(d, "8", EC_NEON_EIGHT, "sadalp"))                          \
                EC_ASM_IF("%c[tail] && !%c[steps]", EC_NEON_STEP(d, "8", EC_NEON_EIGHT, "saddlp"))

/* The sums of a tile. x: (pixels, depth) s8, `step` bytes apart; w: (depth / 16, 4 * vectors, 16) s8, then the same of
 * 8. acc: (pixels, vectors). */
EC_INLINE void ec_neon_multiply(const ec_neon_product *g, const ec_neon_channels *c, int32_t pixels, int32_t vectors,
                                const int8_t *x, int64_t step, int32x4_t acc[16]) {
    register int32x4_t s0 __asm("v16"), s1 __asm("v17"), s2 __asm("v18"), s3 __asm("v19");
    register int32x4_t s4 __asm("v20"), s5 __asm("v21"), s6 __asm("v22"), s7 __asm("v23");
    register int32x4_t s8 __asm("v24"), s9 __asm("v25"), s10 __asm("v26"), s11 __asm("v27");
    register int32x4_t s12 __asm("v28"), s13 __asm("v29"), s14 __asm("v30"), s15 __asm("v31");
    const int32_t steps = g->depth / 16, more = steps ? steps - 1 : 0;
    __asm volatile(EC_NEON_TILE
                   : "=w"(s0), "=w"(s1), "=w"(s2), "=w"(s3), "=w"(s4), "=w"(s5), "=w"(s6), "=w"(s7), "=w"(s8), "=w"(s9),
                     "=w"(s10), "=w"(s11), "=w"(s12), "=w"(s13), "=w"(s14), "=w"(s15), [x] "+r"(x)
                   : [step] "rI"(step), [constants] "r"(c->packed), [pixels] "i"(pixels), [vectors] "i"(vectors),
                     [skip] "i"(ec_neon_constants(g, vectors)), [steps] "i"(steps), [lead] "i"(more % 4),
                     [turns] "i"(more / 4), [tail] "i"(g->depth % 16), [wide] "i"(g->wide)
                   : "x10", "x13", "x14", "v0", "v1", "v2", "v3", "v4", "v5", "v8", "v9", "v10", "v11", "cc", "memory");
    const int32x4_t sums[16] = {s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15};
    EC_PRODUCT_UNROLL
    for (int32_t i = 0; i < pixels * vectors; i++) {
        const int32_t at = i / vectors * 8 + i % vectors * 4;
        acc[i] = vpaddq_s32(vpaddq_s32(sums[at], sums[at + 1]), vpaddq_s32(sums[at + 2], sums[at + 3]));
        acc[i] = vaddq_s32(acc[i], c->bias[i % vectors]);
    }
}
/* One tile, from sums to bytes. */
EC_INLINE void ec_neon_tile(const ec_neon_product *g, ec_neon_output to, const ec_neon_channels *c, int32_t pixels,
                            int32_t n, const int8_t *x, int32_t step, const int32_t *sums, int8_t *y) {
    const int32_t vectors = (n + 3) / 4;
    int32x4_t acc[16];
    ec_neon_multiply(g, c, pixels, vectors, x, step, acc);
    if (g->zero_points) ec_neon_subtract(pixels, vectors, c->packed, sums, acc);
    ec_neon_finish(g, to, pixels, n, acc, c->scale, y);
}

/* All pixels with a block of n channels; `count` % EC_NEON_PIXELS are what is left of them in the end. */
EC_INLINE void ec_neon_block(const ec_neon_product *g, ec_neon_output to, int32_t count, int32_t pixels, int32_t n,
                             const int8_t *x, int32_t step, const int32_t *sums, const int8_t *w, int8_t *y) {
    const int32_t rest = count % EC_NEON_PIXELS;
    const ec_neon_channels c = ec_neon_load_channels(w, (n + 3) / 4);
    int32_t p = 0;
    EC_PRODUCT_ROLLED
    for (; p + EC_NEON_PIXELS <= pixels; p += EC_NEON_PIXELS) {
        ec_neon_tile(g, to, &c, EC_NEON_PIXELS, n, x, step, sums + p, y);
        x += EC_NEON_PIXELS * step, y += EC_NEON_PIXELS * g->out_c;
    }
    if (rest && p < pixels) ec_neon_tile(g, to, &c, rest, n, x, step, sums + p, y);
}

/* x: (pixels, depth) s8, `step` bytes apart, sums: (pixels) their sums where weights have zero points; y: (pixels,
 * out_c) s8. */
EC_INLINE void ec_neon_blocks(const ec_neon_product *g, ec_neon_output to, int32_t count, int32_t pixels,
                              const int8_t *x, int32_t step, const int32_t *sums, const int8_t *w, int8_t *y) {
    const int32_t whole = g->out_c - g->out_c % EC_NEON_CHANNELS, left = g->out_c % EC_NEON_CHANNELS;
    const int32_t size = EC_NEON_CHANNELS * g->depth + ec_neon_constants(g, EC_NEON_CHANNELS / 4);
    EC_PRODUCT_ROLLED
    for (int32_t o = 0; o < whole; o += EC_NEON_CHANNELS, w += size) {
        ec_neon_block(g, to, count, pixels, EC_NEON_CHANNELS, x, step, sums, w, y + o);
    }
    if (left) ec_neon_block(g, to, count, pixels, left, x, step, sums, w, y + whole);
}

/* 1x1 convolution and dense. x: (count, in_c) s8, `step` bytes apart; y: (count, out_c) s8. */
EC_INLINE void ec_matmul_neon(const ec_neon_matmul_geometry *g, const ec_neon_matmul_data *d, const int8_t *x,
                              int8_t *y, int8_t *scratch) {
    const ec_neon_product product = {g->depth, g->out_c, g->zero_points, g->way, g->wide};
    const ec_neon_output to = ec_neon_output_of(g->way, d->output_zero_point, d->clamp_min, d->clamp_max);
    const int8_t *const weights = d->weights;
    const int32_t gathered = g->depth != g->in_c;
    int32_t *const sums = (int32_t *)(void *)scratch;
    int8_t *const columns = scratch + ec_neon_sums_bytes(g->strip, g->zero_points);
    EC_PRODUCT_ROLLED
    for (int32_t first = 0; first < g->count; first += g->strip, x += g->strip * g->step, y += g->strip * g->out_c) {
        const int32_t pixels = ec_neon_next(g->count, first, g->strip);
        if (g->zero_points) ec_neon_sums(pixels, x, g->step, g->in_c, sums);
        if (gathered) ec_neon_copy_each(pixels, x, g->step, g->in_c, g->depth, columns);
        ec_neon_blocks(&product, to, g->count, pixels, gathered ? columns : x, gathered ? g->depth : g->step, sums,
                       weights, y);
    }
}

/* One output row of a convolution. x: kernel_h rows of (in_w, in_c) s8; y: (out_w, out_c) s8. */
EC_INLINE void ec_window_neon(const ec_neon_window_geometry *g, const ec_neon_window_data *d, const int8_t *const x[],
                              int8_t *y, int8_t *scratch) {
    const ec_neon_product product = {g->depth, g->out_c, g->zero_points, g->way, g->wide};
    const ec_neon_output to = ec_neon_output_of(g->way, d->output_zero_point, d->clamp_min, d->clamp_max);
    const int8_t *const weights = d->weights;
    const int32_t zero_point = d->input_zero_point, size = g->kernel_h * g->kernel_w * g->in_c;
    int32_t *const sums = (int32_t *)(void *)scratch;
    int8_t *const columns = scratch + ec_neon_sums_bytes(g->strip, g->zero_points);
    EC_PRODUCT_ROLLED
    for (int32_t first = 0; first < g->out_w; first += g->strip, y += g->strip * g->out_c) {
        const int32_t pixels = ec_neon_next(g->out_w, first, g->strip);
        ec_neon_gather_strip(g, zero_point, x, first, pixels, columns);
        if (g->zero_points) ec_neon_sums(pixels, columns, g->depth, size, sums);
        ec_neon_blocks(&product, to, g->out_w, pixels, columns, g->depth, sums, weights, y);
    }
}

#endif
