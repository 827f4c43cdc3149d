/* Sums of one vector with the weights of four outputs at a time, both bytes, for cores without DSP instructions. */
#ifndef EDGEC_EC_DOT_BYTES_H
#define EDGEC_EC_DOT_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "edgec/ec_nodsp.h"
#include "edgec/ec_rows.h"

#if defined(EC_NODSP_ASSEMBLY)
/* clang-format off */
#if defined(__ARM_ARCH_6M__)
#define EC_BYTE_OF(SUM, AT) "ldrb r3, [r1, #" AT "]\n muls r3, r2, r3\n add " SUM ", r3\n"
#define EC_BYTE_STEP_BYTES "26"
#else
#define EC_BYTE_OF(SUM, AT) "ldrb r3, [r1, #" AT "]\n mla " SUM ", r3, r2, " SUM "\n"
#define EC_BYTE_STEP_BYTES "26"
#endif
#define EC_BYTE_STEP(INDEX, A, B, C, D) \
    "ldrsb r2, [r0, " INDEX "]\n"       \
    EC_BYTE_OF("r8", A) EC_BYTE_OF("r9", B) EC_BYTE_OF("r10", C) EC_BYTE_OF("r11", D)

/* sums[o] += sum over i of x[i] * weights[i][o]. x: (count) s8, weights: (count, 4) u8, sums: (4) s32, count > 0. */
EC_ASSEMBLY void ec_dot_bytes(int32_t *sums EC_IN_REGISTER, const int8_t *x EC_IN_REGISTER,
                              const uint8_t *weights EC_IN_REGISTER, int32_t count EC_IN_REGISTER) {
    __asm__(".syntax unified\n"
            "  push  {r4, r5, r6, r7, lr}\n"
            "  mov   r4, r8\n"
            "  mov   r5, r9\n"
            "  mov   r6, r10\n"
            "  mov   r7, r11\n"
            "  push  {r0, r4, r5, r6, r7}\n"
            "  ldmia r0!, {r4, r5, r6, r7}\n"
            "  mov   r8, r4\n"
            "  mov   r9, r5\n"
            "  mov   r10, r6\n"
            "  mov   r11, r7\n"
            "  movs  r0, r1\n"
            "  movs  r1, r2\n"
            "  adds  r2, r0, r3\n"
            "  mov   r12, r2\n" /* end of x */
            /* Enter the loop of four steps so that its last ends at the end. */
            "  negs  r3, r3\n"
            "  movs  r7, #3\n"
            "  ands  r3, r7\n"
            "  subs  r0, r0, r3\n"
            "  lsls  r4, r3, #2\n"
            "  subs  r1, r1, r4\n"
            "  movs  r4, #" EC_BYTE_STEP_BYTES "\n"
            "  muls  r3, r4, r3\n"
            "  adr   r2, 1f\n"
            "  adds  r2, r2, r3\n"
            "  movs  r4, #0\n"
            "  movs  r5, #1\n"
            "  movs  r6, #2\n"
            "  mov   pc, r2\n"
            "  .align 2\n"
            "1:\n"
            EC_BYTE_STEP("r4", "0", "1", "2", "3")
            EC_BYTE_STEP("r5", "4", "5", "6", "7")
            EC_BYTE_STEP("r6", "8", "9", "10", "11")
            EC_BYTE_STEP("r7", "12", "13", "14", "15")
            "  adds  r0, #4\n"
            "  adds  r1, #16\n"
            "  cmp   r0, r12\n"
            "  bne   1b\n"
            "  pop   {r0, r4, r5, r6, r7}\n"
            "  mov   r1, r8\n"
            "  mov   r2, r9\n"
            "  mov   r3, r10\n"
            "  stmia r0!, {r1, r2, r3}\n"
            "  mov   r3, r11\n"
            "  stmia r0!, {r3}\n"
            "  mov   r8, r4\n"
            "  mov   r9, r5\n"
            "  mov   r10, r6\n"
            "  mov   r11, r7\n"
            "  pop   {r4, r5, r6, r7, pc}\n");
}
/* clang-format on */
#else
EC_INLINE void ec_dot_bytes(int32_t *sums, const int8_t *x, const uint8_t *weights, int32_t count) {
    for (int32_t i = 0; i < count; i++, weights += 4) {
        for (int32_t o = 0; o < 4; o++) sums[o] += x[i] * weights[o];
    }
}
#endif

#endif
