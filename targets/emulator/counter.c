/* QEMU plugin that counts the instructions of a run: from the start of ec_run_begin() to that of ec_run_end().
 *
 * It shares a small file with edgec, which says where the two functions are and reads the count; so a firmware may be
 * replaced while QEMU runs. Only the part of QEMU's plugin interface that all its versions have is used, declared here:
 * no header of QEMU is needed. EC_PLUGIN_VERSION is the version of that interface. */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translated_callback)(plugin_id id, struct qemu_plugin_tb *block);
typedef void (*executed_callback)(unsigned int cpu, void *data);
enum { NO_REGISTERS = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, translated_callback callback);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, executed_callback callback, int registers,
                                          void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *block);

PUBLIC int qemu_plugin_version = EC_PLUGIN_VERSION;

/* targets/emulator/counter.py has the same layout. */
typedef struct {
    uint64_t begin; /* written by edgec: addresses of the two functions */
    uint64_t end;
    uint64_t last;    /* instructions of the last complete window */
    uint64_t windows; /* complete ones */
} shared_page;

static volatile shared_page *shared;
static uint64_t executed;

static void block_executed(unsigned int cpu, void *data) {
    (void)cpu;
    executed += (uintptr_t)data;
}

/* Both functions are called, never fallen into, so that a block begins at their first instruction. */
static void window_begins(unsigned int cpu, void *data) {
    (void)cpu;
    (void)data;
    executed = 0;
}

static void window_ends(unsigned int cpu, void *data) {
    (void)cpu;
    (void)data;
    shared->last = executed;
    shared->windows = shared->windows + 1;
}

static void block_translated(plugin_id id, struct qemu_plugin_tb *block) {
    (void)id;
    const uint64_t address = qemu_plugin_tb_vaddr(block);
    if (address == shared->begin) qemu_plugin_register_vcpu_tb_exec_cb(block, window_begins, NO_REGISTERS, NULL);
    if (address == shared->end) qemu_plugin_register_vcpu_tb_exec_cb(block, window_ends, NO_REGISTERS, NULL);
    qemu_plugin_register_vcpu_tb_exec_cb(block, block_executed, NO_REGISTERS,
                                         (void *)(uintptr_t)qemu_plugin_tb_n_insns(block));
}

/* Argument: page=FILE, as large as shared_page at least. */
PUBLIC int qemu_plugin_install(plugin_id id, const void *info, int count, char **arguments) {
    (void)info;
    if (count < 1 || strncmp(arguments[0], "page=", 5) != 0) return 1;
    const int file = open(arguments[0] + 5, O_RDWR);
    if (file < 0) return 1;
    void *const page = mmap(NULL, sizeof(shared_page), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (page == MAP_FAILED) return 1;
    shared = page;
    qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
    return 0;
}
