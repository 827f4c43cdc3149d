/* Pointers to the input rows that one output row reads; rows outside the tensor get the row of padding. */
#ifndef EDGEC_EC_ROWS_H
#define EDGEC_EC_ROWS_H

#include <stddef.h>
#include <stdint.h>

#ifndef EC_INLINE
#define EC_INLINE static inline __attribute__((always_inline))
#endif

#define EC_ENDLESS INT32_MAX /* rows of an input that never ends */

#define EC_NOINLINE __attribute__((noinline))

/* rows[k] = row first + k * dilation of `base`, for k in 0..count-1. Not inline: it runs once a row, one copy is
 * enough. */
__attribute__((noinline, unused)) static void ec_rows(const int8_t **rows, const int8_t *base, int32_t row_bytes,
                                                      int32_t in_rows, int32_t first, int32_t count, int32_t dilation,
                                                      const int8_t *padding) {
    for (int32_t k = 0; k < count; k++) {
        const int32_t row = first + k * dilation;
        rows[k] = row < 0 || row >= in_rows ? padding : base + (ptrdiff_t)row * row_bytes;
    }
}

/* The same of a ring that holds `ring` rows: row i at i % ring; `slot` is where row `first` is, or would be. */
__attribute__((noinline, unused)) static void ec_ring_rows(const int8_t **rows, const int8_t *base, int32_t row_bytes,
                                                           int32_t in_rows, int32_t ring, int32_t slot, int32_t first,
                                                           int32_t count, int32_t dilation, const int8_t *padding) {
    for (int32_t k = 0; k < count; k++) {
        const int32_t row = first + k * dilation;
        rows[k] = row < 0 || row >= in_rows ? padding : base + (ptrdiff_t)slot * row_bytes;
        slot += dilation;
        while (slot >= ring) slot -= ring;
    }
}

/* How many input rows have to be there for output row `row` of `rows`, the last where it is none: those up to
 * row * stride + ahead. */
EC_INLINE int32_t ec_reach(int32_t row, int32_t rows, int32_t stride, int32_t ahead, int32_t in_rows) {
    const int32_t last = (row < rows ? row : rows - 1) * stride + ahead;
    return last < in_rows ? last + 1 : in_rows;
}

EC_INLINE void ec_fill(int8_t *to, int8_t value, int32_t count) {
    for (int32_t i = 0; i < count; i++) to[i] = value;
}

#endif
