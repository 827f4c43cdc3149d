/* Inner loops of the _dsp kernels with weights: sums of several pixels times several output channels at once.
 *
 * The k axis goes in blocks of four. Activations are widened to pairs: (k0, k2) and (k1, k3) of a block; those of the
 * pixels of a tile lie side by side, all first pairs of a block before all second ones. A block of weights is one word
 * for each output channel, in one of two forms:
 *
 * - plain: the four bytes of one channel. SXTB16 takes them apart into pairs: two for each word.
 * - joined: words of two channels, each halfword h = 256 * w1 + w0 of one k, first (k0, k2), then (k1, k3). SMLAD with
 * the word itself sums x * h = 256 * x * w1 + x * w0; SXTB16 leaves the w0 alone, whose sum is then known too. One
 * SXTB16 fewer for each word; the sum of w1 is had as the difference, 256 times as large. It works modulo 2^32: only
 * the final sum of w1 has to stay within 2^23.
 *
 * Sums, activations, weights and pointers fill thirteen of the fourteen registers (clang keeps one for itself), so the
 * loop counter waits in the FPU (s15). */
#ifndef EDGEC_EC_DOT_DSP_H
#define EDGEC_EC_DOT_DSP_H

#include "edgec/ec_dsp.h"

#if defined(EC_DSP_ASM)
/* The activations r8, r9, r10 of the tile's pixels times one pair of weights. */
#define EC_SMLAD2(s0, s1, w) "smlad " s0 ", r8, " w ", " s0 "\n\tsmlad " s1 ", r9, " w ", " s1 "\n\t"
#define EC_SMLAD3(s0, s1, s2, w) EC_SMLAD2(s0, s1, w) "smlad " s2 ", r10, " w ", " s2 "\n\t"
#define EC_SXTB16(to, from) "sxtb16 " to ", " from "\n\t"
#define EC_SXTB16_ODD(to, from) "sxtb16 " to ", " from ", ror #8\n\t"
#define EC_LOAD_WEIGHTS "ldrd %[u], %[v], [%[w]], #8\n\t"
#define EC_LOAD_WORD(from) "ldr %[u], " from "\n\t"
#define EC_LOAD_PIXELS3 "ldm %[a]!, {r8, r9, r10}\n\t"
#define EC_LOAD_PIXELS2 "ldm %[a]!, {r8, r9}\n\t"

/* Each word of the plain form is loaded twice: no register is left to keep it. */
#define EC_DOT_3X2_PLAIN                                                                                               \
    EC_LOAD_PIXELS3 EC_LOAD_WORD("[%[w]]") EC_SXTB16("%[u]", "%[u]") EC_SMLAD3("%[s0]", "%[s2]", "%[s4]", "%[u]")      \
        EC_LOAD_WORD("[%[w], #4]") EC_SXTB16("%[u]", "%[u]") EC_SMLAD3("%[s1]", "%[s3]", "%[s5]", "%[u]")              \
            EC_LOAD_PIXELS3 EC_LOAD_WORD("[%[w]], #4") EC_SXTB16_ODD("%[u]", "%[u]")                                   \
                EC_SMLAD3("%[s0]", "%[s2]", "%[s4]", "%[u]") EC_LOAD_WORD("[%[w]], #4") EC_SXTB16_ODD("%[u]", "%[u]")  \
                    EC_SMLAD3("%[s1]", "%[s3]", "%[s5]", "%[u]")
#define EC_DOT_2X2_PLAIN                                                                                               \
    EC_LOAD_PIXELS2 EC_LOAD_WORD("[%[w]]") EC_SXTB16("%[u]", "%[u]") EC_SMLAD2("%[s0]", "%[s2]", "%[u]")               \
        EC_LOAD_WORD("[%[w], #4]") EC_SXTB16("%[u]", "%[u]") EC_SMLAD2("%[s1]", "%[s3]", "%[u]")                       \
            EC_LOAD_PIXELS2 EC_LOAD_WORD("[%[w]], #4") EC_SXTB16_ODD("%[u]", "%[u]")                                   \
                EC_SMLAD2("%[s0]", "%[s2]", "%[u]") EC_LOAD_WORD("[%[w]], #4") EC_SXTB16_ODD("%[u]", "%[u]")           \
                    EC_SMLAD2("%[s1]", "%[s3]", "%[u]")
#define EC_DOT_3X2_JOINED                                                                                              \
    EC_LOAD_WEIGHTS EC_LOAD_PIXELS3 EC_SMLAD3("%[s1]", "%[s3]", "%[s5]", "%[u]") EC_SXTB16("%[u]", "%[u]")             \
        EC_SMLAD3("%[s0]", "%[s2]", "%[s4]", "%[u]") EC_LOAD_PIXELS3 EC_SMLAD3("%[s1]", "%[s3]", "%[s5]", "%[v]")      \
            EC_SXTB16("%[v]", "%[v]") EC_SMLAD3("%[s0]", "%[s2]", "%[s4]", "%[v]")
