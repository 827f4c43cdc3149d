/* Sums of int8 products, two at a time in one 32-bit multiply, for cores whose multiplier gives 32 bits and no more.
 *
 *   (w1 + w0 * 2^16) * (x0 + x1 * 2^16) = w1 * x0 + (w1 * x1 + w0 * x0) * 2^16    modulo 2^32
 *
 * The upper half is the sum of two products, as it fits 16 bits unless both weights are -128. The lower half is no use
 * but for its sign, which the upper half is short by. A quad is four elements in two words of pairs: lower and upper
 * half of the first are elements 0 and 2 of the inputs, elements 2 and 0 of the weights; of the second 1 and 3, 3
 * and 1.
 */
#ifndef EDGEC_EC_PAIRS_H
#define EDGEC_EC_PAIRS_H

#include <stddef.h>
#include <stdint.h>

#include "edgec/ec_nodsp.h"
#include "edgec/ec_rows.h"

#define EC_TURNED 0x80808080u /* sign bits of four bytes */

/* Four bytes, each with its sign bit turned over (value + 128), to the two words of a quad. */
EC_INLINE void ec_quad(uint32_t *to, uint32_t bytes) {
    to[0] = (bytes & 0x00ff00ffu) - 0x00800080u;
    to[1] = (bytes >> 8 & 0x00ff00ffu) - 0x00800080u;
}

/* w1 * x1 + w0 * x0; the half that is added makes the lower half positive. */
EC_INLINE int32_t ec_pair_sum(uint32_t w, uint32_t x) { return (int32_t)(w * x + 0x8000u) >> 16; }

#if defined(EC_NODSP_ASSEMBLY)
/* clang-format off */
#define EC_QUAD_STEP                \
    "  ldmia r1!, {r6}\n"           \
    "  eors  r6, r3\n"              \
    "  lsrs  r7, r6, #8\n"          \
    "  ands  r6, r4\n"              \
    "  ands  r7, r4\n"              \
    "  subs  r6, r6, r5\n"          \
    "  subs  r7, r7, r5\n"          \
    "  stmia r0!, {r6, r7}\n"

/* count words (1 or more) to quads, the bits of turn turned over before. */
EC_ASSEMBLY void ec_quads(uint32_t *to EC_IN_REGISTER, const uint32_t *from EC_IN_REGISTER,
                          int32_t count EC_IN_REGISTER, uint32_t turn EC_IN_REGISTER) {
    __asm__(".syntax unified\n"
            "  push  {r4, r5, r6, r7, lr}\n"
            /* Enter the loop of four steps so that its last ends at the end. */
            "  negs  r6, r2\n"
            "  lsls  r2, r2, #2\n"
            "  adds  r2, r2, r1\n"
            "  movs  r4, #3\n"
            "  ands  r6, r4\n"
            "  lsls  r6, r6, #4\n" /* bytes of a step */
            "  adr   r7, 1f\n"
            "  adds  r7, r7, r6\n"
            "  movs  r4, #255\n"
            "  lsls  r5, r4, #16\n"
            "  adds  r4, r4, r5\n"
            "  movs  r5, #128\n"
            "  lsls  r6, r5, #16\n"
            "  adds  r5, r5, r6\n"
            "  mov   pc, r7\n"
            "  .align 2\n"
            "1:\n"
            EC_QUAD_STEP EC_QUAD_STEP EC_QUAD_STEP EC_QUAD_STEP
            "  cmp   r1, r2\n"
            "  bne   1b\n"
            "  pop   {r4, r5, r6, r7, pc}\n");
}

/* A quad of two channels: r0 inputs, r1 weights, r6 and r7 sums. */
#if defined(__ARM_ARCH_6M__)
#define EC_PAIR(SUM, W, X)                \
    "  muls  " W ", " X ", " W "\n"       \
    "  asrs  " W ", " W ", #16\n" /* the last bit shifted out is the sign of the lower half */ \
    "  adcs  " SUM ", " W "\n"
#define EC_QUAD_OF_TWO                    \
    "  ldmia r0!, {r2, r3}\n"             \
    "  ldmia r1!, {r4, r5}\n"             \
    EC_PAIR("r6", "r4", "r2")             \
    EC_PAIR("r6", "r5", "r3")             \
    "  ldmia r1!, {r4, r5}\n"             \
    EC_PAIR("r7", "r4", "r2")             \
    EC_PAIR("r7", "r5", "r3")
#define EC_QUAD_BYTES "30"
#else
#define EC_PAIR(SUM, W, X)                \
    "  mla   " W ", " W ", " X ", r11\n"  \
    "  add   " SUM ", " SUM ", " W ", asr #16\n"
