"""plot_model and model_to_dot: what stands in the boxes, where they stand, and that pictures always come."""

from __future__ import annotations

import io
import itertools
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hotloop as hl
from hotloop import layers
from hotloop.utils import canvas, drawing, layout

pytest.importorskip("matplotlib")


def in_a_row() -> Any:
    conv = layers.Conv2D(3, 3, activation="relu", name="conv")
    return hl.Sequential([hl.Input((8, 8, 1)), conv, layers.Flatten(), layers.Dense(2, name="d")])


def shared() -> Any:
    encoder = hl.Sequential([hl.Input((5,)), layers.Dense(4), layers.ReLU()], name="encoder")
    a, b = hl.Input((5,), name="left"), hl.Input((5,), name="right")
    return hl.Model([a, b], layers.Dense(1)(layers.Multiply()([encoder(a), encoder(b)])))


def nested() -> Any:
    start = hl.Input((6,))
    h = layers.Dense(4, name="h1")(start)
    ends = [layers.Add(name="sum")([h, layers.Dense(4, name="h2")(start)]), h]
    inner = hl.Model(start, ends, name="inner")
    x = hl.Input((6,), name="x")
    a, b = inner(x)
    tail = hl.Sequential([hl.Input((4,)), layers.Dense(3)], name="tail")
    return hl.Model(x, [tail(a), layers.Dense(2, name="side")(b)])


def again() -> Any:
    """Return a model of a layer that reads, in the end, what it has led to."""
    twice = layers.Dense(4, name="twice")
    x = hl.Input((4,), name="x")
    return hl.Model(x, twice(layers.ReLU(name="between")(twice(x))))


def operations() -> Any:
    x = hl.Input((4,), name="x")
    return hl.Model(x, hl.ops.sum(hl.ops.sqrt(hl.ops.abs(layers.Dense(3)(x)) + 1.0), axis=-1))


MODELS = {f.__name__: f for f in (in_a_row, shared, nested, again, operations)}
ALL: dict[str, Any] = {
    "show_shapes": True,
    "show_dtype": True,
    "show_layer_names": True,
    "show_layer_activations": True,
    "show_trainable": True,
}


@pytest.fixture(autouse=True)
def no_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)


