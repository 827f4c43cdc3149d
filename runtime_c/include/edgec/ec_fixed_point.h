/* int32 sums to int8 by one integer multiply and shift for each channel, where that was proved equal to ec_requantize
 * for every sum the layer can have (core/ops/fixed_point.py). For cores without FPU.
 *
 * A sum comes with its channel's origin taken off: value = sum - origin. Of each channel, three words:
 *   window      width << 8 | shift: inside where value < width, unsigned; 0: the channel is a doubtful one
 *   multiplier  below 2^24; of a doubtful channel: where its words begin, in bytes
 *   addend      so that the low byte of (value * multiplier / 2^8 + addend) >> shift is y
 * Outside, y is the lower end of the clamp for negative values and the upper end for others.
 *
 * Float32 rounded a threshold of a doubtful channel to the other side of what any line gives. It has five words more:
 * window, multiplier and addend of a line that is right unless the first EC_DOUBT_BITS bits behind the point are 0,
 * then the bits of the float scale and the origin, to compute those sums as ec_requantize does. */
#ifndef EDGEC_EC_FIXED_POINT_H
#define EDGEC_EC_FIXED_POINT_H

#include <stddef.h>

#include "edgec/ec_nodsp.h"
#include "edgec/ec_requantize.h"

#define EC_FIXED_WORDS 3
#define EC_DOUBTFUL_WORDS 5
#define EC_DOUBT_BITS 6

typedef struct {
    const uint32_t *doubtful; /* EC_DOUBTFUL_WORDS for each doubtful channel, NULL where there is none */
    int32_t zero_point, low, high;
} ec_fixed_output;

/* value < 2^24. The product has up to 40 bits; its last 8 have no say in y, as the addend has none of them. */
EC_INLINE uint32_t ec_fixed_line(uint32_t value, uint32_t multiplier, uint32_t addend) {
    return (value >> 8) * multiplier + ((value & 0xffu) * multiplier >> 8) + addend;
}

/* Of a channel that is not doubtful. */
EC_INLINE int8_t ec_fixed_value(uint32_t value, const uint32_t *words, const ec_fixed_output *out) {
    const uint32_t window = words[0];
    if (value < window >> 8) return (int8_t)(uint8_t)(ec_fixed_line(value, words[1], words[2]) >> (window & 0xffu));
    return (int8_t)(value >> 31 ? out->low : out->high);
}

/* Of a doubtful channel. */
__attribute__((noinline, unused)) static int8_t ec_fixed_doubtful(uint32_t value, const uint32_t *words,
                                                                  const ec_fixed_output *out) {
    const uint32_t *const more = out->doubtful + words[1] / sizeof(uint32_t);
    const uint32_t window = more[0], shift = window & 0xffu;
    if (window) {
        if (value >= window >> 8) return (int8_t)(value >> 31 ? out->low : out->high);
        const uint32_t line = ec_fixed_line(value, more[1], more[2]);
        if (line << (32 - shift) >> (32 - EC_DOUBT_BITS)) return (int8_t)(uint8_t)(line >> shift);
    }
    float scale;
    __builtin_memcpy(&scale, &more[3], sizeof scale);
    return ec_requantize((int32_t)(value + more[4]), scale, out->zero_point, out->low, out->high);
}

#if defined(EC_NODSP_ASSEMBLY)
/* clang-format off */
/* VALUE = VALUE * MULTIPLIER / 2^8, of at most 40 bits. */
#if defined(__ARM_ARCH_6M__)
#define EC_FIXED_PRODUCT(VALUE, MULTIPLIER, FREE)          \
    "  uxtb  " FREE ", " VALUE "\n"                        \
    "  lsrs  " VALUE ", " VALUE ", #8\n"                   \
    "  muls  " FREE ", " MULTIPLIER ", " FREE "\n"         \
    "  lsrs  " FREE ", " FREE ", #8\n"                     \
    "  muls  " VALUE ", " MULTIPLIER ", " VALUE "\n"       \
    "  adds  " VALUE ", " VALUE ", " FREE "\n"
#define EC_FIXED_STEP_BYTES "28"
#else
#define EC_FIXED_PRODUCT(VALUE, MULTIPLIER, FREE)          \
    "  umull " FREE ", " VALUE ", " VALUE ", " MULTIPLIER "\n" \
    "  lsrs  " FREE ", " FREE ", #8\n"                     \
    "  orr   " VALUE ", " FREE ", " VALUE ", lsl #24\n"
#define EC_FIXED_STEP_BYTES "26"
#endif

/* One channel: r0 values, r1 words, r2 y, r9 low ^ high, r10 high. */
#define EC_FIXED_STEP(I)            \
    "  ldmia r0!, {r4}\n"           \
    "  ldmia r1!, {r5, r6, r7}\n"   \
    "  lsrs  r3, r5, #8\n"          \
    "  cmp   r4, r3\n"              \
    "  bhs.n 2" #I "f\n" /* narrow, as EC_FIXED_STEP_BYTES counts */ \
    EC_FIXED_PRODUCT("r4", "r6", "r3") \
    "  adds  r4, r4, r7\n"          \
    "  lsrs  r4, r5\n"              \
    "3" #I ":\n"                    \
    "  strb  r4, [r2, #" #I "]\n"
