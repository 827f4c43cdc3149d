#include "ec_protocol.h"

#include <stddef.h>
#include <string.h>

#include "ec_crc.h"
#include "ec_port.h"
#include "edgec/ec_model.h"
#if defined(EC_PROFILE_CYCLES)
#include "edgec/ec_profile.h"
#endif

enum {
    HEAD = 3, /* sequence and command, or sequence and status */
    WRITE_HEAD = HEAD + 6,
    CRC = 4,
    FRAME = WRITE_HEAD + EC_CHUNK_BYTES + CRC
};
/* One COBS block holds 254 bytes: with less, the encoder needs no second kind of block. */
_Static_assert(FRAME < 254, "a frame is one COBS run");

static struct {
    uint8_t frame[FRAME];
    uint32_t length;
    uint8_t code; /* of the current COBS block; 0: before the first */
    uint8_t left; /* bytes of the block still to come */
    bool broken;
} rx;

static uint8_t response[FRAME]; /* kept: a repeated request is answered from here */
static uint32_t response_length;
static uint32_t last_request; /* CRC of the request that `response` answers */
static uint32_t runs, cycles;
static bool resumed;             /* rows came since EC_BEGIN */
static volatile uint8_t running; /* makes the next three differ, so that they are not merged */

__attribute__((noinline)) void ec_run_begin(void) { running = 1; }

__attribute__((noinline)) void ec_run_resume(void) { running = 2; }

__attribute__((noinline)) void ec_run_end(void) { running = 0; }

static uint32_t get16(const uint8_t *p) { return (uint32_t)p[0] | ((uint32_t)p[1] << 8); }

static uint32_t get32(const uint8_t *p) { return get16(p) | (get16(p + 2) << 16); }

static void put(uint32_t value, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i++) response[response_length++] = (uint8_t)(value >> (8 * i));
}

/* Sends the first response_length bytes of `response` as a frame. */
static void send_response(void) {
    const uint32_t body = response_length;
    put(ec_crc32(response, body), CRC);
    ec_uart_put(0);
    for (uint32_t start = 0; start <= response_length;) {
        uint32_t end = start;
        while (end < response_length && response[end] != 0) end++;
        ec_uart_put((uint8_t)(end - start + 1));
        for (uint32_t i = start; i < end; i++) ec_uart_put(response[i]);
        start = end + 1;
    }
    ec_uart_put(0);
    response_length = body;
}

static void start_response(uint32_t sequence, uint32_t status) {
    response_length = 0;
    put(sequence, 2);
    put(status, 1);
}

void ec_protocol_run(void) {
    if (resumed) {
        ec_run_resume();
    } else {
        ec_run_begin();
        cycles = 0;
    }
#if defined(EC_PROFILE_CYCLES)
    if (resumed) {
        ec_profile_resume();
    } else {
        ec_profile_begin();
    }
#endif
    const uint32_t start = ec_cycles();
    ec_model.run(ec_model.arena);
    cycles += ec_cycles() - start;
    resumed = ec_model.rows > 0;
#if defined(EC_PROFILE_CYCLES)
    ec_profile_layer(0u); /* what came behind the last layer */
#endif
    ec_run_end();
    runs++;
}

static bool answer_who(void) {
    put(EC_PROTOCOL_VERSION, 1);
    put(EC_CHUNK_BYTES, 1);
    put(ec_model.input_count, 2);
    put(ec_model.output_count, 2);
    put(ec_model.arena_bytes, 4);
    put(runs, 4);
    put(ec_model.rows, 2);
    return true;
}

static bool answer_text(uint32_t which, uint32_t offset) {
#if defined(__linux__)
    const char *const texts[] = {ec_model.name, ec_model.sha256, ec_model.target,
                                 ec_model.kernels != NULL ? ec_model.kernels() : ""};
#else
    const char *const texts[] = {ec_model.name, ec_model.sha256, ec_model.target};
#endif
    if (which >= sizeof texts / sizeof texts[0] || offset > strlen(texts[which])) return false;
    const char *const text = texts[which] + offset;
    for (uint32_t i = 0; i < EC_CHUNK_BYTES && text[i] != 0; i++) put((uint8_t)text[i], 1);
    return true;
}

static bool answer_tensor(uint32_t output, uint32_t index) {
    if (index >= (output ? ec_model.output_count : ec_model.input_count)) return false;
    put((output ? ec_model.outputs : ec_model.inputs)[index].bytes, 4);
    return true;
}

/* Where `length` bytes of a tensor lie, or NULL where they are not all inside it. */
static uint8_t *inside(const ec_tensor *tensors, uint32_t count, uint32_t index, uint32_t offset, uint32_t length) {
    if (index >= count || offset > tensors[index].bytes || length > tensors[index].bytes - offset) return NULL;
    return (uint8_t *)ec_model.arena + tensors[index].offset + offset;
}

