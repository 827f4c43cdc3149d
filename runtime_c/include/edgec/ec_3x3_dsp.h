/* Inner parts of ec_depthwise_conv_3x3_s8_dsp: rows taken apart, sums along a row.
 *
 * A channel's columns lie in scratch as three words for each two: (row 0, row 1) of the first, of the second, and row 2
 * of both. Planes of the channels follow one another. */
#ifndef EDGEC_EC_3X3_DSP_H
#define EDGEC_EC_3X3_DSP_H

#include "edgec/ec_depthwise_dsp.h"

/* Words of one channel. */
EC_INLINE int32_t ec_3x3_plane(const ec_depthwise_dsp_geometry *g) { return ec_depthwise_columns(g) / 2 * 3; }

#if defined(EC_DSP_ASM)
/* Two columns of three rows as words a, c; b, d; e, f. Steps up to 255 fit the loads themselves. */
#define EC_3X3_LOADS(load)                                                                                             \
    load " %[a], [%[first]], %[n]\n\t" load " %[c], [%[first]], %[n]\n\t" load " %[b], [%[second]], %[n]\n\t" load     \
         " %[d], [%[second]], %[n]\n\t" load " %[e], [%[last]], %[n]\n\t" load " %[f], [%[last]], %[n]\n\t"
#define EC_3X3_LOADS_FAR                                                                                               \
    "ldr %[a], [%[first]]\n\tldr %[c], [%[first], %[n]]\n\tadd %[first], %[first], %[n]*2\n\t"                         \
    "ldr %[b], [%[second]]\n\tldr %[d], [%[second], %[n]]\n\tadd %[second], %[second], %[n]*2\n\t"                     \
    "ldr %[e], [%[last]]\n\tldr %[f], [%[last], %[n]]\n\tadd %[last], %[last], %[n]*2\n\t"
/* Lower halves of (a, b), (c, d), (e, f) to t, a, c; upper ones to b, d, f. */
#define EC_3X3_HALVES                                                                                                  \
    "pkhbt %[t], %[a], %[b], lsl #16\n\tpkhtb %[b], %[b], %[a], asr #16\n\t"                                           \
    "pkhbt %[a], %[c], %[d], lsl #16\n\tpkhtb %[d], %[d], %[c], asr #16\n\t"                                           \
    "pkhbt %[c], %[e], %[f], lsl #16\n\tpkhtb %[f], %[f], %[e], asr #16\n\t"
/* Two words to the plane with this number: STRD reaches 1020 bytes, STR 4095. */
#define EC_3X3_NEAR(x, y, plane) "strd " x ", " y ", [%[to], %[p]*" plane "]\n\t"
#define EC_3X3_FAR(x, y, plane) "str " x ", [%[to], %[p]*" plane "]\n\tstr " y ", [%[to], %[p]*" plane "+4]\n\t"
/* Even bytes of three words to one plane, then odd ones to the next. */
#define EC_3X3_BYTES(STORE, x, y, z, even, odd)                                                                        \
    "and %[e], %[mask], " x ", lsl #8\n\tand %[u], %[mask], " y                                                        \
    ", lsl #8\n\t" STORE("%[e]", "%[u]", even) "and %[e], %[mask], " z ", lsl #8\n\tstr %[e], [%[to], %[p]*" even      \
                                               "+8]\n\t"                                                               \
                                               "and " x ", " x ", %[mask]\n\tand " y ", " y                            \
                                               ", %[mask]\n\t" STORE(x, y, odd) "and " z ", " z ", %[mask]\n\tstr " z  \
                                                                                ", [%[to], %[p]*" odd "+8]\n\t"
