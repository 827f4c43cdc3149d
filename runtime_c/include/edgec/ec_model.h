/* What the firmware and the host library know about a compiled model: sizes, places, how to run it. */
#ifndef EDGEC_EC_MODEL_H
#define EDGEC_EC_MODEL_H

#include <stdint.h>

typedef struct {
    uint32_t offset; /* bytes from the start of the arena */
    uint32_t bytes;  /* of one row where it is pushed */
} ec_tensor;

typedef struct {
    const char *name;
    const char *sha256; /* of the model file, 64 hexadecimal digits */
    const char *target;
    uint32_t arena_bytes; /* scratch included */
    uint32_t input_count;
    uint32_t output_count;
    const ec_tensor *inputs;
    const ec_tensor *outputs;
    void (*run)(void *arena);   /* where input 0 is pushed: takes its next row, which lies at next_row(arena) */
    uint32_t rows;              /* of input 0, pushed one by one; 0: it is there as a whole */
    void (*begin)(void *arena); /* before the first row; this and next_row are NULL where rows is 0 */
    int8_t *(*next_row)(void *arena);
    void *arena;                  /* of arena_bytes, 8-byte aligned */
    const char *(*kernels)(void); /* what the processor gets where that is known only now, else NULL */
} ec_model_info;

extern const ec_model_info ec_model;

#endif
