/* Serial port of nRF51 and nRF52 (the UART without DMA); pins are EC_UART_TX_PIN and EC_UART_RX_PIN of port 0. */
#include "ec_board.h"
#include "ec_port.h"

#define UART(offset) (*(volatile uint32_t *)(EC_UART_BASE + (offset)))
#define GPIO(offset) (*(volatile uint32_t *)(0x50000000u + (offset)))
#define START_RX UART(0x000u)
#define START_TX UART(0x008u)
#define RX_READY UART(0x108u)
#define TX_READY UART(0x11Cu)
#define ENABLE UART(0x500u)
#define TX_PIN UART(0x50Cu)
#define RX_PIN UART(0x514u)
#define RX_DATA UART(0x518u)
#define TX_DATA UART(0x51Cu)
#define BAUD_RATE UART(0x524u)

void ec_uart_init(void) {
    GPIO(0x508u) = 1u << EC_UART_TX_PIN;     /* OUTSET: the line rests high */
    GPIO(0x700u + 4u * EC_UART_TX_PIN) = 3u; /* output */
    GPIO(0x700u + 4u * EC_UART_RX_PIN) = 0u; /* input */
    TX_PIN = EC_UART_TX_PIN;
    RX_PIN = EC_UART_RX_PIN;
    /* 2^32 * baud / 16 MHz; the chip looks at the upper 20 bits. */
    BAUD_RATE = (uint32_t)((((uint64_t)EC_UART_BAUD << 32) / 16000000u + 0x800u) & 0xFFFFF000u);
    ENABLE = 4u;
    RX_READY = 0u;
    START_RX = 1u;
    START_TX = 1u;
}

void ec_uart_put(uint8_t byte) {
    TX_READY = 0u;
    TX_DATA = byte;
    while (TX_READY == 0) {
    }
}

int ec_uart_get(void) {
    if (RX_READY == 0) return -1;
    RX_READY = 0u; /* before the data: a byte that follows at once raises it again */
    return (int)(RX_DATA & 0xFFu);
}