#define EC_DOT_2X2_JOINED                                                                                              \
    EC_LOAD_WEIGHTS EC_LOAD_PIXELS2 EC_SMLAD2("%[s1]", "%[s3]", "%[u]") EC_SXTB16("%[u]", "%[u]")                      \
        EC_SMLAD2("%[s0]", "%[s2]", "%[u]") EC_LOAD_PIXELS2 EC_SMLAD2("%[s1]", "%[s3]", "%[v]")                        \
            EC_SXTB16("%[v]", "%[v]") EC_SMLAD2("%[s0]", "%[s2]", "%[v]")

/* One pixel: its four bytes come as one word, u, and are widened on the way; v: the first pair, then u: the second. */
#define EC_LOAD_BYTES "ldr %[u], [%[a]], #4\n\t"
#define EC_LOAD_WEIGHTS4 "ldm %[w]!, {r8, r9, r10, r11}\n\t"
#define EC_WIDEN_BYTES EC_SXTB16("%[v]", "%[u]") EC_SXTB16_ODD("%[u]", "%[u]")
#define EC_SMLAD(s, x, w) "smlad " s ", " x ", " w ", " s "\n\t"
#define EC_CHANNEL_PLAIN(s)                                                                                            \
    "ldr r8, [%[w]], #4\n\t" EC_SXTB16("r9", "r8") EC_SXTB16_ODD("r8", "r8") EC_SMLAD(s, "%[v]", "r9")                 \
        EC_SMLAD(s, "%[u]", "r8")
#define EC_PAIR_JOINED(s0, s1, x, w) EC_SMLAD(s1, x, w) EC_SXTB16(w, w) EC_SMLAD(s0, x, w)
#define EC_DOT_1X4_PLAIN                                                                                               \
    EC_LOAD_BYTES EC_WIDEN_BYTES EC_CHANNEL_PLAIN("%[s0]") EC_CHANNEL_PLAIN("%[s1]") EC_CHANNEL_PLAIN("%[s2]")         \
        EC_CHANNEL_PLAIN("%[s3]")
#define EC_DOT_1X4_JOINED                                                                                              \
    EC_LOAD_BYTES EC_LOAD_WEIGHTS4 EC_WIDEN_BYTES EC_PAIR_JOINED("%[s0]", "%[s1]", "%[v]", "r8")                       \
        EC_PAIR_JOINED("%[s0]", "%[s1]", "%[u]", "r9") EC_PAIR_JOINED("%[s2]", "%[s3]", "%[v]", "r10")                 \
            EC_PAIR_JOINED("%[s2]", "%[s3]", "%[u]", "r11")

/* u comes in as the number of rounds and is free again at the end of a block. */
#define EC_LOOP(block) "vmov s15, %[u]\n0:\t" block "vmov %[u], s15\n\tsubs %[u], #1\n\tvmov s15, %[u]\n\tbne 0b"
#define EC_TWO(text) text text

#define EC_SUMS_4 [s0] "+r"(s[0]), [s1] "+r"(s[1]), [s2] "+r"(s[2]), [s3] "+r"(s[3])
#define EC_SUMS_3X2 EC_SUMS_4, [s4] "+r"(s[4]), [s5] "+r"(s[5])
#define EC_SUMS_2X2 EC_SUMS_4
#define EC_SUMS_1X4 EC_SUMS_4
#define EC_CLOBBERS_3X2 "r8", "r9", "r10"
#define EC_CLOBBERS_2X2 "r8", "r9"
#define EC_CLOBBERS_1X4 "r8", "r9", "r10", "r11"

