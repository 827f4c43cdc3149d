/* Depthwise filters along one output row for cores without DSP instructions, in Armv6-M's own.
 *
 * A plane is the row of padded columns X = x + pad that are equal modulo the stride, as words: four neighbouring
 * channels of a pixel, each byte with its sign bit turned over (value + 128). So for every tap the inputs of
 * neighbouring outputs are neighbouring words, at offsets that fit the instruction. */
#ifndef EDGEC_EC_DEPTHWISE_ROW_H
#define EDGEC_EC_DEPTHWISE_ROW_H

#include <stddef.h>
#include <stdint.h>

#include "edgec/ec_fixed_point.h"
#include "edgec/ec_pairs.h"

#define EC_DEPTHWISE_RECORD 4 /* words of a filter: bias, then the EC_FIXED_WORDS */

/* The filters of one call: neighbouring output channels, which read x_step bytes apart. */
typedef struct {
    int32_t rows;   /* of the window */
    int32_t pitch;  /* bytes from plane to plane */
    int32_t last;   /* 4 * (outputs of the row - those of a tile) */
    int32_t y_step; /* bytes from output to output */
    int32_t filters;
    int32_t taps, x_step;
    int32_t *sums; /* where those of a doubtful channel go; only the last filter may be one */
    int32_t low_high, high;
} ec_depthwise_job;

#if defined(EC_NODSP_ASSEMBLY)
/* clang-format off */

#define EC_PLANE_STEP               \
    "  ldr   r5, [r1]\n"            \
    "  adds  r1, r1, r3\n"          \
    "  eors  r5, r4\n"              \
    "  stmia r0!, {r5}\n"
/* count words (1 or more), `step` bytes apart, sign bits turned over. */
EC_ASSEMBLY void ec_plane_words(uint32_t *to EC_IN_REGISTER, const int8_t *from EC_IN_REGISTER,
                                int32_t count EC_IN_REGISTER, int32_t step EC_IN_REGISTER) {
    __asm__(".syntax unified\n"
            "  push  {r4, r5, lr}\n"
            /* Enter the loop of four steps so that its last ends at the end. */
            "  negs  r4, r2\n"
            "  lsls  r2, r2, #2\n"
            "  adds  r2, r2, r0\n"
            "  movs  r5, #3\n"
            "  ands  r5, r4\n"
            "  lsls  r5, r5, #3\n" /* bytes of a step */
            "  adr   r4, 1f\n"
            "  adds  r5, r5, r4\n"
            "  ldr   r4, 2f\n"
            "  mov   pc, r5\n"
            "  .align 2\n"
            "2:\n"
            "  .word 0x80808080\n"
            "1:\n"
            EC_PLANE_STEP EC_PLANE_STEP EC_PLANE_STEP EC_PLANE_STEP
            "  cmp   r0, r2\n"
            "  bne   1b\n"
            "  pop   {r4, r5, pc}\n");
}

/* One tap of P outputs. r0 inputs, r1 weights, r8 ... r12, lr sums. */
#if defined(__ARM_ARCH_6M__)
#define EC_WEIGHT(W) "ldrb r2, [r1, #(" #W ")]\n sxtb r2, r2\n"
#define EC_TAP_OF(SUM, AT) "ldrb r3, [r0, #4 * (" #AT ")]\n muls r3, r2, r3\n add " SUM ", r3\n"
#else
#define EC_WEIGHT(W) "ldrsb r2, [r1, #(" #W ")]\n"
#define EC_TAP_OF(SUM, AT) "ldrb r3, [r0, #4 * (" #AT ")]\n mla " SUM ", r3, r2, " SUM "\n"
#endif
#define EC_TAP_1(AT) EC_TAP_OF("r8", AT)
#define EC_TAP_2(AT) EC_TAP_1(AT) EC_TAP_OF("r9", AT + 1)
#define EC_TAP_3(AT) EC_TAP_2(AT) EC_TAP_OF("r10", AT + 2)
#define EC_TAP_4(AT) EC_TAP_3(AT) EC_TAP_OF("r11", AT + 3)
#define EC_TAP_5(AT) EC_TAP_4(AT) EC_TAP_OF("r12", AT + 4)
#define EC_TAP_6(AT) EC_TAP_5(AT) EC_TAP_OF("lr", AT + 5)
#define EC_TAP(P, W, AT) EC_WEIGHT(W) EC_TAP_##P(AT)
#define EC_ON(TAPS) "adds r0, #4 * " #TAPS "\n" /* the offset of a byte ends at 31 */
#define EC_PLANE "adds r0, r0, r5\n"
#define EC_PLANE_BACK(TAPS) "subs r0, #4 * " #TAPS "\n" EC_PLANE

