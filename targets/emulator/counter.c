/* QEMU plugin that counts what a run of the model executes (window.h).
 *
 * It shares a file with edgec, which says where window and layers begin and reads the counts; so a firmware may be
 * replaced while QEMU runs. The part of QEMU's plugin interface that is used is declared here: no header of QEMU is
 * needed. EC_PLUGIN_VERSION is the version of that interface. */
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "window.h"

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translated_callback)(plugin_id id, struct qemu_plugin_tb *block);
typedef void (*executed_callback)(unsigned int cpu, void *data);
enum { NO_REGISTERS = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, translated_callback callback);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, executed_callback callback, int registers,
                                          void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction, executed_callback callback,
                                            int registers, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);
#if EC_PLUGIN_VERSION < 3
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *instruction);
#else
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *instruction, void *bytes, size_t size);
#endif

PUBLIC int qemu_plugin_version = EC_PLUGIN_VERSION;

static window *shared;

static bool thumb = true;
static bool whole = false; /* only how many in all: of a program with more code than there are pieces */

/* Of the instruction itself: QEMU counts what it looked at behind the last one of a page to its size, too. */
static uint32_t bytes_of(const struct qemu_plugin_insn *instruction) {
    if (!thumb) return 4;
    uint16_t half;
#if EC_PLUGIN_VERSION < 3
    memcpy(&half, qemu_plugin_insn_data(instruction), sizeof half);
#else
    qemu_plugin_insn_data(instruction, &half, sizeof half);
#endif
    return thumb_bytes(half);
}

static void piece_executed(unsigned int cpu, void *data) {
    (void)cpu;
    execute_piece(shared, (uint32_t)(uintptr_t)data);
}

static void function_entered(unsigned int cpu, void *data) {
    (void)cpu;
    enter_function(shared, (uint64_t)(uintptr_t)data);
}

static void block_executed(unsigned int cpu, void *data) {
    (void)cpu;
    if (shared->row != OUTSIDE) shared->executed += (uint64_t)(uintptr_t)data;
}

/* These functions are called, never fallen into, so that a block begins at their first instruction. */
static void watch_functions(struct qemu_plugin_tb *block, uint64_t start) {
    if (start != shared->begin && start != shared->end && start != shared->resume) return;
    qemu_plugin_register_vcpu_tb_exec_cb(block, function_entered, NO_REGISTERS, (void *)(uintptr_t)start);
}

static void block_translated(plugin_id id, struct qemu_plugin_tb *block) {
    (void)id;
    const size_t count = qemu_plugin_tb_n_insns(block);
    if (whole) {
        watch_functions(block, qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(block, 0)));
        qemu_plugin_register_vcpu_tb_exec_cb(block, block_executed, NO_REGISTERS, (void *)(uintptr_t)count);
        return;
    }
    for (size_t i = 0; i < count;) {
        struct qemu_plugin_insn *const first = qemu_plugin_tb_get_insn(block, i);
        const uint64_t start = qemu_plugin_insn_vaddr(first);
        const size_t from = i;
        uint64_t end;
        do {
            struct qemu_plugin_insn *const instruction = qemu_plugin_tb_get_insn(block, i++);
            end = qemu_plugin_insn_vaddr(instruction) + bytes_of(instruction);
        } while (i < count && row_at(shared, end) == 0);
        const uint32_t index =
            add_piece(shared, start, (uint32_t)(end - start), (uint32_t)(i - from), row_at(shared, start));
        void *const data = (void *)(uintptr_t)index;
        if (from > 0) {
            qemu_plugin_register_vcpu_insn_exec_cb(first, piece_executed, NO_REGISTERS, data);
            continue;
        }
        watch_functions(block, start);
        qemu_plugin_register_vcpu_tb_exec_cb(block, piece_executed, NO_REGISTERS, data);
    }
}

/* Arguments: window=FILE, as large as `window`; then isa=a64 where instructions are not Thumb, or total=a64 where there
 * are to be no pieces either. */
PUBLIC int qemu_plugin_install(plugin_id id, const void *info, int count, char **arguments) {
    (void)info;
    if (count < 1 || strncmp(arguments[0], "window=", 7) != 0) return 1;
    whole = count >= 2 && strcmp(arguments[1], "total=a64") == 0;
    thumb = !whole && (count < 2 || strcmp(arguments[1], "isa=a64") != 0);
    const int file = open(arguments[0] + 7, O_RDWR);
    if (file < 0) return 1;
    void *const memory = mmap(NULL, sizeof(window), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory == MAP_FAILED) return 1;
    shared = memory;
    qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
    return 0;
}
