/* Sixteen inputs of a tile of 4 pixels and 16 channels with SDOT, for cores that issue in order (Cortex-A55).
 *
 * Such a core begins two instructions a cycle, one of them SDOT, in the order of the program, and a load of 128 bits
 * holds it up for two cycles. So vectors are loaded as two halves, each beside an SDOT: the lower with its address from
 * two registers, the upper into its lane. Each of these takes as long as SDOT, and so does MADD, which moves the
 * addresses on: what ended sooner would have to wait for the SDOT before it.
 *
 * Vector k of the weights of four inputs, v0 .. v3, is multiplied by all pixels, then loaded anew for the next four:
 * its lower half at once, its upper half five SDOT later. Registers 13, 17, 9, 15 point to the upper halves. Of the
 * inputs, v4 .. v7 hold eight of each pixel and v12 .. v15 the next eight; register 7 is how far they are read. */
#ifndef EDGEC_EC_DOTPROD_IN_ORDER_H
#define EDGEC_EC_DOTPROD_IN_ORDER_H

#include "edgec/ec_neon_product.h"

/* Registers 6, 8, 16 hold -8, 8, 1. */
#define EC_IN_ORDER_LOWER(w, at) "ldr d" w ", [" at ", x6]\n\t"
#define EC_IN_ORDER_UPPER(w, at) "ld1 {v" w ".d}[1], [" at "]\n\t"
#define EC_IN_ORDER_ON_64(at) "madd " at ", x8, x8, " at "\n\t"
#define EC_IN_ORDER_ON_8 "madd x7, x8, x16, x7\n\t"
#define EC_IN_ORDER_INPUT(pixel, x, at) EC_ASM_IF("%c[pixels] > " pixel, "ldr d" x ", [" at ", x7]\n\t")
#define EC_IN_ORDER_INPUTS(a, b, c, d)                                                                                 \
    EC_IN_ORDER_INPUT("0", a, "%[x]"), EC_IN_ORDER_INPUT("1", b, "x10"), EC_IN_ORDER_INPUT("2", c, "x11"),             \
        EC_IN_ORDER_INPUT("3", d, "x12")
#define EC_IN_ORDER_YES(text) text
#define EC_IN_ORDER_NO(text) ""

#define EC_IN_ORDER_SUM(pixel, acc, w, x, lane)                                                                        \
    EC_ASM_IF("%c[pixels] > " pixel, "sdot v" acc ".4s, v" w ".16b, v" x ".4b[" lane "]\n\t")
/* One vector of weights with all pixels; p .. s stand behind the SDOTs. */
#define EC_IN_ORDER_VECTOR(w, e, f, g, h, lane, a, b, c, d, p, q, r, s)                                                \
    EC_IN_ORDER_SUM("0", a, w, e, lane)                                                                                \
    p EC_IN_ORDER_SUM("1", b, w, f, lane)                                                                              \
    q EC_IN_ORDER_SUM("2", c, w, g, lane)                                                                              \
    r EC_IN_ORDER_SUM("3", d, w, h, lane) s
/* Four inputs of all pixels, whose vectors are e .. h; next: YES where four more follow; i .. l: other loads. */
#define EC_IN_ORDER_FOUR(next, lane, e, f, g, h, i, j, k, l)                                                           \
    EC_IN_ORDER_VECTOR("0", e, f, g, h, lane, "16", "20", "24", "28", EC_IN_ORDER_UPPER("2", "x9"), i,                 \
                       EC_IN_ORDER_ON_64("x9"), next(EC_IN_ORDER_LOWER("0", "x13")))                                   \
    EC_IN_ORDER_VECTOR("1", e, f, g, h, lane, "17", "21", "25", "29", EC_IN_ORDER_UPPER("3", "x15"), j,                \
                       EC_IN_ORDER_ON_64("x15"), next(EC_IN_ORDER_LOWER("1", "x17")))                                  \
    EC_IN_ORDER_VECTOR("2", e, f, g, h, lane, "18", "22", "26", "30", next(EC_IN_ORDER_UPPER("0", "x13")), k,          \
                       next(EC_IN_ORDER_ON_64("x13")), next(EC_IN_ORDER_LOWER("2", "x9")))                             \
    EC_IN_ORDER_VECTOR("3", e, f, g, h, lane, "19", "23", "27", "31", next(EC_IN_ORDER_UPPER("1", "x17")), l,          \
                       next(EC_IN_ORDER_ON_64("x17")), next(EC_IN_ORDER_LOWER("3", "x15")))
