/* Any function of one int8 element, as a table of its 256 results. Portable C. */
#ifndef EDGEC_EC_TABLE_S8_H
#define EDGEC_EC_TABLE_S8_H

#include <stddef.h>
#include <stdint.h>

#ifndef EC_INLINE
#define EC_INLINE static inline __attribute__((always_inline))
#endif

typedef struct {
    int32_t count;
} ec_table_s8_geometry;

typedef struct {
    const int8_t *table; /* (256): entry q + 128 for input q */
} ec_table_s8_data;

/* x: (count) s8, y: (count) s8; y may be x. */
EC_INLINE void ec_table_s8(const ec_table_s8_geometry *g, const ec_table_s8_data *d, const int8_t *const x[], int8_t *y,
                           void *scratch) {
    (void)scratch;
    for (int32_t i = 0; i < g->count; i++) y[i] = d->table[x[0][i] + 128];
}

#endif
