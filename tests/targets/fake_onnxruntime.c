/* Stands for onnxruntime in tests: the places in its table of functions that the runner takes, around a network that
 * adds one to every byte. A model file that holds a text is refused with that text. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { PLACES = 100, BYTES = 16, COUNTED = 100000 };

static unsigned char output[BYTES];
static char refusal[64];
static unsigned char *input;
static int threads[2];

static const char *error_message(void *failed) { return failed; }

static void *create_env(int level, const char *name, void **env) {
    (void)level;
    (void)name;
    *env = output;
    return NULL;
}

static void *create_handle(void **result) {
    *result = output;
    return NULL;
}

static void *set_intra(void *options, int number) {
    (void)options;
    threads[0] = number;
    return NULL;
}

static void *set_inter(void *options, int number) {
    (void)options;
    threads[1] = number;
    return NULL;
}

static void *set_level(void *options, int level) {
    (void)options;
    return level == 99 ? NULL : (void *)"not all optimisations";
}

static void *create_session(void *env, const char *path, void *options, void **session) {
    (void)env;
    (void)options;
    FILE *const file = fopen(path, "r");
    if (file == NULL) return (void *)"no model";
    const size_t length = fread(refusal, 1, sizeof refusal - 1, file);
    fclose(file);
    *session = output;
    return length > 0 ? refusal : NULL;
}

static void *create_memory_info(int allocator, int memory, void **info) {
    (void)allocator;
    (void)memory;
    *info = output;
    return NULL;
}

static void *create_tensor(void *memory, void *data, size_t bytes, const int64_t *dims, size_t rank, int type,
                           void **tensor) {
    (void)memory;
    if (bytes != BYTES || rank != 2 || dims[0] != 2 || dims[1] != 8 || type != 3) return (void *)"another input";
    input = data;
    *tensor = output;
    return NULL;
}

static void *run(void *session, void *options, const char *const *input_names, void *const *inputs, size_t count,
                 const char *const *output_names, size_t outputs, void **results) {
    (void)session;
    (void)options;
    (void)inputs;
    static int64_t runs = 0;
    if (count != 1 || outputs != 1 || strcmp(input_names[0], "x") != 0) return (void *)"other names";
    if (strcmp(output_names[0], "y") != 0 || threads[0] != 1 || threads[1] != 1) return (void *)"other settings";
    /* The first inference takes ten times as long as the others. */
    int64_t rounds = runs++ == 0 ? 10 * COUNTED : COUNTED;
    __asm__ volatile("1: subs %0, %0, #1\n b.ne 1b" : "+r"(rounds) : : "cc");
    for (int i = 0; i < BYTES; i++) output[i] = (unsigned char)(input[i] + 1);
    results[0] = output;
    return NULL;
}

static void *get_data(void *tensor, void **data) {
    *data = tensor;
    return NULL;
}

typedef void (*function)(void);
static function table[PLACES] = {
    [2] = (function)error_message, [3] = (function)create_env,          [7] = (function)create_session,
    [9] = (function)run,           [10] = (function)create_handle,      [23] = (function)set_level,
    [24] = (function)set_intra,    [25] = (function)set_inter,          [49] = (function)create_tensor,
    [51] = (function)get_data,     [69] = (function)create_memory_info,
};

static const function *get_table(uint32_t version) { return version == 1 ? table : NULL; }
static const char *get_version(void) { return "0"; }
static const struct {
    const function *(*get_table)(uint32_t version);
    const char *(*get_version)(void);
} base = {get_table, get_version};

const void *OrtGetApiBase(void);
const void *OrtGetApiBase(void) { return &base; }
