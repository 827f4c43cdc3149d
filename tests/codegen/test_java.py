"""The class for apps: compiled with a JDK, its native half for this computer, and run; nothing here is Android's."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgec.codegen import ModelFile, generate, write_project
from edgec.codegen.build_files import class_name
from edgec.ir import Array, Graph
from edgec.passes.schedule import schedule
from edgec.targets import HostModel, load_target
from edgec.targets.toolchain import GCC_LINUX
from tests.codegen.consumer import build, needs_cmake, sample, toolchain
from tests.graphs import HOST, tiny_graph
from tests.targets.compilers import needs_cross
from tests.tools.cli import edgec, write_model

JAVAC = shutil.which("javac")
JDK = Path(os.path.realpath(JAVAC)).parents[1] if JAVAC else Path()
HEADERS = JDK / "include"
needs_jdk = pytest.mark.skipif(not HEADERS.joinpath("jni.h").exists(), reason="no JDK with jni.h is installed")
FILES = {
    "android/build.gradle",
    "android/src/main/AndroidManifest.xml",
    "android/src/main/cpp/CMakeLists.txt",
    "android/src/main/cpp/tiny_jni.c",
    "android/src/main/java/dev/edgec/Tiny.java",
}
APP = """
import dev.edgec.Tiny;
import java.nio.ByteBuffer;
import java.util.Arrays;

public class App {
    static void check(boolean right, String what) { if (!right) throw new AssertionError(what); }

    public static void main(String[] words) throws Exception {
        final byte[] x = System.in.readAllBytes();
        final byte[] y = new byte[Tiny.OUTPUT_BYTES];
        try (Tiny other = new Tiny(); Tiny tiny = new Tiny()) {
            other.input(new byte[Tiny.INPUT_BYTES]);
            tiny.input(x);
            tiny.run();
            other.run();
            tiny.output(y);
            System.out.write(y);
            tiny.input(ByteBuffer.wrap(x));
            tiny.run();
            final byte[] again = new byte[y.length];
            tiny.output().get(again);
            check(Arrays.equals(y, again), "from a ByteBuffer");
            try {
                tiny.input(new byte[3]);
                check(false, "a wrong length");
            } catch (IllegalArgumentException expected) {
                check(expected.getMessage().equals("3 bytes, but the model has 243"), expected.getMessage());
            }
            final ByteBuffer view = tiny.output();
            tiny.close();
            check(view.get(0) == y[0], "a view outlives the object");
            try {
                tiny.run();
                check(false, "closed");
            } catch (IllegalStateException expected) {
                check(expected.getMessage().equals("Tiny is closed"), expected.getMessage());
            }
        }
        for (String word : words) System.out.write(Tiny.quantize(Float.parseFloat(word)));
        System.out.write((Tiny.dequantize(y[0]) + "").getBytes());
        System.out.flush();
    }
}
"""
PUSHED = """
import dev.edgec.Tiny;
import java.util.Arrays;

