/* Serial port of STM32F1, F2 and F4: status and data registers first. */
#include "ec_board.h"
#include "ec_port.h"

typedef struct {
    volatile uint32_t sr, dr, brr, cr1;
} stm32_usart;

#define UART ((stm32_usart *)EC_UART_BASE)
#define RX_NOT_EMPTY (1u << 5)
#define TX_EMPTY (1u << 7)

void ec_uart_init(void) {
    UART->brr = (EC_UART_CLOCK + EC_UART_BAUD / 2u) / EC_UART_BAUD;
    UART->cr1 = (1u << 13) | (1u << 3) | (1u << 2); /* UE, TE, RE */
}

void ec_uart_put(uint8_t byte) {
    while ((UART->sr & TX_EMPTY) == 0) {
    }
    UART->dr = byte;
}

/* Reading sr and then dr also clears an overrun. */
int ec_uart_get(void) { return (UART->sr & RX_NOT_EMPTY) != 0 ? (int)(UART->dr & 0xFFu) : -1; }
