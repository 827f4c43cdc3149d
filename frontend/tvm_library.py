"""A program of its own that has TVM compile an ONNX file for 64-bit Arm: `python tvm_library.py --help`.

It is run by the Python that has TVM, which may be another one than edgec's, and so imports nothing of edgec.
"""

from __future__ import annotations

import argparse
from importlib.metadata import version


def build(model: str, library: str, processor: str, features: list[str], linker: str) -> None:
    """A shared library with the network's kernels and the program of TVM's virtual machine, its defaults, untuned."""
    import onnx
    import tvm
    from tvm.relax.frontend.onnx import from_onnx
    from tvm.support import cc

    module = from_onnx(onnx.load(model), keep_params_in_input=False)
    target = {"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mcpu": processor, "mattr": features}
    with tvm.transform.PassContext(opt_level=3):
        executable = tvm.compile(module, target=tvm.target.Target(target))
    executable.export_library(library, fcompile=cc.cross_compiler(linker))


def main() -> None:
    """The command line; prints the releases of TVM and of its interface."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", metavar="MODEL.onnx")
    parser.add_argument("library", nargs="?", metavar="OUT.so")
    parser.add_argument("--mcpu", default="generic", help="as LLVM calls the processor")
    parser.add_argument("--mattr", action="append", default=[], help="what it has besides; may be repeated")
    parser.add_argument("--linker", default="aarch64-linux-gnu-gcc")
    options = parser.parse_args()
    if options.model:
        build(options.model, options.library, options.mcpu, options.mattr, options.linker)
    print(version("apache-tvm"), version("apache-tvm-ffi"))


if __name__ == "__main__":
    main()
