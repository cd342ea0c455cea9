"""Rows of losses, and of class ids as rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conformance.cases import SEEDS, Array, F, Gradient, Op, R, Sample, draw

CLASSES = (2, 3, 5, 8, 10, 16, 17, 32, 33, 100, 257)
BATCHES = (3, 1, 2, 5, 15, 16, 17, 33, 100)
LARGE_BATCHES = ((30_001, 10), (5001, 101))


def scores(kind: str, shape: tuple[int, ...], seed: int) -> Array:
    """Draw what a loss takes: logits, probabilities or log-probabilities."""
    x = draw(shape, seed, "tails")
    if kind == "probs":
        return np.asarray((R.softmax(x) + 1 / max(shape[-1], 1)) / 2)
    return x if kind == "logits" else np.asarray(R.log_softmax(x))


def labelled(
    kind: str,
    shape: tuple[int, ...],
    as_rows: bool = False,
    weighted: bool = False,
    seed: int = 0,
    **options: Any,
) -> Sample:
    """Scores, and labels as ids or as rows that sum to one."""
    rng = np.random.default_rng((7, *shape))
    if as_rows:
        labels = rng.dirichlet(np.ones(shape[-1]), shape[:-1]).reshape(shape)
    else:
        labels = np.asarray(rng.integers(0, shape[-1], shape[:-1]))
    arrays = {kind: scores(kind, shape, seed), "labels": labels}
    if weighted:
        arrays["sample_weight"] = np.asarray(rng.uniform(0, 2, shape[:-1]))
    # Central differences of log(p) want p well above their step.
    smooth = kind != "probs" or shape[-1] <= 33
    return Sample(arrays, options, {} if as_rows else {"labels": "ids"}, smooth=smooth)


def bad_labels(name: str, kind: str) -> tuple[Any, ...]:
    f, x = getattr(F, name), scores(kind, (3, 4), 0)
    cases: list[tuple[Any, type[Exception], str]] = [
        ([[0], [1], [2]], ValueError,
         r"labels must be class ids \(3,\) or rows \(3, 4\), got \(3, 1\)"),
        ([0, 1], ValueError, r"labels must be class ids \(3,\) or rows \(3, 4\), got \(2,\)"),
        ([0.0, 1.0, 2.0], ValueError,
         "labels must be integer class ids, got float64 with 0 at index 0"),
        ([0.0, np.nan, 2.0], ValueError,
         "labels must be integer class ids, got float64 with nan at index 1"),
        ([True, False, True], ValueError,
         "labels must be integer class ids, got bool with 1 at index 0"),
        ([0, 1, 4], ValueError, r"labels must be class ids in \[0, 4\), got 4 at index 2"),
        ([0, -1, 2], ValueError, r"labels must be class ids in \[0, 4\), got -1 at index 1"),
        (None, TypeError, "labels must be an array, got None"),
    ]  # fmt: skip
    bad: list[Any] = [
        (lambda labels=labels: f(x, labels), error, text) for labels, error, text in cases
    ]
    bad += [
        (lambda: f(np.ones((2, 2, 2)), [0, 1]), ValueError, r"must be a batch \(N, K\) or one"),
        (lambda: f(None, [0, 1]), TypeError, f"{kind} must be an array, got None"),
    ]
    if not name.endswith("_backward"):
        bad += [
            (
                lambda s=s: f(np.ones(s), np.ones(s)),
                ValueError,
                "the mean loss of an empty batch is undefined",
            )
            for s in ((0, 4), (3, 0))
        ]
    return tuple(bad)


def loss(
    name: str, kind: str, *extra: dict[str, Any], weights: bool = False, back_kind: str = ""
) -> list[Op]:
    """Give the rows of a loss of labels and of its gradient."""
    back_kind = back_kind or kind
    options: tuple[dict[str, Any], ...] = ({}, *extra)
    shapes = [(n, k) for k in (4, *CLASSES, 1) for n in BATCHES]

    def samples(kind: str) -> tuple[Sample, ...]:
        made = [
            labelled(kind, s, as_rows, weighted, **o)
            for as_rows in (False, True)
            for weighted in ((False, True) if weights else (False,))
            for o in options
            for s in (*(shapes if not o and not weighted else shapes[:20]), (7,), *LARGE_BATCHES)
        ]
        return tuple(made)

    drawn = {
        k: st.builds(
            lambda n, classes, as_rows, weighted, seed, o, k=k: labelled(
                k, (n, classes), as_rows, weighted and weights, seed, **o
            ),
            *(st.integers(1, 70), st.integers(2, 70), st.booleans(), st.booleans(), SEEDS),
            st.sampled_from(options),
        )
        for k in (kind, back_kind)
    }
    weight_text = r"sample_weight must be \(3,\), one a sample, got \(3, 1\)"
    weight_bad = tuple(
        (
            lambda n=n: getattr(F, n)(
                np.full((3, 4), 0.25), [0, 1, 2], sample_weight=np.ones((3, 1))
            ),
            ValueError,
            weight_text,
        )
        for n in (name, f"{name}_backward")
    )
    empty = tuple(
        Sample({back_kind: np.ones((0, 4)), "labels": labels}, roles={"labels": "ids"})
        for labels in (np.zeros(0, np.int64),)
    )
    outputs = ("loss", "probs")
    optional = ("sample_weight",)
    return [
        Op(
            name,
            samples=samples(kind),
            draws=drawn[kind],
            bad=(*bad_labels(name, kind), *(weight_bad[:1] if weights else ())),
            gradient=Gradient(f"{name}_backward", (kind,), outputs),
            optional=optional,
        ),
        Op(
            f"{name}_backward",
            samples=(*samples(back_kind), *empty),
            draws=drawn[back_kind],
            bad=(*bad_labels(f"{name}_backward", back_kind), *(weight_bad[1:] if weights else ())),
            why_no_gradient="it is one",
            optional=optional,
        ),
    ]


COUNTS = ((3, 4), (1,), (2,), (5,), (16,), (17,), (33,), (127,), (1024,), (9001,), (2, 3, 4), (),
          (200_003,))  # fmt: skip


def pair_of(first: str, second: str, shape: tuple[int, ...], seed: int = 0) -> Sample:
    t = np.asarray(np.random.default_rng((seed, *shape)).uniform(size=shape))
    # Gradients are differences of a probability or an output and its target, over the count.
    floor = float(np.abs(t).max(initial=1.0)) / max(1, t.size)
    return Sample({first: draw(shape, seed, "tails"), second: t}, floor=floor)


def elementwise_loss(name: str, first: str, second: str) -> list[Op]:
    f, b = getattr(F, name), getattr(F, f"{name}_backward")
    drawn = st.builds(
        lambda shape, seed: pair_of(first, second, shape, seed),
        *(hnp.array_shapes(min_dims=0, max_dims=4, max_side=9), SEEDS),
    )
    text = rf"{first} and {second} must have one shape.*\(4, 1\).*\(4,\)"
    return [
        Op(
            name,
            samples=tuple(pair_of(first, second, s, i) for i, s in enumerate(COUNTS)),
            draws=drawn,
            bad=(
                (lambda: f(np.ones((4, 1)), np.ones(4)), ValueError, text),
                (
                    lambda: f(np.ones((0, 3)), np.ones((0, 3))),
                    ValueError,
                    "the mean loss of an empty batch is undefined",
                ),
            ),
            gradient=Gradient(f"{name}_backward", (first,)),
        ),
        Op(
            f"{name}_backward",
            samples=tuple(
                pair_of(first, second, s, i) for i, s in enumerate((*COUNTS, (0, 3), (0,)))
            ),
            draws=drawn,
            bad=((lambda: b(np.ones((4, 1)), np.ones(4)), ValueError, text),),
            alias=(first, second),
            why_no_gradient="it is one",
        ),
    ]


def ids(n: int | None, classes: int, seed: int = 0, dtype: str = "float32") -> Sample:
    labels = np.random.default_rng((seed, classes)).integers(0, max(classes, 1), n)
    return Sample(
        {"labels": np.asarray(labels)}, {"num_classes": classes, "dtype": dtype}, {"labels": "ids"}
    )


def one_hot(labels: Any, classes: Any, *more: Any) -> Any:
    return lambda: F.one_hot(labels, classes, *more)


ONE_HOT = Op(
    "one_hot",
    samples=tuple(
        ids(n, k, dtype=dtype)
        for n, k in ((5, 3), (0, 3), (None, 3), (1, 1), (33, 33), (5, 10), (0, 0), (120_003, 17))
        for dtype in ("float32", "float64")
    ),
    draws=st.builds(
        ids,
        st.none() | st.integers(0, 40),
        st.integers(1, 40),
        SEEDS,
        st.sampled_from(("float32", "float64")),
    ),
    bad=(
        (one_hot([0, 3], 3), ValueError, r"labels must be class ids in \[0, 3\), got 3 at index 1"),
        (one_hot([0, -1], 3), ValueError, r"labels must be class ids in \[0, 3\), got -1 at index"),
        (one_hot([0], 0), ValueError, r"labels must be class ids in \[0, 0\), got 0 at index 0"),
        (one_hot([0.0], 3), ValueError, "labels must be integer class ids, got float64 with 0"),
        (one_hot([0, np.nan], 3), ValueError, "got float64 with nan at index 1"),
        (one_hot([True], 3), ValueError, "labels must be integer class ids, got bool"),
        (one_hot([[1]], 3), ValueError, r"labels must be class ids \(N,\) or one id, got \(1, 1\)"),
        (one_hot([1], -1), ValueError, "num_classes must not be negative, got -1"),
        (one_hot([1], 3, "int64"), TypeError, "dtype must be float32 or float64, got int64"),
        (one_hot([1], 2.0), TypeError, "num_classes must be an integer, got float"),
        (one_hot(["a"], 3), TypeError, "labels must be integer class ids, got <U1"),
    ),
    why_no_gradient="ids are not differentiated",
)

ROWS: list[Op] = [
    *loss("softmax_cross_entropy", "logits", weights=True, back_kind="probs"),
    *loss("cross_entropy", "probs", {"eps": 1e-7}, {"eps": 0.1}),
    *loss("nll", "log_probs"),
    *elementwise_loss("binary_cross_entropy", "logits", "targets"),
    *elementwise_loss("mean_squared_error", "y", "t"),
    ONE_HOT,
]