/* A row of the window from weight W on, kernel_w and stride in the name: its planes in turn. */
#define EC_ROW_3_1(P, W) EC_TAP(P, W, 0) EC_TAP(P, W + 1, 1) EC_TAP(P, W + 2, 2) EC_PLANE
#define EC_ROW_3_2(P, W) EC_TAP(P, W, 0) EC_TAP(P, W + 1, 1) EC_PLANE EC_TAP(P, W + 2, 0) EC_PLANE
#define EC_ROW_5_1(P) EC_TAP(P, 0, 0) EC_TAP(P, 1, 1) EC_TAP(P, 2, 2) EC_ON(3) \
                      EC_TAP(P, 3, 0) EC_TAP(P, 4, 1) EC_PLANE_BACK(3)
#define EC_ROW_5_2(P) EC_TAP(P, 0, 0) EC_TAP(P, 1, 1) EC_TAP(P, 2, 2) EC_PLANE EC_TAP(P, 3, 0) EC_TAP(P, 4, 1) EC_PLANE
#define EC_ROW_7_1(P) EC_TAP(P, 0, 0) EC_TAP(P, 1, 1) EC_TAP(P, 2, 2) EC_ON(3) \
                      EC_TAP(P, 3, 0) EC_TAP(P, 4, 1) EC_TAP(P, 5, 2) EC_ON(3) EC_TAP(P, 6, 0) EC_PLANE_BACK(6)
#define EC_ROW_7_2(P) EC_TAP(P, 0, 0) EC_TAP(P, 1, 1) EC_TAP(P, 2, 2) EC_ON(3) EC_TAP(P, 3, 0) EC_PLANE_BACK(3) \
                      EC_TAP(P, 4, 0) EC_TAP(P, 5, 1) EC_TAP(P, 6, 2) EC_PLANE

/* The window: three rows where kernel_w is 3, else as many as the job says. */
#define EC_WINDOW_3_1(P) EC_ROW_3_1(P, 0) EC_ROW_3_1(P, 3) EC_ROW_3_1(P, 6)
#define EC_WINDOW_3_2(P) EC_ROW_3_2(P, 0) EC_ROW_3_2(P, 3) EC_ROW_3_2(P, 6)
#define EC_EACH_ROW(ROW, KERNEL_W) \
    "  ldr   r4, [sp, #36]\n"      \
    "3:\n"                         \
    ROW                            \
    "  adds  r1, #" KERNEL_W "\n"  \
    "  subs  r4, #1\n"             \
    "  bne   3b\n"
#define EC_WINDOW_5_1(P) EC_EACH_ROW(EC_ROW_5_1(P), "5")
#define EC_WINDOW_5_2(P) EC_EACH_ROW(EC_ROW_5_2(P), "5")
#define EC_WINDOW_7_1(P) EC_EACH_ROW(EC_ROW_7_1(P), "7")
#define EC_WINDOW_7_2(P) EC_EACH_ROW(EC_ROW_7_2(P), "7")

