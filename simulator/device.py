"""Finding torch, choosing a device, and keeping torch from faster, inexact arithmetic."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

from edgec.errors import TargetError

if TYPE_CHECKING:
    import torch


def has_torch() -> bool:
    """Whether the simulator can run here: torch comes with the extra `sim`."""
    try:
        return importlib.util.find_spec("torch") is not None
    except ValueError:  # sys.modules has None under that name: somebody forbade the import
        return False


def require_torch() -> ModuleType:
    """The module torch; a TargetError where it is not installed."""
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise TargetError(
            "the simulator needs torch, which is not installed", where=str(error), help="pip install 'edgec[sim]'"
        ) from error


def pick_device(name: str) -> torch.device:
    """ "auto" is the first CUDA device where there is one, else the CPU; other names are torch's own."""
    torch_module = require_torch()
    if name == "auto":
        name = "cuda" if torch_module.cuda.is_available() else "cpu"
    try:
        device: torch.device = torch_module.device(name)
    except RuntimeError:
        raise TargetError(f"unknown simulator device {name!r}", help="auto, cpu, cuda, cuda:1 ...") from None
    if device.type not in ("cpu", "cuda"):
        raise TargetError(f"the simulator does not run on {device.type!r}", help="auto, cpu, cuda, cuda:1 ...")
    if device.type == "cuda" and (device.index or 0) >= torch_module.cuda.device_count():
        found = torch_module.cuda.device_count()
        raise TargetError(f"no device {name!r} here: torch sees {found} CUDA devices", help="--device cpu")
    return device


@contextmanager
def exact_products() -> Iterator[None]:
    """Inside, torch's convolutions and matrix products of small integers are exact, whatever the caller has set.

    They are plain sums of products. Winograd and FFT convolutions, which NNPACK (CPU) and cuDNN (GPU) choose by size,
    add transformed values and are not: both libraries are left out. TensorFloat-32 and bfloat16 round factors to 8
    significant bits or more, which q - zero_point (at most 255) has, and add in float32; half precision would overflow.
    """
    torch = require_torch()
    with ExitStack() as stack:
        stack.enter_context(torch.backends.nnpack.flags(enabled=False))
        stack.enter_context(torch.backends.cudnn.flags(enabled=False, allow_tf32=False))
        stack.enter_context(torch.autocast("cpu", enabled=False))
        if torch.cuda.is_available():
            stack.enter_context(torch.autocast("cuda", enabled=False))
        yield


Part = TypeVar("Part")
Result = TypeVar("Result")


def run_parts(
    function: Callable[[Part], Result], parts: Callable[[int], Sequence[Part]], device: torch.device
) -> list[Result]:
    """`function` of every part, on a CPU as many parts at a time as torch may use threads; `parts` is told how many.

    One thread a part, not all threads a part: layers are too small to share, and threads that wait for each other at
    the end of each layer come to a stop where other programs want the processor too.
    """
    if device.type != "cpu":
        return [function(part) for part in parts(1)]
    torch = require_torch()
    threads = torch.get_num_threads()
    work = parts(threads)
    torch.set_num_threads(1)  # new threads start with this number
    try:
        if len(work) == 1:
            return [function(work[0])]
        return list(workers(threads, os.getpid()).map(function, work))
    finally:
        torch.set_num_threads(threads)


@cache
def workers(threads: int, process: int) -> ThreadPoolExecutor:
    """Threads that live on: oneDNN prepares its kernels anew in each thread. `process`: a fork has none of them."""
    return ThreadPoolExecutor(max_workers=threads, thread_name_prefix="edgec-simulator")
