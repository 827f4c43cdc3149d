/* Any function of one int8 element, as a table of its 256 results, on AArch64: 16 look-ups at once. */
#ifndef EDGEC_EC_TABLE_S8_NEON_H
#define EDGEC_EC_TABLE_S8_NEON_H

#include "edgec/ec_neon_bytes.h"

typedef struct {
    int32_t count;
} ec_table_s8_neon_geometry;

typedef struct {
    const int8_t *table; /* (256): entry q + 128 for input q */
} ec_table_s8_neon_data;

/* The table in registers; part 0 begins with the result of 0, part 2 with that of -128. */
typedef struct {
    int8x16x4_t parts[4];
} ec_table_s8_neon_parts;

/* An index beyond a part leaves the byte as it is. */
EC_INLINE int8x16_t ec_table_s8_neon_16(const ec_table_s8_neon_parts *t, int8x16_t q) {
    const uint8x16_t index = vreinterpretq_u8_s8(q), step = vdupq_n_u8(64);
    const uint8x16_t second = vsubq_u8(index, step), third = vsubq_u8(second, step), fourth = vsubq_u8(third, step);
    int8x16_t y = vqtbl4q_s8(t->parts[0], index);
    y = vqtbx4q_s8(y, t->parts[1], second);
    y = vqtbx4q_s8(y, t->parts[2], third);
    return vqtbx4q_s8(y, t->parts[3], fourth);
}

/* x: (count) s8, y: (count) s8; y may be x, so the end, which overlaps what is before it, is read first. */
EC_INLINE void ec_table_s8_neon(const ec_table_s8_neon_geometry *g, const ec_table_s8_neon_data *d,
                                const int8_t *const x[], int8_t *y, void *scratch) {
    (void)scratch;
    const int8_t *const from = x[0], *const table = d->table;
    const ec_table_s8_neon_parts t = {
        {vld1q_s8_x4(table + 128), vld1q_s8_x4(table + 192), vld1q_s8_x4(table), vld1q_s8_x4(table + 64)}};
    if (g->count < 8) {
        for (int32_t i = 0; i < g->count; i++) y[i] = table[from[i] + 128];
        return;
    }
    const int32_t last = g->count < EC_NEON_BYTES ? 0 : g->count - EC_NEON_BYTES;
    const int8x16_t end = ec_neon_load(from + last, g->count);
    int32_t i = 0;
    for (; i + 2 * EC_NEON_BYTES <= g->count; i += 2 * EC_NEON_BYTES) {
        const int8x16_t a = vld1q_s8(from + i), b = vld1q_s8(from + i + 16);
        vst1q_s8(y + i, ec_table_s8_neon_16(&t, a));
        vst1q_s8(y + i + 16, ec_table_s8_neon_16(&t, b));
    }
    if (i + EC_NEON_BYTES <= g->count) vst1q_s8(y + i, ec_table_s8_neon_16(&t, vld1q_s8(from + i)));
    if (g->count % EC_NEON_BYTES) ec_neon_store(y + last, g->count, ec_table_s8_neon_16(&t, end));
}

#endif