public class App {
    public static void main(String[] words) throws Exception {
        final byte[] y = new byte[Tiny.OUTPUT_BYTES];
        try (Tiny tiny = new Tiny()) {
            tiny.begin();
            for (int row = 0; row < Tiny.ROWS; row++) {
                final boolean last = tiny.pushRow(System.in.readNBytes(Tiny.ROW_BYTES));
                if (last != (row == Tiny.ROWS - 1)) throw new AssertionError("row " + row);
            }
            tiny.output(y);
        }
        System.out.write(y);
        System.out.flush();
    }
}
"""


def java_project(folder: Path, graph: Graph, *, push: bool = False) -> Path:
    """For this computer, with the module that boards with Android have."""
    target = dataclasses.replace(HOST, system="android")
    project = generate(schedule(graph, target, push=push), ModelFile("tiny", "tiny.onnx", "0" * 64))
    write_project(project, folder)
    return folder


def run_java(project: Path, app: str, folder: Path, *words: str, x: Array) -> bytes:
    """Standard output of an app that uses the class."""
    flags = f"-DCMAKE_C_FLAGS=-Werror -I{HEADERS} -I{HEADERS / 'linux'}"
    build(project / "android" / "src" / "main" / "cpp", folder / "native", flags)
    (folder / "App.java").write_text(app)
    source = project / "android" / "src" / "main" / "java" / "dev" / "edgec" / "Tiny.java"
    javac, strict = JDK / "bin" / "javac", ("-Xlint:all,-options", "-Werror", "--release", "8")
    own = [javac, *strict, "-encoding", "UTF-8", "-d", folder, source]
    of_app = [javac, "-cp", folder, "-d", folder, folder / "App.java"]
    for command in (own, of_app):
        subprocess.run([str(word) for word in command], check=True)
    java = [JDK / "bin" / "java", "-Xcheck:jni", f"-Djava.library.path={folder / 'native'}", "-cp", folder, "App"]
    words_all = [str(word) for word in (*java, *words)]
    return subprocess.run(words_all, input=x.tobytes(), capture_output=True, check=True, timeout=120).stdout


@needs_jdk
@needs_cmake
def test_java_computes_what_c_does(tmp_path: Path) -> None:
    project = java_project(tmp_path / "tiny", tiny_graph())
    values = ["0.05", "0.03", "-0.05", "1e9", "-1e9", "NaN", "2.53"]
    output = run_java(project, APP, tmp_path, *values, x=sample())
    expected = HostModel(project).run([sample()])[0].tobytes()
    assert output[: len(expected)] == expected
    integers = np.frombuffer(output[len(expected) :][: len(values)], np.int8)
    # Half to even: 0.05 / 0.02 = 2.5 -> 2, 0.03 / 0.02 = 1.5 -> 2; the zero point is -3.
    x_scale = np.float32(0.02)
    real = np.array([0.05, 0.03, -0.05, 2.53], np.float32) / x_scale
    assert list(integers[[0, 1, 2, 6]]) == list(np.clip(np.rint(real).astype(int) - 3, -128, 127))
    assert list(integers[3:6]) == [127, -128, -128]
    y_scale, zero = np.float32(0.05), 5
    text = output[len(expected) + len(values) :].decode()
    assert np.float32(text) == np.float32(int(np.frombuffer(expected, np.int8)[0]) - zero) * y_scale


@needs_jdk
@needs_cmake
def test_java_pushes_rows(tmp_path: Path) -> None:
    whole = java_project(tmp_path / "whole", tiny_graph())
    rows = java_project(tmp_path / "rows", tiny_graph(), push=True)
    assert run_java(rows, PUSHED, tmp_path, x=sample()) == HostModel(whole).run([sample()])[0].tobytes()


@needs_jdk
@needs_cmake
@needs_cross
def test_native_half_builds_for_phones(tmp_path: Path) -> None:
    """With variants, by a cross compiler in place of the NDK; it exports what the class asks for."""
    result = edgec("compile", write_model(tmp_path), "--target", "android-arm64", "-o", tmp_path / "tiny")
    assert result.exit_code == 0, result.stderr
    cross = toolchain(tmp_path, f"-Werror -I{HEADERS} -I{HEADERS / 'linux'}")
    build(tmp_path / "tiny" / "android" / "src" / "main" / "cpp", tmp_path / "native", cross)
    nm = [GCC_LINUX.replace("gcc", "nm"), "-D", "--defined-only", tmp_path / "native" / "libtiny_jni.so"]
    symbols = subprocess.run([str(word) for word in nm], capture_output=True, text=True, check=True).stdout
    assert {"Java_dev_edgec_Tiny_place", "Java_dev_edgec_Tiny_compute", "Java_dev_edgec_Tiny_kernels"} <= {
        line.split()[-1] for line in symbols.splitlines()
    }


@pytest.mark.parametrize("system", ["none", "linux", "android"])
def test_only_boards_with_android_have_it(system: str) -> None:
    target = dataclasses.replace(HOST, system=system)
    files = generate(schedule(tiny_graph(), target), ModelFile("tiny", "tiny.onnx", "0" * 64)).files
    assert {path for path in files if path.startswith("android/")} == (FILES if system == "android" else set())


def test_which_boards_have_android() -> None:
    assert load_target("android-arm64").system == "android"
    assert [load_target(name).system for name in ("linux-aarch64", "raspberrypi5", "rpi-pico", "host")] == [
        "linux", "linux", "none", "none",
    ]  # fmt: skip


def test_names_in_comments_do_not_break_java() -> None:
    """javac reads a backslash and u as a character's code, in comments too."""
    target = dataclasses.replace(HOST, system="android")
    project = generate(schedule(tiny_graph(), target), ModelFile("tiny", "C:\\users\\tiny.onnx", "0" * 64))
    assert "\\" not in project.files["android/src/main/java/dev/edgec/Tiny.java"]


@pytest.mark.parametrize(
    ("model", "name"), [("kws_dscnn", "KwsDscnn"), ("model_4ch", "Model4ch"), ("v2_1_", "V21"), ("tiny", "Tiny")]
)
def test_class_name(model: str, name: str) -> None:
    assert class_name(model) == name