#define EC_3X3_TWO_BYTES(STORE) EC_3X3_HALVES EC_3X3_BYTES(STORE, "%[t]", "%[a]", "%[c]", "0", "1")
#define EC_3X3_FOUR_BYTES(STORE) EC_3X3_TWO_BYTES(STORE) EC_3X3_BYTES(STORE, "%[b]", "%[d]", "%[f]", "2", "3")
/* All registers but one are taken: the end waits in the FPU. */
#define EC_3X3_COLUMNS(text)                                                                                           \
    __asm__ volatile(                                                                                                  \
        "vmov s15, %[u]\n\t0:\n\t" text "add %[to], %[to], #12\n\tvmov %[u], s15\n\tcmp %[to], %[u]\n\tbne 0b"         \
        : [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d), [e] "=&r"(e), [f] "=&r"(f), [t] "=&r"(t),            \
          [u] "+r"(end), [first] "+r"(row[0]), [second] "+r"(row[1]), [last] "+r"(row[2]), [to] "+r"(to)               \
        : [mask] "r"(0xff00ff00u), [n] "i"(g->in_c), [p] "i"(4 * ec_3x3_plane(g))                                      \
        : "s15", "cc", "memory")
#endif

/* `twos` times two columns of a group of channels of three rows, to planes at `to`; the pointers to the rows move on.
 */
EC_INLINE uint32_t *ec_3x3_columns(const ec_depthwise_dsp_geometry *g, const int8_t *row[], int32_t twos,
                                   uint32_t *to) {
    const int32_t plane = ec_3x3_plane(g);
#if defined(EC_DSP_ASM)
    if (__builtin_constant_p(g->in_c) && __builtin_constant_p(plane)) {
        uint32_t a, b, c, d, e, f, t, *end = to + 3 * twos;
        const int32_t near = (g->group - 1) * plane <= 252;
        if (twos == 0) return to;
        if (g->group == 2) {
            if (near) EC_3X3_COLUMNS(EC_3X3_LOADS("ldrh") EC_3X3_TWO_BYTES(EC_3X3_NEAR));
            if (!near) EC_3X3_COLUMNS(EC_3X3_LOADS("ldrh") EC_3X3_TWO_BYTES(EC_3X3_FAR));
        } else if (g->in_c < 256) {
            if (near) EC_3X3_COLUMNS(EC_3X3_LOADS("ldr") EC_3X3_FOUR_BYTES(EC_3X3_NEAR));
            if (!near) EC_3X3_COLUMNS(EC_3X3_LOADS("ldr") EC_3X3_FOUR_BYTES(EC_3X3_FAR));
        } else {
            if (near) EC_3X3_COLUMNS(EC_3X3_LOADS_FAR EC_3X3_FOUR_BYTES(EC_3X3_NEAR));
            if (!near) EC_3X3_COLUMNS(EC_3X3_LOADS_FAR EC_3X3_FOUR_BYTES(EC_3X3_FAR));
        }
        return to;
    }
#endif
    for (; twos > 0; twos--, to += 3) {
        ec_widen_pairs(ec_load(g, row[0]), ec_load(g, row[1]), g->group, to, plane);
        ec_widen_pairs(ec_load(g, row[0] + g->in_c), ec_load(g, row[1] + g->in_c), g->group, to + 1, plane);
        ec_widen_pairs(ec_load(g, row[2]), ec_load(g, row[2] + g->in_c), g->group, to + 2, plane);
        for (int32_t i = 0; i < 3; i++) row[i] += 2 * g->in_c;
    }
    return to;
}

/* a, b, r: the three words of the columns of an output. Afterwards a is the sum of it; c, b, r (or c, b, u) are the
 * next three words; with two outputs r is the sum of the second, one column to the right. LDM takes registers in rising
 * order only: these are r8 to r12. */
#if defined(EC_DSP_ASM)
/* Every register has its use, which compilers see only when told. */
#define EC_3X3_REGISTERS                                                                                               \
    register uint32_t w0 __asm__("r0") = w[0], w1 __asm__("r1") = w[1], w2 __asm__("r2") = w[2];                       \
    register uint32_t wa __asm__("r3") = w[3], wb __asm__("r4") = w[4];                                                \
    register int32_t offset __asm__("r5") = start;                                                                     \
    register uint32_t p0 __asm__("r8"), p1 __asm__("r9"), p2 __asm__("r10"), p3 __asm__("r11"), p4 __asm__("r12")
