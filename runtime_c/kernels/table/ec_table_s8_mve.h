/* Any function of one int8 element, as a table of its 256 results, on Helium: 16 look-ups at once. */
#ifndef EDGEC_EC_TABLE_S8_MVE_H
#define EDGEC_EC_TABLE_S8_MVE_H

#include "edgec/ec_mve.h"

typedef struct {
    int32_t count;
} ec_table_s8_mve_geometry;

typedef struct {
    const int8_t *table; /* (256): entry q + 128 for input q */
} ec_table_s8_mve_data;

EC_INLINE uint8x16_t ec_table_s8_mve_index(int8x16_t q) { return vaddq_n_u8(vreinterpretq_u8_s8(q), 128); }

/* x: (count) s8, y: (count) s8; y may be x. */
EC_INLINE void ec_table_s8_mve(const ec_table_s8_mve_geometry *g, const ec_table_s8_mve_data *d,
                               const int8_t *const x[], int8_t *y, void *scratch) {
    (void)scratch;
    const int8_t *const table = d->table;
    int32_t i = 0;
    for (; i + EC_MVE_BYTES <= g->count; i += EC_MVE_BYTES) {
        vstrbq_s8(y + i, vldrbq_gather_offset_s8(table, ec_table_s8_mve_index(vldrbq_s8(x[0] + i))));
    }
    if (i < g->count) {
        const mve_pred16_t lanes = vctp8q((uint32_t)(g->count - i));
        const uint8x16_t index = ec_table_s8_mve_index(vldrbq_z_s8(x[0] + i, lanes));
        vstrbq_p_s8(y + i, vldrbq_gather_offset_s8(table, index), lanes);
    }
}

#endif
