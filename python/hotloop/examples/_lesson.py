"""What every example shares: options, the data, the table of figures, the picture."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

import hotloop as hl
from hotloop._support.atomic import atomic_open

# Okabe and Ito, "Color Universal Design", 2008: the colour-blind tell them apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
QUICK_TRAIN, QUICK_TEST = 3000, 1000
_SHOWN = 8


class Row(NamedTuple):
    """One figure: `ok` is None where a short run, or other data, cannot be held to it."""

    label: str
    expected: str
    here: str
    ok: bool | None


class Data(NamedTuple):
    """Images (N, H, W) uint8 with pixels from 0 to `top`, and their classes (N,) uint8."""

    name: str
    top: int
    x: NDArray[np.uint8]
    y: NDArray[np.uint8]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.uint8]

    def rows(self, dtype: Any = "float32") -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the images to train and to test as rows of pixels between 0 and 1."""
        train, test = (x.reshape(len(x), -1).astype(dtype) for x in (self.x, self.x_test))
        return train / train.dtype.type(self.top), test / test.dtype.type(self.top)


class Lesson:
    """One run of an example: what the user asked for, and what came out.

    Parameters
    ----------
    name : str
        The example's name, also that of its folder.
    out : Path
        Where pictures go.
    quick : bool
        A short run: full figures are shown, not compared.
    wanted : str, optional
        ``"mnist"``, ``"digits"`` or a folder of four IDX files; None takes MNIST where there is a copy.
    seed : int
        For what draws from hotloop's generator.
    weights : Path, optional
        A file of weights.
    """

    def __init__(
        self,
        name: str,
        out: Path,
        *,
        quick: bool = False,
        wanted: str | None = None,
        seed: int = 0,
        weights: Path | None = None,
    ) -> None:
        self.weights = weights
        self.name, self.out, self.quick, self.wanted, self.seed = name, out, quick, wanted, seed
        self.full = not quick
        self.rows: list[Row] = []
        self.pictures: list[Path] = []
        self._headed = False
        hl.set_seed(seed)
        if quick:
            print("A short run: figures of the full run are shown, not compared.")

    def data(self, *, few: bool = True) -> Data:
        """Return MNIST, or where there is none the digits inside the package; `few` in a short run."""
        data = self._load()
        if data.name != "mnist":
            self.full = False
            print(f"On {data.name}: figures of MNIST are shown, not compared.")
        if self.quick and few:
            train, test = slice(QUICK_TRAIN), slice(QUICK_TEST)
            data = data._replace(
                x=data.x[train], y=data.y[train], x_test=data.x_test[test], y_test=data.y_test[test]
            )
        print(f"{data.name}: {len(data.x):,} images to train, {len(data.x_test):,} to test")
        return data

    def _load(self) -> Data:
        if self.wanted not in (None, "mnist", "digits"):
            train, test = hl.datasets.load_folder(Path(str(self.wanted)).expanduser())
            return Data(Path(str(self.wanted)).name, 255, *train, *test)
        if self.wanted != "digits":
            try:
                train, test = hl.datasets.mnist.load_data()
            except hl.datasets.DatasetNotFoundError as error:
                if self.wanted:
                    raise
                print(f"No MNIST here ({str(error).splitlines()[0]}).")
            else:
                return Data("mnist", 255, *train, *test)
        train, test = hl.datasets.digits.load_data()
        return Data("digits", 16, *train, *test)

    # -- figures

    def expect(
        self,
        label: str,
        here: ArrayLike,
        expected: ArrayLike,
        *,
        decimals: int | None = None,
        within: float = 0.0,
        rtol: float = 0.0,
        compare: bool = True,
    ) -> None:
        """Print a figure beside the expected one: equal to `decimals` places, `within` this, or `rtol` of it."""
        got, wanted = np.asarray(here), np.asarray(expected)
        atol = within if decimals is None else 0.5000001 * 10.0**-decimals
        ok = got.shape == wanted.shape and bool(np.allclose(got, wanted, rtol=rtol, atol=atol))
        texts = [_text(value, decimals) for value in (wanted, got)]
        self._print(Row(label, texts[0], texts[1], ok if compare else None))

    def at_least(self, label: str, here: float, figure: float, slack: float = 0.0) -> None:
        """Print a figure of a whole training that must reach `figure`, less `slack`."""
        ok = bool(here >= figure - slack) if self.full else None
        self._print(Row(label, f"{figure:.4g} or more", f"{here:.4f}", ok))

    def at_most(self, label: str, here: float, figure: float, factor: float = 1.0) -> None:
        """Print a figure of a whole training that must stay under `figure`, times `factor`."""
        ok = bool(here <= figure * factor) if self.full else None
        self._print(Row(label, f"{figure:.4g} or less", f"{here:.4f}", ok))

    def holds(
        self, label: str, here: bool | np.bool, told: str = "", *, compare: bool = True
    ) -> None:
        """Print whether something that the lesson says is so."""
        ok = bool(here) if compare else None
        self._print(Row(label, "true", told or str(bool(here)).lower(), ok))

    def _print(self, row: Row) -> None:
        self.rows.append(row)
        mark = {True: "ok", False: "DIFFERS", None: "-"}[row.ok]
        if max(len(row.expected), len(row.here)) <= 20 and len(row.label) <= 44:
            if not self._headed:
                print(f"{'':44}  {'expected':>20}  {'here':>20}")
            self._headed = True
            print(f"{row.label:44}  {row.expected:>20}  {row.here:>20}  {mark}", flush=True)
        else:
            print(f"{row.label}\n    expected {row.expected}\n    here     {row.here}  {mark}")

    # -- pictures

    def picture(
        self,
        name: str,
        draw: Callable[[Any], None],
        rows: int = 1,
        columns: int = 1,
        *,
        size: tuple[float, float] = (8, 3.6),
    ) -> None:
        """Let `draw` fill the axes (one, or an array of `rows` x `columns`), and save ``NAME.png``."""
        try:
            from matplotlib import rc_context, rcsetup  # noqa: PLC0415 - an extra
            from matplotlib.figure import Figure  # noqa: PLC0415
        except ImportError:
            print(
                f"no {name}.png: pictures need matplotlib (pip install 'hotloop[plot]')",
                file=sys.stderr,
            )
            return
        style: Any = {
            "axes.prop_cycle": rcsetup.cycler(color=COLOURS),
            "axes.axisbelow": True,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "grid.color": "0.88",
        }
        with rc_context(style):
            # A figure of its own, without pyplot: no display is looked for.
            figure = Figure(figsize=size, dpi=100, layout="constrained")
            draw(figure.subplots(rows, columns))
            self.out.mkdir(parents=True, exist_ok=True)
            path = self.out / f"{name}.png"
            with atomic_open(path) as file:
                figure.savefig(file, format="png")
        self.pictures.append(path)


