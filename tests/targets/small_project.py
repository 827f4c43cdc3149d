"""A project as codegen writes it, with a trivial model: y = 3 * x + 1 in place, and a float in it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from edgec.target import Target
from edgec.targets.toolchain import write_port

INPUT = 64
SOURCE = """
#include "small.h"

/* A table in .rodata, a variable in .data: start-up must have brought both. */
static volatile const uint8_t table[%(constants)d] = {[0] = 1};
static volatile float factor = 3.0f;
uint32_t small_calls;

void small_run(void *memory) {
    int8_t *const x = memory;
    small_calls++;
    for (int i = 0; i < %(input)d; i++) x[i] = (int8_t)((float)(x[i] %% 40) * factor + (float)table[0]);
}
"""
HEADER = """
#include <stdint.h>
void small_run(void *memory);
"""
INFO = """
#include "small.h"
#include "edgec/ec_model.h"

static _Alignas(16) uint8_t arena[%(arena)d];
static const ec_tensor tensor[] = {{0, %(input)d}};
const ec_model_info ec_model = {
    .name = "small", .sha256 = "00", .target = "%(target)s", .arena_bytes = %(arena)d, .input_count = 1,
    .output_count = 1, .inputs = tensor, .outputs = tensor, .run = small_run, .arena = arena,
};
"""


def write_project(target: Target, directory: Path, *, arena: int = 1024, constants: int = 16, run: str = "") -> Path:
    """The project's files; `arena` and `constants` are sizes in bytes, `run` replaces the model's source."""
    values = {"input": INPUT, "arena": arena, "constants": constants, "target": target.name}
    texts = {
        "include/small.h": HEADER,
        "src/small.c": run or SOURCE % values,
        "port/model_info.c": INFO % values,
    }
    for header in ("ec_model.h", "ec_profile.h"):
        texts[f"src/edgec/{header}"] = files("edgec.runtime_c").joinpath(f"include/edgec/{header}").read_text()
    for name, text in texts.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    write_port(target, directory / "port")
    return directory
