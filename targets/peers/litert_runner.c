/* One thread of LiteRT on a .tflite file, on its processor accelerator (XNNPACK), through its C interface.
 *
 * The few functions of that interface that are used are declared here, so that no header of LiteRT is needed; handles
 * and types of tensors are opaque. Inputs and outputs are in the order of the file. */
#include "runner.h"

enum { CPU = 1, MAIN_SIGNATURE = 0, MAIN_SUBGRAPH = 0, TYPE_WORDS = 32, ALIGNMENT = 64 };

typedef void *handle;
typedef int status; /* 0: all right */
typedef struct {
    int64_t opaque[TYPE_WORDS]; /* more than LiteRT writes: element type, rank and dimensions */
} tensor_type;

status LiteRtCreateEnvironment(int option_count, const void *options, handle *environment);
status LiteRtCreateModelFromFile(handle environment, const char *path, handle *model);
status LiteRtGetModelSubgraph(handle model, size_t index, handle *subgraph);
status LiteRtGetSubgraphInput(handle subgraph, size_t index, handle *tensor);
status LiteRtGetSubgraphOutput(handle subgraph, size_t index, handle *tensor);
status LiteRtGetRankedTensorType(handle tensor, tensor_type *type);
status LiteRtCreateOptions(handle *options);
status LiteRtSetOptionsHardwareAccelerators(handle options, int accelerators);
status LiteRtCreateCompiledModel(handle environment, handle model, handle options, handle *compiled);
status LiteRtCreateTensorBufferFromHostMemory(const tensor_type *type, void *data, size_t bytes,
                                              void (*deallocate)(void *), handle *buffer);
status LiteRtRunCompiledModel(handle compiled, size_t signature, size_t input_count, handle *inputs,
                              size_t output_count, handle *outputs);

static void check(status failed, const char *what) {
    if (failed == 0) return;
    fprintf(stderr, "LiteRT %s: status %d\n", what, failed);
    exit(1);
}

static handle buffer_of(handle tensor, runner_port *port) {
    tensor_type type;
    handle buffer;
    check(LiteRtGetRankedTensorType(tensor, &type), "gives no type of a tensor");
    check(LiteRtCreateTensorBufferFromHostMemory(&type, port->data, port->bytes, NULL, &buffer), "takes no buffer");
    return buffer;
}

static void *room_for(size_t bytes) {
    void *const data = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    if (data == NULL) fail("no memory for an output");
    return data;
}

static runner_job job;

int main(int count, char *arguments[]) {
    read_job(&job, count, arguments);
    handle environment, model, subgraph, options, compiled, tensor, inputs[MOST_PORTS], outputs[MOST_PORTS];
    check(LiteRtCreateEnvironment(0, NULL, &environment), "does not start");
    check(LiteRtCreateModelFromFile(environment, job.model, &model), "does not take the model");
    check(LiteRtCreateOptions(&options), "has no options");
    check(LiteRtSetOptionsHardwareAccelerators(options, CPU), "has no processor accelerator");
    check(LiteRtCreateCompiledModel(environment, model, options, &compiled), "does not compile the model");
    check(LiteRtGetModelSubgraph(model, MAIN_SUBGRAPH, &subgraph), "finds no graph in the model");
    for (size_t i = 0; i < job.inputs; i++) {
        check(LiteRtGetSubgraphInput(subgraph, i, &tensor), "finds no such input");
        inputs[i] = buffer_of(tensor, &job.input[i]);
    }
    for (size_t i = 0; i < job.outputs; i++) {
        check(LiteRtGetSubgraphOutput(subgraph, i, &tensor), "finds no such output");
        job.output[i].data = room_for(job.output[i].bytes);
        outputs[i] = buffer_of(tensor, &job.output[i]);
    }
    for (int i = 0; i < job.runs; i++) {
        ec_run_begin();
        const status failed =
            LiteRtRunCompiledModel(compiled, MAIN_SIGNATURE, job.inputs, inputs, job.outputs, outputs);
        ec_run_end();
        check(failed, "does not run the model");
    }
    write_outputs(&job);
    return 0;
}
