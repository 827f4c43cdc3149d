"""What builds a project other than edgec itself: CMakeLists.txt, and a module of Gradle for boards with Android."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgec.codegen.render import render
from edgec.target import Target
from edgec.targets.toolchain import PROGRAM

JAVA = "android/src/main/java/dev/edgec"
THREADS = "src/threads/"
SECTIONS = ("-ffunction-sections", "-fdata-sections")


def build_files(target: Target, context: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, str]:
    """Path -> text. context: of project_context with `push`; files: the sources of the project."""
    values = {
        **context,
        # Of what shares out rows one is chosen when the library is built; the runner made here has one thread.
        "sources": [path for path in sources_in(files, "src/") if not path.startswith(THREADS)],
        "runner_sources": [
            *sources_in(files, "port/"),
            *(path for path in files if path == f"{THREADS}ec_threads_none.c"),
        ],
        "hosted": target.is_host or target.is_linux,
        "linux": target.is_linux,
        "helium": target.core.mve,
        # Of microcontrollers the toolchain file has them: all of a firmware must agree in them.
        "core_flags": list(target.core.gcc_flags) if target.is_linux and not context["variants"] else [],
        "program_flags": [*PROGRAM, *SECTIONS],
    }
    result = {"CMakeLists.txt": render("CMakeLists.txt.j2", values)}
    return result | android_files(values) if target.is_android else result


def sources_in(files: Mapping[str, str], folder: str) -> list[str]:
    """The .c files below a folder."""
    return sorted(path for path in files if path.startswith(folder) and path.endswith(".c"))


def android_files(values: Mapping[str, Any]) -> dict[str, str]:
    """A library module: build.gradle, manifest, the Java class and its native half. values: as of the templates."""
    model = values["model"]
    name = class_name(model)
    values = {**values, "java_class": name}
    return {
        "android/build.gradle": render("build.gradle.j2", values),
        "android/src/main/AndroidManifest.xml": render("AndroidManifest.xml.j2", values),
        # javac reads a backslash and u in a comment as the code of a character.
        f"{JAVA}/{name}.java": render("Model.java.j2", values).replace("\\", "/"),
        "android/src/main/cpp/CMakeLists.txt": render("jni_CMakeLists.txt.j2", values),
        f"android/src/main/cpp/{model}_jni.c": render("jni.c.j2", values),
    }


def class_name(model: str) -> str:
    """The Java class of a model: kws_dscnn -> KwsDscnn."""
    return "".join(part[:1].upper() + part[1:] for part in model.split("_"))
