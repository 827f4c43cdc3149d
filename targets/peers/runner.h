/* What the runners of all peers share: arguments, files, and the window in which instructions are counted.
 *
 *     RUNNER MODEL RUNS INPUT_FILE OUTPUT_FILE (in NAME TYPE DIMS | out NAME BYTES)...
 *
 * INPUT_FILE holds the inputs one behind the other, OUTPUT_FILE gets the outputs so. TYPE is a dtype of numpy, DIMS is
 * like 1,3,224,224. What is counted is the last of RUNS inferences. */
#ifndef EDGEC_PEERS_RUNNER_H
#define EDGEC_PEERS_RUNNER_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PORTS = 32, MOST_DIMS = 8 };

typedef struct {
    const char *name;
    const char *type; /* inputs */
    int64_t dims[MOST_DIMS];
    size_t rank;
    size_t bytes;
    void *data;
} runner_port;

typedef struct {
    const char *model, *output_file;
    int runs;
    size_t inputs, outputs;
    runner_port input[MOST_PORTS], output[MOST_PORTS];
} runner_job;

/* The emulator's plugin counts from one to the other: targets/emulator/window.h. */
__attribute__((noinline)) void ec_run_begin(void);
__attribute__((noinline)) void ec_run_end(void);
void ec_run_begin(void) { __asm__ volatile("" ::: "memory"); }
void ec_run_end(void) { __asm__ volatile("" ::: "memory"); }

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static size_t element_bytes(const char *type) {
    if (strcmp(type, "int8") == 0 || strcmp(type, "uint8") == 0) return 1;
    if (strcmp(type, "float32") == 0 || strcmp(type, "int32") == 0) return 4;
    if (strcmp(type, "int64") == 0) return 8;
    fail("an input has a type that this runner does not know");
    return 0;
}

static void *read_bytes(FILE *file, size_t bytes) {
    void *const data = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (data == NULL || fread(data, 1, bytes, file) != bytes) fail("the file of inputs is too short");
    return data;
}

static void read_input(runner_port *port, char *const arguments[], FILE *file) {
    port->name = arguments[0];
    port->type = arguments[1];
    port->bytes = element_bytes(port->type);
    for (const char *next = arguments[2]; *next != '\0' && port->rank < MOST_DIMS;) {
        char *end;
        port->dims[port->rank] = strtoll(next, &end, 10);
        port->bytes *= (size_t)port->dims[port->rank++];
        next = *end == ',' ? end + 1 : end;
    }
    port->data = read_bytes(file, port->bytes);
}

static void read_job(runner_job *job, int count, char *const arguments[]) {
    if (count < 5) fail("too few arguments");
    job->model = arguments[1];
    job->runs = atoi(arguments[2]);
    job->output_file = arguments[4];
    FILE *const file = fopen(arguments[3], "rb");
    if (file == NULL) fail("the file of inputs cannot be read");
    for (int i = 5; i < count;) {
        if (strcmp(arguments[i], "in") == 0 && i + 3 < count && job->inputs < MOST_PORTS) {
            read_input(&job->input[job->inputs++], &arguments[i + 1], file);
            i += 4;
        } else if (strcmp(arguments[i], "out") == 0 && i + 2 < count && job->outputs < MOST_PORTS) {
            runner_port *const port = &job->output[job->outputs++];
            port->name = arguments[i + 1];
            port->bytes = (size_t)strtoull(arguments[i + 2], NULL, 10);
            i += 3;
        } else {
            fail("wrong arguments");
        }
    }
    fclose(file);
}

static void write_outputs(const runner_job *job) {
    FILE *const file = fopen(job->output_file, "wb");
    if (file == NULL) fail("the file of outputs cannot be written");
    for (size_t i = 0; i < job->outputs; i++) {
        if (fwrite(job->output[i].data, 1, job->output[i].bytes, file) != job->output[i].bytes) fail("no space left");
    }
    if (fclose(file) != 0) fail("no space left");
}

#endif