#define EC_SUMS_1(DO) DO(0, "r8")
#define EC_SUMS_2(DO) EC_SUMS_1(DO) DO(1, "r9")
#define EC_SUMS_3(DO) EC_SUMS_2(DO) DO(2, "r10")
#define EC_SUMS_4(DO) EC_SUMS_3(DO) DO(3, "r11")
#define EC_SUMS_5(DO) EC_SUMS_4(DO) DO(4, "r12")
#define EC_SUMS_6(DO) EC_SUMS_5(DO) DO(5, "lr")

#define EC_SUM_START(I, SUM) "mov " SUM ", r3\n"
#define EC_SUM_STORE(I, SUM) "mov r1, " SUM "\n stmia r0!, {r1}\n"
/* As ec_fixed_run does. r0 y, r1 its step, r2 window, r3 multiplier, r4 addend, r5 width. */
#define EC_SUM_FIXED(I, SUM)       \
    "  mov   r6, " SUM "\n"        \
    "  cmp   r6, r5\n"             \
    "  bhs   2" #I "f\n"           \
    EC_FIXED_PRODUCT("r6", "r3", "r7") \
    "  adds  r6, r6, r4\n"         \
    "  lsrs  r6, r2\n"             \
    "3" #I ":\n"                   \
    "  strb  r6, [r0]\n"           \
    "  adds  r0, r0, r1\n"
#define EC_SUM_OUTSIDE(I, SUM)     \
    "2" #I ":\n"                   \
    "  asrs  r6, r6, #31\n"        \
    "  ldr   r7, [sp, #68]\n"      \
    "  ands  r6, r7\n"             \
    "  ldr   r7, [sp, #72]\n"      \
    "  eors  r6, r7\n"             \
    "  b     3" #I "b\n"

/* The stack: 0 y's step, window, multiplier, addend, width; 20 bias; 24 inputs and 28 y of the tile; 32 inputs of the
 * last tile; 36 a copy of the job; 76 planes, weights, records, y; 92 registers. */
