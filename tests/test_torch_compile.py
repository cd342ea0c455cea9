"""`torch.compile`: a recorded step has the bits of the step as it is."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

torch: Any = importlib.import_module("hotloop.torch")
nn, optim = torch.nn, torch.optim


def data(*shape: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.random(shape, dtype=np.float32))
    return x, torch.from_numpy(rng.integers(0, 4, shape[0]))


def dense() -> Any:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4)), data(5, 6)


def normalised() -> Any:
    net = nn.Sequential(
        nn.Conv2d(2, 3, 3),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(12, 4),
    )
    return net, data(5, 2, 6, 6)


def dropping() -> Any:
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 4)), data(5, 6)


def trained(
    make: Any, optimizer: Any, compiled: bool, steps: int = 6
) -> tuple[Any, list[float], Any]:
    torch.manual_seed(1)
    net, (x, t) = make()
    opt = optimizer(net.parameters())
    loss_of = nn.CrossEntropyLoss()

    def step(x: Any, t: Any) -> Any:
        opt.zero_grad()
        loss = loss_of(net(x), t)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        return loss

    run: Any = torch.compile(step) if compiled else step
    losses = []
    for i in range(steps):
        opt.param_groups[0]["lr"] = 0.1 / (1 + i)
        losses.append(run(x * (i + 1), t).item())
    if compiled:
        known = next(iter(run._kept.values()))
        assert known.checked
        assert not known.plain
    return net, losses, opt


@pytest.mark.parametrize("make", [dense, normalised, dropping])
@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "Adagrad"])
def test_bits_of_the_plain_step(make: Any, optimizer: str) -> None:
    """New data and rates in each step; running statistics and dropout go on as they would."""
    kind = getattr(optim, optimizer)
    plain, losses, _ = trained(make, kind, compiled=False)
    net, same, _ = trained(make, kind, compiled=True)
    assert losses == same
    assert len(set(losses)) == len(losses)
    for (name, a), (_, b) in zip(plain.state_dict().items(), net.state_dict().items(), strict=True):
        assert torch.equal(a, b), name


def test_a_module_that_changes_its_mode_is_recorded_again() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    run = torch.compile(lambda x: net(x) * 1)
    x = torch.ones(2, 3)
    with torch.no_grad():
        for _ in range(4):
            run(x)
        net.eval()
        for _ in range(4):
            assert torch.equal(run(x), net(x) * 1)


def test_gradients_add_up_where_nothing_clears_them() -> None:
    w = torch.ones(2, requires_grad=True)

    @torch.compile  # type: ignore[untyped-decorator]
    def step(x: Any) -> Any:
        loss = (w * x).sum()
        loss.backward()
        return loss

    for i in range(1, 7):
        assert step(torch.tensor([1.0, 2.0])).item() == 3.0
        assert w.grad.tolist() == [i, 2 * i]
    w.grad = None
    step(torch.tensor([1.0, 2.0]))
    assert w.grad.tolist() == [1, 2]


def test_what_looks_at_values_runs_as_it_is() -> None:
    w = torch.ones(2, requires_grad=True)

    def step(x: Any) -> Any:
        if (x * w).sum() > 2:
            return x + 1
        return x - 1

    run = torch.compile(step)
    for value in (1.0, 2.0, 0.5, 3.0):
        x = torch.full((2,), value)
        assert torch.equal(run(x), step(x))
    whole = torch.compile(step, fullgraph=True)
    whole(torch.ones(2))
    with pytest.raises(TypeError, match=r"test_torch_compile.py, line \d+"):
        whole(torch.ones(2))


def test_tensors_that_are_made_and_changed_inside() -> None:
    def step(x: Any) -> Any:
        total = torch.zeros(3)
        for row in range(2):
            total += x[row]
        y = x.clone()
        y[0] = total
        return total, y, [x.shape[0], {"max": y.max(1)}]

    run = torch.compile(step)
    for i in range(5):
        x = torch.arange(6.0).reshape(2, 3) + i
        a, b = run(x), step(x)
        assert torch.equal(a[0], b[0])
        assert torch.equal(a[1], b[1])
        assert a[2][0] == 2
        assert torch.equal(a[2][1]["max"].indices, b[2][1]["max"].indices)


def test_arguments_of_compile() -> None:
    net = nn.Linear(2, 2)
    assert torch.compile(net) is net
    assert torch.compile(len, disable=True) is len
    with pytest.raises(TypeError, match="takes a function or a module, got int"):
        torch.compile(3)
