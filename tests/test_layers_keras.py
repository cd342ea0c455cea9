"""Every layer of Keras's that came after the first ones, beside Keras 3.15, by the table of `layer_cases`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import check_gradients
from keras_oracle import keras
from layer_cases import CASES, SAMPLES, VALUES, Case, inputs, make, model, one_or_list, probes

RECORDED = json.loads(VALUES.read_text(encoding="utf-8"))
EACH = pytest.mark.parametrize("case", CASES, ids=[case.label for case in CASES])
# Layers that compute in Python in each step.
IN_PYTHON = {"GaussianNoise", "GaussianDropout"}


@EACH
def test_outputs_losses_and_weights_are_those_of_keras(case: Case) -> None:
    agree(probes(hl, case), RECORDED[case.label], case)


def agree(found: list[float], expected: list[float], case: Case) -> None:
    """Compare probes; the second is a sum over 20 losses, of which some are near 50."""
    atol = np.where(np.arange(len(expected)) == 1, 1e-4, 2e-5)
    assert len(found) == len(expected), case.label
    off = np.abs(np.subtract(found, expected)) - 2e-5 * np.abs(expected)
    assert (off <= atol).all(), (case.label, found, expected)


@pytest.mark.filterwarnings("ignore")
def test_keras_itself_still_says_so() -> None:
    package = keras()
    import torch  # noqa: PLC0415 - an extra

    torch.set_num_threads(1)
    for case in CASES:
        agree(probes(hl, case), probes(package, case), case)


@EACH
def test_gradients_are_those_of_differences(case: Case) -> None:
    before = hl.config.floatx()
    hl.config.set_floatx("float64")
    try:
        made, _ = model(hl, case)
    finally:
        hl.config.set_floatx(before)
    xs = [x[:2].astype(np.float64) for x in inputs(case)]
    check_gradients(made, one_or_list(xs), tolerance=1e-6)


@EACH
def test_it_is_recorded_and_its_config_and_file_make_it_again(case: Case, tmp_path: Path) -> None:
    made, layers = model(hl, case)
    layer = layers[len(case.shapes)]
    xs = inputs(case)
    y = made.predict(one_or_list(xs), verbose=0)
    assert layer.is_recorded([(None, *x.shape[1:]) for x in xs]) is (case.name not in IN_PYTHON)
    again = type(layer).from_config(json.loads(json.dumps(layer.get_config())))
    assert again.get_config() == layer.get_config()
    made.save(tmp_path / "m.hotloop")
    loaded = hl.models.load_model(tmp_path / "m.hotloop")
    np.testing.assert_array_equal(loaded.predict(one_or_list(xs), verbose=0), y)
    assert len(y) == SAMPLES


@pytest.mark.filterwarnings("ignore")
def test_configs_hold_what_those_of_keras_hold() -> None:
    package = keras()
    # What a layer here has no use for, or says in other words.
    beside = {"dtype", "name", "trainable", "activity_regularizer", "quantization_config"}
    for case in CASES:
        theirs, mine = make(package, case).get_config(), make(hl, case).get_config()
        missing = {key for key in theirs if key not in mine and not key.endswith("_constraint")}
        assert missing <= beside, (case.label, missing)
        for key in case.arguments:
            if not key.endswith("_regularizer"):
                assert _plain(mine[key]) == _plain(theirs.get(key)), (case.label, key)


def _plain(value: Any) -> Any:
    """Return tuples as lists, and a lone number in a list as the number."""
    if isinstance(value, tuple | list):
        value = [_plain(part) for part in value]
        return value[0] if len(value) == 1 else value
    return value