#define EC_3X3_WEIGHTS [w0] "r"(w0), [w1] "r"(w1), [w2] "r"(w2), [wa] "r"(wa), [wb] "r"(wb)
#define EC_3X3_ONE(a, b, r, c)                                                                                         \
    __asm__ volatile("smlad %0, %0, %[w0], %[offset]\n\t"                                                              \
                     "smlad %0, %1, %[w1], %0\n\t"                                                                     \
                     "smlad %0, %2, %[wa], %0\n\t"                                                                     \
                     "ldm %[x]!, {%3, %1, %2}\n\t"                                                                     \
                     "smlad %0, %3, %[w2], %0\n\t"                                                                     \
                     "smlabt %0, %2, %[wb], %0"                                                                        \
                     : "+r"(a), "+r"(b), "+r"(r), "=&r"(c), [x] "+r"(x)                                                \
                     : EC_3X3_WEIGHTS, [offset] "r"(offset)                                                            \
                     : "memory")
#define EC_3X3_TWO(a, b, r, c, u)                                                                                      \
    __asm__ volatile("smlad %0, %0, %[w0], %[offset]\n\t"                                                              \
                     "smlad %0, %1, %[w1], %0\n\t"                                                                     \
                     "smlad %0, %2, %[wa], %0\n\t"                                                                     \
                     "smlatb %2, %2, %[wa], %[offset]\n\t"                                                             \
                     "smlad %2, %1, %[w0], %2\n\t"                                                                     \
                     "ldm %[x]!, {%3, %1, %4}\n\t"                                                                     \
                     "smlad %0, %3, %[w2], %0\n\t"                                                                     \
                     "smlad %2, %3, %[w1], %2\n\t"                                                                     \
                     "smlabt %0, %4, %[wb], %0\n\t"                                                                    \
                     "smlad %2, %1, %[w2], %2\n\t"                                                                     \
                     "smlad %2, %4, %[wb], %2"                                                                         \
                     : "+r"(a), "+r"(b), "+r"(r), "=&r"(c), "=&r"(u), [x] "+r"(x)                                      \
                     : EC_3X3_WEIGHTS, [offset] "r"(offset)                                                            \
                     : "memory")
#define EC_3X3_LOAD(a, b, r)                                                                                           \
    __asm__ volatile("ldm %[x]!, {%0, %1, %2}" : "=&r"(a), "=&r"(b), "=&r"(r), [x] "+r"(x) : : "memory")
#else
#define EC_3X3_REGISTERS                                                                                               \
    const uint32_t w0 = w[0], w1 = w[1], w2 = w[2], wa = w[3], wb = w[4];                                              \
    const int32_t offset = start;                                                                                      \
    uint32_t p0, p1 = 0, p2, p3, p4 = 0
#define EC_3X3_LOAD(a, b, r) (a = x[0], b = x[1], r = x[2], x += 3)
#define EC_3X3_ADD(sum, word, weight) sum = (uint32_t)ec_smlad(word, weight, (int32_t)sum)
#define EC_3X3_ONE(a, b, r, c)                                                                                         \
    do {                                                                                                               \
        a = (uint32_t)ec_smlad(a, w0, offset);                                                                         \
        EC_3X3_ADD(a, b, w1), EC_3X3_ADD(a, r, wa);                                                                    \
        EC_3X3_LOAD(c, b, r);                                                                                          \
        EC_3X3_ADD(a, c, w2), a = (uint32_t)ec_smlabt(r, wb, (int32_t)a);                                              \
    } while (0)
#define EC_3X3_TWO(a, b, r, c, u)                                                                                      \
    do {                                                                                                               \
        a = (uint32_t)ec_smlad(a, w0, offset);                                                                         \
        EC_3X3_ADD(a, b, w1), EC_3X3_ADD(a, r, wa);                                                                    \
        r = (uint32_t)ec_smlatb(r, wa, offset);                                                                        \
        EC_3X3_ADD(r, b, w0);                                                                                          \
        EC_3X3_LOAD(c, b, u);                                                                                          \
        EC_3X3_ADD(a, c, w2), a = (uint32_t)ec_smlabt(u, wb, (int32_t)a);                                              \
        EC_3X3_ADD(r, c, w1), EC_3X3_ADD(r, b, w2), EC_3X3_ADD(r, u, wb);                                              \
    } while (0)
#endif

#endif
