/* Matrix products with SDOT: a tile of up to 4 pixels and 16 channels, whose sums stay in registers.
 *
 * In assembly, since compilers move registers about where four are loaded at once: 72 instructions for 1024 products.
 * Which pixels, vectors of channels and steps a tile has is decided by the assembler (.if), so that each tile is
 * straight code but for the one loop. Where EC_IN_ORDER is defined, tiles of 16 channels have other steps. */
#ifndef EDGEC_EC_MATMUL_DOTPROD_H
#define EDGEC_EC_MATMUL_DOTPROD_H

#include "edgec/ec_dotprod_in_order.h"
#include "edgec/ec_neon_tiles.h"

#define EC_DOTPROD_PIXELS 4
#define EC_DOTPROD_CHANNELS 16

#define EC_DOTPROD_SUM(acc, w, x, lane) "sdot v" acc ".4s, v" w ".16b, v" x ".4b[" lane "]\n\t"
/* Four inputs of one pixel with all channels. */
#define EC_DOTPROD_PIXEL(x, a, b, c, d, lane)                                                                          \
    EC_DOTPROD_SUM(a, "0", x, lane)                                                                                    \
    EC_ASM_IF("%c[vectors] > 1", EC_DOTPROD_SUM(b, "1", x, lane))                                                      \
    EC_ASM_IF("%c[vectors] > 2", EC_DOTPROD_SUM(c, "2", x, lane))                                                      \
    EC_ASM_IF("%c[vectors] > 3", EC_DOTPROD_SUM(d, "3", x, lane))
/* One instruction on as many adjacent registers as there are vectors of channels. */
#define EC_DOTPROD_MANY(op, one, two, three, four, from)                                                               \
    EC_ASM_IF("%c[vectors] == 1", op " {" one "}, " from "\n\t")                                                       \
    EC_ASM_IF("%c[vectors] == 2", op " {" one "-" two "}, " from "\n\t")                                               \
    EC_ASM_IF("%c[vectors] == 3", op " {" one "-" three "}, " from "\n\t")                                             \
    EC_ASM_IF("%c[vectors] == 4", op " {" one "-" four "}, " from "\n\t")
/* Four inputs of all pixels. */
#define EC_DOTPROD_FOUR(lane)                                                                                          \
    EC_DOTPROD_MANY("ld1", "v0.16b", "v1.16b", "v2.16b", "v3.16b", "[x13], #16*%c[vectors]")                           \
    EC_DOTPROD_PIXEL("4", "16", "17", "18", "19", lane)                                                                \
    EC_ASM_IF("%c[pixels] > 1", EC_DOTPROD_PIXEL("5", "20", "21", "22", "23", lane))                                   \
    EC_ASM_IF("%c[pixels] > 2", EC_DOTPROD_PIXEL("6", "24", "25", "26", "27", lane))                                   \
    EC_ASM_IF("%c[pixels] > 3", EC_DOTPROD_PIXEL("7", "28", "29", "30", "31", lane))
#define EC_DOTPROD_INPUTS(kind, bytes)                                                                                 \
    "ldr " kind "4, [%[x]], #" bytes "\n\t" EC_ASM_IF("%c[pixels] > 1", "ldr " kind "5, [x10], #" bytes "\n\t")        \
        EC_ASM_IF("%c[pixels] > 2", "ldr " kind "6, [x11], #" bytes "\n\t")                                            \
            EC_ASM_IF("%c[pixels] > 3", "ldr " kind "7, [x12], #" bytes "\n\t")
#define EC_DOTPROD_BIAS(pixel, one, two, three, four)                                                                  \
    EC_ASM_IF("%c[pixels] > " pixel, EC_DOTPROD_MANY("ld1", one, two, three, four, "[%[constants]]"))
#define EC_DOTPROD_STEP                                                                                                \
    EC_DOTPROD_INPUTS("q", "16") EC_DOTPROD_FOUR("0") EC_DOTPROD_FOUR("1") EC_DOTPROD_FOUR("2") EC_DOTPROD_FOUR("3")

/* Which steps a tile has, and what they write beside what all do. */
#ifdef EC_IN_ORDER
#define EC_DOTPROD_PIPELINED 1
#define EC_DOTPROD_STEPS                                                                                               \
    EC_ASM_IF("%c[vectors] == 4 && %c[steps] > 0", EC_IN_ORDER_STEPS)                                                  \
    EC_ASM_IF("%c[vectors] < 4", EC_ASM_STEPS(EC_DOTPROD_STEP))
#define EC_DOTPROD_CLOBBERS "x6", "x7", "x8", "x9", "x15", "x16", "x17", "v12", "v13", "v14", "v15",
#else
#define EC_DOTPROD_PIPELINED 0
#define EC_DOTPROD_STEPS EC_ASM_STEPS(EC_DOTPROD_STEP)
#define EC_DOTPROD_CLOBBERS
#endif

