"""The lesson that hotloop.torch was founded on: as it was written, and put right."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import torch as face
from hotloop.torch import nn

torch: Any = face
F = torch.nn.functional


class Net(nn.Module):
    """784-50-100 and a softmax; repaired 784-50-100-10 and a log-softmax."""

    def __init__(self, repaired: bool) -> None:
        super().__init__()
        self.layer1, self.layer2 = nn.Linear(784, 50), nn.Linear(50, 100)
        self.layer3 = nn.Linear(100, 10) if repaired else None

    def forward(self, x: Any) -> Any:
        x = torch.sigmoid(self.layer2(torch.sigmoid(self.layer1(x))))
        return F.softmax(x, 1) if self.layer3 is None else F.log_softmax(self.layer3(x), 1)


def fit(
    net: Any, x: Any, y: Any, epochs: int, batch_size: int, optimizer: Any = None
) -> list[float]:
    """Train with Adam on batches in order, and return the losses of all batches."""
    data = torch.utils.data.TensorDataset(
        torch.from_numpy(x), torch.from_numpy(np.asarray(y, np.int64))
    )
    optimizer = optimizer or torch.optim.Adam(net.parameters(), lr=0.001)
    losses = []
    for _ in range(epochs):
        for rows, ids in torch.utils.data.DataLoader(data, batch_size):
            optimizer.zero_grad()
            loss = F.nll_loss(net(rows), ids)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def judged(net: Any, x: Any, y: Any) -> tuple[float, float]:
    """Return loss and accuracy."""
    with torch.no_grad():
        out = net(torch.from_numpy(x))
    ids = torch.from_numpy(np.asarray(y, np.int64))
    return F.nll_loss(out, ids).item(), (out.argmax(1) == ids).float().mean().item()
