"""Tensors of hotloop.torch: memory, versions, leaves, errors, dtypes, and their print form."""

from __future__ import annotations

import copy
import importlib
import pickle
from typing import Any

import numpy as np
import pytest

torch: Any = importlib.import_module("hotloop.torch")


def leaf(*values: float) -> Any:
    return torch.tensor(list(values), requires_grad=True)


def test_views_share_memory_and_versions() -> None:
    x = torch.arange(12.0)
    for view in (x.view(3, 4), x[2:5], x.reshape(4, 3).t(), x.unsqueeze(0), x.detach(), x[:, None]):
        before = x.clone()
        view.add_(1)
        assert not torch.equal(x, before)
        assert view._version is x._version
    assert x._version == [6]
    assert x[[0, 1]].add_(1) is not None
    assert x._version == [6]


def test_numpy_and_from_numpy_share_memory() -> None:
    array = np.zeros(3, np.float32)
    t = torch.from_numpy(array)
    t[1] = 5
    array[2] = 7
    assert t.tolist() == [0, 5, 7]
    assert t.numpy() is t.numpy()
    assert torch.tensor(array).numpy() is not array


def test_a_change_of_a_view_leads_back_through_its_base() -> None:
    w, base = leaf(2.0), torch.zeros(4)
    base[1:3] = w * 3
    row = base[1]
    base.mul_(2)
    (row + base.sum()).backward()
    assert base.grad_fn.name() == "MulBackward0"
    assert row.requires_grad
    assert w.grad.tolist() == [18.0]


def refused(kind: type[Exception], text: str, call: Any) -> None:
    with pytest.raises(kind, match=text):
        call()


def test_errors_are_pytorchs() -> None:
    x, y = leaf(1.0, 2.0), torch.ones(2)
    refused(
        RuntimeError, "a leaf Variable that requires grad is being used in an in", lambda: x.add_(1)
    )
    refused(RuntimeError, "a view of a leaf Variable that requires grad", x[0].zero_)
    refused(
        RuntimeError, "grad can be implicitly created only for scalar outputs", (x * 2).backward
    )
    refused(RuntimeError, "does not require grad and does not have a grad_fn", y.sum().backward)
    refused(RuntimeError, "Can't call numpy", x.numpy)
    refused(RuntimeError, "must match the size of tensor b", lambda: y + torch.ones(3))
    refused(RuntimeError, "shape '.3, -1.' is invalid for input of size 2", lambda: y.view(3, -1))
    refused(RuntimeError, "view size is not compatible", lambda: torch.ones(2, 3).t().view(6))
    refused(
        RuntimeError,
        "output with shape .2. doesn't match the broadcast",
        lambda: y.add_(torch.ones(3, 2)),
    )
    refused(
        RuntimeError,
        "result type Float can't be cast",
        lambda: torch.ones(2, dtype=torch.int64).mul_(0.5),
    )
    refused(
        RuntimeError,
        "cannot be multiplied .2x3 and 2x3",
        lambda: torch.ones(2, 3) @ torch.ones(2, 3),
    )
    refused(
        RuntimeError,
        "Only Tensors of floating point|only Tensors of floating",
        lambda: torch.tensor([1], requires_grad=True),
    )
    refused(RuntimeError, "single memory location", lambda: y.expand(3, 2).add_(1))
    refused(RuntimeError, "device must be 'cpu'", lambda: y.to("cuda"))
    refused(IndexError, "Dimension out of range", lambda: y.sum(1))
    refused(IndexError, "too many indices", lambda: y[0, 0])
    refused(TypeError, "takes tensors and numbers, got list", lambda: torch.add(y, [1]))
    refused(ValueError, "tensor", lambda: torch.tensor([[1], [1, 2]]))
    refused(
        NotImplementedError,
        "second derivatives",
        lambda: torch.autograd.grad(x.sum(), x, create_graph=True),
    )
    refused(AttributeError, "did you mean 'randn'", lambda: torch.rnadn)


def test_a_graph_is_used_once_unless_retained() -> None:
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]
    refused(RuntimeError, "backward through the graph a second time", y.backward)
    # What saves nothing can be gone through again, as in PyTorch.
    z = (x + 1).sum()
    z.backward()
    z.backward()
    assert x.grad.tolist() == [6.0, 10.0]


def test_values_changed_in_place_are_noticed() -> None:
    x = leaf(1.0, 2.0)
    y = x.exp()
    z = y.sum()
    y.add_(1)
    refused(RuntimeError, "modified by an inplace operation.*ExpBackward0", z.backward)
    y = x * 3
    z = y.sum()
    y.add_(1)
    z.backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_views_of_several_and_of_no_grad_are_not_changed() -> None:
    x = leaf(1.0, 2.0) * 1
    first, _ = x.unbind(0)
    refused(RuntimeError, "output of a function that returns multiple views", lambda: first.add_(1))
    with torch.no_grad():
        view = x[0]
    refused(RuntimeError, "created in no_grad mode", lambda: view.add_(1))