#define EC_DOTPROD_TILE                                                                                                \
    EC_ASM_IF("%c[pixels] > 1", "add x10, %[x], %[step]\n\t")                                                          \
    EC_ASM_IF("%c[pixels] > 2", "add x11, x10, %[step]\n\t")                                                           \
    EC_ASM_IF("%c[pixels] > 3", "add x12, x11, %[step]\n\t")                                                           \
    "add x13, %[constants], #%c[skip]\n\t" EC_DOTPROD_BIAS("0", "v16.4s", "v17.4s", "v18.4s", "v19.4s")                \
        EC_DOTPROD_BIAS("1", "v20.4s", "v21.4s", "v22.4s", "v23.4s")                                                   \
            EC_DOTPROD_BIAS("2", "v24.4s", "v25.4s", "v26.4s", "v27.4s")                                               \
                EC_DOTPROD_BIAS("3", "v28.4s", "v29.4s", "v30.4s", "v31.4s") EC_DOTPROD_STEPS EC_ASM_IF(               \
                    "%c[tail] & 8", EC_DOTPROD_INPUTS("d", "8") EC_DOTPROD_FOUR("0") EC_DOTPROD_FOUR("1"))             \
                    EC_ASM_IF("%c[tail] & 4", EC_DOTPROD_INPUTS("s", "4") EC_DOTPROD_FOUR("0"))

/* The sums of a tile. x: (pixels, depth) s8, `step` bytes apart; constants: bias and so on, then (depth / 4,
 * 4 * vectors, 4) s8. acc: (pixels, vectors). */
EC_INLINE void ec_dotprod_multiply(const ec_neon_product *g, const ec_neon_channels *c, int32_t pixels, int32_t vectors,
                                   const int8_t *x, int64_t step, int32x4_t acc[16]) {
    register int32x4_t s0 __asm("v16"), s1 __asm("v17"), s2 __asm("v18"), s3 __asm("v19");
    register int32x4_t s4 __asm("v20"), s5 __asm("v21"), s6 __asm("v22"), s7 __asm("v23");
    register int32x4_t s8 __asm("v24"), s9 __asm("v25"), s10 __asm("v26"), s11 __asm("v27");
    register int32x4_t s12 __asm("v28"), s13 __asm("v29"), s14 __asm("v30"), s15 __asm("v31");
    const int32_t steps = g->depth / 16, last = EC_DOTPROD_PIPELINED && vectors == 4 && steps ? 1 : 0;
    const int32_t unroll = pixels * vectors > 8 ? 2 : 4; /* 72 instructions a step are long enough */
    __asm volatile(EC_DOTPROD_TILE
                   : "=w"(s0), "=w"(s1), "=w"(s2), "=w"(s3), "=w"(s4), "=w"(s5), "=w"(s6), "=w"(s7), "=w"(s8), "=w"(s9),
                     "=w"(s10), "=w"(s11), "=w"(s12), "=w"(s13), "=w"(s14), "=w"(s15), [x] "+r"(x)
                   : [step] "rI"(step), [constants] "r"(c->packed), [pixels] "i"(pixels), [vectors] "i"(vectors),
                     [skip] "i"(ec_neon_constants(g, vectors)), [steps] "i"(steps),
                     EC_ASM_TURNS(steps - last, unroll), [tail] "i"(g->depth % 16)
                   : EC_DOTPROD_CLOBBERS "x10", "x11", "x12", "x13", "x14", "v0", "v1", "v2", "v3", "v4", "v5", "v6",
                     "v7", "cc", "memory");
    const int32x4_t sums[16] = {s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15};
    EC_PRODUCT_UNROLL
    for (int32_t i = 0; i < pixels * vectors; i++) acc[i] = sums[i / vectors * 4 + i % vectors];
}

/* 1x1 convolution and dense. x: (count, in_c) s8, `step` bytes apart; y: (count, out_c) s8. */
EC_INLINE void ec_matmul_dotprod(const ec_neon_matmul_geometry *g, const ec_neon_matmul_data *d, const int8_t *x,
                                 int8_t *y, int8_t *scratch) {
    const ec_neon_tiles tiles = {EC_DOTPROD_PIXELS, EC_DOTPROD_CHANNELS, ec_dotprod_multiply};
    ec_neon_matmul(tiles, g, d, x, y, scratch);
}

/* One output row of a convolution. x: kernel_h rows of (in_w, in_c) s8; y: (out_w, out_c) s8. */
EC_INLINE void ec_window_dotprod(const ec_neon_window_geometry *g, const ec_neon_window_data *d,
                                 const int8_t *const x[], int8_t *y, int8_t *scratch) {
    const ec_neon_tiles tiles = {EC_DOTPROD_PIXELS, EC_DOTPROD_CHANNELS, ec_dotprod_multiply};
    ec_neon_window(tiles, g, d, x, y, scratch);
}

#endif
