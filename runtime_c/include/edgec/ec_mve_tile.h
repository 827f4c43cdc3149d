/* Sums of two pixels with four output channels on Helium, in assembly.
 *
 * Eight sums take every even register, where alone VMLADAVA adds up; compilers keep something else there and move sums
 * about, a fifth of all instructions. Here the sums never leave their registers: a step is 14 instructions for 128
 * products, whatever compiler builds it. */
#ifndef EDGEC_EC_MVE_TILE_H
#define EDGEC_EC_MVE_TILE_H

#include "edgec/ec_mve.h"

/* Sums of two pixels, one lane a channel. */
typedef struct {
    int32x4_t acc[2];
} ec_mve_pair;

#define EC_MVE_CHANNEL(op, first, second)                                                                              \
    "vldrb.8 %q[t], [%[w]], #16\n\t" op " " first ", %q[p], %q[t]\n\t" op " " second ", %q[q], %q[t]\n\t"
/* 16 inputs of both pixels. `op` adds to the sums, or begins them. */
#define EC_MVE_STEP(op)                                                                                                \
    "vldrb.8 %q[p], [%[x0]], #16\n\tvldrb.8 %q[q], [%[x1]], #16\n\t" EC_MVE_CHANNEL(op, "r0", "r2")                    \
        EC_MVE_CHANNEL(op, "r4", "r6") EC_MVE_CHANNEL(op, "r8", "r10") EC_MVE_CHANNEL(op, "r12", "lr")
#define EC_MVE_FIRST EC_MVE_STEP("vmladav.s8")
#define EC_MVE_NEXT EC_MVE_STEP("vmladava.s8")
#define EC_MVE_0
#define EC_MVE_1 EC_MVE_NEXT
#define EC_MVE_2 EC_MVE_1 EC_MVE_NEXT
#define EC_MVE_3 EC_MVE_2 EC_MVE_NEXT
#define EC_MVE_4 EC_MVE_3 EC_MVE_NEXT
#define EC_MVE_5 EC_MVE_4 EC_MVE_NEXT
#define EC_MVE_6 EC_MVE_5 EC_MVE_NEXT
#define EC_MVE_7 EC_MVE_6 EC_MVE_NEXT
#define EC_MVE_8 EC_MVE_7 EC_MVE_NEXT
/* The sums into vectors. */
#define EC_MVE_COLLECT                                                                                                 \
    "vmov %q[p][2], %q[p][0], r0, r8\n\tvmov %q[p][3], %q[p][1], r4, r12\n\t"                                          \
    "vmov %q[q][2], %q[q][0], r2, r10\n\tvmov %q[q][3], %q[q][1], r6, lr"
#define EC_MVE_SUMS "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "cc", "memory"
#define EC_MVE_VECTORS [p] "=&w"(s.acc[0]), [q] "=&w"(s.acc[1]), [t] "=&w"(t)

/* One run of `text` steps. */
#define EC_MVE_STRAIGHT(text)                                                                                          \
    __asm volatile(EC_MVE_FIRST text EC_MVE_COLLECT                                                                    \
                   : EC_MVE_VECTORS, [x0] "+r"(x0), [x1] "+r"(x1), [w] "+r"(*w)                                        \
                   :                                                                                                   \
                   : EC_MVE_SUMS)

/* One run of more: after the first step a loop of four, entered where (steps - 1) % 4 are left. */
#define EC_MVE_LOOP(entry)                                                                                             \
    __asm volatile(EC_MVE_FIRST "b " entry "f\n\t4:\n\t" EC_MVE_NEXT "3:\n\t" EC_MVE_NEXT "2:\n\t" EC_MVE_NEXT         \
                                "1:\n\t" EC_MVE_NEXT "subs %[turns], %[turns], #1\n\tbne 4b\n\t" EC_MVE_COLLECT        \
                   : EC_MVE_VECTORS, [x0] "+r"(x0), [x1] "+r"(x1), [w] "+r"(*w), [turns] "+r"(turns)                   \
                   :                                                                                                   \
                   : EC_MVE_SUMS)

