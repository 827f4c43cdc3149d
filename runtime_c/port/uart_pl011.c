/* Serial port of RP2040 and RP2350 (Arm PL011). */
#include "ec_board.h"
#include "ec_port.h"

#define UART(offset) (*(volatile uint32_t *)(EC_UART_BASE + (offset)))
#define DATA UART(0x00u)
#define FLAGS UART(0x18u)
#define DIVIDER UART(0x24u)
#define DIVIDER_FRACTION UART(0x28u)
#define LINE_CONTROL UART(0x2Cu)
#define CONTROL UART(0x30u)
#define RX_EMPTY (1u << 4)
#define TX_FULL (1u << 5)

void ec_uart_init(void) {
    const uint32_t divider = (4u * EC_UART_CLOCK + EC_UART_BAUD / 2u) / EC_UART_BAUD; /* in 1/64 */
    DIVIDER = divider >> 6;
    DIVIDER_FRACTION = divider & 63u;
    LINE_CONTROL = 0x70u; /* 8 bits, FIFOs on; this write makes the dividers count */
    CONTROL = 0x301u;     /* receiver, transmitter, UART on */
}

void ec_uart_put(uint8_t byte) {
    while ((FLAGS & TX_FULL) != 0) {
    }
    DATA = byte;
}

int ec_uart_get(void) { return (FLAGS & RX_EMPTY) == 0 ? (int)(DATA & 0xFFu) : -1; }
