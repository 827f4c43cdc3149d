/* Matrix products without dot products: a tile of up to 2 pixels and 8 channels, whose sums stay in registers.
 *
 * SMULL and SMLAL2 add two products in int16, SADALP adds neighbours of those to the sums: 55 instructions for 256
 * products. Two products leave int16 only where both weights are -128; layers that have such a pair add each by itself
 * (`wide`). In assembly, so that no register is moved about; what a tile has of it is decided by the assembler (.if).
 */
#ifndef EDGEC_EC_MATMUL_NEON_H
#define EDGEC_EC_MATMUL_NEON_H

#include "edgec/ec_neon_tiles.h"

#define EC_NEON_PIXELS 2
#define EC_NEON_CHANNELS 8

/* `op` of both pixels' inputs, in vectors 4 and 5, times the weights of four channels in v0 .. v3: pixel by pixel, so
 * that nothing waits for what was just begun on cores in order. */
#define EC_NEON_FOUR(op, bytes, x, a, b, c, d)                                                                         \
    op " v" a ".8h, v0." bytes ", v" x "." bytes "\n\t" op " v" b ".8h, v1." bytes ", v" x "." bytes "\n\t" op " v" c  \
       ".8h, v2." bytes ", v" x "." bytes "\n\t" op " v" d ".8h, v3." bytes ", v" x "." bytes "\n\t"
#define EC_NEON_PRODUCTS(op, bytes)                                                                                    \
    EC_NEON_FOUR(op, bytes, "4", "8", "9", "10", "11")                                                                 \
    EC_ASM_IF("%c[pixels] > 1", EC_NEON_FOUR(op, bytes, "5", "12", "13", "14", "15"))
/* Products into sums: a .. d of the first pixel, e .. h of the second. */
#define EC_NEON_ADD(op, a, b, c, d, e, f, g, h)                                                                        \
    op " v" a ".4s, v8.8h\n\t" op " v" b ".4s, v9.8h\n\t" op " v" c ".4s, v10.8h\n\t" op " v" d                        \
       ".4s, v11.8h\n\t" EC_ASM_IF("%c[pixels] > 1", op " v" e ".4s, v12.8h\n\t" op " v" f ".4s, v13.8h\n\t" op " v" g \
                                                        ".4s, v14.8h\n\t" op " v" h ".4s, v15.8h\n\t")
#define EC_NEON_ADD_0(op) EC_NEON_ADD(op, "16", "17", "18", "19", "24", "25", "26", "27")
#define EC_NEON_ADD_1(op) EC_NEON_ADD(op, "20", "21", "22", "23", "28", "29", "30", "31")
/* Sixteen or eight inputs with four channels; `begin` is how their first products become sums. */
#define EC_NEON_SIXTEEN(begin, add)                                                                                    \
    EC_NEON_PRODUCTS("smull", "8b")                                                                                    \
    ".if %c[wide]\n\t" add(begin) EC_NEON_PRODUCTS("smull2", "16b")                                                    \
        add("sadalp") ".else\n\t" EC_NEON_PRODUCTS("smlal2", "16b") add(begin) ".endif\n\t"
#define EC_NEON_EIGHT(begin, add) EC_NEON_PRODUCTS("smull", "8b") add(begin)
/* Not LD1 of four registers: cores in order begin nothing beside it. */
#define EC_NEON_WEIGHTS(kind, bytes, low, high)                                                                        \
    "ldp " #kind "0, " #kind "1, [x13, #" low "*" bytes "]\n\tldp " #kind "2, " #kind "3, [x13, #" high "*" bytes      \
    "]\n\t"
/* Inputs of both pixels, in vectors of `kind` and `bytes`, with all channels. */
#define EC_NEON_STEP(kind, bytes, products, begin)                                                                     \
    "ldr " #kind "4, [%[x]], #" bytes "\n\t" EC_ASM_IF("%c[pixels] > 1", "ldr " #kind "5, [x10], #" bytes "\n\t")      \
        EC_NEON_WEIGHTS(kind, bytes, "0", "2") products(begin, EC_NEON_ADD_0)                                          \
            EC_ASM_IF("%c[vectors] > 1",                                                                               \
                      EC_NEON_WEIGHTS(kind, bytes, "4", "6") products(begin, EC_NEON_ADD_1)) "add x13, x13, #4*" bytes \
                                                                                             "*%c[vectors]\n\t"

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
                     [skip] "i"(ec_neon_constants(g, vectors)), [steps] "i"(steps),
                     EC_ASM_TURNS(more, 4), [tail] "i"(g->depth % 16), [wide] "i"(g->wide)
                   : "x10", "x13", "x14", "v0", "v1", "v2", "v3", "v4", "v5", "v8", "v9", "v10", "v11", "v12", "v13",
                     "v14", "v15", "cc", "memory");
    const int32x4_t sums[16] = {s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15};
    EC_PRODUCT_UNROLL
    for (int32_t i = 0; i < pixels * vectors; i++) {
        const int32_t at = i / vectors * 8 + i % vectors * 4;
        acc[i] = vpaddq_s32(vpaddq_s32(sums[at], sums[at + 1]), vpaddq_s32(sums[at + 2], sums[at + 3]));
        acc[i] = vaddq_s32(acc[i], c->bias[i % vectors]);
    }
}

/* 1x1 convolution and dense. x: (count, in_c) s8, `step` bytes apart; y: (count, out_c) s8. */
EC_INLINE void ec_matmul_neon(const ec_neon_matmul_geometry *g, const ec_neon_matmul_data *d, const int8_t *x,
                              int8_t *y, int8_t *scratch) {
    const ec_neon_tiles tiles = {EC_NEON_PIXELS, EC_NEON_CHANNELS, ec_neon_multiply};
    ec_neon_matmul(tiles, g, d, x, y, scratch);
}

/* One output row of a convolution. x: kernel_h rows of (in_w, in_c) s8; y: (out_w, out_c) s8. */
EC_INLINE void ec_window_neon(const ec_neon_window_geometry *g, const ec_neon_window_data *d, const int8_t *const x[],
                              int8_t *y, int8_t *scratch) {
    const ec_neon_tiles tiles = {EC_NEON_PIXELS, EC_NEON_CHANNELS, ec_neon_multiply};
    ec_neon_window(tiles, g, d, x, y, scratch);
}

#endif
