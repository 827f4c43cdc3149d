/* Elements added around a tensor (or, negative, taken off), int8: a constant, the edge or the mirrored inside. */
#ifndef EDGEC_EC_PAD_S8_H
#define EDGEC_EC_PAD_S8_H

#include <stddef.h>
#include <stdint.h>

#include "edgec/ec_rows.h"

#define EC_PAD_AXES 4
#define EC_PAD_CONSTANT 0
#define EC_PAD_EDGE 1
#define EC_PAD_REFLECT 2

typedef struct {
    int32_t size[EC_PAD_AXES]; /* of y */
    int32_t in_size[EC_PAD_AXES];
    int32_t before[EC_PAD_AXES]; /* elements of y before the first of x */
    int32_t mode;
} ec_pad_s8_geometry;

typedef struct {
    int32_t value; /* of mode constant */
} ec_pad_s8_data;

/* Index of x for index `i` (which may lie outside) along one axis; -1: the constant. */
EC_INLINE int32_t ec_pad_source(int32_t i, int32_t size, int32_t mode) {
    if (i >= 0 && i < size) return i;
    if (mode == EC_PAD_CONSTANT) return -1;
    if (mode == EC_PAD_EDGE || size == 1) return i < 0 ? 0 : size - 1;
    while (i < 0 || i >= size) i = i < 0 ? -i : 2 * (size - 1) - i;
    return i;
}

/* The last axis. from: (in_size) s8 or NULL for constants alone, y: (size) s8 */
EC_INLINE void ec_pad_run(const ec_pad_s8_geometry *g, int8_t value, const int8_t *from, int8_t *y) {
    const int32_t size = g->size[3], in_size = g->in_size[3], before = g->before[3];
    if (!from) {
        ec_fill(y, value, size);
        return;
    }
    const int32_t first = before < 0 ? 0 : (before < size ? before : size);
    const int32_t end = before + in_size < size ? before + in_size : size;
    for (int32_t i = 0; i < first; i++) {
        const int32_t source = ec_pad_source(i - before, in_size, g->mode);
        y[i] = source < 0 ? value : from[source];
    }
    if (end > first) __builtin_memcpy(y + first, from + first - before, (size_t)(end - first));
    for (int32_t i = end > first ? end : first; i < size; i++) {
        const int32_t source = ec_pad_source(i - before, in_size, g->mode);
        y[i] = source < 0 ? value : from[source];
    }
}

/* x[0]: the input, or one of its rows, or NULL for a row of padding (mode constant), y: (size) s8 */
EC_INLINE void ec_pad_s8(const ec_pad_s8_geometry *g, const ec_pad_s8_data *d, const int8_t *const x[], int8_t *y,
                         void *scratch) {
    (void)scratch;
    for (int32_t i0 = 0; i0 < g->size[0]; i0++) {
        const int32_t x0 = ec_pad_source(i0 - g->before[0], g->in_size[0], g->mode);
        for (int32_t i1 = 0; i1 < g->size[1]; i1++) {
            const int32_t x1 = ec_pad_source(i1 - g->before[1], g->in_size[1], g->mode);
            for (int32_t i2 = 0; i2 < g->size[2]; i2++) {
                const int32_t x2 = ec_pad_source(i2 - g->before[2], g->in_size[2], g->mode);
                const int32_t run = (x0 * g->in_size[1] + x1) * g->in_size[2] + x2;
                const int8_t *from = !x[0] || x0 < 0 || x1 < 0 || x2 < 0 ? NULL : x[0] + (ptrdiff_t)run * g->in_size[3];
                ec_pad_run(g, (int8_t)d->value, from, y);
                y += g->size[3];
            }
        }
    }
}

#endif
