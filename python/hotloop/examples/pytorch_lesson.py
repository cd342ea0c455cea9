"""A PyTorch lesson as it was written, with its three mistakes: it still reads most digits.

There is no layer of ten: the softmax goes over the hundred units of the second layer. Its probabilities go straight
into the "negative log likelihood", which leaves the logarithm to its caller: the loss is minus the probability. And
each step sees a single image. `pytorch_repaired` puts it right.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import torch
from hotloop.examples._lesson import Data, Lesson, run
from hotloop.torch import nn, optim
from hotloop.torch.nn import functional as F
from hotloop.torch.utils.data import DataLoader, TensorDataset


def normalised(data: Data) -> tuple[Any, Any]:
    """Return rows of pixels with mean 0 and standard deviation 1, those of MNIST's pixels."""
    x, x_test = data.rows()
    mean, deviation = np.float32(0.1307), np.float32(0.3081)
    return (x - mean) / deviation, (x_test - mean) / deviation


class Net(nn.Module):
    """The lesson's network; labels 10 to 99 never come."""

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.layer1, self.layer2 = nn.Linear(pixels, 50), nn.Linear(50, 100)

    def forward(self, x: Any) -> Any:
        """Return the probabilities of a hundred classes."""
        return F.softmax(torch.sigmoid(self.layer2(torch.sigmoid(self.layer1(x)))), dim=1)


def main(lesson: Lesson) -> None:
    """Train ten epochs, one image a step, in the order of the file."""
    data = lesson.data()
    x, x_test = map(torch.from_numpy, normalised(data))
    y, y_test = (torch.from_numpy(ids.astype(np.int64)) for ids in (data.y, data.y_test))
    loader = DataLoader(TensorDataset(x, y), batch_size=1)
    model, losses, loss, accuracy = Net(x.shape[1]), [], 0.0, 0.0
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    for epoch in range(1, (2 if lesson.quick else 10) + 1):
        for step, (row, target) in enumerate(loader):
            optimizer.zero_grad()
            value = F.nll_loss(model(row), target)
            value.backward()
            optimizer.step()
            if step % 20_000 == 0:
                losses.append(value.item())
                seen = f"[{step}/{len(x)} ({100.0 * step / len(x):.0f}%)]"
                print(f"Train Epoch: {epoch} {seen} Loss: {losses[-1]:.6f}", flush=True)
        with torch.no_grad():
            probs = model(x_test)
        loss = F.nll_loss(probs, y_test).item()
        accuracy = (probs.argmax(1) == y_test).float().mean().item()
        print(f"Test Epoch: {epoch} Loss: {loss:.4f}, Accuracy: {accuracy:.4f}", flush=True)

    # Nearly a hundred equal probabilities of .01: the first loss is chance, with the sign turned.
    lesson.expect("first loss, near -.0089", losses[0], -0.0089, within=0.003)
    lesson.expect("last test loss", loss, -0.0260, within=0.0005, compare=lesson.full)
    lesson.at_least("test accuracy, from .83 to .91", accuracy, 0.83, slack=0.005)
    # A sigmoid ends at 1, so no probability of a hundred can pass e / (e + 99).
    lesson.holds("no probability can pass .0267", -loss < np.e / (np.e + 99), f"{-loss:.4f}")


if __name__ == "__main__":
    run(main, data=True, quick=True)
