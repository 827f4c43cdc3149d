/* What the firmware and the host library know about a compiled model: sizes, places, how to run it. */
#ifndef EDGEC_EC_MODEL_H
#define EDGEC_EC_MODEL_H

#include <stdint.h>

typedef struct {
    uint32_t offset; /* bytes from the start of the arena */
    uint32_t bytes;
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
    void (*run)(void *arena);
    void *arena; /* of arena_bytes, 8-byte aligned */
} ec_model_info;

extern const ec_model_info ec_model;

#endif
