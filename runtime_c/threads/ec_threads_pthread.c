/* A pool of POSIX threads. They start with the first layer that wants them and stay; from then on nothing is allocated.
 * They belong to the process that started them: the child of a fork() has none, and must not run the model. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

#include "edgec/ec_threads.h"

/* Looks at a flag before a thread goes to sleep: about as long as it takes to wake it again. */
#ifndef EC_THREADS_SPINS
#define EC_THREADS_SPINS 2000
#endif

typedef struct {
    _Alignas(64) atomic_int busy; /* 1: it has rows to compute; it says 0 when they are done */
    pthread_mutex_t mutex;        /* of who sleeps until `busy` changes */
    pthread_cond_t changed;
    ec_rows_function *function;
    void *arena;
    int32_t first, end, thread;
} worker;

static worker workers[EC_THREADS_MOST]; /* the first stands for the caller */
static int32_t started = 1;
static pthread_mutex_t pool = PTHREAD_MUTEX_INITIALIZER;

static void relax(void) {
#if defined(__aarch64__)
    __asm volatile("yield");
#elif defined(__x86_64__) || defined(__i386__)
    __asm volatile("pause");
#endif
}

static void wait_until(worker *w, int busy) {
    for (int32_t i = 0; i < EC_THREADS_SPINS; i++) {
        if (atomic_load_explicit(&w->busy, memory_order_acquire) == busy) return;
        relax();
    }
    pthread_mutex_lock(&w->mutex);
    while (atomic_load_explicit(&w->busy, memory_order_acquire) != busy) pthread_cond_wait(&w->changed, &w->mutex);
    pthread_mutex_unlock(&w->mutex);
}

/* Only one waits at a time: the worker for rows, or the caller for their end. */
static void tell(worker *w, int busy) {
    pthread_mutex_lock(&w->mutex);
    atomic_store_explicit(&w->busy, busy, memory_order_release);
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->mutex);
}

static void *ec_threads_worker(void *argument) {
    worker *const w = argument;
    for (;;) {
        wait_until(w, 1);
        w->function(w->arena, w->first, w->end, w->thread);
        tell(w, 0);
    }
    return NULL;
}

/* So many threads, or as many as the system gives, the caller among them. */
static int32_t start(int32_t threads) {
    while (started < threads && started < EC_THREADS_MOST) {
        worker *const w = &workers[started];
        if (pthread_mutex_init(&w->mutex, NULL) != 0 || pthread_cond_init(&w->changed, NULL) != 0) break;
        w->thread = started;
        /* Signals are for the threads of the program that this is a part of. */
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_t id;
        const int failed = pthread_create(&id, NULL, ec_threads_worker, w);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (failed) break;
        pthread_detach(id);
        started++;
    }
    return started < threads ? started : threads;
}

static int32_t first_row(int32_t rows, int32_t thread, int32_t threads) {
    return (int32_t)((int64_t)rows * thread / threads);
}

void ec_parallel(ec_rows_function *function, void *arena, int32_t rows, int32_t threads) {
    if (pthread_mutex_trylock(&pool) != 0) { /* another model is at work: who waits for it computes nothing */
        function(arena, 0, rows, 0);
        return;
    }
    const int32_t n = start(threads < rows ? threads : rows);
    for (int32_t i = 1; i < n; i++) {
        worker *const w = &workers[i];
        w->function = function;
        w->arena = arena;
        w->first = first_row(rows, i, n);
        w->end = first_row(rows, i + 1, n);
        tell(w, 1);
    }
    function(arena, 0, n > 1 ? first_row(rows, 1, n) : rows, 0);
    for (int32_t i = 1; i < n; i++) wait_until(&workers[i], 0);
    pthread_mutex_unlock(&pool);
}