#define EC_FIXED_OUTSIDE(I)         \
    "2" #I ":\n"                    \
    "  cmp   r3, #0\n"              \
    "  beq   6" #I "f\n"            \
    "  asrs  r4, r4, #31\n"         \
    "  mov   r3, r9\n"              \
    "  ands  r4, r3\n"              \
    "  mov   r3, r10\n"             \
    "  eors  r4, r3\n"              \
    "  b     3" #I "b\n"            \
    "6" #I ":\n"                    \
    "  adds  r2, #" #I "\n"         \
    "  b     6f\n"

/* y of count channels, or of those before one that only ec_requantize can tell; where it ended. count: at least 1. */
EC_ASSEMBLY int8_t *ec_fixed_run(const int32_t *values EC_IN_REGISTER, const uint32_t *words EC_IN_REGISTER,
                                 int8_t *y EC_IN_REGISTER, int32_t count EC_IN_REGISTER,
                                 const ec_fixed_output *out EC_IN_REGISTER) {
    __asm__(".syntax unified\n"
            "  push  {r4, r5, r6, r7, lr}\n"
            "  mov   r4, r8\n"
            "  mov   r5, r9\n"
            "  mov   r6, r10\n"
            "  mov   r7, r11\n"
            "  push  {r4, r5, r6, r7}\n"
            "  ldr   r7, [sp, #36]\n"
            "  adds  r3, r3, r2\n"
            "  mov   r8, r3\n" /* end */
            "  ldr   r4, [r7]\n"
            "  mov   r11, r4\n" /* doubtful */
            "  ldr   r4, [r7, #8]\n"
            "  ldr   r5, [r7, #12]\n"
            "  mov   r10, r5\n"
            "  eors  r4, r5\n"
            "  mov   r9, r4\n"
            /* Enter the loop of four steps so that its last ends at the end. */
            "1:\n"
            "  mov   r3, r8\n"
            "  subs  r3, r2, r3\n"
            "  beq   4f\n"
            "  movs  r4, #3\n"
            "  ands  r3, r4\n"
            "  subs  r2, r2, r3\n"
            "  movs  r4, #" EC_FIXED_STEP_BYTES "\n"
            "  muls  r3, r4, r3\n"
            "  adr   r4, 5f\n"
            "  adds  r4, r4, r3\n"
            "  mov   pc, r4\n"
            "  .align 2\n"
            "5:\n"
            EC_FIXED_STEP(0) EC_FIXED_STEP(1) EC_FIXED_STEP(2) EC_FIXED_STEP(3)
            "  adds  r2, #4\n"
            "  cmp   r2, r8\n"
            "  bne   5b\n"
            "4:\n"
            "  pop   {r4, r5, r6, r7}\n"
            "  mov   r8, r4\n"
            "  mov   r9, r5\n"
            "  mov   r10, r6\n"
            "  mov   r11, r7\n"
            "  movs  r0, r2\n"
            "  pop   {r4, r5, r6, r7, pc}\n"
            EC_FIXED_OUTSIDE(0) EC_FIXED_OUTSIDE(1) EC_FIXED_OUTSIDE(2) EC_FIXED_OUTSIDE(3)
            "6:\n" /* a doubtful channel */
            "  add   r6, r11\n"
            "  ldmia r6!, {r3, r5, r7}\n"
            "  lsrs  r6, r3, #8\n"
            "  cmp   r4, r6\n"
            "  bhs   7f\n"
            EC_FIXED_PRODUCT("r4", "r5", "r6")
            "  adds  r4, r4, r7\n"
            "  movs  r6, #32\n"
            "  subs  r6, r6, r3\n"
            "  movs  r7, r4\n"
            "  lsls  r7, r6\n"
            "  lsrs  r7, r7, #26\n"
            "  beq   4b\n"
            "  lsrs  r4, r3\n"
            "  b     8f\n"
            "7:\n"
            "  cmp   r6, #0\n"
            "  beq   4b\n"
            "  asrs  r4, r4, #31\n"
            "  mov   r3, r9\n"
            "  ands  r4, r3\n"
            "  mov   r3, r10\n"
            "  eors  r4, r3\n"
            "8:\n"
            "  strb  r4, [r2]\n"
            "  adds  r2, #1\n"
            "  b     1b\n");
}
/* clang-format on */
#else
EC_INLINE int8_t *ec_fixed_run(const int32_t *values, const uint32_t *words, int8_t *y, int32_t count,
                               const ec_fixed_output *out) {
    for (const int8_t *const end = y + count; y < end; y++, values++, words += EC_FIXED_WORDS) {
        if (!words[0]) break;
        *y = ec_fixed_value((uint32_t)*values, words, out);
    }
    return y;
}
#endif

/* y[i] from values[i] (s32), count neighbouring channels; words: of the first of them. */
EC_INLINE void ec_fixed_row(const int32_t *values, const uint32_t *words, int8_t *y, int32_t count,
                            const ec_fixed_output *out) {
    for (int32_t done = 0; done < count; done++) {
        done = (int32_t)(ec_fixed_run(values + done, words + (ptrdiff_t)done * EC_FIXED_WORDS, y + done, count - done,
                                      out) -
                         y);
        if (done >= count) break;
        const uint32_t *const word = words + (ptrdiff_t)done * EC_FIXED_WORDS;
        y[done] = ec_fixed_doubtful((uint32_t)values[done], word, out);
    }
}

#endif