#define EC_DEPTHWISE_ROW(KERNEL_W, STRIDE, P)                                                          \
    EC_ASSEMBLY void ec_depthwise_row_##KERNEL_W##_##STRIDE##_##P(                                     \
        const uint8_t *planes EC_IN_REGISTER, const int8_t *weights EC_IN_REGISTER,                    \
        const uint32_t *records EC_IN_REGISTER, int8_t *y EC_IN_REGISTER,                              \
        const ec_depthwise_job *job EC_IN_REGISTER) {                                                  \
        __asm__(                                                                                       \
            ".syntax unified\n"                                                                        \
            "  push  {r4, r5, r6, r7, lr}\n"                                                           \
            "  mov   r4, r8\n"                                                                         \
            "  mov   r5, r9\n"                                                                         \
            "  mov   r6, r10\n"                                                                        \
            "  mov   r7, r11\n"                                                                        \
            "  push  {r4, r5, r6, r7}\n"                                                               \
            "  push  {r0, r1, r2, r3}\n"                                                               \
            "  ldr   r6, [sp, #52]\n"                                                                  \
            "  sub   sp, #76\n"                                                                        \
            "  add   r7, sp, #36\n"                                                                    \
            "  ldmia r6!, {r0, r1, r2, r3, r4}\n"                                                      \
            "  stmia r7!, {r0, r1, r2, r3, r4}\n"                                                      \
            "  str   r3, [sp]\n"                                                                       \
            "  ldmia r6!, {r0, r1, r2, r3, r4}\n"                                                      \
            "  stmia r7!, {r0, r1, r2, r3, r4}\n"                                                      \
            "1:\n" /* a filter: its record, back to the first tile */                                  \
            "  ldr   r0, [sp, #84]\n"                                                                  \
            "  ldmia r0!, {r1, r2, r3, r4}\n"                                                          \
            "  str   r0, [sp, #84]\n"                                                                  \
            "  lsrs  r5, r2, #8\n"                                                                     \
            "  add   r0, sp, #4\n"                                                                     \
            "  stmia r0!, {r2, r3, r4, r5}\n"                                                          \
            "  ldr   r2, [sp, #76]\n"                                                                  \
            "  ldr   r3, [sp, #88]\n"                                                                  \
            "  ldr   r4, [sp, #44]\n"                                                                  \
            "  adds  r4, r4, r2\n"                                                                     \
            "  stmia r0!, {r1, r2, r3, r4}\n"                                                          \
            "2:\n" /* a tile of P outputs */                                                           \
            "  ldr   r3, [sp, #20]\n"                                                                  \
            EC_SUMS_##P(EC_SUM_START)                                                                  \
            "  ldr   r0, [sp, #24]\n"                                                                  \
            "  ldr   r1, [sp, #80]\n"                                                                  \
            "  ldr   r5, [sp, #40]\n"                                                                  \
            EC_WINDOW_##KERNEL_W##_##STRIDE(P)                                                         \
            "  mov   r0, sp\n"                                                                         \
            "  ldmia r0!, {r1, r2, r3, r4, r5}\n"                                                      \
            "  ldr   r0, [sp, #28]\n"                                                                  \
            "  cmp   r5, #0\n"                                                                         \
            "  bne   9f\n"                                                                             \
            "  b     7f\n"                                                                             \
            "9:\n"                                                                                     \
            EC_SUMS_##P(EC_SUM_FIXED)                                                                  \
            "  str   r0, [sp, #28]\n"                                                                  \
            "4:\n"                                                                                     \
            "  ldr   r0, [sp, #24]\n"                                                                  \
            "  ldr   r1, [sp, #32]\n"                                                                  \
            "  adds  r0, #4 * " #P "\n"                                                                \
            "  cmp   r0, r1\n"                                                                         \
            "  bhi   5f\n"                                                                             \
            "  str   r0, [sp, #24]\n"                                                                  \
            "  b     2b\n"                                                                             \
            EC_SUMS_##P(EC_SUM_OUTSIDE)                                                                \
            "5:\n"                                                                                     \
            "  subs  r2, r0, r1\n"                                                                     \
            "  cmp   r2, #4 * " #P "\n"                                                                \
            "  beq   6f\n"                                                                             \
            "  str   r1, [sp, #24]\n" /* the last tile begins sooner, so that it ends with the row */  \
            "  lsrs  r2, r2, #2\n"                                                                     \
            "  ldr   r3, [sp]\n"                                                                       \
            "  muls  r2, r3, r2\n"                                                                     \
            "  ldr   r0, [sp, #28]\n"                                                                  \
            "  subs  r0, r0, r2\n"                                                                     \
            "  str   r0, [sp, #28]\n"                                                                  \
            "  b     2b\n"                                                                             \
            "6:\n" /* the next filter */                                                               \
            "  ldr   r4, [sp, #52]\n"                                                                 \
            "  subs  r4, #1\n"                                                                         \
            "  beq   8f\n"                                                                             \
            "  str   r4, [sp, #52]\n"                                                                 \
            "  ldr   r4, [sp, #60]\n"                                                                 \
            "  ldr   r0, [sp, #76]\n"                                                                  \
            "  adds  r0, r0, r4\n"                                                                     \
            "  str   r0, [sp, #76]\n"                                                                  \
            "  ldr   r4, [sp, #56]\n"                                                                 \
            "  ldr   r0, [sp, #80]\n"                                                                  \
            "  adds  r0, r0, r4\n"                                                                     \
            "  str   r0, [sp, #80]\n"                                                                  \
            "  ldr   r0, [sp, #88]\n"                                                                  \
            "  adds  r0, #1\n"                                                                         \
            "  str   r0, [sp, #88]\n"                                                                  \
            "  b     1b\n"                                                                             \
            "7:\n" /* a doubtful channel: its sums */                                                  \
            "  ldr   r0, [sp, #24]\n"                                                                  \
            "  ldr   r1, [sp, #76]\n"                                                                  \
            "  subs  r0, r0, r1\n"                                                                     \
            "  ldr   r1, [sp, #64]\n"                                                                 \
            "  adds  r0, r0, r1\n"                                                                     \
            EC_SUMS_##P(EC_SUM_STORE)                                                                  \
            "  b     4b\n"                                                                             \
            "8:\n"                                                                                     \
            "  add   sp, #92\n"                                                                        \
            "  pop   {r4, r5, r6, r7}\n"                                                               \
            "  mov   r8, r4\n"                                                                         \
            "  mov   r9, r5\n"                                                                         \
            "  mov   r10, r6\n"                                                                        \
            "  mov   r11, r7\n"                                                                        \
            "  pop   {r4, r5, r6, r7, pc}\n");                                                         \
    }
