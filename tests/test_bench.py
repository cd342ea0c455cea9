"""The benchmark refuses wrong answers, computes its ratios rightly and runs on small cases."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hotloop import reference
from hotloop._bench import compare, measure, steps
from hotloop._bench.ops import OpCase, make_call
from hotloop._bench.workloads import (
    Workload,
    conv,
    dense,
    flatten,
    from_channels_first,
    max_pool,
    to_channels_first,
)

BENCH = Path(__file__).resolve().parent.parent / "bench"

TINY = Workload(
    "tiny",
    "tiny images",
    (7, 6, 2),
    (conv(3, 3, "tanh", padding=1), max_pool(2), flatten(), dense(5, "relu"), dense(4)),
    6,
    {"name": "sgd", "lr": 0.1, "momentum": 0.9},
)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Modules of the bench folder, which is not part of the package."""
    if not BENCH.is_dir():
        pytest.skip("no bench folder beside the tests")
    monkeypatch.syspath_prepend(str(BENCH))
    names = ("cases", "harness", "rows", "probe", "allocations", "peers.client")
    modules = {name.rpartition(".")[2]: importlib.import_module(name) for name in names}
    return SimpleNamespace(**modules)


def wrong_relu(x: Any) -> Any:
    return np.maximum(x, 0.0) + 0.001


def test_a_wrong_answer_is_refused_before_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_arguments: object, **_keywords: object) -> None:
        pytest.fail("a wrong answer was timed")

    monkeypatch.setattr(compare, "interleave", never)
    row = compare.compare_op(
        OpCase("relu", (4, 5)), 0.01, 1, functions=SimpleNamespace(relu=wrong_relu)
    )
    assert row.ratio is None
    assert row.error is not None
    assert "relu 4x5: output 0 is off by" in row.error
    assert "WRONG" in compare.render([row])


def test_an_op_that_raises_fills_its_row_and_the_others_go_on() -> None:
    def broken(_x: Any) -> Any:
        message = "no kernel"
        raise RuntimeError(message)

    row = compare.compare_op(OpCase("relu", (4, 5)), 0.01, 1, SimpleNamespace(relu=broken))
    assert row.error == "relu 4x5: RuntimeError: no kernel"


def test_a_right_answer_is_timed_and_its_ratio_is_numpy_over_hotloop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = {"hotloop": measure.Sample([1.0, 2.0, 3.0]), "numpy": measure.Sample([8.0, 6.0])}
    monkeypatch.setattr(compare, "interleave", lambda *_: samples)
    row = compare.compare_op(OpCase("relu", (4, 5)), 0.01, 1, functions=reference)
    assert (row.hotloop, row.numpy, row.ratio) == (2.0, 7.0, 3.5)
    assert (row.hotloop_best, row.numpy_best) == (1.0, 6.0)
    assert "3.50x" in compare.render([row])


@pytest.mark.parametrize("case", compare.op_cases(), ids=lambda case: case.label)
def test_every_case_of_the_table_can_be_made_and_run(case: OpCase) -> None:
    small = OpCase(
        case.op,
        tuple(min(n, 6 if len(case.shape) == 4 else 12) for n in case.shape),
        tuple(min(n, 2) for n in case.weight[:2]) + tuple(min(n, 6) for n in case.weight[2:]),
        dict(case.params) | ({"kernel_size": 2} if "kernel_size" in case.params else {}),
        case.dtype,
    )
    if small.weight:
        weight = (*small.weight[:2], small.shape[3], small.weight[3])
        small = OpCase(small.op, small.shape, weight, small.params, small.dtype)
    outputs = make_call(small).outputs(reference)
    assert outputs
    assert all(np.isfinite(y).all() for y in outputs)


@pytest.mark.parametrize(
    ("got", "want", "error"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 2.2], [1.0, 2.0], 0.1),
        ([np.nan, 1.0], [np.nan, 1.0], 0.0),
        ([np.nan, 1.0], [2.0, 1.0], np.inf),
        ([np.inf, 1.0], [-np.inf, 1.0], np.inf),
        ([1.0], [1.0, 1.0], np.inf),
        ([], [], 0.0),
        ([0.5], [0.0], 0.5),
    ],
)
def test_relative_error(got: list[float], want: list[float], error: float) -> None:
    assert measure.relative_error(np.array(got), np.array(want)) == pytest.approx(error)


def test_a_missing_output_is_a_disagreement() -> None:
    with pytest.raises(measure.DisagreementError, match="1 outputs, the reference has 2"):
        measure.require_agreement([np.ones(1)], [np.ones(1)] * 2, 1e-6, "pair")


