"""The pool of threads: each row once, in neighbouring shares; generated C under the thread sanitizer."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edgec.api import MOST_THREADS
from edgec.codegen import ModelFile, generate, write_project
from edgec.passes.schedule import schedule, threads
from edgec.targets.toolchain import COMMON
from tests.graphs import HOST, wide_graph

RUNTIME = Path(__file__).parent.parent.parent / "runtime_c"
POOL, NONE = (RUNTIME / "threads" / f"ec_threads_{kind}.c" for kind in ("pthread", "none"))
SANITIZER = "-fsanitize=thread"
CHECK = """
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "edgec/ec_threads.h"

#define ROWS 1000
typedef struct {
    int rows[ROWS], first[EC_THREADS_MOST], end[EC_THREADS_MOST];
    int32_t slow;
} record;

static void work(void *arena, int32_t first, int32_t end, int32_t thread) {
    record *const r = arena;
    for (volatile int32_t i = 0; i < r->slow && thread == 1; i++) {
    }
    r->first[thread] = first, r->end[thread] = end;
    for (int32_t row = first; row < end; row++) r->rows[row]++;
}

/* 0 where every row was computed once, and the shares are neighbours of about the same size. */
static int check(int32_t rows, int32_t threads, int32_t slow) {
    static _Thread_local record r;
    memset(&r, 0, sizeof r);
    r.slow = slow;
    ec_parallel(work, &r, rows, threads);
    int next = 0;
    for (int i = 0; i < EC_THREADS_MOST && r.end[i] > 0; i++) {
        if (r.first[i] != next || i >= threads) return 1;
        next = r.end[i];
    }
    for (int i = 0; i < ROWS; i++) {
        if (r.rows[i] != (i < rows)) return 2;
    }
    return next != rows;
}

static void *another(void *failures) {
    for (int i = 0; i < 200; i++) *(int *)failures += check(1 + i, 3, 0);
    return NULL;
}

int main(void) {
    int failures = 0, others = 0;
    /* The pool grows from call to call; the slow ones have the caller go to sleep. */
    for (int32_t threads = 1; threads <= 8; threads++) {
        for (int32_t rows = 1; rows < 40; rows++) failures += check(rows, threads, rows % 13 ? 0 : 300000);
    }
    failures += check(ROWS, EC_THREADS_MOST, 0);
    pthread_t thread;
    pthread_create(&thread, NULL, another, &others);
    for (int i = 0; i < 200; i++) failures += check(ROWS - i, 4, 0);
    pthread_join(thread, NULL);
    printf("%d failures\\n", failures + others);
    return 0;
}
"""
USER = """
#include <stdio.h>
#include "m.h"
#include "edgec/ec_threads.h"
static _Alignas(8) unsigned char arena[M_ARENA_BYTES];
int main(void) {
    uint32_t seed = 1;
    for (int run = 0; run < 3; run++) {
        for (int i = 0; i < M_INPUT_BYTES; i++) {
            seed = seed * 1664525u + 1013904223u;
            m_input(arena)[i] = (int8_t)(seed >> 24);
        }
        m_run(arena);
        for (int i = 0; i < M_OUTPUT_BYTES; i++) printf("%d ", m_output(arena)[i]);
    }
    return 0;
}
"""


def compile_and_run(folder: Path, sources: list[Path], *flags: str) -> str:
    """Standard output of a program, which must end well and say nothing else."""
    cc = shutil.which("cc") or pytest.skip("no host compiler")
    program = folder / "program"
    line = [cc, *COMMON, "-O2", "-g", "-pthread", f"-I{RUNTIME / 'include'}", *flags, *map(str, sources)]
    subprocess.run([*line, "-o", program], check=True)
    result = subprocess.run([program], capture_output=True, text=True, timeout=300, check=False)
    assert (result.stderr, result.returncode) == ("", 0)
    return result.stdout


@functools.cache
def has_sanitizer(folder: Path) -> bool:
    """Whether programs with the thread sanitizer can be linked, and start, here: not in every container."""
    cc = shutil.which("cc")
    (folder / "empty.c").write_text("int main(void) { return 0; }")
    command = [cc or "cc", SANITIZER, folder / "empty.c", "-o", folder / "empty"]
    if cc is None or subprocess.run(command, capture_output=True, check=False).returncode:
        return False
    return subprocess.run([folder / "empty"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def sanitizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    if not has_sanitizer(tmp_path_factory.getbasetemp()):
        pytest.skip("no thread sanitizer")
    return SANITIZER


def test_each_row_is_computed_once(tmp_path: Path) -> None:
    (tmp_path / "check.c").write_text(CHECK)
    for spins in ("2000", "0"):
        sources = [tmp_path / "check.c", POOL]
        assert compile_and_run(tmp_path, sources, f"-DEC_THREADS_SPINS={spins}") == "0 failures\n"


def test_without_threads_the_caller_computes_all(tmp_path: Path) -> None:
    (tmp_path / "check.c").write_text(CHECK)
    assert compile_and_run(tmp_path, [tmp_path / "check.c", NONE]) == "0 failures\n"


def test_the_pool_has_no_data_race(tmp_path: Path, sanitizer: str) -> None:
    (tmp_path / "check.c").write_text(CHECK)
    assert compile_and_run(tmp_path, [tmp_path / "check.c", POOL], sanitizer) == "0 failures\n"


def test_the_command_allows_as_many_threads_as_the_pool() -> None:
    """core/api.py has the number of ec_threads.h."""
    found = re.search(r"EC_THREADS_MOST (\d+)", (RUNTIME / "include" / "edgec" / "ec_threads.h").read_text())
    assert found is not None
    assert int(found[1]) == MOST_THREADS


def test_a_network_has_no_data_race(tmp_path: Path, sanitizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And gives what it gives without threads."""
    monkeypatch.setattr(threads, "LEAST", 0)
    program = schedule(wide_graph(), HOST, threads=4)
    assert all(step.threads == 4 for step in program.steps)
    write_project(generate(program, ModelFile("m", "m.onnx", "0" * 64)), tmp_path / "m")
    (tmp_path / "user.c").write_text(USER)
    sources = [tmp_path / "user.c", *sorted((tmp_path / "m" / "src").glob("*.c"))]
    includes = (f"-I{tmp_path / 'm' / 'include'}", f"-I{tmp_path / 'm' / 'src'}")
    wanted = compile_and_run(tmp_path, [*sources, NONE], *includes)
    assert len(set(wanted.split())) > 10
    assert compile_and_run(tmp_path, [*sources, POOL], *includes, sanitizer) == wanted
