"""What other engines take for the same networks: facts to stand beside edgec's figures, each with its source."""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = """Executed instructions of one inference, counted in the same way: QEMU (M4F: mps2-an386, M55: mps3-an547),
GCC 12.2, int8. TFLM is TensorFlow Lite for Microcontrollers, with its reference kernels or with CMSIS-NN; TinyEngine is
MIT's, with float requantisation."""


@dataclass(frozen=True)
class Peer:
    """One engine on one network; bytes, None where it was not measured. `note`: what is wrong with the result."""

    engine: str
    instructions: int
    ram: int | None = None
    flash: int | None = None
    note: str = ""


TFLM, CMSIS, TINY = "TFLM reference kernels", "TFLM + CMSIS-NN", "TinyEngine"
WRONG, INEXACT = "wrong output", "not bit-exact"


def on_m4(
    reference: int,
    cmsis: int,
    tflm_ram: int,
    tflm_flash: int,
    tiny: tuple[int, int, int, str] | None = None,
) -> tuple[Peer, ...]:
    """The engines on the Cortex-M4F; tiny: instructions, RAM, flash, note."""
    peers = (Peer(TFLM, reference), Peer(CMSIS, cmsis, tflm_ram, tflm_flash))
    return (*peers, Peer(TINY, *tiny)) if tiny else peers


PEERS: dict[tuple[str, str], tuple[Peer, ...]] = {
    ("cortex-m4", "vww_mobilenetv1"): on_m4(
        100_250_000, 24_100_000, 102_960, 417_804, (19_700_000, 61_256, 248_932, WRONG)
    ),
    ("cortex-m4", "kws_dscnn"): on_m4(43_040_000, 7_700_000, 25_072, 138_452),
    ("cortex-m4", "ic_resnet8"): on_m4(107_400_000, 29_860_000, 57_248, 177_872, (25_600_000, 125_668, 95_012, WRONG)),
    ("cortex-m4", "ad_autoencoder"): on_m4(1_950_000, 583_000, 4_232, 309_148, (772_000, 3_536, 281_604, "")),
    ("cortex-m4", "shape_mcunet_vww1"): on_m4(
        188_520_000, 47_940_000, 221_864, 707_204, (34_750_000, 94_608, 513_044, INEXACT)
    ),
    ("cortex-m4", "shape_mobilenetv2_w035_96"): on_m4(
        185_730_000, 44_750_000, 207_008, 719_028, (34_770_000, 135_568, 482_036, "")
    ),
    ("cortex-m4", "shape_mobilenetv2_w035_144"): on_m4(
        432_980_000, 102_040_000, 379_808, 720_068, (79_390_000, 302_680, 481_972, "")
    ),
    ("cortex-m55", "vww_mobilenetv1"): (Peer(CMSIS, 6_560_000),),
    ("cortex-m55", "kws_dscnn"): (Peer(CMSIS, 1_810_000),),
    ("cortex-m55", "ic_resnet8"): (Peer(CMSIS, 4_910_000),),
    ("cortex-m55", "ad_autoencoder"): (Peer(CMSIS, 150_000),),
}