@contextlib.contextmanager
def failing_on_purpose() -> Iterator[None]:
    """Switch hotloop's warnings off around trainings that are to go wrong."""
    before = hl.config.diagnosis()
    hl.config.set_diagnosis(False)
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        hl.config.set_diagnosis(before)


def _text(values: NDArray[Any], decimals: int | None) -> str:
    def one(value: Any) -> str:
        if decimals is not None and abs(value) < 1e6:
            return f"{value:.{decimals}f}"
        return f"{value:.9g}" if isinstance(value, float | np.floating) else str(value)

    flat = values.reshape(-1)
    shown = " ".join(one(value) for value in flat[:_SHOWN])
    return shown if len(flat) <= _SHOWN else f"{shown} ... ({len(flat)} numbers)"


def perform(
    main: Callable[[Lesson], None],
    argv: Sequence[str],
    *,
    data: bool = False,
    quick: bool = False,
    weights: bool = False,
) -> Lesson:
    """Run `main` with the options in `argv`, and sum up."""
    name, text = Path(main.__code__.co_filename).stem, str(main.__globals__["__doc__"])
    parser = argparse.ArgumentParser(
        prog=f"python -m hotloop.examples.{name}",
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = Path("runs") / "examples" / name
    parser.add_argument(
        "--out", type=Path, metavar="DIR", default=default, help=f"for pictures ({default})"
    )
    parser.add_argument("--seed", type=int, metavar="N", default=0, help="of hotloop's generator")
    told = "a short run, not compared" if quick else "no effect: this run is short"
    parser.add_argument("--quick", action="store_true", help=told)
    if data:
        parser.add_argument(
            "--data",
            metavar="mnist|digits|DIR",
            help="images (default: MNIST, else the digits inside the package)",
        )
    if weights:
        parser.add_argument("--weights", type=Path, metavar="FILE", help="the book's weights")
    args = parser.parse_args(argv)
    lesson = Lesson(
        name,
        args.out,
        quick=args.quick and quick,
        wanted=getattr(args, "data", None),
        seed=args.seed,
        weights=getattr(args, "weights", None),
    )
    main(lesson)
    compared = [row.ok for row in lesson.rows if row.ok is not None]
    if compared:
        print(f"{sum(compared)} of {len(compared)} figures hold")
    for path in lesson.pictures:
        print(f"picture: {path}")
    return lesson


def run(main: Callable[[Lesson], None], **options: bool) -> None:
    """Run an example as a program; its exit code is 1 when a figure differs."""
    try:
        lesson = perform(main, sys.argv[1:], **options)
    except (OSError, ValueError) as error:
        sys.exit(f"{Path(main.__code__.co_filename).stem}: {error}")
    sys.exit(int(any(row.ok is False for row in lesson.rows)))
