/* Copies a strided view of a tensor into a contiguous one: slices, transpositions, depth to space. */
#ifndef EDGEC_EC_STRIDED_H
#define EDGEC_EC_STRIDED_H

#include <stddef.h>
#include <stdint.h>

#ifndef EC_INLINE
#define EC_INLINE static inline __attribute__((always_inline))
#endif

#define EC_AXES 6

/* y[i0, ..., i5] = x[i0 * stride[0] + ... + i5 * stride[5]], i < size; strides in elements, also negative.
 * x: the view's first element, y: (size[0], ..., size[5]) s8; the generated sizes are constants, so loops of one go. */
EC_INLINE void ec_strided_copy(const int32_t size[EC_AXES], const int32_t stride[EC_AXES], const int8_t *x, int8_t *y) {
    for (int32_t i0 = 0; i0 < size[0]; i0++) {
        for (int32_t i1 = 0; i1 < size[1]; i1++) {
            for (int32_t i2 = 0; i2 < size[2]; i2++) {
                for (int32_t i3 = 0; i3 < size[3]; i3++) {
                    for (int32_t i4 = 0; i4 < size[4]; i4++) {
                        const int8_t *from = x + (ptrdiff_t)i0 * stride[0] + (ptrdiff_t)i1 * stride[1] +
                                             (ptrdiff_t)i2 * stride[2] + (ptrdiff_t)i3 * stride[3] +
                                             (ptrdiff_t)i4 * stride[4];
                        if (stride[5] == 1) {
                            __builtin_memcpy(y, from, (size_t)size[5]);
                        } else {
                            for (int32_t i5 = 0; i5 < size[5]; i5++) y[i5] = from[(ptrdiff_t)i5 * stride[5]];
                        }
                        y += size[5];
                    }
                }
            }
        }
    }
}

#endif
