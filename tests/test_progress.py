"""The progress of `fit` as a terminal shows it, a notebook, and a pipe: no figure is lost."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import callbacks

fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))

Attach = Callable[[int], "Terminal"]
X = np.random.default_rng(0).standard_normal((64, 5))
Y = np.eye(3)[np.arange(64) % 3]


class Terminal:
    """A terminal of a number of columns, whose output is read as it comes."""

    def __init__(self, columns: int) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.stream = open(slave, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - no path
        self._read = b""
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while found := os.read(self._master, 4096):
                with self._more:
                    self._read += found
                    self._more.notify()

    def close(self) -> None:
        """Close both ends."""
        self.stream.close()
        self._thread.join()
        os.close(self._master)

    def text(self) -> str:
        """Return all that has been written."""
        self.stream.write("\a")
        self.stream.flush()
        with self._more:
            assert self._more.wait_for(lambda: self._read.endswith(b"\a"), 60)
            self._read = self._read[:-1]
            return self._read.decode()


def screen(text: str, columns: int) -> list[str]:
    """Return the lines that a terminal shows of what was written to it."""
    cells: dict[tuple[int, int], str] = {}
    row = column = 0
    for part in re.findall(r"\x1b\[A|.|\n|\r", text):
        if part == "\x1b[A":
            row -= 1
        elif part == "\r":
            column = 0
        elif part == "\n":
            row, column = row + 1, 0
        else:
            if column == columns:
                row, column = row + 1, 0
            cells[row, column] = part
            column += 1
            if unicodedata.east_asian_width(part) == "W":
                cells[row, column] = ""
                column += 1
    last = max(r for r, _ in cells)
    return [
        "".join(cells.get((r, c), " ") for c in range(columns)).rstrip() for r in range(last + 1)
    ]


def fit(count: int = 3, **kwargs: Any) -> dict[str, list[Any]]:
    hl.set_seed(1)
    model = hl.Sequential([hl.Input((5,)), hl.layers.Dense(3, "softmax")])
    found = ["accuracy", hl.metrics.Recall(), hl.metrics.F1Score()]
    model.compile("sgd", "categorical_crossentropy", metrics=found[:count])
    options: dict[str, Any] = {"epochs": 2, "validation_data": (X, Y), "verbose": 1, **kwargs}
    return model.fit(X, Y, batch_size=4, **options).history


def shown(history: dict[str, list[Any]], epoch: int, between: str = "=") -> list[str]:
    values = callbacks.progress.figures({name: each[epoch] for name, each in history.items()})
    return [f"{name}{between}{value}" for name, value in values.items()]


@pytest.fixture
def attach(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Terminal]]:
    """Give what lets standard error be a terminal, which shows every batch."""
    made: list[Terminal] = []

    def of(columns: int) -> Terminal:
        made.append(Terminal(columns))
        monkeypatch.setattr(sys, "stderr", made[-1].stream)
        monkeypatch.setattr(callbacks.ProgbarLogger, "_REFRESH", 0.0)
        return made[-1]

    yield of
    for terminal in made:
        terminal.close()


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("columns", [20, 40, 60, 80, 120, 250])
def test_every_figure_is_on_the_screen(columns: int, count: int, attach: Attach) -> None:
    terminal = attach(columns)
    history = fit(count)
    lines = screen(terminal.text(), columns)
    text = "".join(line.ljust(columns) for line in lines)
    for epoch in range(2):
        for figure in shown(history, epoch):
            assert text.count(figure) >= 1, (figure, lines)
    counted = [line for line in lines if "16/16" in line]
    assert len(counted) == 2, lines
    if columns >= 60:
        assert all("Epoch" in line and "100%" in line for line in counted), lines
        assert not any(line.count("=") == 0 for line in lines if "16/16" not in line), lines
    if columns == 250:
        assert len(lines) == 2


@pytest.mark.parametrize("columns", [60, 72, 80, 90])
def test_names_of_wide_characters(columns: int, attach: Attach) -> None:
    terminal = attach(columns)
    model = hl.Sequential([hl.Input((5,)), hl.layers.Dense(3, "softmax")])
    found = [hl.metrics.CategoricalAccuracy(name="정확도"), hl.metrics.Recall(name="재현율")]
    model.compile("sgd", "categorical_crossentropy", metrics=found)
    history = model.fit(X, Y, batch_size=4, validation_data=(X, Y), verbose=1).history
    lines = screen(terminal.text(), columns)
    for figure in shown(history, 0):
        assert sum(f" {figure}" in line for line in lines) == 1, lines
    assert len([line for line in lines if "16/16" in line]) == 1, lines


def test_running_figures_stand_below_a_short_line_and_stay_when_interrupted(
    attach: Attach,
) -> None:
    terminal = attach(60)
    seen: list[list[str]] = []

    class Looks(callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            if batch == 8:
                seen.append(screen(terminal.text(), 60))
            if batch == 9:
                raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(2, callbacks=[Looks()])
    ((first, second, *_),) = seen
    assert re.search(r"Epoch 1/2: +50%\|.*\| 8/16 \[", first)
    assert re.fullmatch(r"  loss=[\d.]+, accuracy=[\d.]+, recall=[\d.]+", second)
    bar, figures = filter(None, screen(terminal.text(), 60))
    assert "9/16" in bar
    assert re.fullmatch(r"  loss=[\d.]+, accuracy=[\d.]+, recall=[\d.]+", figures)


def test_lines_of_callbacks_stand_apart_from_the_bar(
    attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = attach(60)
    monkeypatch.setattr(sys, "stdout", terminal.stream)
    slower = callbacks.LearningRateScheduler(lambda _: 0.125, verbose=1)
    plateau = callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=9.0, verbose=1)
    fit(2, callbacks=[slower, plateau], epochs=3)
    lines = screen(terminal.text(), 60)
    assert "Epoch 2: learning rate 0.125" in lines
    assert "Epoch 2: learning rate 0.125 -> 0.0125" in lines


def test_data_of_unknown_length(attach: Attach) -> None:
    terminal = attach(40)
    model = hl.Sequential([hl.Input((5,)), hl.layers.Dense(3, "softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    batches = ((X[i : i + 4], Y[i : i + 4]) for i in range(0, 64, 4))
    history = model.fit(batches, validation_data=(X, Y), verbose=1).history
    text = "\n".join(screen(terminal.text(), 40))
    assert all(figure in text for figure in shown(history, 0))


@pytest.mark.parametrize("notebook", [False, True])
@pytest.mark.parametrize("verbose", ["auto", 1])
def test_a_pipe_and_a_notebook_have_no_columns(
    verbose: Any,
    notebook: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "24")
    if notebook:
        monkeypatch.setitem(sys.modules, "ipykernel", sys)
    else:
        monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    history = fit(verbose=verbose)
    out, err = capsys.readouterr()
    bar = verbose == 1 or notebook
    assert err if bar else out
    assert "\x1b" not in out + err
    for epoch in range(2):
        assert all(
            figure in (err if bar else out)
            for figure in shown(history, epoch, "=" if bar else ": ")
        )


def test_a_pipe_that_was_closed_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    fit(verbose=1)
