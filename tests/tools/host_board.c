/* A board for the firmware of any project: its UART is stdin and stdout, its cycles are nanoseconds. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ec_port.h"

void ec_uart_init(void) {}

void ec_uart_put(uint8_t byte) {
    if (write(1, &byte, 1) != 1) exit(0);
}

int ec_uart_get(void) {
    uint8_t byte;
    if (read(0, &byte, 1) != 1) exit(0);
    return byte;
}

uint32_t ec_cycles(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return NO_COUNTER ? 0u : (uint32_t)now.tv_sec * 1000000000u + (uint32_t)now.tv_nsec;
}

void ec_stack_paint(void) {}

uint32_t ec_stack_used(void) { return 500; }

uint32_t ec_stack_size(void) { return 1024; }

uint32_t ec_static_bytes(void) { return 2000; }
