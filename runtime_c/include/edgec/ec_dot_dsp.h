/* Inner loops of the _dsp kernels with weights: sums of several pixels times several output channels at once.
 *
 * The k axis goes in blocks of four. Activations are widened to pairs as SXTB16 leaves the weights: (k0, k2) and (k1,
 * k3) of a block; those of the pixels of a tile lie side by side, all first pairs of a block before all second ones.
 * Weights are bytes, four of one output channel and then four of the next.
 *
 * Registers: sums, activations, weights and pointers fill all fourteen, so the loop counter waits in the FPU (s15). */
#ifndef EDGEC_EC_DOT_DSP_H
#define EDGEC_EC_DOT_DSP_H

#include "edgec/ec_dsp.h"

/* Blocks in the body of a loop; fewer than twice as many are laid out without a loop. */
#ifndef EC_DOT_UNROLL
#define EC_DOT_UNROLL 4
#endif

#if defined(EC_DSP_ASM)
#define EC_DOT_3X2                                                                                                     \
    "ldrd %[u], %[v], [%[w]], #8\n\t"                                                                                  \
    "ldm %[a]!, {r8, r9, r10}\n\t"                                                                                     \
    "sxtb16 %[t], %[u]\n\t"                                                                                            \
    "smlad %[s00], r8, %[t], %[s00]\n\t"                                                                               \
    "smlad %[s10], r9, %[t], %[s10]\n\t"                                                                               \
    "smlad %[s20], r10, %[t], %[s20]\n\t"                                                                              \
    "sxtb16 %[t], %[v]\n\t"                                                                                            \
    "smlad %[s01], r8, %[t], %[s01]\n\t"                                                                               \
    "smlad %[s11], r9, %[t], %[s11]\n\t"                                                                               \
    "smlad %[s21], r10, %[t], %[s21]\n\t"                                                                              \
    "ldm %[a]!, {r8, r9, r10}\n\t"                                                                                     \
    "sxtb16 %[u], %[u], ror #8\n\t"                                                                                    \
    "smlad %[s00], r8, %[u], %[s00]\n\t"                                                                               \
    "smlad %[s10], r9, %[u], %[s10]\n\t"                                                                               \
    "smlad %[s20], r10, %[u], %[s20]\n\t"                                                                              \
    "sxtb16 %[v], %[v], ror #8\n\t"                                                                                    \
    "smlad %[s01], r8, %[v], %[s01]\n\t"                                                                               \
    "smlad %[s11], r9, %[v], %[s11]\n\t"                                                                               \
    "smlad %[s21], r10, %[v], %[s21]\n\t"
#define EC_DOT_2X2                                                                                                     \
    "ldrd %[u], %[v], [%[w]], #8\n\t"                                                                                  \
    "ldm %[a]!, {r8, r9}\n\t"                                                                                          \
    "sxtb16 %[t], %[u]\n\t"                                                                                            \
    "smlad %[s00], r8, %[t], %[s00]\n\t"                                                                               \
    "smlad %[s10], r9, %[t], %[s10]\n\t"                                                                               \
    "sxtb16 %[t], %[v]\n\t"                                                                                            \
    "smlad %[s01], r8, %[t], %[s01]\n\t"                                                                               \
    "smlad %[s11], r9, %[t], %[s11]\n\t"                                                                               \
    "ldm %[a]!, {r8, r9}\n\t"                                                                                          \
    "sxtb16 %[u], %[u], ror #8\n\t"                                                                                    \
    "smlad %[s00], r8, %[u], %[s00]\n\t"                                                                               \
    "smlad %[s10], r9, %[u], %[s10]\n\t"                                                                               \
    "sxtb16 %[v], %[v], ror #8\n\t"                                                                                    \
    "smlad %[s01], r8, %[v], %[s01]\n\t"                                                                               \
    "smlad %[s11], r9, %[v], %[s11]\n\t"
#define EC_DOT_1X4                                                                                                     \
    "ldrd %[u], %[v], [%[a]], #8\n\t"                                                                                  \
    "ldm %[w]!, {r8, r9, r10, r11}\n\t"                                                                                \
    "sxtb16 %[t], r8\n\t"                                                                                              \
    "sxtb16 r8, r8, ror #8\n\t"                                                                                        \
    "smlad %[s0], %[u], %[t], %[s0]\n\t"                                                                               \
    "smlad %[s0], %[v], r8, %[s0]\n\t"                                                                                 \
    "sxtb16 %[t], r9\n\t"                                                                                              \
    "sxtb16 r9, r9, ror #8\n\t"                                                                                        \
    "smlad %[s1], %[u], %[t], %[s1]\n\t"                                                                               \
    "smlad %[s1], %[v], r9, %[s1]\n\t"                                                                                 \
    "sxtb16 %[t], r10\n\t"                                                                                             \
    "sxtb16 r10, r10, ror #8\n\t"                                                                                      \
    "smlad %[s2], %[u], %[t], %[s2]\n\t"                                                                               \
    "smlad %[s2], %[v], r10, %[s2]\n\t"                                                                                \
    "sxtb16 %[t], r11\n\t"                                                                                             \
    "sxtb16 r11, r11, ror #8\n\t"                                                                                      \
    "smlad %[s3], %[u], %[t], %[s3]\n\t"                                                                               \
    "smlad %[s3], %[v], r11, %[s3]\n\t"
