"""One project of several Programs, each with the kernels of other cores: the program picks one when it first runs.

Each variant is a whole model of its own, `<model>_<isa>` in src/<isa>/; src/<model>.c asks Linux what the processor
can do and hands on. Places of inputs and outputs in the arena differ from one to another, so that they are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgec.codegen.project import ModelFile, PortText, Project, generate, project_context, render, runtime_files
from edgec.program import Program
from edgec.target import Core
from edgec.targets import port_files

# What Linux calls the instructions (Documentation/arch/arm64/elf_hwcaps.rst): bits of AT_HWCAP and AT_HWCAP2.
NEEDS = {"neon": ("0", "0"), "dotprod": ("HWCAP_ASIMDDP", "0"), "i8mm": ("HWCAP_ASIMDDP", "HWCAP2_I8MM")}


@dataclass(frozen=True)
class VariantText:
    """A variant as the template prints it."""

    isa: str
    model: str
    hwcap: str
    hwcap2: str
    inputs: tuple[PortText, ...]
    outputs: tuple[PortText, ...]


def variant_name(model: str, core: Core) -> str:
    return f"{model}_{core.best_isa}"


def generate_variants(programs: Sequence[Program], model: ModelFile) -> Project:
    """The project of Programs of one Graph, for cores that can do more and more; the last is what reports show."""
    projects = [generate(p, replace(model, name=variant_name(model.name, p.target.core))) for p in programs]
    main, last = programs[-1], projects[-1]
    context = project_context(main, model)
    context |= {
        "arena_bytes": max(program.bytes for program in programs),
        "layer_count": max(len(program.steps) for program in programs),
        "push": last.push,
        "variants": [variant_text(p, project) for p, project in zip(programs, projects, strict=True)][::-1],
        "sources": sorted(path for each in projects for path in moved(each) if is_source(path)),
        "flags": {p.target.core.best_isa: " ".join(p.target.core.gcc_flags) for p in programs},
    }
    name = context["model"]
    files = {
        f"include/{name}.h": render("model.h.j2", context),
        f"src/{name}.c": render("variants.c.j2", context),
        "port/model_info.c": render("model_info.c.j2", context),
        "CMakeLists.txt": render("CMakeLists.txt.j2", context),
    }
    files |= {f"port/{file}": text for file, text in port_files(main.target, main.goal.flag).items()}
    files |= runtime_files(())
    for each in projects:
        files |= moved(each)
    return Project(
        ModelFile(name, model.file, model.sha256),
        dict(sorted(files.items())),
        {new_path(path, each): pool for each in projects for path, pool in each.weights.items()},
        last.layers,
        last.push,
    )


def variant_text(program: Program, project: Project) -> VariantText:
    isa = program.target.core.best_isa
    context = project_context(program, project.model)
    return VariantText(isa, project.model.name, *NEEDS[isa], tuple(context["inputs"]), tuple(context["outputs"]))


def is_source(path: str) -> bool:
    """Whether a file belongs to the library: of what shares out rows, one is chosen when it is built."""
    return path.endswith(".c") and not path.startswith("src/threads/")


def new_path(path: str, project: Project) -> str:
    """Where a file of a variant's own project goes."""
    isa = project.model.name.rpartition("_")[2]
    folder, _, name = path.rpartition("/")
    return f"src/{isa}/{name}" if folder in ("include", "src") else path


def moved(project: Project) -> dict[str, str]:
    """The sources of a variant, without what the whole has once."""
    own = {path: text for path, text in project.files.items() if path.startswith(("include/", "src/"))}
    return {new_path(path, project): text for path, text in own.items()}
