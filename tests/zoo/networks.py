"""The networks that edgec must compile, and how their samples become model inputs.

The preprocessing is not written here: it is imported from eval_zoo.py and eval_zoo_train.py, which lie beside the
networks.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import pathlib
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SHARED = pathlib.Path(os.environ.get("EDGEC_SHARED", ROOT.parent / "shared"))

ZOO = (
    "ad_autoencoder",
    "cifar_resnet20",
    "ic_resnet8",
    "ic_resnet8_large",
    "imagenet_mobilenet_v1_0.25_128_quant",
    "imagenet_mobilenet_v1_0.5_160_quant",
    "imagenet_tf2_mobilenet_v2_1.0_224_ptq",
    "kws_dscnn",
    "kwsarm_cnn_s",
    "kwsarm_dnn_s",
    "kwsarm_ds_cnn_s",
    "mnist_cnn",
    "mnist_lenet300",
    "person_detect_tflm",
    "shape_mobilenetv2_w035_144",
    "shape_mobilenetv2_w035_96",
    "sww_streaming",
    "vww_mobilenetv1",
)
ZOO_TRAIN = (
    "imagenet_mbv2_w0.35_128",
    "imagenet_mcunet_5fps_128",
    "imagenet_mcunet_in3_176",
    "imagenet_proxyless_w0.3_128",
    "shape_mbv2_w0.35_144",
    "shape_mcunet_in3",
    "shape_mcunet_in4",
    "shape_mcunet_vww1",
    "shape_proxyless_w0.3_176",
)


@dataclass(frozen=True)
class Samples:
    """Inputs of one model file, first axis = sample; `y` are class numbers as the model counts them, or None."""

    x: Array
    y: Array | None


@dataclass(frozen=True)
class Network:
    """One folder of ../shared/zoo or ../shared/zoo_train."""

    name: str
    collection: str

    @property
    def folder(self) -> pathlib.Path:
        return SHARED / self.collection / self.name

    @property
    def int8(self) -> pathlib.Path:
        return self.folder / "model_int8.onnx"

    @property
    def float32(self) -> pathlib.Path | None:
        """The float model, where the folder has one."""
        file = self.folder / "model.onnx"
        return file if file.exists() else None

    @property
    def labelled(self) -> bool:
        """Real samples with class labels are there: the accuracy is the share of right classes."""
        return not self.name.startswith("shape_") and self.name != "ad_autoencoder"

    def samples(self, file: str = "model_int8.onnx", count: int | None = None) -> Samples:
        """The first `count` samples (all: None) as inputs of `file`; random ones for networks without samples."""
        if self.name.startswith("shape_"):
            return Samples(self._random(count or 8), None)
        if self.name == "ad_autoencoder":
            return Samples(self._windows(file, count), None)
        if self.collection == "zoo":
            folder, inputs, offset = evaluation("zoo").T[self.name]
            stored = _first(_load("zoo", folder), count)
            return Samples(np.ascontiguousarray(inputs[file](stored)), stored["y"].astype(np.int64) + offset)
        module = evaluation("zoo_train")
        size, preprocess = module.PRE[self.name]
        stored = _first(_load("zoo", "imagenet_samples"), count)
        pictures = module.jpegs(stored, size)
        x = preprocess(pictures) if file == "model.onnx" else module.i8(pictures)
        return Samples(x, stored["y"].astype(np.int64))

    def clips(self) -> tuple[Array, Array]:
        """ad_autoencoder: float spectrograms (clip, frame, 128) and 1 for a faulty machine, 0 for a sound one."""
        stored = _load("zoo", self.name)
        return stored["x"], stored["y"]

    def _windows(self, file: str, count: int | None) -> Array:
        """ad_autoencoder: five frames side by side, as eval_zoo.py cuts and quantises them."""
        clips, _ = self.clips()
        frames = clips[: -(-(count or len(clips) * 196) // 196)]
        x = np.concatenate([np.stack([f[i : i + 5].reshape(-1) for i in range(196)]) for f in frames])[:count]
        if file == "model.onnx":
            return x
        scale, zero_point = AD_INPUT
        quantized: Array = evaluation("zoo").q(scale, zero_point)(x)
        return quantized

    def _random(self, count: int) -> Array:
        """Random integers over the whole input range, the same each time."""
        import onnxruntime

        (port,) = onnxruntime.InferenceSession(self.int8, providers=["CPUExecutionProvider"]).get_inputs()
        shape = [count, *(int(d) for d in port.shape[1:])]
        random = np.random.default_rng(7)
        if port.type == "tensor(float)":
            return random.uniform(-1, 1, shape).astype(np.float32)
        low = 0 if port.type == "tensor(uint8)" else -128
        return random.integers(low, low + 256, shape).astype(np.uint8 if low == 0 else np.int8)


# Quantisation of ad_autoencoder's input and output, as eval_zoo.py's main has it.
AD_INPUT = (0.3910152316093445, 89)
AD_OUTPUT = (0.36449846625328064, 96)

NETWORKS = tuple(Network(n, "zoo") for n in ZOO) + tuple(Network(n, "zoo_train") for n in ZOO_TRAIN)


@functools.cache
def evaluation(collection: str) -> ModuleType:
    """The module beside the networks that defines the preprocessing."""
    name = {"zoo": "eval_zoo", "zoo_train": "eval_zoo_train"}[collection]
    spec = importlib.util.spec_from_file_location(name, SHARED / collection / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def _load(collection: str, folder: str) -> dict[str, Array]:
    with np.load(SHARED / collection / folder / "samples.npz") as stored:
        return {key: stored[key] for key in stored.files}


def _first(stored: dict[str, Array], count: int | None) -> dict[str, Array]:
    """The first `count` samples; JPEG pictures are stored end to end with offsets."""
    if count is None:
        return stored
    cut = {key: value[:count] for key, value in stored.items() if key in ("x", "y")}
    if "off" in stored:
        cut |= {"jpeg": stored["jpeg"], "off": stored["off"][: count + 1]}
    return cut
