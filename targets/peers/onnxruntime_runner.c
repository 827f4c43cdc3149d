/* One thread of onnxruntime on an ONNX file, with all its graph optimisations, through its C interface.
 *
 * That interface is a table of functions whose order never changes: new ones come at the end. The few that are used
 * are declared here by their places in it, so that no header of onnxruntime is needed. */
#include "runner.h"

enum {
    GET_ERROR_MESSAGE = 2,
    CREATE_ENV = 3,
    CREATE_SESSION = 7,
    RUN = 9,
    CREATE_SESSION_OPTIONS = 10,
    SET_GRAPH_OPTIMIZATION_LEVEL = 23,
    SET_INTRA_OP_NUM_THREADS = 24,
    SET_INTER_OP_NUM_THREADS = 25,
    CREATE_TENSOR_WITH_DATA = 49,
    GET_TENSOR_MUTABLE_DATA = 51,
    CREATE_CPU_MEMORY_INFO = 69
};
enum { FIRST_VERSION = 1, LOG_ERRORS = 3, OPTIMIZE_ALL = 99, ARENA_ALLOCATOR = 1, MEMORY_DEFAULT = 0 };

typedef void *handle;
typedef handle status; /* NULL: all right */
typedef void (*function)(void);
typedef struct {
    const function *(*get_table)(uint32_t version);
    const char *(*get_version)(void);
} api_base;

const api_base *OrtGetApiBase(void);

typedef const char *(*get_error_message)(status failed);
typedef status (*create_env)(int log_level, const char *log_name, handle *env);
typedef status (*create_session)(handle env, const char *path, handle options, handle *session);
typedef status (*run_session)(handle session, handle options, const char *const *input_names, const handle *inputs,
                              size_t input_count, const char *const *output_names, size_t output_count,
                              handle *outputs);
typedef status (*create_handle)(handle *result);
typedef status (*set_number)(handle options, int number);
typedef status (*create_tensor)(handle memory, void *data, size_t bytes, const int64_t *dims, size_t rank, int type,
                                handle *tensor);
typedef status (*get_data)(handle tensor, void **data);
typedef status (*create_memory_info)(int allocator, int memory, handle *info);

static const function *table;

static void check(status failed) {
    if (failed != NULL) fail(((get_error_message)table[GET_ERROR_MESSAGE])(failed));
}

static int element_type(const char *type) {
    static const char *const names[] = {"", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64"};
    for (int i = 1; i < (int)(sizeof names / sizeof *names); i++) {
        if (strcmp(type, names[i]) == 0) return i;
    }
    fail("an input has a type that this runner does not know");
    return 0;
}

static handle open_session(const char *model) {
    handle env, options, session;
    check(((create_env)table[CREATE_ENV])(LOG_ERRORS, "edgec", &env));
    check(((create_handle)table[CREATE_SESSION_OPTIONS])(&options));
    check(((set_number)table[SET_INTRA_OP_NUM_THREADS])(options, 1));
    check(((set_number)table[SET_INTER_OP_NUM_THREADS])(options, 1));
    check(((set_number)table[SET_GRAPH_OPTIMIZATION_LEVEL])(options, OPTIMIZE_ALL));
    check(((create_session)table[CREATE_SESSION])(env, model, options, &session));
    return session;
}

static runner_job job;

int main(int count, char *arguments[]) {
    read_job(&job, count, arguments);
    table = OrtGetApiBase()->get_table(FIRST_VERSION);
    if (table == NULL) fail("this onnxruntime does not know the first version of its C interface any more");
    const handle session = open_session(job.model);
    handle memory, inputs[MOST_PORTS], outputs[MOST_PORTS];
    const char *input_names[MOST_PORTS], *output_names[MOST_PORTS];
    check(((create_memory_info)table[CREATE_CPU_MEMORY_INFO])(ARENA_ALLOCATOR, MEMORY_DEFAULT, &memory));
    for (size_t i = 0; i < job.inputs; i++) {
        const runner_port *const port = &job.input[i];
        input_names[i] = port->name;
        check(((create_tensor)table[CREATE_TENSOR_WITH_DATA])(memory, port->data, port->bytes, port->dims, port->rank,
                                                              element_type(port->type), &inputs[i]));
    }
    for (size_t i = 0; i < job.outputs; i++) output_names[i] = job.output[i].name;
    for (int i = 0; i < job.runs; i++) {
        for (size_t k = 0; k < job.outputs; k++) outputs[k] = NULL;
        ec_run_begin();
        const status failed = ((run_session)table[RUN])(session, NULL, input_names, inputs, job.inputs, output_names,
                                                        job.outputs, outputs);
        ec_run_end();
        check(failed);
    }
    for (size_t i = 0; i < job.outputs; i++) {
        check(((get_data)table[GET_TENSOR_MUTABLE_DATA])(outputs[i], &job.output[i].data));
    }
    write_outputs(&job);
    return 0;
}
