"""The emulated 64-bit Arm processors, as QEMU is told of them and as Linux would describe them to a program."""

from __future__ import annotations

from dataclasses import dataclass

from edgec.errors import TargetError, did_you_mean

ARMV8 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
DOTPROD = f"{ARMV8} atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp"
I8MM = f"{DOTPROD} i8mm bf16"
ARM_LIMITED = 0x41


@dataclass(frozen=True)
class Processor:
    """machine: QEMU's -cpu. part, variant: of its identification register. features: in Linux's words.

    llvm, llvm_features: what LLVM calls it, and what it has besides.
    """

    name: str
    machine: str
    part: int
    variant: int
    features: str
    llvm: str
    llvm_features: tuple[str, ...] = ()

    def cpuinfo(self) -> str:
        """What /proc/cpuinfo says on a computer with one of these.

        QEMU shows its own computer's to the program, but engines choose their kernels by it, and some crash over one
        that is no Arm's.
        """
        lines = {
            "processor": "0",
            "BogoMIPS": "50.00",
            "Features": self.features,
            "CPU implementer": f"{ARM_LIMITED:#x}",
            "CPU architecture": "8",
            "CPU variant": f"{self.variant:#x}",
            "CPU part": f"{self.part:#05x}",
            "CPU revision": "0",
        }
        return "".join(f"{key}\t: {value}\n" for key, value in lines.items()) + "\n"


PROCESSORS = (
    Processor("cortex-a53", "cortex-a53", 0xD03, 0, ARMV8, "cortex-a53"),
    Processor("cortex-a76", "cortex-a76", 0xD0B, 3, DOTPROD, "cortex-a76"),
    # QEMU's own, which has everything. SVE and SME off: phones have no SVE that is worth it, and QEMU computes some of
    # SME wrongly. It calls itself a Cortex-A710.
    Processor("max", "max,sve=off,sme=off", 0xD47, 2, I8MM, "cortex-a76", ("+i8mm",)),
)


def find_processor(name: str) -> Processor:
    """The processor that --cpu names; TargetError where there is none of this name."""
    for processor in PROCESSORS:
        if processor.name == name:
            return processor
    names = [processor.name for processor in PROCESSORS]
    near = did_you_mean(name, names)
    raise TargetError(
        f"edgec bench does not know the processor {name!r}" + (f"; {near}" if near else ""),
        help=f"--cpu takes {', '.join(names)}",
    )
