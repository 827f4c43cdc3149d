"""A project in other people's programs: as an installed package, as a subfolder, for other processors."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgec.targets.device import Device
from edgec.targets.emulator.qemu_user import QEMU_USER
from edgec.targets.remote import PipeLink
from tests.codegen.consumer import (
    PROCESSORS,
    build,
    cmake,
    expected,
    needs_cmake,
    output_of,
    sample,
    toolchain,
    write_app,
)
from tests.targets.compilers import needs_cross
from tests.tools.cli import edgec, write_model

pytestmark = needs_cmake
needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="no host compiler")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cmake")


def compiled(folder: Path, target: str) -> Path:
    result = edgec("compile", write_model(folder), "--target", target, "-o", folder / target)
    assert result.exit_code == 0, result.stderr
    return folder / target


@pytest.fixture(scope="module")
def host(folder: Path) -> Path:
    return compiled(folder, "host")


@pytest.fixture(scope="module")
def phone(folder: Path) -> Path:
    """With variants."""
    return compiled(folder, "android-arm64")


@needs_cc
def test_package_for_this_computer(host: Path, tmp_path: Path) -> None:
    build(host, tmp_path / "model")
    cmake("--install", tmp_path / "model", "--prefix", tmp_path / "installed")
    app = write_app(tmp_path / "app", "find_package(tiny CONFIG REQUIRED)", static=False)
    build(app, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={tmp_path / 'installed'}")
    assert output_of([tmp_path / "build" / "app"]) == expected(host)


@needs_cc
def test_package_may_be_moved(host: Path, tmp_path: Path) -> None:
    """Nothing in it names the folder that it was built or installed in."""
    build(host, tmp_path / "model")
    cmake("--install", tmp_path / "model", "--prefix", tmp_path / "installed")
    for file in tmp_path.joinpath("installed").rglob("*"):
        if file.suffix in (".cmake", ".h"):
            assert str(tmp_path) not in file.read_text()
            assert str(host) not in file.read_text()


@needs_cc
def test_subfolder_of_another_project(host: Path, tmp_path: Path) -> None:
    app = write_app(tmp_path / "app", f"add_subdirectory({host} tiny EXCLUDE_FROM_ALL)", static=False)
    build(app, tmp_path / "build", "-DCMAKE_BUILD_TYPE=Release")
    assert output_of([tmp_path / "build" / "app"]) == expected(host)


@needs_cross
@pytest.mark.parametrize("flags", ["-mcpu=cortex-a53", "-march=armv8-a -fstack-protector-strong"])
def test_package_with_variants(flags: str, host: Path, phone: Path, tmp_path: Path) -> None:
    """The user's own flags do not keep a variant from its instructions; each processor gets its own kernels."""
    cross = toolchain(tmp_path, flags)
    build(phone, tmp_path / "model", cross)
    cmake("--install", tmp_path / "model", "--prefix", tmp_path / "installed")
    app = write_app(tmp_path / "app", "find_package(tiny CONFIG REQUIRED)", static=True)
    build(app, tmp_path / "build", cross, f"-Dtiny_DIR={tmp_path / 'installed' / 'lib' / 'cmake' / 'tiny'}")
    for processor, _ in PROCESSORS:
        assert output_of([QEMU_USER, "-cpu", processor, tmp_path / "build" / "app"]) == expected(host)


@needs_cross
def test_board_of_one_core(folder: Path, host: Path, tmp_path: Path) -> None:
    """Without variants all of the project is for that core, whatever the compiler's own default."""
    board = compiled(folder, "raspberrypi5")
    app = write_app(tmp_path / "app", f"add_subdirectory({board} tiny)", static=True)
    build(app, tmp_path / "build", toolchain(tmp_path))
    assert output_of([QEMU_USER, "-cpu", "cortex-a76", tmp_path / "build" / "app"]) == expected(host)


@needs_cross
def test_runner(host: Path, phone: Path, tmp_path: Path) -> None:
    """The same program as edgec's own: it answers through a pipe. It is built only where asked for.

    The user's flags would bind it to a C library.
    """
    build(phone, tmp_path / "model", toolchain(tmp_path, "-fstack-protector-strong -fPIE"))
    program = tmp_path / "model" / "tiny_runner"
    assert not program.exists()
    cmake("--build", tmp_path / "model", "--target", "tiny_runner")
    for processor, isa in PROCESSORS:
        with Device(PipeLink((QEMU_USER, "-cpu", processor, str(program)), "runner")) as device:
            assert (device.identity.model, device.kernels()) == ("tiny", isa)
            assert device.run([sample().tobytes()]).outputs == (expected(host),)
