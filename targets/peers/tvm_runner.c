/* One thread of a network that TVM compiled to a shared library, in TVM's virtual machine, through its C interface.
 *
 * The few types of that interface that are used are declared here by their layout, so that no header of TVM is
 * needed. MODEL is the library; inputs are in the order of the model's file. */
#include "runner.h"

enum { NOTHING = 0, INTEGER = 1, TENSOR_POINTER = 7, RAW_STRING = 8 };
enum { CPU = 1, POOLED_ALLOCATOR = 2 };
enum { MOST_ARGUMENTS = MOST_PORTS + 1, HEADER_BYTES = 24 };

typedef struct {
    int32_t type;
    uint32_t zero;
    union {
        int64_t number;
        void *pointer;
        const char *text;
    } as;
} any;

typedef struct {
    const char *data;
    size_t size;
} byte_array;

typedef struct {
    void *data;
    struct {
        int32_t type, index;
    } device;
    int32_t rank;
    struct {
        uint8_t code, bits;
        uint16_t lanes;
    } type;
    int64_t *dims;
    int64_t *strides;
    uint64_t offset;
} tensor;

int TVMFFIFunctionGetGlobal(const byte_array *name, void **function);
int TVMFFIFunctionCall(void *function, any *arguments, int32_t count, any *result);
void TVMFFIErrorMoveFromRaised(void **error);

static any text_of(const char *text) { return (any){.type = RAW_STRING, .as.text = text}; }
static any number_of(int64_t number) { return (any){.type = INTEGER, .as.number = number}; }

/* An error is an object: behind its header stand its kind and its message. */
static void fail_as_raised(void) {
    void *error = NULL;
    TVMFFIErrorMoveFromRaised(&error);
    if (error == NULL) fail("TVM failed without a word");
    const byte_array *const words = (const byte_array *)((const char *)error + HEADER_BYTES);
    fprintf(stderr, "%.*s: %.*s\n", (int)words[0].size, words[0].data, (int)words[1].size, words[1].data);
    exit(1);
}

static any call(void *function, any *arguments, int32_t count) {
    any result = {.type = NOTHING};
    if (TVMFFIFunctionCall(function, arguments, count, &result) != 0) fail_as_raised();
    return result;
}

static void *global(const char *name) {
    void *function = NULL;
    const byte_array bytes = {name, strlen(name)};
    if (TVMFFIFunctionGetGlobal(&bytes, &function) != 0 || function == NULL) fail("TVM's runtime lacks a function");
    return function;
}

static void *method(any module, const char *name) {
    any arguments[] = {module, text_of(name), {.type = 2, .as.number = 0}};
    const any found = call(global("ffi.ModuleGetFunction"), arguments, 3);
    if (found.type == NOTHING) fail("TVM's virtual machine lacks a function");
    return found.as.pointer;
}

static any open_machine(const char *path) {
    any file = text_of(path);
    const any library = call(global("ffi.ModuleLoadFromFile"), &file, 1);
    const any machine = call(method(library, "vm_load_executable"), NULL, 0);
    any settings[] = {number_of(CPU), number_of(0), number_of(POOLED_ALLOCATOR)};
    call(method(machine, "vm_initialization"), settings, 3);
    return machine;
}

static tensor tensor_of(runner_port *port) {
    static const struct {
        const char *name;
        uint8_t code;
    } kinds[] = {{"int", 0}, {"uint", 1}, {"float", 2}};
    tensor result = {.data = port->data, .device = {CPU, 0}, .rank = (int32_t)port->rank, .dims = port->dims};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strncmp(port->type, kinds[i].name, strlen(kinds[i].name)) == 0) result.type.code = kinds[i].code;
    }
    result.type.bits = (uint8_t)(8 * element_bytes(port->type));
    result.type.lanes = 1;
    return result;
}

static void take_output(any machine, runner_port *port, size_t index) {
    any arguments[] = {text_of("main"), number_of((int64_t)index)};
    const any arity = call(method(machine, "get_output_arity"), arguments, 1);
    const any found = call(method(machine, "get_output"), arguments, arity.as.number < 0 ? 1 : 2);
    const tensor *const y = (const tensor *)((const char *)found.as.pointer + HEADER_BYTES);
    port->data = (char *)y->data + y->offset;
}

static runner_job job;
static tensor inputs[MOST_PORTS];

int main(int count, char *arguments[]) {
    read_job(&job, count, arguments);
    const any machine = open_machine(job.model);
    any settings[MOST_ARGUMENTS] = {text_of("main")};
    for (size_t i = 0; i < job.inputs; i++) {
        inputs[i] = tensor_of(&job.input[i]);
        settings[1 + i] = (any){.type = TENSOR_POINTER, .as.pointer = &inputs[i]};
    }
    void *const set_input = method(machine, "set_input"), *const invoke = method(machine, "invoke_stateful");
    for (int i = 0; i < job.runs; i++) {
        call(set_input, settings, (int32_t)(1 + job.inputs));
        ec_run_begin();
        call(invoke, settings, 1);
        ec_run_end();
    }
    for (size_t i = 0; i < job.outputs; i++) take_output(machine, &job.output[i], i);
    write_outputs(&job);
    return 0;
}