#define EC_DEPTHWISE_ROWS(KERNEL_W, STRIDE) \
    EC_DEPTHWISE_ROW(KERNEL_W, STRIDE, 1)   \
    EC_DEPTHWISE_ROW(KERNEL_W, STRIDE, 2)   \
    EC_DEPTHWISE_ROW(KERNEL_W, STRIDE, 3)   \
    EC_DEPTHWISE_ROW(KERNEL_W, STRIDE, 4)   \
    EC_DEPTHWISE_ROW(KERNEL_W, STRIDE, 5)
EC_DEPTHWISE_ROWS(3, 1)
EC_DEPTHWISE_ROWS(5, 1)
EC_DEPTHWISE_ROWS(7, 1)
EC_DEPTHWISE_ROWS(3, 2)
EC_DEPTHWISE_ROWS(5, 2)
EC_DEPTHWISE_ROWS(7, 2)
EC_DEPTHWISE_ROW(3, 1, 6)
EC_DEPTHWISE_ROW(3, 2, 6)
EC_DEPTHWISE_ROW(5, 1, 6)
EC_DEPTHWISE_ROW(5, 2, 6)

typedef void ec_depthwise_row_function(const uint8_t *planes, const int8_t *weights, const uint32_t *records, int8_t *y,
                                       const ec_depthwise_job *job);
/* The function for a geometry that is known when this is compiled; NULL where there is none. */
#define EC_DEPTHWISE_CASE(KERNEL_W, STRIDE, P) \
    if (kernel_w == KERNEL_W && stride == STRIDE && tile == P) return ec_depthwise_row_##KERNEL_W##_##STRIDE##_##P;
#define EC_DEPTHWISE_CASES(KERNEL_W, STRIDE) \
    EC_DEPTHWISE_CASE(KERNEL_W, STRIDE, 1)   \
    EC_DEPTHWISE_CASE(KERNEL_W, STRIDE, 2)   \
    EC_DEPTHWISE_CASE(KERNEL_W, STRIDE, 3)   \
    EC_DEPTHWISE_CASE(KERNEL_W, STRIDE, 4)   \
    EC_DEPTHWISE_CASE(KERNEL_W, STRIDE, 5)
EC_INLINE ec_depthwise_row_function *ec_depthwise_row(int32_t kernel_h, int32_t kernel_w, int32_t stride,
                                                      int32_t tile) {
    if (kernel_w == 3 && kernel_h != 3) return NULL;
    EC_DEPTHWISE_CASES(3, 1)
    EC_DEPTHWISE_CASES(5, 1)
    EC_DEPTHWISE_CASES(7, 1)
    EC_DEPTHWISE_CASES(3, 2)
    EC_DEPTHWISE_CASES(5, 2)
    EC_DEPTHWISE_CASES(7, 2)
    EC_DEPTHWISE_CASE(3, 1, 6)
    EC_DEPTHWISE_CASE(3, 2, 6)
    EC_DEPTHWISE_CASE(5, 1, 6)
    EC_DEPTHWISE_CASE(5, 2, 6)
    return NULL;
}
/* clang-format on */
#endif

#endif
