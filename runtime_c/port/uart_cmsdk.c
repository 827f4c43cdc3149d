/* Serial port of Arm's MPS2 and MPS3 boards (CMSDK APB UART). */
#include "ec_board.h"
#include "ec_port.h"

typedef struct {
    volatile uint32_t data, state, control, interrupt, divider;
} cmsdk_uart;

#define UART ((cmsdk_uart *)EC_UART_BASE)
#define TX_FULL 1u
#define RX_FULL 2u

void ec_uart_init(void) {
    UART->divider = EC_CLOCK_HZ / EC_UART_BAUD;
    UART->control = 3u; /* transmitter and receiver on */
    /* QEMU 7 asks its port for more bytes only after a read of this register: one that comes first wakes it. */
    (void)UART->data;
}

void ec_uart_put(uint8_t byte) {
    while ((UART->state & TX_FULL) != 0) {
    }
    UART->data = byte;
}

int ec_uart_get(void) { return (UART->state & RX_FULL) != 0 ? (int)(UART->data & 0xFFu) : -1; }