def test_modes() -> None:
    x = leaf(1.0)
    with torch.no_grad():
        assert not (x * 2).requires_grad
        x.add_(1)
        with torch.enable_grad():
            assert (x * 2).requires_grad
    assert x.item() == 2.0

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def plain() -> Any:
        return x * 2

    @torch.inference_mode  # type: ignore[untyped-decorator]
    def also_plain() -> Any:
        return x * 2

    assert not plain().requires_grad
    assert not also_plain().requires_grad
    torch.set_grad_enabled(False)
    assert not torch.is_grad_enabled()
    with torch.set_grad_enabled(True):
        assert torch.is_grad_enabled()
    assert not torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    assert (x * 2).requires_grad


def test_hooks_see_and_change_gradients() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    seen: list[Any] = []
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    handle = x.register_hook(seen.append)
    y.sum().backward()
    assert x.grad.tolist() == [20.0, 20.0]
    assert seen[0].tolist() == [20.0, 20.0]
    assert y.grad.tolist() == [1.0, 1.0]
    handle.remove()
    (x * 1).sum().backward()
    assert len(seen) == 1


def test_autograd_grad_leaves_grad_alone() -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0)
    h = x * 2
    z = (h * h).sum()
    dx, dh = torch.autograd.grad(z, [x, h])
    assert (dx.tolist(), dh.tolist()) == ([8.0, 16.0], [4.0, 8.0])
    assert [x.grad] == [None]
    refused(
        RuntimeError, "not have been used in the graph", lambda: torch.autograd.grad(x.sum(), y)
    )
    assert torch.autograd.grad(x.sum(), y, allow_unused=True) == (None,)
    torch.autograd.backward([x.sum(), (x * x).sum()])
    assert x.grad.tolist() == [3.0, 5.0]


class Cube(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, x: Any, factor: float) -> Any:
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x**3 * factor

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        (x,) = ctx.saved_tensors
        assert ctx.needs_input_grad == (True, False)
        return dy * 3 * x * x * ctx.factor, None


def test_functions_with_a_way_back_of_their_own() -> None:
    x = leaf(1.0, 2.0)
    y = Cube.apply(x, 2.0)
    y.sum().backward()
    assert x.grad.tolist() == [6.0, 24.0]
    assert y.grad_fn.name() == "CubeBackward"
    refused(RuntimeError, "second time", y.sum().backward)
    y = Cube.apply(x, 2.0)
    with torch.no_grad():
        x.add_(1)
    refused(RuntimeError, "modified by an inplace", y.sum().backward)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("float32", 2.0, "float32"),
        ("float64", 2, "float64"),
        ("int64", 2.0, "float32"),
        ("uint8", 3, "uint8"),
        ("bool", 1, "int64"),
        ("int32", "int64", "int64"),
        ("float32", "float64", "float64"),
        ("uint8", "int8", "int16"),
        ("int64", "float32", "float32"),
    ],
)
def test_promotion(a: str, b: Any, expected: str) -> None:
    x = torch.ones(2, dtype=getattr(torch, a))
    y = torch.ones(2, dtype=getattr(torch, b)) if isinstance(b, str) else b
    assert (x + y).dtype == getattr(torch, expected)
    assert (y + x).dtype == getattr(torch, expected)


def test_tensors_without_axes_promote_less() -> None:
    x = torch.ones(2)
    assert (x * torch.tensor(2.0, dtype=torch.float64)).dtype == torch.float32
    assert (torch.ones(2, dtype=torch.int32) * torch.tensor(2)).dtype == torch.int32
    assert (torch.ones(2, dtype=torch.int32) * torch.tensor(2.0)).dtype == torch.float32
    assert (torch.tensor(1) / 2).dtype == torch.float32
    assert torch.ones(2, dtype=torch.bool).sum().dtype == torch.int64


def test_default_dtype() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.tensor([1.0]).dtype == torch.zeros(1).dtype == torch.float64
        assert repr(torch.zeros(1)) == "tensor([0.])"
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.tensor([1.0]).dtype == torch.float32