static bool answer_write(const uint8_t *arguments, uint32_t length) {
    const uint32_t index = get16(arguments), offset = get32(arguments + 2);
    uint8_t *to = inside(ec_model.inputs, ec_model.input_count, index, offset, length - 6);
    if (to == NULL) return false;
    if (index == 0 && ec_model.rows > 0) to = (uint8_t *)ec_model.next_row(ec_model.arena) + offset;
    memcpy(to, arguments + 6, length - 6);
    return true;
}

static bool answer_read(const uint8_t *arguments) {
    const uint32_t length = arguments[6];
    const uint8_t *const from =
        inside(ec_model.outputs, ec_model.output_count, get16(arguments), get32(arguments + 2), length);
    if (from == NULL || length > EC_CHUNK_BYTES) return false;
    for (uint32_t i = 0; i < length; i++) put(from[i], 1);
    return true;
}

static bool answer_begin(void) {
    if (ec_model.rows == 0) return false;
    ec_model.begin(ec_model.arena);
    resumed = false;
    return true;
}

static bool answer_counters(void) {
    put(runs, 4);
    put(cycles, 4);
    return true;
}

static bool answer_memory(void) {
    put(ec_stack_used(), 4);
    put(ec_stack_size(), 4);
    put(ec_static_bytes(), 4);
    return true;
}

#if defined(EC_PROFILE_CYCLES)
static bool answer_profile(uint32_t first) {
    if (first > ec_profile_entries) return false;
    put(ec_profile_entries, 2);
    for (uint32_t i = first; i < ec_profile_entries && i - first < EC_CHUNK_BYTES / 4 - 1; i++) {
        put(ec_profile_cycles[i], 4);
    }
    return true;
}
#endif

/* Fills the payload of the response; false: no such command, or arguments that it does not take. */
static bool answer(uint8_t command, const uint8_t *arguments, uint32_t length) {
    switch (command) {
    case EC_WHO:
        return length == 0 && answer_who();
    case EC_TEXT:
        return length == 3 && answer_text(arguments[0], get16(arguments + 1));
    case EC_TENSOR:
        return length == 3 && answer_tensor(arguments[0], get16(arguments + 1));
    case EC_WRITE:
        return length >= 6 && answer_write(arguments, length);
    case EC_RUN:
        put(runs + 1, 4);
        return length == 0;
    case EC_BEGIN:
        return length == 0 && answer_begin();
    case EC_READ:
        return length == 7 && answer_read(arguments);
    case EC_COUNTERS:
        return length == 0 && answer_counters();
    case EC_MEMORY:
        return length == 0 && answer_memory();
#if defined(EC_PROFILE_CYCLES)
    case EC_PROFILE:
        return length == 2 && answer_profile(get16(arguments));
#endif
    default:
        return false;
    }
}

/* True: the request was to run the model. */
static bool handle_request(const uint8_t *request, uint32_t length, uint32_t crc) {
    if (crc == last_request && response_length > 0) {
        send_response();
        return false;
    }
    const uint32_t sequence = get16(request);
    start_response(sequence, EC_OK);
    const bool taken = answer(request[2], request + HEAD, length - HEAD);
    if (!taken) start_response(sequence, EC_REFUSED);
    last_request = crc;
    send_response();
    return taken && request[2] == EC_RUN;
}

static void handle_damaged(void) {
    /* The kept response must survive: the damaged frame may be a repeated request. */
    static const uint8_t damaged[] = {0, 0, EC_DAMAGED};
    uint8_t kept[sizeof damaged + CRC];
    const uint32_t length = response_length;
    memcpy(kept, response, sizeof kept);
    memcpy(response, damaged, sizeof damaged);
    response_length = sizeof damaged;
    send_response();
    memcpy(response, kept, sizeof kept);
    response_length = length;
}

static bool end_of_frame(void) {
    if (rx.code == 0) return false; /* nothing between two delimiters */
    const uint32_t body = rx.length - CRC;
    if (rx.broken || rx.left > 0 || rx.length < HEAD + CRC) {
        handle_damaged();
        return false;
    }
    const uint32_t crc = ec_crc32(rx.frame, body);
    if (crc == get32(rx.frame + body)) return handle_request(rx.frame, body, crc);
    handle_damaged();
    return false;
}

static void append(uint8_t byte) {
    if (rx.length < FRAME) {
        rx.frame[rx.length++] = byte;
    } else {
        rx.broken = true;
    }
}

bool ec_protocol_byte(uint8_t byte) {
    bool run = false;
    if (byte == 0) {
        run = end_of_frame();
        rx.length = 0;
        rx.code = 0;
        rx.left = 0;
        rx.broken = false;
    } else if (rx.left > 0) {
        append(byte);
        rx.left--;
    } else {
        if (rx.code != 0 && rx.code != 0xFFu) append(0);
        rx.code = byte;
        rx.left = (uint8_t)(byte - 1);
    }
    return run;
}