#define EC_QUAD_OF_TWO                    \
    "  ldmia r0!, {r2, r3}\n"             \
    "  ldmia.w r1!, {r4, r5, r8, r9}\n"   \
    EC_PAIR("r6", "r4", "r2")             \
    EC_PAIR("r6", "r5", "r3")             \
    EC_PAIR("r7", "r8", "r2")             \
    EC_PAIR("r7", "r9", "r3")
#define EC_QUAD_BYTES "38"
#endif

/* sums[c] = start[c] + sum over quads of x * weights; channels in twos, quads and twos 1 or more.
 * x: (quads) of two words, weights: (twos, quads, 2) of two words, start, sums: (twos, 2) s32. */
EC_ASSEMBLY void ec_pairs(int32_t *sums EC_IN_REGISTER, const int32_t *start EC_IN_REGISTER,
                          const uint32_t *x EC_IN_REGISTER, const uint32_t *weights EC_IN_REGISTER,
                          int32_t quads EC_IN_REGISTER, int32_t twos EC_IN_REGISTER) {
    /* r10 entry of the loop, r12 end of x, lr end of the weights. The stack: x, sums, start. */
    __asm__(".syntax unified\n"
            "  push  {r4, r5, r6, r7, lr}\n"
            "  mov   r4, r8\n"
            "  mov   r5, r9\n"
            "  mov   r6, r10\n"
            "  mov   r7, r11\n"
            "  push  {r4, r5, r6, r7}\n"
            "  sub   sp, #12\n"
            "  str   r2, [sp]\n"
            "  str   r0, [sp, #4]\n"
            "  str   r1, [sp, #8]\n"
            "  movs  r1, r3\n"
            "  ldr   r4, [sp, #48]\n" /* quads */
            "  lsls  r5, r4, #3\n"
            "  adds  r2, r2, r5\n"
            "  mov   r12, r2\n"
            "  ldr   r6, [sp, #52]\n" /* twos */
            "  lsls  r5, r5, #1\n"
            "  muls  r5, r6, r5\n"
            "  adds  r5, r5, r1\n"
            "  mov   lr, r5\n"
            /* Enter the loop of eight quads so that its last ends at the end. */
            "  negs  r4, r4\n"
            "  movs  r5, #7\n"
            "  ands  r4, r5\n"
            "  movs  r5, #" EC_QUAD_BYTES "\n"
            "  muls  r4, r5, r4\n"
            "  adr   r5, 2f\n"
            "  adds  r4, r4, r5\n"
            "  mov   r10, r4\n"
            "  movs  r4, #128\n"
            "  lsls  r4, r4, #8\n"
            "  mov   r11, r4\n"
            "1:\n"
            "  ldr   r0, [sp]\n"
            "  ldr   r2, [sp, #8]\n"
            "  ldmia r2!, {r6, r7}\n"
            "  str   r2, [sp, #8]\n"
            "  mov   pc, r10\n"
            "  .align 2\n"
            "2:\n"
            EC_QUAD_OF_TWO EC_QUAD_OF_TWO EC_QUAD_OF_TWO EC_QUAD_OF_TWO
            EC_QUAD_OF_TWO EC_QUAD_OF_TWO EC_QUAD_OF_TWO EC_QUAD_OF_TWO
            "  cmp   r0, r12\n"
            "  bne   2b\n"
            "  ldr   r2, [sp, #4]\n"
            "  stmia r2!, {r6, r7}\n"
            "  str   r2, [sp, #4]\n"
            "  cmp   r1, lr\n"
            "  beq   3f\n"
            "  b     1b\n"
            "3:\n"
            "  add   sp, #12\n"
            "  pop   {r4, r5, r6, r7}\n"
            "  mov   r8, r4\n"
            "  mov   r9, r5\n"
            "  mov   r10, r6\n"
            "  mov   r11, r7\n"
            "  pop   {r4, r5, r6, r7, pc}\n");
}
/* clang-format on */
#else
EC_INLINE void ec_quads(uint32_t *to, const uint32_t *from, int32_t count, uint32_t turn) {
    for (int32_t i = 0; i < count; i++, to += 2) ec_quad(to, *from++ ^ turn);
}

EC_INLINE void ec_pairs(int32_t *sums, const int32_t *start, const uint32_t *x, const uint32_t *weights, int32_t quads,
                        int32_t twos) {
    for (int32_t two = 0; two < twos; two++) {
        int32_t first = *start++, second = *start++;
        for (const uint32_t *at = x; at < x + 2 * (ptrdiff_t)quads; at += 2, weights += 4) {
            first += ec_pair_sum(weights[0], at[0]) + ec_pair_sum(weights[1], at[1]);
            second += ec_pair_sum(weights[2], at[0]) + ec_pair_sum(weights[3], at[1]);
        }
        *sums++ = first;
        *sums++ = second;
    }
}
#endif

#endif