# As PyTorch 2.13 prints them.
PRINTED = {
    "tensor([1.0, 2.5])": "tensor([1.0000, 2.5000])",
    "tensor([1.0, 20.0])": "tensor([ 1., 20.])",
    "tensor([[1, -2], [3, 4]])": "tensor([[ 1, -2],\n        [ 3,  4]])",
    "tensor(3.5)": "tensor(3.5000)",
    "tensor([True, False])": "tensor([ True, False])",
    "tensor([1e-5, 1.0])": "tensor([1.0000e-05, 1.0000e+00])",
    "tensor([1e10, 1.0])": "tensor([1.0000e+10, 1.0000e+00])",
    "tensor([float('nan'), 1.0, float('inf')])": "tensor([nan, 1., inf])",
    "tensor([1.5], dtype=torch.float64)": "tensor([1.5000], dtype=torch.float64)",
    "zeros(0)": "tensor([])",
    "zeros(0, 3)": "tensor([], size=(0, 3))",
    "ones(2, requires_grad=True)": "tensor([1., 1.], requires_grad=True)",
    "ones(2, requires_grad=True) * 2": "tensor([2., 2.], grad_fn=<MulBackward0>)",
    "arange(2000)": "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])",
    "arange(24.).reshape(2, 3, 4)[:, :2, :2]": "tensor([[[ 0.,  1.],\n         [ 4.,  5.]],\n\n"
    "        [[12., 13.],\n         [16., 17.]]])",
    "ones(30)": "tensor([1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.,\n"
    "        1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.])",
    "Size([2, 3])": "torch.Size([2, 3])",
    "max(torch.tensor([[1., 2.]]), 1)": "torch.return_types.max(\nvalues=tensor([2.]),\nindices=tensor([1]))",
}


@pytest.mark.parametrize("text", PRINTED)
def test_print_form(text: str) -> None:
    made = eval(f"torch.{text}", {"torch": torch})
    assert repr(made) == PRINTED[text]


def test_numbers_and_formats() -> None:
    t = torch.tensor(2.5)
    assert f"{t:.2f} {t.item()}" == "2.50 2.5"
    assert (float(t), int(t), bool(t), len(torch.ones(3))) == (2.5, 2, True, 3)
    assert [10, 20, 30][torch.tensor(1)] == 20
    assert [x.item() for x in torch.arange(3)] == [0, 1, 2]
    assert 2.5 in torch.tensor([1.0, 2.5])
    refused(
        RuntimeError,
        "Boolean value of Tensor with more than one value",
        lambda: bool(torch.ones(2)),
    )
    refused(TypeError, "len.. of a 0-d tensor", lambda: len(t))


def test_copies_and_pickles() -> None:
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert torch.equal(other, x)
        assert other.requires_grad
        other.data.add_(1)
        assert x.tolist() == [1.0, 2.0]
    assert copy.deepcopy(x).grad.tolist() == [2.0, 4.0]
    assert pickle.loads(pickle.dumps(torch.float64)) is torch.float64
    refused(RuntimeError, "graph leaves", lambda: copy.deepcopy(x * 2))


def test_reductions_name_their_parts() -> None:
    t = torch.tensor([[1.0, 5.0, 2.0], [7.0, 0.0, 7.0]])
    values, indices = t.max(dim=1)
    assert (values.tolist(), indices.tolist()) == ([5, 7], [1, 0])
    assert t.sort(descending=True).values[1].tolist() == [7, 7, 0]
    assert t.topk(2).indices.tolist() == [[1, 2], [0, 2]]
    assert t.median().item() == 2.0
    assert t.std(0, correction=0).tolist() == [3.0, 2.5, 2.5]
    assert torch.einsum("ij,kj->ik", t, t).tolist() == (t @ t.T).tolist()


def test_random_numbers_follow_the_seed() -> None:
    torch.manual_seed(3)
    first = [torch.rand(3), torch.randn(2), torch.randint(0, 10, (4,)), torch.randperm(5)]
    torch.manual_seed(3)
    again = [torch.rand(3), torch.randn(2), torch.randint(0, 10, (4,)), torch.randperm(5)]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    own = torch.Generator().manual_seed(1)
    drawn = torch.rand(3, generator=own)
    assert torch.equal(drawn, torch.rand(3, generator=own.manual_seed(1)))
    assert torch.multinomial(torch.tensor([0.0, 1.0, 0.0]), 4, replacement=True).tolist() == [1] * 4
    assert sorted(torch.multinomial(torch.ones(4), 4).tolist()) == [0, 1, 2, 3]
    assert torch.empty(1000).uniform_(2, 3).mean().item() == pytest.approx(2.5, abs=0.1)
    assert torch.bernoulli(torch.tensor([0.0, 1.0])).tolist() == [0.0, 1.0]


def test_machines() -> None:
    assert not torch.cuda.is_available()
    assert str(torch.device("cpu")) == "cpu"
    assert torch.ones(1).to(torch.device("cpu")).device == torch.device("cpu")
    assert torch.get_num_threads() >= 1
    assert torch.finfo(torch.float32).eps == np.finfo(np.float32).eps
    assert torch.iinfo(torch.uint8).max == 255