/* `turns` pieces of 1 + `text` steps, each of which begins at the next two addresses of `from`. */
#define EC_MVE_PIECES(text)                                                                                            \
    __asm volatile(                                                                                                    \
        "ldrd %[x0], %[x1], [%[from]], #8\n\t" EC_MVE_FIRST "b 2f\n\t1:\n\t"                                           \
        "ldrd %[x0], %[x1], [%[from]], #8\n\t" EC_MVE_NEXT "2:\n\t" text                                               \
        "subs %[turns], %[turns], #1\n\tbne 1b\n\t" EC_MVE_COLLECT                                                     \
        : EC_MVE_VECTORS, [x0] "=&r"(x0), [x1] "=&r"(x1), [w] "+r"(*w), [turns] "+r"(turns), [from] "+r"(from)         \
        :                                                                                                              \
        : EC_MVE_SUMS)

/* The same without a loop for three pieces, such as the rows of a 3 x 3 window. */
#define EC_MVE_ADDRESSES "ldrd %[x0], %[x1], [%[from]], #8\n\t"
#define EC_MVE_THREE(text)                                                                                             \
    __asm volatile(EC_MVE_ADDRESSES EC_MVE_FIRST text EC_MVE_ADDRESSES EC_MVE_NEXT text EC_MVE_ADDRESSES EC_MVE_NEXT   \
                       text EC_MVE_COLLECT                                                                             \
                   : EC_MVE_VECTORS, [x0] "=&r"(x0), [x1] "=&r"(x1), [w] "+r"(*w), [from] "+r"(from)                   \
                   :                                                                                                   \
                   : EC_MVE_SUMS)

/* x0, x1: (steps, 16) s8 of each pixel; w: (steps, 4, 16) s8, left behind them. steps > 0. */
EC_INLINE ec_mve_pair ec_mve_tile(const int8_t *x0, const int8_t *x1, int32_t steps, const int8_t **w) {
    ec_mve_pair s;
    int8x16_t t;
    int32_t turns = (steps + 2) / 4;
    switch (steps) {
    case 1:
        EC_MVE_STRAIGHT(EC_MVE_0);
        break;
    case 2:
        EC_MVE_STRAIGHT(EC_MVE_1);
        break;
    case 3:
        EC_MVE_STRAIGHT(EC_MVE_2);
        break;
    case 4:
        EC_MVE_STRAIGHT(EC_MVE_3);
        break;
    case 5:
        EC_MVE_STRAIGHT(EC_MVE_4);
        break;
    case 6:
        EC_MVE_STRAIGHT(EC_MVE_5);
        break;
    case 7:
        EC_MVE_STRAIGHT(EC_MVE_6);
        break;
    case 8:
        EC_MVE_STRAIGHT(EC_MVE_7);
        break;
    case 9:
        EC_MVE_STRAIGHT(EC_MVE_8);
        break;
    default:
        if (steps % 4 == 1) {
            EC_MVE_LOOP("4");
        } else if (steps % 4 == 0) {
            EC_MVE_LOOP("3");
        } else if (steps % 4 == 3) {
            EC_MVE_LOOP("2");
        } else {
            EC_MVE_LOOP("1");
        }
    }
    return s;
}

/* from: (turns, 2) addresses of (steps, 16) s8; w: (turns, steps, 4, 16) s8, left behind them. turns > 0, steps 1..9.
 */
EC_INLINE ec_mve_pair ec_mve_tile_pieces(const int8_t *const *from, int32_t turns, int32_t steps, const int8_t **w) {
    ec_mve_pair s;
    int8x16_t t;
    const int8_t *x0, *x1;
    if (turns == 3 && steps == 1) {
        EC_MVE_THREE(EC_MVE_0);
        return s;
    }
    if (turns == 3 && steps == 2) {
        EC_MVE_THREE(EC_MVE_1);
        return s;
    }
    if (turns == 3 && steps == 3) {
        EC_MVE_THREE(EC_MVE_2);
        return s;
    }
    switch (steps) {
    case 1:
        EC_MVE_PIECES(EC_MVE_0);
        break;
    case 2:
        EC_MVE_PIECES(EC_MVE_1);
        break;
    case 3:
        EC_MVE_PIECES(EC_MVE_2);
        break;
    case 4:
        EC_MVE_PIECES(EC_MVE_3);
        break;
    case 5:
        EC_MVE_PIECES(EC_MVE_4);
        break;
    case 6:
        EC_MVE_PIECES(EC_MVE_5);
        break;
    case 7:
        EC_MVE_PIECES(EC_MVE_6);
        break;
    case 8:
        EC_MVE_PIECES(EC_MVE_7);
        break;
    default:
        EC_MVE_PIECES(EC_MVE_8);
    }
    return s;
}

#endif
