"""Functions of networks with their inputs, to be run under PyTorch and under hotloop.torch."""

from __future__ import annotations

from typing import Any

import numpy as np

_rng = np.random.default_rng(0)


def n(*shape: int) -> Any:
    return _rng.standard_normal(shape)


def p(*shape: int) -> Any:
    return _rng.uniform(0.05, 0.95, shape)


def labels(k: int, *shape: int) -> Any:
    return _rng.integers(0, k, shape)


def _named(name: str, **options: Any) -> Any:
    def function(F: Any, x: Any) -> Any:
        return getattr(F, name)(x, **options)

    return function


CASES: dict[str, Any] = {
    "linear": (lambda F, x, w, b: F.linear(x, w, b), [n(4, 3), n(5, 3), n(5)]),
    "linear3": (lambda F, x, w: F.linear(x, w), [n(2, 4, 3), n(5, 3)]),
    "linear1": (lambda F, x, w, b: F.linear(x, w, b), [n(3), n(5, 3), n(5)]),
    "bilinear": (
        lambda F, x, y, w, b: F.bilinear(x, y, w, b),
        [n(4, 3), n(4, 2), n(5, 3, 2), n(5)],
    ),
    "conv": (
        lambda F, x, w, b: F.conv2d(x, w, b, stride=2, padding=1),
        [n(2, 3, 7, 6), n(4, 3, 3, 3), n(4)],
    ),
    "conv_g": (
        lambda F, x, w: F.conv2d(x, w, dilation=2, groups=2, padding="same"),
        [n(2, 4, 7, 6), n(4, 2, 3, 3)],
    ),
    "conv3": (lambda F, x, w, b: F.conv2d(x, w, b), [n(3, 7, 6), n(4, 3, 3, 2), n(4)]),
    "conv1d": (
        lambda F, x, w, b: F.conv1d(x, w, b, stride=2, padding=1),
        [n(2, 3, 9), n(4, 3, 3), n(4)],
    ),
    "convt": (
        lambda F, x, w, b: F.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1),
        [n(2, 3, 5, 4), n(3, 4, 3, 3), n(4)],
    ),
    "convtg": (
        lambda F, x, w: F.conv_transpose2d(x, w, groups=2, dilation=2),
        [n(2, 4, 5, 4), n(4, 3, 3, 3)],
    ),
    "convt1": (
        lambda F, x, w, b: F.conv_transpose1d(x, w, b, stride=2),
        [n(2, 3, 5), n(3, 4, 3), n(4)],
    ),
    "maxpool": (lambda F, x: F.max_pool2d(x, 2), [n(2, 3, 7, 6)]),
    "maxpoolp": (lambda F, x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True), [n(2, 3, 7, 6)]),
    "maxpool1": (lambda F, x: F.max_pool1d(x, 2), [n(2, 3, 7)]),
    "avgpool": (lambda F, x: F.avg_pool2d(x, 3, 2, 1), [n(2, 3, 7, 6)]),
    "avgpool_n": (
        lambda F, x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False, ceil_mode=True),
        [n(2, 3, 7, 6)],
    ),
    "avgpool1": (lambda F, x: F.avg_pool1d(x, 2), [n(2, 3, 7)]),
    "aap": (lambda F, x: F.adaptive_avg_pool2d(x, (3, 2)), [n(2, 3, 7, 5)]),
    "aap1": (lambda F, x: F.adaptive_avg_pool2d(x, 1), [n(2, 3, 7, 5)]),
    "aap_1d": (lambda F, x: F.adaptive_avg_pool1d(x, 3), [n(2, 3, 7)]),
    "bn": (lambda F, x, w, b: F.batch_norm(x, None, None, w, b, True), [n(6, 3, 4, 2), n(3), n(3)]),
    "bn2": (lambda F, x, w, b: F.batch_norm(x, None, None, w, b, True), [n(6, 3), n(3), n(3)]),
    "bn3": (lambda F, x: F.batch_norm(x, None, None, None, None, True), [n(6, 3, 5)]),
    "bne": (
        lambda F, x, w, b, m, v: F.batch_norm(x, m.detach(), v.detach(), w, b, False),
        [n(6, 3, 4, 2), n(3), n(3), n(3), p(3)],
    ),
    "ln": (lambda F, x, w, b: F.layer_norm(x, (4, 2), w, b), [n(6, 3, 4, 2), n(4, 2), n(4, 2)]),
    "gn": (lambda F, x, w, b: F.group_norm(x, 2, w, b), [n(6, 4, 4, 2), n(4), n(4)]),
    "in": (lambda F, x: F.instance_norm(x), [n(6, 4, 4, 2)]),
    "rms": (lambda F, x, w: F.rms_norm(x, (4,), w), [n(6, 4), n(4)]),
    "emb": (lambda F, i, w: F.embedding(i, w, padding_idx=1), [labels(5, 3, 4), n(5, 3)]),
    "ce": (lambda F, x, t: F.cross_entropy(x, t), [n(6, 4), labels(4, 6)]),
    "ce_w": (
        lambda F, x, t, w: F.cross_entropy(x, t, weight=w.detach(), label_smoothing=0.1),
        [n(6, 4), labels(4, 6), p(4)],
    ),
    "ce_s": (
        lambda F, x, t: F.cross_entropy(x, t, reduction="sum", label_smoothing=0.1),
        [n(6, 4), labels(4, 6)],
    ),
    "ce_i": (
        lambda F, x, t: F.cross_entropy(x, t, ignore_index=2, label_smoothing=0.2),
        [n(6, 4), labels(4, 6)],
    ),
    "ce_p": (lambda F, x, t: F.cross_entropy(x, t), [n(6, 4), p(6, 4)]),
    "ce_4": (
        lambda F, x, t: F.cross_entropy(x, t, reduction="none"),
        [n(6, 4, 3, 2), labels(4, 6, 3, 2)],
    ),
    "ce_4m": (lambda F, x, t: F.cross_entropy(x, t), [n(6, 4, 3, 2), labels(4, 6, 3, 2)]),
    "ce_1": (lambda F, x, t: F.cross_entropy(x, t), [n(4), np.asarray(2)]),
    "nll": (lambda F, x, t: F.nll_loss(F.log_softmax(x, 1), t), [n(6, 4), labels(4, 6)]),
    "nll_w": (
        lambda F, x, t, w: F.nll_loss(F.log_softmax(x, 1), t, w.detach(), ignore_index=1),
        [n(6, 4), labels(4, 6), p(4)],
    ),
    "mse": (lambda F, x, t: F.mse_loss(x, t), [n(6, 4), n(6, 4)]),
    "mse_s": (lambda F, x, t: F.mse_loss(x, t, reduction="sum"), [n(6, 4), n(6, 4)]),
    "l1": (lambda F, x, t: F.l1_loss(x, t), [n(6, 4), n(6, 4)]),
    "sl1": (lambda F, x, t: F.smooth_l1_loss(x, t, beta=0.7), [n(6, 4), n(6, 4)]),
    "hub": (lambda F, x, t: F.huber_loss(x, t, delta=0.7), [n(6, 4), n(6, 4)]),
    "bce": (lambda F, x, t: F.binary_cross_entropy(x, t.detach()), [p(6, 4), p(6, 4)]),
    "bcel": (
        lambda F, x, t, w: F.binary_cross_entropy_with_logits(x, t.detach(), pos_weight=w.detach()),
        [n(6, 4) * 30, p(6, 4), p(4)],
    ),
    "kl": (
        lambda F, x, t: F.kl_div(F.log_softmax(x, 1), t.detach(), reduction="batchmean"),
        [n(6, 4), p(6, 4)],
    ),
    "gnll": (lambda F, x, t, v: F.gaussian_nll_loss(x, t.detach(), v), [n(6, 4), p(6, 4), p(6, 4)]),
    "pnll": (lambda F, x, t: F.poisson_nll_loss(x, t.detach(), full=True), [n(6, 4), p(6, 4) * 4]),
    "hinge": (lambda F, x, t: F.hinge_embedding_loss(x, t), [n(6, 4), labels(2, 6, 4) * 2 - 1]),
    "softm": (lambda F, x, t: F.soft_margin_loss(x, t), [n(6, 4), labels(2, 6, 4) * 2 - 1]),
    "mrank": (
        lambda F, x, y, t: F.margin_ranking_loss(x, y, t, margin=0.1),
        [n(6), n(6), labels(2, 6) * 2 - 1],
    ),
    "mmar": (lambda F, x, t: F.multi_margin_loss(x, t), [n(6, 4), labels(4, 6)]),
    "cos": (lambda F, x, t: F.cosine_similarity(x, t), [n(6, 4), n(6, 4)]),
    "cosl": (
        lambda F, x, y, t: F.cosine_embedding_loss(x, y, t, margin=0.1),
        [n(6, 3), n(6, 3), labels(2, 6) * 2 - 1],
    ),
    "trip": (
        lambda F, x, y, z: F.triplet_margin_loss(x, y, z, swap=True),
        [n(6, 4), n(6, 4), n(6, 4)],
    ),
    "mlsm": (lambda F, x, t: F.multilabel_soft_margin_loss(x, t.detach()), [n(6, 4), p(6, 4)]),
    "pad": (lambda F, x: F.pad(x, (1, 2, 0, 1), value=3.0), [n(2, 3, 4)]),
    "padneg": (lambda F, x: F.pad(x, (-1, 2)), [n(2, 3, 4)]),
    "padr": (lambda F, x: F.pad(x, (1, 2, 1, 1), mode="reflect"), [n(2, 3, 4, 4)]),
    "pade": (lambda F, x: F.pad(x, (1, 2, 1, 1), mode="replicate"), [n(2, 3, 4, 4)]),
    "padc": (lambda F, x: F.pad(x, (1, 2, 1, 1), mode="circular"), [n(2, 3, 4, 4)]),
    "inear": (lambda F, x: F.interpolate(x, scale_factor=2), [n(2, 3, 4, 5)]),
    "inear2": (lambda F, x: F.interpolate(x, size=(3, 7)), [n(2, 3, 4, 5)]),
    "ibil": (
        lambda F, x: F.interpolate(x, size=(7, 3), mode="bilinear", align_corners=False),
        [n(2, 3, 4, 5)],
    ),
    "ibilc": (
        lambda F, x: F.interpolate(x, scale_factor=1.7, mode="bilinear", align_corners=True),
        [n(2, 3, 4, 5)],
    ),
    "icub": (lambda F, x: F.interpolate(x, scale_factor=2, mode="bicubic"), [n(2, 3, 4, 5)]),
    "ilin": (lambda F, x: F.interpolate(x, scale_factor=2, mode="linear"), [n(2, 3, 5)]),
    "iarea": (lambda F, x: F.interpolate(x, size=(2, 3), mode="area"), [n(2, 3, 4, 5)]),
    "norm": (lambda F, x: F.normalize(x), [n(6, 4)]),
    "sdpa": (
        lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        [n(2, 5, 4), n(2, 5, 4), n(2, 5, 4)],
    ),
    "sdpam": (
        lambda F, q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m),
        [n(2, 5, 4), n(2, 6, 4), n(2, 6, 3), n(5, 6)],
    ),
    "pd": (lambda F, x, y: F.pairwise_distance(x, y), [n(6, 4), n(6, 4)]),
    "unfold": (lambda F, x: F.unfold(x, (2, 3), padding=1, stride=2), [n(2, 3, 6, 5)]),
    "pshuf": (lambda F, x: F.pixel_shuffle(x, 2), [n(2, 8, 3, 5)]),
    "onehot": (lambda F, x: F.one_hot(x, 5).double(), [labels(5, 3, 2)]),
    "prelu": (lambda F, x, w: F.prelu(x, w), [n(2, 3, 4), n(3)]),
    "glu": (lambda F, x: F.glu(x), [n(2, 6)]),
}
for _name in [
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "celu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "logsigmoid",
    "softsign",
    "tanhshrink",
    "hardshrink",
    "softshrink",
    "hardswish",
    "hardtanh",
    "sigmoid",
    "tanh",
]:
    CASES[_name] = (_named(_name), [n(40) * 3])
CASES["gelut"] = (lambda F, x: F.gelu(x, approximate="tanh"), [n(40) * 3])
CASES["thr"] = (lambda F, x: F.threshold(x, 0.1, 7.0), [n(40) * 3])
CASES["softplusb"] = (lambda F, x: F.softplus(x, 2.0, 3.0), [n(40) * 3])
for _name in ["softmax", "log_softmax", "softmin"]:
    CASES[_name] = (_named(_name, dim=1), [n(3, 4, 2) * 3])


def run(lib: Any, F: Any, name: str) -> tuple[Any, list[Any]]:
    """Return the output of a case, and the gradients of its inputs."""
    function, arrays = CASES[name]
    tensors = []
    for array in arrays:
        tensor = lib.from_numpy(np.array(array, order="C"))
        if np.asarray(array).dtype.kind == "f":
            tensor.requires_grad_()
        tensors.append(tensor)
    out = function(F, *tensors)
    if out.requires_grad:
        weights = np.random.default_rng(1).standard_normal(tuple(out.shape))
        (out * lib.from_numpy(np.asarray(weights))).sum().backward()
    return out.detach().numpy(), [None if t.grad is None else t.grad.numpy() for t in tensors]
