"""From a trained network to a microcontroller in one command: python3 examples/digits/demo.py

Needs Python 3.10 or later and nothing else. Compiles digits.onnx (float32, handwritten digits) to C for a Cortex-M4,
quantised with pictures of the training set, runs it on an emulated board on pictures that the network never saw, and
prints accuracy, RAM and flash. The C is in examples/digits/out/ afterwards.
"""

import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUT = HERE / "out"
BOARD = "qemu-nucleo-f446re"  # a Cortex-M4 with the memory of an STM32F446, emulated
SAMPLES = 50
sys.path.insert(0, str(ROOT / ".ci"))

from environment import ensure  # noqa: E402


def edgec(python, *arguments):
    """Show the command, run it, and give the object that it prints; end where it fails."""
    shown = [str(pathlib.Path(a).relative_to(ROOT)) if str(a).startswith(str(ROOT)) else str(a) for a in arguments]
    print("$ edgec " + " ".join(shown), flush=True)
    command = [str(python.parent / "edgec"), *map(str, arguments), "--json"]
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        raise SystemExit(result.returncode)
    return json.loads(result.stdout)


def percent(fraction):
    return "     -  " if fraction is None else f"{100 * fraction:7.2f}%"


def main():
    """Set up, compile, run, check, print."""
    python = ensure("demo")
    model, calibration, test = HERE / "digits.onnx", HERE / "calibration.npz", HERE / "test.npz"
    compiled = edgec(python, "compile", model, "--target", BOARD, "--data", calibration, "-o", OUT)
    run = edgec(python, "run", OUT)
    checked = edgec(
        python, "check", model, "--target", BOARD, "--data", test, "--calibration", calibration, "--samples", SAMPLES
    )
    accuracy = checked["accuracy"]
    print(f"\naccuracy on {checked['samples']} pictures that the network never saw")
    print(f"  float32, onnxruntime      {percent(accuracy['float'])}")
    print(f"  int8, onnxruntime         {percent(accuracy['int8'])}")
    if accuracy["simulator"] is not None:
        print(f"  int8, simulator           {percent(accuracy['simulator'])}")
    else:
        print("  int8, simulator           left out: it needs PyTorch (pip install 'edgec[sim]')")
    print(f"  the C, on this computer   {percent(accuracy['host'])}")
    print(f"  the C, on the Cortex-M4   {percent(accuracy['device'])}  (the first {SAMPLES} pictures)")
    ram, flash = compiled["ram"], compiled["flash"]
    print(f"on the board: {ram['total']} bytes of RAM ({ram['arena']} arena, {run['ram']['stack']} stack measured),")
    print(
        f"  {flash['total']} bytes of flash ({flash['weights']} weights), {run['instructions']} instructions a picture"
    )
    print(f"the C: {OUT.relative_to(ROOT)}/src/digits.c")


if __name__ == "__main__":
    main()