#define EC_BLOCKS(text, SHAPE)                                                                                         \
    __asm__ volatile(text                                                                                              \
                     : EC_SUMS_##SHAPE, [a] "+r"(a), [w] "+r"(w), [u] "+r"(u), [v] "=&r"(v)                            \
                     :                                                                                                 \
                     : EC_CLOBBERS_##SHAPE, "s15", "cc", "memory")

/* From this many blocks on the body of the loop has four, else two: half the code where the loop is short. */
#define EC_LONG_DOT 16

/* A loop of `body` blocks, then the blocks that are left. `blocks` is known when this is compiled. */
#define EC_DOT(SHAPE, FORM)                                                                                            \
    do {                                                                                                               \
        const uint32_t body = blocks >= EC_LONG_DOT ? 4 : 2;                                                           \
        uint32_t u = (uint32_t)blocks / body, left = (uint32_t)blocks % body, v;                                       \
        if (u == 1) left += body;                                                                                      \
        if (u > 1 && body == 4) EC_BLOCKS(EC_LOOP(EC_TWO(EC_TWO(EC_DOT_##SHAPE##_##FORM))), SHAPE);                    \
        if (u > 1 && body == 2) EC_BLOCKS(EC_LOOP(EC_TWO(EC_DOT_##SHAPE##_##FORM)), SHAPE);                            \
        EC_UNROLL                                                                                                      \
        for (uint32_t i = 0; i < left; i++) EC_BLOCKS(EC_DOT_##SHAPE##_##FORM, SHAPE);                                 \
    } while (0)
#endif

/* One block of a pair of channels in plain C: s[0] and s[1] += four products each; s[1] as the form leaves it. */
EC_INLINE void ec_dot_pair(uint32_t even, uint32_t odd, uint32_t w0, uint32_t w1, int32_t joined, int32_t *s) {
    if (joined) {
        s[0] = ec_smlad(odd, ec_sxtb16(w1), ec_smlad(even, ec_sxtb16(w0), s[0]));
        s[1] = ec_smlad(odd, w1, ec_smlad(even, w0, s[1]));
    } else {
        s[0] = ec_smlad(odd, ec_sxtb16_odd(w0), ec_smlad(even, ec_sxtb16(w0), s[0]));
        s[1] = ec_smlad(odd, ec_sxtb16_odd(w1), ec_smlad(even, ec_sxtb16(w1), s[1]));
    }
}

/* s[pixel * 2 + channel] += a: (blocks, 2, 3 pixels) s16 pairs times w: (blocks, 2) words; the end of the weights. */
EC_INLINE const uint32_t *ec_dot_3x2_dsp(const uint32_t *a, const uint32_t *w, int32_t blocks, int32_t joined,
                                         int32_t *s) {
#if defined(EC_DSP_ASM)
    if (joined) {
        EC_DOT(3X2, JOINED);
    } else {
        EC_DOT(3X2, PLAIN);
    }
#else
    for (int32_t i = 0; i < blocks; i++, a += 6, w += 2) {
        for (int32_t p = 0; p < 3; p++) ec_dot_pair(a[p], a[3 + p], w[0], w[1], joined, s + 2 * p);
    }
#endif
    return w;
}

/* s[pixel * 2 + channel] += a: (blocks, 2, 2 pixels) s16 pairs times w: (blocks, 2) words; the end of the weights. */
EC_INLINE const uint32_t *ec_dot_2x2_dsp(const uint32_t *a, const uint32_t *w, int32_t blocks, int32_t joined,
                                         int32_t *s) {
#if defined(EC_DSP_ASM)
    if (joined) {
        EC_DOT(2X2, JOINED);
    } else {
        EC_DOT(2X2, PLAIN);
    }
#else
    for (int32_t i = 0; i < blocks; i++, a += 4, w += 2) {
        for (int32_t p = 0; p < 2; p++) ec_dot_pair(a[p], a[2 + p], w[0], w[1], joined, s + 2 * p);
    }
#endif
    return w;
}

/* s[channel] += a: (blocks, 4) s8, at any address, times w: (blocks, 4) words; the end of the weights. */
EC_INLINE const uint32_t *ec_dot_1x4_dsp(const int8_t *a, const uint32_t *w, int32_t blocks, int32_t joined,
                                         int32_t *s) {
#if defined(EC_DSP_ASM)
    if (joined) {
        EC_DOT(1X4, JOINED);
    } else {
        EC_DOT(1X4, PLAIN);
    }
#else
    for (int32_t i = 0; i < blocks; i++, a += 4, w += 4) {
        const uint32_t even = ec_sxtb16(ec_load4(a)), odd = ec_sxtb16_odd(ec_load4(a));
        ec_dot_pair(even, odd, w[0], w[1], joined, s);
        ec_dot_pair(even, odd, w[2], w[3], joined, s + 2);
    }
#endif
    return w;
}

/* Widens `words` words of bytes from each of `pixels` (1 to 3) places to pairs, in the order that the dots read;
 * returns the next free word of `to`. */
EC_INLINE uint32_t *ec_widen_dsp(const int8_t *const from[], int32_t pixels, int32_t words, uint32_t *to) {
#if defined(EC_DSP_ASM)
    if (pixels == 3) {
        const int8_t *p0 = from[0], *p1 = from[1], *p2 = from[2];
        __asm__ volatile("0:\tldr r8, [%[p0]], #4\n\t"
                         "ldr r9, [%[p1]], #4\n\t"
                         "ldr r10, [%[p2]], #4\n\t" EC_SXTB16("r4", "r8") EC_SXTB16("r5", "r9") EC_SXTB16("r6", "r10")
                             EC_SXTB16_ODD("r8", "r8") EC_SXTB16_ODD("r9", "r9")
                                 EC_SXTB16_ODD("r10", "r10") "stm %[to]!, {r4, r5, r6, r8, r9, r10}\n\t"
                                                             "subs %[words], #1\n\t"
                                                             "bne 0b"
                         : [p0] "+r"(p0), [p1] "+r"(p1), [p2] "+r"(p2), [to] "+r"(to), [words] "+r"(words)
                         :
                         : "r4", "r5", "r6", "r8", "r9", "r10", "cc", "memory");
        return to;
    }
#endif
    for (int32_t i = 0; i < words; i++, to += 2 * pixels) {
        EC_UNROLL
        for (int32_t p = 0; p < pixels; p++) {
            const uint32_t word = ec_load4(from[p] + 4 * i);
            to[p] = ec_sxtb16(word);
            to[pixels + p] = ec_sxtb16_odd(word);
        }
    }
    return to;
}

#endif