@pytest.mark.parametrize("expand", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_drawn(tmp_path: Path, name: str, expand: bool) -> None:
    model = MODELS[name]()
    path = tmp_path / "m.png"
    got = hl.utils.plot_model(model, path, expand_nested=expand, dpi=30, rankdir="LR", **ALL)
    assert got is None
    image = pytest.importorskip("PIL.Image").open(path)
    pixels = np.asarray(image.convert("L"))
    assert 0.02 < (pixels < 128).mean() < 0.9
    assert (pixels[[0, -1]] == 255).all()  # nothing stands over the edge
    assert (pixels[:, [0, -1]] == 255).all()


def test_what_stands_in_the_boxes() -> None:
    text = hl.utils.model_to_dot(in_a_row(), **ALL).to_string()
    for part in (
        "conv (Conv2D)",
        "Activation: relu",
        "Input shape: (None, 8, 8, 1)",
        "Output shape: (None, 6, 6, 3)",
        "Output dtype: float32",
        "flatten (Flatten)",
    ):
        assert part in text
    assert (text.count("->"), text.count("Trainable"), text.count("InputLayer")) == (2, 2, 0)
    model = in_a_row()
    model.get_layer("d").trainable = False
    plain = hl.utils.model_to_dot(model, show_layer_names=False, show_trainable=True)
    assert "Non-trainable" in plain.to_string()
    assert "conv (" not in plain.to_string()


def test_a_shared_model_is_one_box_with_all_that_it_reads() -> None:
    text = hl.utils.model_to_dot(shared(), show_shapes=True).to_string()
    assert "encoder (Sequential)" in text
    assert "Input shape: [(None, 5), (None, 5)]" in text
    assert text.count("->") == 4
    inside = hl.utils.model_to_dot(shared(), expand_nested=True).to_string()
    assert "subgraph cluster_c_0" in inside
    assert 'label="encoder"' in inside
    assert (inside.count("->"), inside.count("re_lu (ReLU)")) == (5, 1)


def test_operations_have_their_own_names() -> None:
    text = hl.utils.model_to_dot(operations(), show_layer_names=False).to_string()
    assert all(f"<b>{name}</b>" in text for name in ("Absolute", "Sqrt", "Sum"))


def test_formats_and_directions(tmp_path: Path) -> None:
    model = nested()
    for ending, begins in (("svg", b"<?xml"), ("pdf", b"%PDF"), ("dot", b"digraph")):
        hl.utils.plot_model(model, tmp_path / f"m.{ending}")
        assert (tmp_path / f"m.{ending}").read_bytes().startswith(begins)
    dot = hl.utils.model_to_dot(model, subgraph=True)
    assert dot.create_svg().startswith(b"<?xml")
    assert dot.write_png(tmp_path / "n")
    sizes = {}
    for rankdir in ("TB", "BT", "LR", "RL"):
        png = hl.utils.model_to_dot(model, rankdir=rankdir, dpi=50, expand_nested=True).create()
        sizes[rankdir] = pytest.importorskip("PIL.Image").open(io.BytesIO(png)).size
    assert sizes["TB"] == sizes["BT"]
    assert sizes["LR"] == sizes["RL"]
    assert sizes["LR"][0] > sizes["TB"][0]


def test_graphviz_draws_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "dot"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint(sys.argv[1], len(sys.stdin.read()))")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(tmp_path / name))
    dot = hl.utils.model_to_dot(in_a_row())
    assert dot.create(prog="dot", format="svg").decode().split() == [
        "-Tsvg",
        str(len(dot.to_string())),
    ]
    program.write_text("#!/bin/sh\nexit 1")
    assert dot.create().startswith(b"\x89PNG")  # a Graphviz that fails is done without


def test_drawing_refuses() -> None:
    with pytest.raises(ValueError, match="the model is not built"):
        hl.utils.plot_model(hl.Sequential([layers.Dense(2)]))
    with pytest.raises(ValueError, match="rankdir must be one of TB, BT, LR, RL, got 'UP'"):
        hl.utils.model_to_dot(in_a_row(), rankdir="UP")
    with pytest.raises(ValueError, match="there is no argument 'layer_range'"):
        hl.utils.model_to_dot(in_a_row(), layer_range=["a", "b"])
    with pytest.raises(AttributeError, match="it has to_string, create and write"):
        _ = hl.utils.model_to_dot(in_a_row()).nodes


# --- places


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[Any, tuple[float, float]], list[tuple[Any, Any]]]:
    n = draw(st.integers(1, 9))
    sizes: dict[Any, tuple[float, float]] = {
        i: (draw(st.floats(10, 90)), draw(st.floats(10, 30))) for i in range(n)
    }
    pairs = [(a, b) for a in range(n) for b in range(a + 1, n)]
    return sizes, draw(
        st.lists(st.sampled_from(pairs), unique=True, max_size=14) if pairs else st.just([])
    )


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_boxes_never_overlap_and_edges_run_down(graph: Any) -> None:
    sizes, edges = graph
    places = layout.place(sizes, edges, 10, 20)
    for a, (wide, high) in sizes.items():
        x, y = places.centres[a]
        assert wide / 2 - 1e-6 <= x <= places.width - wide / 2 + 1e-6
        assert high / 2 - 1e-6 <= y <= places.height - high / 2 + 1e-6
        for b in range(a):
            dx, dy = (abs(places.centres[b][i] - (x, y)[i]) for i in (0, 1))
            beside = dx >= (wide + sizes[b][0]) / 2 + 10 - 1e-6
            assert beside or dy >= (high + sizes[b][1]) / 2 + 20 - 1e-6
    for a, b in edges:
        ways = [places.centres[a], *places.bends.get((a, b), []), places.centres[b]]
        assert all(
            one[1] < other[1] or one[0] == other[0] for one, other in itertools.pairwise(ways)
        )


def test_a_chain_stands_straight() -> None:
    sizes: dict[Any, tuple[float, float]] = {i: (40.0 + 10 * i, 20.0) for i in range(6)}
    edges: list[tuple[Any, Any]] = [(i, i + 1) for i in range(5)]
    places = layout.place(sizes, edges, 10, 20)
    assert len({round(x, 6) for x, _ in places.centres.values()}) == 1
    alike = dict.fromkeys(sizes, (40.0, 20.0))
    with_a_link = layout.place(alike, [*edges, (0, 5)], 10, 20)
    assert len({round(with_a_link.centres[i][0], 2) for i in range(1, 5)}) == 1
    assert len({round(x, 2) for x, _ in with_a_link.bends[0, 5]}) == 1


def test_an_edge_out_of_a_frame_goes_around_what_is_below() -> None:
    root, edges = drawing._graph(nested(), drawing._Shown(False, False, True, False, False), True)
    drawn = canvas._Canvas(edges, False, lambda text, size, _: len(text) * size / 2)
    places = drawn.joined(root)
    titles = {box.title.split()[0]: key for key, box in drawn.boxes.items()}
    way = drawn.route(places, (titles["h1"], titles["side"]))
    x, y = places.centres[titles["sum"]]
    wide, high = drawn.sizes[titles["sum"]]
    beside = [at for at in way if abs(at[1] - y) <= high / 2]
    assert beside
    assert all(abs(at[0] - x) > wide / 2 for at in beside)


def test_source_inputs() -> None:
    a, b, c = (hl.Input((2,), name=name) for name in "abc")
    both = layers.Add()([layers.Dense(2)(a), layers.Add()([b, a])])
    assert [symbol.name for symbol in hl.utils.get_source_inputs(both)] == ["a", "b"]
    assert hl.utils.get_source_inputs(c) == [c]