def test_interleave_gives_each_contender_its_rounds_in_changing_order() -> None:
    seen: list[str] = []

    def timer(name: str) -> Any:
        def turn(_seconds: float) -> list[float]:
            seen.append(name)
            return [1.0]

        return turn

    samples = measure.interleave({n: timer(n) for n in "ab"}, 0.0, rounds=2, pause=0.0)
    assert seen == ["a", "b", "b", "a"]
    assert {name: sample.times for name, sample in samples.items()} == {
        "a": [1.0, 1.0],
        "b": [1.0, 1.0],
    }


def test_weights_translate_to_channels_first_and_back() -> None:
    weights = TINY.make_weights()
    first = to_channels_first(TINY, weights)
    assert first[0].shape == (3, 2, 3, 3)
    for back, start in zip(from_channels_first(TINY, first), weights, strict=True):
        np.testing.assert_array_equal(back, start)
    # A row of the first dense kernel belongs to pixel (h, w, c): it moves to (c, h, w).
    planes = first[2].reshape(3, 3, 3, 5)
    np.testing.assert_array_equal(planes[2, 1, 0], weights[2].reshape(3, 3, 3, 5)[1, 0, 2])


def test_the_numpy_step_follows_the_gradient() -> None:
    h = 1e-5
    weights = [w.astype(np.float64) for w in TINY.make_weights()]
    x, labels = TINY.make_batch()
    x = x.astype(np.float64).transpose(0, 3, 1, 2)
    stepper = steps.NumpyStep(TINY, weights, "float64")
    stepper(x, labels)
    for which, index in ((0, (1, 2, 1, 2)), (1, (0,)), (2, (7, 3)), (4, (2, 1)), (5, (3,))):
        losses = []
        for sign in (1, -1):
            moved = [w.copy() for w in weights]
            moved[which][index] += sign * h
            losses.append(steps.NumpyStep(TINY, moved, "float64")(x, labels))
        slope = (losses[0] - losses[1]) / (2 * h)
        step = stepper.weights()[which][index] - weights[which][index]
        assert step == pytest.approx(-0.1 * slope, rel=1e-5, abs=1e-10)


def test_flops_count_no_input_gradient_at_the_first_layer() -> None:
    network = Workload("n", "n", (3,), (dense(5), dense(2)), 7, {"name": "sgd", "lr": 0.1})
    assert network.flops() == 7 * 2 * (2 * 15 + 3 * 10)


def test_labels_of_the_table_are_unique() -> None:
    labels = [case.label for case in compare.op_cases()]
    assert len(set(labels)) == len(labels)


def test_duration_and_table() -> None:
    assert measure.duration(1.5e-5) == "15.0 us"
    assert measure.duration(0.9999) == "1.00 s"
    assert measure.table(["a", "b"], [["xx", "1"]]) == "a   b\n--  -\nxx  1"


def test_compare_runs_on_one_row_and_writes_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "rows.json"
    assert compare.run(quick=True, json_path=target, only="affine 100x50x784", seconds=0.01) == 0
    record = json.loads(target.read_text(encoding="utf-8"))
    (row,) = record["rows"]
    assert row["ratio"] == pytest.approx(row["numpy"] / row["hotloop"])
    assert {"processor", "isa", "threads", "numpy"} <= set(record["machine"])
    assert "affine 100x50x784 sigmoid" in capsys.readouterr().out


def test_compare_fails_when_no_row_is_found() -> None:
    assert compare.run(only="no such row") == 1


def row_of(bench: SimpleNamespace, **medians: float) -> Any:
    row = bench.rows.Row("row", flops=50.0)
    row.cells = [
        bench.rows.Cell(name.replace("_", " "), median=value, best=value)
        for name, value in medians.items()
    ]
    return row


def test_a_row_compares_with_the_fastest_peer_and_with_the_roof(bench: SimpleNamespace) -> None:
    row = row_of(bench, hotloop_2t=2.0, hotloop_1t=1.0, torch_1t=9.0, torch_2t=8.0, jax_2t=5.0)
    row.cells[-1].variant = "fused"
    assert row.own.contender == "hotloop 2t"
    assert (row.ratio, row.ratio_to_torch) == (2.5, 4.0)
    roof = bench.probe.Roof({"float32": {1: 100.0, 2: 200.0}}, {1: 1e9, 2: 1e9}, 2, 2.0)
    assert row.share(row.cells[0], roof) == pytest.approx(50 / 200 / 2)
    assert row.share(row.cells[1], roof) == pytest.approx(50 / 100 / 1)
    text = bench.rows.render([row], roof)
    assert "2.50x" in text
    assert "jax 2t fused" in text
    assert "12 %" in text


