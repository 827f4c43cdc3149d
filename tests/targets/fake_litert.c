/* Stands for LiteRT in tests: the functions that the runner calls, around a network that adds one to every byte. A
 * model file that holds a text is refused. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { BYTES = 16, COUNTED = 100000, INVALID = 1, TYPE_BYTES = 72, CPU = 1, MODEL_REFUSED = 501 };

static char thing;
static int accelerators;
static uint8_t *input, *output;

typedef void *handle;

static int given(handle *result) {
    *result = &thing;
    return 0;
}

int LiteRtCreateEnvironment(int count, const void *options, handle *environment);
int LiteRtCreateEnvironment(int count, const void *options, handle *environment) {
    return count != 0 || options != NULL ? INVALID : given(environment);
}

int LiteRtCreateModelFromFile(handle environment, const char *path, handle *model);
int LiteRtCreateModelFromFile(handle environment, const char *path, handle *model) {
    FILE *const file = environment == &thing ? fopen(path, "rb") : NULL;
    if (file == NULL) return INVALID;
    const int first = fgetc(file);
    fclose(file);
    return first == EOF ? given(model) : MODEL_REFUSED;
}

int LiteRtGetModelSubgraph(handle model, size_t index, handle *subgraph);
int LiteRtGetModelSubgraph(handle model, size_t index, handle *subgraph) {
    return model != &thing || index != 0 ? INVALID : given(subgraph);
}

int LiteRtGetSubgraphInput(handle subgraph, size_t index, handle *tensor);
int LiteRtGetSubgraphInput(handle subgraph, size_t index, handle *tensor) {
    return subgraph != &thing || index != 0 ? INVALID : given(tensor);
}

int LiteRtGetSubgraphOutput(handle subgraph, size_t index, handle *tensor);
int LiteRtGetSubgraphOutput(handle subgraph, size_t index, handle *tensor) {
    return subgraph != &thing || index != 0 ? INVALID : given(tensor);
}

int LiteRtGetRankedTensorType(handle tensor, uint8_t *type);
int LiteRtGetRankedTensorType(handle tensor, uint8_t *type) {
    for (int i = 0; i < TYPE_BYTES; i++) type[i] = (uint8_t)i;
    return tensor == &thing ? 0 : INVALID;
}

int LiteRtCreateOptions(handle *options);
int LiteRtCreateOptions(handle *options) { return given(options); }

int LiteRtSetOptionsHardwareAccelerators(handle options, int wanted);
int LiteRtSetOptionsHardwareAccelerators(handle options, int wanted) {
    accelerators = wanted;
    return options == &thing ? 0 : INVALID;
}

int LiteRtCreateCompiledModel(handle environment, handle model, handle options, handle *compiled);
int LiteRtCreateCompiledModel(handle environment, handle model, handle options, handle *compiled) {
    const int right = environment == &thing && model == &thing && options == &thing && accelerators == CPU;
    return right ? given(compiled) : INVALID;
}

int LiteRtCreateTensorBufferFromHostMemory(const uint8_t *type, void *data, size_t bytes, void (*deallocate)(void *),
                                           handle *buffer);
int LiteRtCreateTensorBufferFromHostMemory(const uint8_t *type, void *data, size_t bytes, void (*deallocate)(void *),
                                           handle *buffer) {
    if (type[TYPE_BYTES - 1] != TYPE_BYTES - 1 || bytes != BYTES || deallocate != NULL) return INVALID;
    if ((uintptr_t)data % 64 != 0) return INVALID; /* as LiteRT */
    *buffer = data;
    return 0;
}

int LiteRtRunCompiledModel(handle compiled, size_t signature, size_t input_count, handle *inputs, size_t output_count,
                           handle *outputs);
int LiteRtRunCompiledModel(handle compiled, size_t signature, size_t input_count, handle *inputs, size_t output_count,
                           handle *outputs) {
    static int64_t runs = 0;
    if (compiled != &thing || signature != 0 || input_count != 1 || output_count != 1) return INVALID;
    input = inputs[0];
    output = outputs[0];
    /* The first inference takes ten times as long as the others. */
    int64_t rounds = runs++ == 0 ? 10 * COUNTED : COUNTED;
    __asm__ volatile("1: subs %0, %0, #1\n b.ne 1b" : "+r"(rounds) : : "cc");
    for (int i = 0; i < BYTES; i++) output[i] = (uint8_t)(input[i] + 1);
    return 0;
}