/* Its arguments are expanded first. */
#define EC_IN_ORDER_FOUR_OF(...) EC_IN_ORDER_FOUR(__VA_ARGS__)

#define EC_IN_ORDER_EIGHT                                                                                              \
    EC_IN_ORDER_FOUR_OF(EC_IN_ORDER_YES, "0", "4", "5", "6", "7", EC_IN_ORDER_INPUTS("12", "13", "14", "15"))          \
    EC_IN_ORDER_FOUR(EC_IN_ORDER_YES, "1", "4", "5", "6", "7", EC_IN_ORDER_ON_8, "", "", "")
#define EC_IN_ORDER_STEP                                                                                               \
    EC_IN_ORDER_EIGHT                                                                                                  \
    EC_IN_ORDER_FOUR_OF(EC_IN_ORDER_YES, "0", "12", "13", "14", "15", EC_IN_ORDER_INPUTS("4", "5", "6", "7"))          \
    EC_IN_ORDER_FOUR(EC_IN_ORDER_YES, "1", "12", "13", "14", "15", EC_IN_ORDER_ON_8, "", "", "")
/* The same as the end: nothing is loaded that is not multiplied. */
#define EC_IN_ORDER_END                                                                                                \
    EC_IN_ORDER_EIGHT                                                                                                  \
    EC_IN_ORDER_FOUR(EC_IN_ORDER_YES, "0", "12", "13", "14", "15", "", "", "", "")                                     \
    EC_IN_ORDER_FOUR(EC_IN_ORDER_NO, "1", "12", "13", "14", "15", "", "", "", "")

#define EC_IN_ORDER_WHOLE(w, at) EC_IN_ORDER_LOWER(w, at) EC_IN_ORDER_UPPER(w, at) EC_IN_ORDER_ON_64(at)
/* Weights at register 13 and inputs, before the first step. */
#define EC_IN_ORDER_BEGIN                                                                                              \
    "mov x6, #-8\n\tmov x8, #8\n\tmov x16, #1\n\tmov x7, #8\n\t"                                                       \
    "add x17, x13, #24\n\tadd x9, x13, #40\n\tadd x15, x13, #56\n\tadd x13, x13, #8\n\tldr d4, [%[x]]\n\t" EC_ASM_IF(  \
        "%c[pixels] > 1", "ldr d5, [x10]\n\t") EC_ASM_IF("%c[pixels] > 2", "ldr d6, [x11]\n\t")                        \
        EC_ASM_IF("%c[pixels] > 3", "ldr d7, [x12]\n\t") EC_IN_ORDER_WHOLE("0", "x13") EC_IN_ORDER_WHOLE("1", "x17")   \
            EC_IN_ORDER_LOWER("2", "x9") EC_IN_ORDER_LOWER("3", "x15")
/* Addresses for what is left of whole steps. */
#define EC_IN_ORDER_LEAVE                                                                                              \
    "sub x13, x13, #8\n\tadd %[x], %[x], x7\n\t" EC_ASM_IF("%c[pixels] > 1", "add x10, x10, x7\n\t")                   \
        EC_ASM_IF("%c[pixels] > 2", "add x11, x11, x7\n\t") EC_ASM_IF("%c[pixels] > 3", "add x12, x12, x7\n\t")

/* All whole steps of a tile of 16 channels, one at least, of which operands `lead` and `turns` leave out the last. */
#define EC_IN_ORDER_STEPS                                                                                              \
    EC_IN_ORDER_BEGIN EC_ASM_STEPS(EC_IN_ORDER_STEP)                                                                   \
    EC_IN_ORDER_END EC_ASM_IF("%c[tail]", EC_IN_ORDER_LEAVE)

#endif