def test_a_row_of_both_teams_compares_them(bench: SimpleNamespace) -> None:
    row = row_of(bench, **{"hotloop_2t": 2.0, "hotloop_1t": 3.0, "hotloop-pool_2t": 2.5})
    assert (row.own.median, row.pool.median, row.ratio_to_pool) == (2.0, 2.5, 1.25)
    assert row.peer is None
    assert "2.50" in bench.rows.render([row], None)


def test_a_derived_row_is_the_difference(bench: SimpleNamespace) -> None:
    both, one = row_of(bench, hotloop_2t=5.0, torch_2t=9.0), row_of(bench, hotloop_2t=2.0)
    both.name, one.name = "dw+dx", "dw"
    found = bench.rows.derive([both, one], "dw+dx", "dw", "dx", 7.0)
    assert [(c.name, c.median) for c in found.cells] == [("hotloop 2t", 3.0)]


def test_the_roof_says_when_the_machine_is_not_quiet(bench: SimpleNamespace) -> None:
    flops = {"float32": {1: 1.0, 2: 1.8}}
    busy = bench.probe.Roof(flops, {1: 1.0, 2: 1.0}, 2, 1.8)
    assert not busy.quiet
    assert "NOT QUIET" in busy.verdict()
    assert "void" in busy.verdict()
    assert bench.probe.Roof(flops, {1: 1.0, 2: 1.0}, 2, 1.95).quiet


def test_names_of_cases_are_unique_and_quick_runs_have_some(bench: SimpleNamespace) -> None:
    for group in (bench.cases.GEMM, bench.cases.CONV, bench.cases.ELEMENTWISE):
        names = [case.name for case in group]
        assert len(set(names)) == len(names)
        assert any(case.quick for case in group)
    assert [w.name for w in bench.cases.WORKLOADS] == [f"W{i}" for i in range(8)]


def test_roofs_of_the_workloads_match_their_known_size(bench: SimpleNamespace) -> None:
    known = {"W1": 28e-6, "W2": 0.36e-3, "W3": 0.45e-3, "W4": 4.3e-3, "W5": 0.76e-3, "W7": 9.2e-3}
    for workload in bench.cases.WORKLOADS:
        if workload.name in known:
            assert workload.flops() / 568e9 == pytest.approx(known[workload.name], rel=0.1)


def test_a_worker_process_agrees_and_is_timed(bench: SimpleNamespace) -> None:
    contender = bench.client.Contender("numpy 1t", "numpy", 1)
    with bench.harness.Bench([contender]) as runner:
        (row,) = runner.run([lambda: bench.harness.prepare_training(TINY)], 2.0, rounds=1)
    (cell,) = row.cells
    assert cell.error is None
    assert cell.runs >= 2
    assert cell.best <= cell.median


def test_a_worker_with_a_wrong_answer_gets_an_error_and_no_time(bench: SimpleNamespace) -> None:
    case = bench.cases.Case("relu", OpCase("relu", (4, 5)))
    prepared = bench.harness.prepare_op(case)

    class Liar:
        contender = SimpleNamespace(name="liar")

        def ask(self, request: str, *_arguments: object) -> Any:
            return [""] if request == "variants" else ([np.full((4, 5), 9.0)], False)

    (cell,) = bench.harness.Bench._build(Liar(), prepared)
    assert cell.median is None
    assert "off by" in cell.error
    row = prepared.row
    row.cells.append(cell)
    assert row.ratio is None
    assert "liar" in row.wrong[0]


def test_a_dead_worker_is_reported(bench: SimpleNamespace) -> None:
    client = bench.client.Client(bench.client.Contender("numpy 1t", "numpy", 1))
    try:
        client._process.kill()
        client._process.wait()
        with pytest.raises(bench.client.WorkerError, match="died"):
            client.ask("peak_memory")
        assert not client.alive
    finally:
        client.close()


def test_array_allocations_are_counted(bench: SimpleNamespace) -> None:
    out = np.zeros(5000)
    with bench.allocations.counting() as counter:
        np.add(out, out, out=out)
        quiet = counter.count
        made = out * out
    assert quiet == 0
    assert counter.count == 1
    assert counter.bytes == made.nbytes
