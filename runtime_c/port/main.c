#include "ec_port.h"
#include "ec_protocol.h"

int main(void) {
    ec_stack_paint();
    ec_uart_init();
    for (;;) {
        const int byte = ec_uart_get();
        if (byte >= 0 && ec_protocol_byte((uint8_t)byte)) ec_protocol_run();
    }
}
