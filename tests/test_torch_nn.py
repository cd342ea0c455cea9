"""Modules, optimizers and schedules of hotloop.torch: PyTorch's values, and PyTorch's rules."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any, cast

import numpy as np
import pytest

import torch_module_cases
from hotloop import torch as face
from hotloop.torch import nn, optim

# `torch.tensor` is a function, and the module that it is in.
torch: Any = face
CASES = dict(torch_module_cases.all_cases())
RECORDED: dict[str, list[float]] = json.loads(
    torch_module_cases.RECORDED.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", RECORDED)
def test_values_are_those_that_pytorch_gave(name: str) -> None:
    found = torch_module_cases.digest(CASES[name](torch))
    np.testing.assert_allclose(found, RECORDED[name], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", torch_module_cases.KINDS)
def test_values_are_those_of_pytorch(kind: str) -> None:
    peer = pytest.importorskip("torch", reason="the definition to compare with")
    limit = 1e-5 if kind == "float32" else 1e-10
    for name, case in CASES.items():
        if not name.endswith(kind) and not name.startswith("scheduler"):
            continue
        theirs, ours = case(peer), case(torch)
        assert [a.shape for a in ours] == [a.shape for a in theirs], name
        for a, b in zip(ours, theirs, strict=True):
            assert a.dtype == b.dtype, name
            scale = max(float(np.abs(b).max(initial=0.0)), 1e-3)
            assert np.abs(a - b).max(initial=0.0) <= limit * scale, name


def test_modules_are_written_and_saved_as_pytorch_does() -> None:
    peer = pytest.importorskip("torch", reason="the definition to compare with")
    for name, (make, _) in {**torch_module_cases.MODULES, **torch_module_cases.LOSSES}.items():
        theirs, ours = make(peer.nn), make(nn)
        assert repr(ours) == repr(theirs), name
        assert list(ours.state_dict()) == list(theirs.state_dict()), name
        again = make(nn)
        again.load_state_dict({k: torch.tensor(v.numpy()) for k, v in theirs.state_dict().items()})


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(3, 4)
        self.bn = nn.BatchNorm1d(4)
        self.rest = nn.Sequential(nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2))
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("seen", torch.zeros(2), persistent=False)

    def forward(self, x: Any) -> Any:
        return self.rest(self.bn(self.fc1(x))) * self.scale


def test_what_a_module_finds() -> None:
    net = Net()
    names = ["scale", *(f"{m}.{p}" for m in ("fc1", "bn", "rest.2") for p in ("weight", "bias"))]
    assert [name for name, _ in net.named_parameters()] == names
    assert [name for name, _ in net.named_buffers()] == [
        "seen",
        *(f"bn.{n}" for n in ("running_mean", "running_var", "num_batches_tracked")),
    ]
    assert "seen" not in net.state_dict()
    assert [name for name, _ in net.named_children()] == ["fc1", "bn", "rest"]
    assert len(list(net.modules())) == 7
    assert net.get_submodule("rest.2") is net.rest[2]
    assert net.get_parameter("rest.2.bias") is net.rest[2].bias
    assert not net.eval().rest[1].training
    assert net.train().rest[1].training
    net.tied = net.fc1
    assert [name for name, _ in net.named_parameters()] == names
    del net.tied
    assert repr(Net()).startswith("Net(\n  (fc1): Linear(in_features=3")
    seen: list[Any] = []
    net.apply(lambda module: seen.append(type(module).__name__))
    assert seen[0] == "Linear"
    assert seen[-1] == "Net"


def test_rules_of_attributes() -> None:
    net = Net()
    with pytest.raises(TypeError, match=r"cannot assign 'torch.FloatTensor' as parameter 'scale'"):
        net.scale = torch.zeros(1)
    with pytest.raises(TypeError, match="as child module 'fc1'"):
        net.fc1 = cast("Any", 3)
    with pytest.raises(TypeError, match="as buffer 'seen'"):
        net.seen = 3
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'fc7'"):
        _ = net.fc7
    with pytest.raises(KeyError, match="buffer name can"):
        net.register_buffer("a.b", torch.zeros(1))
    with pytest.raises(KeyError, match="already exists"):
        net.register_parameter("forward", nn.Parameter(torch.zeros(1)))
    net.scale = None
    assert net.scale is None
    net.fc1 = nn.Linear(3, 4)
    net.plain = torch.zeros(1)
    assert "plain" not in dict(net.named_buffers())
    net.plain = nn.Parameter(torch.zeros(1))
    assert "plain" in dict(net.named_parameters())

    class Early(nn.Module):
        def __init__(self) -> None:
            self.fc = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"before Module.__init__\(\) call"):
        Early()
    with pytest.raises(NotImplementedError, match='missing the required "forward" function'):
        nn.Module()(1)


def test_states_load_whole_or_not_at_all() -> None:
    net, other = Net(), Net()
    assert repr(net.load_state_dict(other.state_dict())) == "<All keys matched successfully>"
    assert torch.equal(net.fc1.weight, other.fc1.weight)
    state = {k: v.clone() + 1 for k, v in other.state_dict().items()}
    state["fc1.weight"] = torch.zeros(2, 2)
    state["more"] = state.pop("scale")
    before = net.fc1.bias.clone()
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    assert str(caught.value) == (
        "Error(s) in loading state_dict for Net:\n"
        '\tMissing key(s) in state_dict: "scale". \n'
        '\tUnexpected key(s) in state_dict: "more". \n'
        "\tsize mismatch for fc1.weight: copying a param with shape torch.Size([2, 2]) from "
        "checkpoint, the shape in current model is torch.Size([4, 3])."
    )
    assert torch.equal(net.fc1.bias, before)
    del state["fc1.weight"]
    answer = net.load_state_dict(state, strict=False)
    assert answer.missing_keys == ["scale", "fc1.weight"]
    assert answer.unexpected_keys == ["more"]
    assert torch.equal(net.fc1.bias, other.fc1.bias + 1)
    # Files of before batches were counted.
    old = {k: v for k, v in other.state_dict().items() if "tracked" not in k}
    net.load_state_dict(old)


def test_kinds_copies_and_pickles() -> None:
    net = Net().double()
    assert {p.dtype for p in net.parameters()} == {torch.float64}
    assert net.bn.num_batches_tracked.dtype == torch.int64
    x = torch.randn(5, 3, dtype=torch.float64)
    net.eval()
    for made in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(made(x), net(x))
        with torch.no_grad():
            made.scale += 1
        assert not torch.equal(made(x), net(x))
    with pytest.raises(TypeError, match="only accepts floating point"):
        net.to(torch.int64)
    with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
        net.cuda()
    net(x).sum().backward()
    assert net.scale.grad is not None
    net.zero_grad()
    assert net.scale.grad is None
    assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())


def test_hooks() -> None:
    net = nn.Linear(2, 2)
    calls: list[Any] = []

    def note(_: Any, __: Any, out: Any) -> Any:
        calls.append(out.shape)
        return out + 1

    handles = [
        net.register_forward_pre_hook(lambda _, args: (args[0] * 2,)),
        net.register_forward_hook(note),
        net.register_full_backward_hook(lambda _, gi, go: calls.append((gi[0], go[0]))),
    ]
    x = torch.ones(1, 2, requires_grad=True)
    y = net(x)
    assert torch.allclose(y, nn.functional.linear(2 * x, net.weight, net.bias) + 1)
    y.sum().backward()
    assert calls[0] == (1, 2)
    assert torch.allclose(calls[1][0], net.weight.sum(0))
    assert torch.equal(calls[1][1], torch.ones(1, 2))
    for handle in handles:
        handle.remove()
    assert torch.equal(net(x), nn.functional.linear(x, net.weight, net.bias))
    assert len(calls) == 2


def test_containers() -> None:
    row = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert len(row[:2]) == 2
    assert row[-1] is row[2]
    row.append(nn.Tanh())
    del row[1]
    assert [type(m).__name__ for m in row] == ["Linear", "Linear", "Tanh"]
    listed = nn.ModuleList([nn.Linear(1, 1) for _ in range(3)])
    listed.insert(0, nn.ReLU())
    assert repr(listed).splitlines()[2].startswith("  (1-3): 3 x Linear")
    assert isinstance(listed.pop(0), nn.ReLU)
    named = nn.ModuleDict({"a": nn.ReLU()})
    named["b"] = nn.Linear(1, 2)
    assert list(named.keys()) == ["a", "b"]
    assert [k for k, _ in named.named_parameters()] == ["b.weight", "b.bias"]
    params = nn.ParameterList([torch.zeros(2), nn.Parameter(torch.ones(1))])
    assert [k for k, _ in params.named_parameters()] == ["0", "1"]
    with pytest.raises(IndexError):
        _ = listed[7]
    with pytest.raises(TypeError, match="is not a Module subclass"):
        nn.ModuleList(cast("Any", [3]))


@pytest.mark.parametrize(
    ("make", "bound"),
    [
        (lambda: nn.Linear(64, 50), 1 / 8),
        (lambda: nn.Conv2d(4, 50, 4), 1 / 8),
        (lambda: nn.ConvTranspose2d(50, 4, 4), 1 / 8),
        (lambda: nn.LSTM(9, 64), 1 / 8),
        (lambda: nn.Bilinear(64, 3, 50), 1 / 8),
    ],
)
def test_weights_begin_by_the_rules_of_pytorch(make: Any, bound: float) -> None:
    for param in make().parameters():
        assert -bound <= float(param.min()) < float(param.max()) <= bound
        assert param.numel() < 100 or float(param.std()) == pytest.approx(bound / 3**0.5, rel=0.15)


def test_first_values() -> None:
    w: Any = torch.empty(200, 100)
    for fill, std in (
        (nn.init.kaiming_uniform_, np.sqrt(2 / 100)),
        (nn.init.kaiming_normal_, np.sqrt(2 / 100)),
        (nn.init.xavier_uniform_, np.sqrt(2 / 300)),
        (nn.init.xavier_normal_, np.sqrt(2 / 300)),
        (nn.init.trunc_normal_, 0.8796),
    ):
        assert fill(w) is w
        assert float(w.std()) == pytest.approx(std, rel=0.05)
    nn.init.orthogonal_(w)
    assert torch.allclose(w.T @ w, torch.eye(100), atol=1e-5)
    assert float(nn.init.constant_(w, 3).mean()) == 3
    assert float(nn.init.eye_(torch.empty(3, 3)).sum()) == 3
    assert nn.Embedding(5, 2, padding_idx=1).weight[1].tolist() == [0, 0]
    x = torch.randn(1, 2, 5, 5)
    conv = nn.Conv2d(2, 2, 3, padding=1, bias=False)
    nn.init.dirac_(conv.weight)
    assert torch.allclose(conv(x), x)


def test_gradients_are_cut() -> None:
    params = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))]
    for param, grad in zip(params, ([3.0, 0.0], [4.0]), strict=True):
        param.grad = torch.tensor(grad)
    assert float(nn.utils.clip_grad_norm_(params, 1.0)) == 5
    assert [p.grad.tolist() for p in params] == [pytest.approx([0.6, 0.0]), pytest.approx([0.8])]
    nn.utils.clip_grad_value_(params, 0.7)
    assert params[1].grad.tolist() == pytest.approx([0.7])
    vector = nn.utils.parameters_to_vector(params)
    nn.utils.vector_to_parameters(vector + 1, params)
    assert params[1].tolist() == [1.0]
    params[0].grad = torch.tensor([np.inf, 0.0])
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(params, 1.0, error_if_nonfinite=True)


def test_optimizers_refuse_what_pytorch_refuses() -> None:
    w = torch.zeros(2, requires_grad=True)
    for make, words in (
        (lambda: optim.SGD([], lr=0.1), "empty parameter list"),
        (lambda: optim.SGD([w], lr=-1.0), "Invalid learning rate: -1.0"),
        (lambda: optim.Adam([w], betas=(1.0, 0.9)), "Invalid beta parameter at index 0"),
        (lambda: optim.SGD([w], lr=0.1, nesterov=True), "Nesterov momentum requires"),
        (lambda: optim.SGD([w * 2], lr=0.1), "can't optimize a non-leaf Tensor"),
        (lambda: optim.SGD([{"params": w}, {"params": [w]}]), "more than one parameter group"),
    ):
        with pytest.raises(ValueError, match=words):
            make()
    for given in (w, 3, [3]):
        with pytest.raises(TypeError):
            optim.SGD(given)


@pytest.mark.parametrize("name", torch_module_cases.OPTIMIZERS)
def test_a_run_goes_on_from_a_state(name: str) -> None:
    method, options = torch_module_cases.OPTIMIZERS[name]

    def steps(w: Any, optimizer: Any, n: int) -> None:
        for i in range(n):
            optimizer.zero_grad(set_to_none=bool(i % 2))
            loss = ((w - 1) ** 2).sum()
            loss.backward()
            optimizer.step()

    w = torch.zeros(3, requires_grad=True)
    optimizer = getattr(optim, method)([w], **options)
    steps(w, optimizer, 3)
    copied = w.detach().clone().requires_grad_()
    again = getattr(optim, method)([copied], **options)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    steps(w, optimizer, 3)
    steps(copied, again, 3)
    assert torch.equal(w, copied)


def test_closures_and_groups() -> None:
    w = torch.ones(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)
    assert repr(optimizer).startswith("SGD (\nParameter Group 0\n    dampening: 0")

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        assert float(optimizer.step(closure)) == 1
    assert w.item() == pytest.approx(0.8)
    other = torch.ones(1, requires_grad=True)
    optimizer.add_param_group({"params": other, "lr": 0.5})
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.5]
    with pytest.raises(ValueError, match="different number of parameter groups"):
        optim.SGD([w], lr=0.1).load_state_dict(optimizer.state_dict())
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        optim.lr_scheduler.StepLR(optim.SGD([w], lr=0.1), 2).step()


@pytest.mark.parametrize("name", torch_module_cases.SCHEDULERS)
@pytest.mark.filterwarnings("ignore:Detected call")
def test_schedules_go_on_from_a_state(name: str) -> None:
    def made() -> Any:
        optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
        return optimizer, torch_module_cases.SCHEDULERS[name](optim.lr_scheduler, optimizer)

    def steps(scheduler: Any, n: int) -> list[float]:
        figure = (1.0,) if name.startswith("plateau") else ()
        rates = []
        for _ in range(n):
            scheduler.step(*figure)
            rates += scheduler.get_last_lr()
        return rates

    optimizer, scheduler = made()
    steps(scheduler, 9)
    other, again = made()
    again.load_state_dict(copy.deepcopy(scheduler.state_dict()))
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert steps(scheduler, 9) == steps(again, 9)