#define EC_TWICE(text) text text
#define EC_LOOP_BEGIN "vmov s15, %[t]\n\t0:\n\t"
#define EC_LOOP_END "vmov %[t], s15\n\tsubs %[t], #1\n\tvmov s15, %[t]\n\tbne 0b"
#define EC_SUMS_3X2                                                                                                    \
    [s00] "+r"(s[0]), [s01] "+r"(s[1]), [s10] "+r"(s[2]), [s11] "+r"(s[3]), [s20] "+r"(s[4]), [s21] "+r"(s[5])
#define EC_SUMS_2X2 [s00] "+r"(s[0]), [s01] "+r"(s[1]), [s10] "+r"(s[2]), [s11] "+r"(s[3])
#define EC_SUMS_1X4 [s0] "+r"(s[0]), [s1] "+r"(s[1]), [s2] "+r"(s[2]), [s3] "+r"(s[3])
#endif

#define EC_DOT_OPERANDS [a] "+r"(a), [w] "+r"(w), [t] "+r"(count), [u] "=&r"(u), [v] "=&r"(v)

/* EC_DOT(3X2, ...): a loop of EC_DOT_UNROLL blocks, then the blocks that are left. `blocks` is a compile-time constant.
 */
#define EC_DOT(SHAPE, ...)                                                                                             \
    do {                                                                                                               \
        int32_t count = blocks / EC_DOT_UNROLL, left = blocks % EC_DOT_UNROLL;                                         \
        uint32_t u, v;                                                                                                 \
        if (count == 1) {                                                                                              \
            left += EC_DOT_UNROLL;                                                                                     \
        } else if (count > 1) {                                                                                        \
            __asm__ volatile(EC_LOOP_BEGIN EC_TWICE(EC_TWICE(EC_DOT_##SHAPE)) EC_LOOP_END                              \
                             : EC_SUMS_##SHAPE, EC_DOT_OPERANDS                                                        \
                             :                                                                                         \
                             : __VA_ARGS__, "s15", "cc", "memory");                                                    \
        }                                                                                                              \
        EC_UNROLL                                                                                                      \
        for (int32_t i = 0; i < left; i++) {                                                                           \
            __asm__ volatile(EC_DOT_##SHAPE : EC_SUMS_##SHAPE, EC_DOT_OPERANDS : : __VA_ARGS__, "memory");             \
        }                                                                                                              \
    } while (0)

/* One block in plain C: s[pixel * channels + channel] += sum of four products. */
EC_INLINE void ec_dot_block(const uint32_t *a, const uint32_t *w, int32_t pixels, int32_t channels, int32_t *s) {
    for (int32_t p = 0; p < pixels; p++) {
        for (int32_t o = 0; o < channels; o++) {
            int32_t acc = s[p * channels + o];
            acc = ec_smlad(a[p], ec_sxtb16(w[o]), acc);
            s[p * channels + o] = ec_smlad(a[pixels + p], ec_sxtb16_odd(w[o]), acc);
        }
    }
}

/* s[pixel * 2 + channel] += a (blocks, 2, 3 pixels) s16 pairs * w (blocks, 2 channels, 4) s8. */
EC_INLINE const uint32_t *ec_dot_3x2_dsp(const uint32_t *a, const uint32_t *w, int32_t blocks, int32_t *s) {
#if defined(EC_DSP_ASM)
    EC_DOT(3X2, "r8", "r9", "r10");
#else
    for (int32_t i = 0; i < blocks; i++, a += 6, w += 2) ec_dot_block(a, w, 3, 2, s);
#endif
    return w;
}

/* s[pixel * 2 + channel] += a (blocks, 2, 2 pixels) s16 pairs * w (blocks, 2 channels, 4) s8. */
EC_INLINE const uint32_t *ec_dot_2x2_dsp(const uint32_t *a, const uint32_t *w, int32_t blocks, int32_t *s) {
#if defined(EC_DSP_ASM)
    EC_DOT(2X2, "r8", "r9");
#else
    for (int32_t i = 0; i < blocks; i++, a += 4, w += 2) ec_dot_block(a, w, 2, 2, s);
#endif
    return w;
}

/* s[channel] += a (blocks, 2) s16 pairs * w (blocks, 4 channels, 4) s8. */
EC_INLINE const uint32_t *ec_dot_1x4_dsp(const uint32_t *a, const uint32_t *w, int32_t blocks, int32_t *s) {
#if defined(EC_DSP_ASM)
    EC_DOT(1X4, "r8", "r9", "r10", "r11");
#else
    for (int32_t i = 0; i < blocks; i++, a += 2, w += 4) ec_dot_block(a, w, 1, 4, s);
#endif
    return w;
}

/* Widens `words` words of bytes from each of `pixels` places to pairs, in the order that the dots read; the next free
 * word of `to` is returned. */
EC_INLINE uint32_t *ec_widen_dsp(const int8_t *const from[], int32_t pixels, int32_t words, uint32_t *to) {
    const int8_t *p0 = from[0], *p1 = from[pixels > 1 ? 1 : 0], *p2 = from[pixels > 2 ? 2 : 0];
    for (int32_t i = 0; i < words; i++, to += 2 * pixels) {
        const uint32_t w0 = ec_load4(p0), w1 = pixels > 1 ? ec_load4(p1) : 0, w2 = pixels > 2 ? ec_load4(p2) : 0;
        p0 += 4, p1 += 4, p2 += 4;
        to[0] = ec_sxtb16(w0);
        to[pixels] = ec_sxtb16_odd(w0);
        if (pixels > 1) to[1] = ec_sxtb16(w1), to[pixels + 1] = ec_sxtb16_odd(w1);
        if (pixels > 2) to[2] = ec_sxtb16(w2), to[pixels + 2] = ec_sxtb16_odd(w2);
    }
    return to;
}

#endif
