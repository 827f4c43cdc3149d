"""Train the example network on scikit-learn's 8x8 handwritten digits and write digits.onnx and the sample files.

Needs `pip install 'edgec[examples]' -c constraints.txt`; takes under a minute on a laptop and gives the same files
each time on the same machine. The results are committed, so nobody has to run this.
"""

from __future__ import annotations

import pathlib

import numpy as np
import onnx
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

HERE = pathlib.Path(__file__).resolve().parent
EPOCHS, BATCH = 60, 32


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU: one integer kernel in the generated C."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class Residual(nn.Module):
    """x + pointwise(depthwise(x)), rectified."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = convolution(channels, channels, 3, groups=channels)
        self.pointwise = nn.Sequential(nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        # x: (N, channels, H, W) f32
        return torch.relu(x + self.pointwise(self.depthwise(x)))


class DigitsNet(nn.Sequential):
    """(N, 1, 8, 8) f32 in 0..1 -> (N, 10) logits, in about 3,000 parameters."""

    def __init__(self) -> None:
        super().__init__(
            convolution(1, 16, 3),
            Residual(16),
            convolution(16, 16, 3, stride=2, groups=16),
            convolution(16, 32, 1),
            Residual(32),
            nn.AvgPool2d(4),
            nn.Flatten(),
            nn.Linear(32, 10),
        )


def shifted(x: Tensor, generator: torch.Generator) -> Tensor:
    """Each picture moved by -1, 0 or 1 pixels in both directions: the training set is small."""
    # x: (N, 1, 8, 8)
    padded = nn.functional.pad(x, (1, 1, 1, 1))
    rows, columns = torch.randint(0, 3, (2, len(x)), generator=generator).tolist()
    return torch.stack([p[:, r : r + 8, c : c + 8] for p, r, c in zip(padded, rows, columns, strict=True)])


def train(x: Tensor, y: Tensor) -> nn.Module:
    """The network after EPOCHS passes over x: (N, 1, 8, 8) f32 with labels y: (N,)."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    network = DigitsNet()
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=EPOCHS * (len(x) // BATCH))
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x), generator=generator)[: len(x) // BATCH * BATCH].split(BATCH):
            loss = nn.functional.cross_entropy(network(shifted(x[batch], generator)), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def export(network: nn.Module, file: pathlib.Path) -> None:
    """Write the network as ONNX, without the exporter's notes: they hold paths of this machine."""
    torch.onnx.export(
        network, (torch.zeros(1, 1, 8, 8),), file, dynamo=True, external_data=False, input_names=["image"],
        output_names=["logits"],
    )  # fmt: skip
    model = onnx.load(file)
    model.doc_string = ""
    del model.metadata_props[:]
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
    onnx.save(model, file)


def main() -> None:
    """Train, measure, and write the three files next to this one."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    images, labels = load_digits(return_X_y=True)
    x = (images / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    x_train, x_test, y_train, y_test = train_test_split(x, labels, test_size=400, random_state=0, stratify=labels)
    network = train(torch.from_numpy(x_train), torch.from_numpy(y_train))
    with torch.no_grad():
        accuracy = (network(torch.from_numpy(x_test)).argmax(1).numpy() == y_test).mean()
    print(
        f"accuracy {accuracy:.4f} on {len(y_test)} pictures, {sum(p.numel() for p in network.parameters())} parameters"
    )
    export(network, HERE / "digits.onnx")
    np.savez_compressed(HERE / "calibration.npz", x=x_train[:200], y=y_train[:200].astype(np.int64))
    np.savez_compressed(HERE / "test.npz", x=x_test, y=y_test.astype(np.int64))


if __name__ == "__main__":
    main()
