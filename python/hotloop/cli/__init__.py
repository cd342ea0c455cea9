"""The command ``hotloop``: ``train``, ``evaluate``, ``predict``, ``bench`` and ``info``.

Exit codes: 0 done; 1 failed, with one line on stderr that says why; 2 usage.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hotloop as hl
from hotloop import zoo
from hotloop._bench import compare
from hotloop._support.atomic import atomic_open
from hotloop._support.quoting import quoted
from hotloop.cli import runs
from hotloop.cli.data import Data, images_for, load

__all__ = ["main"]

MODEL_FILE = "model.hotloop"
HISTORY_FILE = "history.csv"
CURVES_FILE = "curves.png"

_MANY_ROWS = 10_000
_EPOCHS = {"mlp": 10, "simple_cnn": 3, "deep_cnn": 5}
_EPOCHS_FEW_ROWS = 30


class CommandError(Exception):
    """A failure whose text is the whole message to the user."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments behind the program's name; by default those of the process.

    Returns
    -------
    int
        0 done, 1 failed (also when interrupted).

    Raises
    ------
    SystemExit
        Code 2 for wrong usage, 0 for ``--help`` and ``--version``.

    Examples
    --------
    >>> main(["evaluate", "nowhere.hotloop", "--data", "digits"])
    1
    """
    args = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], None] = args.command
    try:
        command(args)
    except KeyboardInterrupt:
        return _fail(args.name, "interrupted")
    except (CommandError, OSError, ValueError, ImportError, MemoryError) as error:
        return _fail(args.name, str(error) or type(error).__name__)
    except Exception as error:
        return _fail(args.name, f"{type(error).__name__}: {error}")
    return 0


def _fail(command: str, reason: str) -> int:
    sys.stderr.write(
        f"hotloop {command}: {'; '.join(line.strip() for line in reason.splitlines() if line.strip())}\n"
    )
    return 1


def _say(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


# --- arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hotloop", description="Train neural networks on the CPU."
    )
    parser.add_argument("--version", action="version", version=f"hotloop {hl.__version__}")
    commands = parser.add_subparsers(
        title="commands", required=True, dest="name", metavar="COMMAND"
    )

    train = commands.add_parser(
        "train",
        help="train a network and save it",
        description=f"Train a network; leave {MODEL_FILE}, {HISTORY_FILE} and {CURVES_FILE} in a folder. Ctrl-C ends the "
        "training early: the weights of the last finished step are saved, and the exit code is 1.",
    )
    _add_data(train, default="digits")
    train.add_argument(
        "--model", choices=list(zoo.MODELS), default="mlp", help="the network (default: mlp)"
    )
    train.add_argument(
        "--epochs",
        type=_positive_int,
        metavar="N",
        help=f"passes over the data (default: {_EPOCHS_FEW_ROWS} for data under {_MANY_ROWS:,} rows, else "
        + ", ".join(f"{name} {epochs}" for name, epochs in _EPOCHS.items())
        + ")",
    )
    train.add_argument(
        "--batch-size",
        type=_positive_int,
        default=32,
        metavar="N",
        help="rows a step (default: 32)",
    )
    train.add_argument(
        "--optimizer",
        type=_optimizer,
        default="adam",
        metavar="NAME",
        help="sgd, adam, ... (default: adam)",
    )
    train.add_argument(
        "--lr",
        type=_positive_float,
        metavar="X",
        help="learning rate (default: the optimizer's own)",
    )
    train.add_argument(
        "--seed",
        type=_seed,
        default=0,
        metavar="N",
        help="same seed, same weights, bit for bit (default: 0)",
    )
    train.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where the files go; files of an earlier run there are replaced (default: a new folder under runs/)",
    )
    train.add_argument(
        "--resume",
        action="store_true",
        help="go on with a run that was killed or interrupted, bit for bit as if it had not been: the same "
        "command again with --resume (default: the latest run under runs/); more --epochs prolong a run",
    )
    train.set_defaults(command=_train)

    evaluate = commands.add_parser(
        "evaluate",
        help="test a saved network",
        description="Print the test accuracy of a saved network.",
    )
    evaluate.add_argument(
        "model", metavar="MODEL", help=f"the saved network, such as runs/digits-mlp/{MODEL_FILE}"
    )
    _add_data(evaluate, default=None)
    evaluate.add_argument(
        "--batch-size", type=_positive_int, default=256, metavar="N", help="(default: 256)"
    )
    evaluate.set_defaults(command=_evaluate)

    predict = commands.add_parser(
        "predict",
        help="say what images show",
        description="Print for each image its class and the probability of it.",
    )
    predict.add_argument("model", metavar="MODEL", help="a network that `hotloop train` saved")
    predict.add_argument(
        "images",
        metavar="IMAGE",
        nargs="+",
        type=Path,
        help="PNG and JPEG files, brought to its size",
    )
    predict.set_defaults(command=_predict)

    bench = commands.add_parser(
        "bench",
        help="time the compiled core against NumPy",
        description="Compare answers and times of the compiled core and of NumPy, op by op.",
    )
    compare.add_arguments(bench)
    bench.set_defaults(command=_bench)

    info = commands.add_parser(
        "info", help="print version, instruction set, threads and their library, compiler"
    )
    info.set_defaults(command=lambda _: hl.show_config())
    return parser


def _add_data(parser: argparse.ArgumentParser, default: str | None) -> None:
    parser.add_argument(
        "--data",
        default=default,
        metavar="digits|mnist|fashion_mnist|DIR|FILE.csv",
        help="a data set by name; a folder with a folder of PNG or JPEG images for each class, below train and test "
        "or not; a folder with the four IDX files under MNIST's names; or a CSV file of numbers with a label, in the "
        f"column of that name or the last (default: {default or 'what the network was trained on'})",
    )


def _number(text: str, kind: Callable[[str], Any], rule: str, accept: Callable[[Any], bool]) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not accept(value):
        msg = f"must be {rule}, but got {quoted(text)}"
        raise argparse.ArgumentTypeError(msg)
    return value


def _positive_int(text: str) -> Any:
    return _number(text, int, "a whole number from 1", lambda value: value >= 1)


def _positive_float(text: str) -> Any:
    return _number(text, float, "a finite number above 0", lambda value: 0 < value < math.inf)


def _seed(text: str) -> Any:
    return _number(
        text, int, "a whole number from 0 to 2**32 - 1", lambda value: 0 <= value < 2**32
    )


def _optimizer(text: str) -> str:
    try:
        hl.optimizers.get(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


# --- train


def _train(args: argparse.Namespace) -> None:
    data = load(args.data)
    (x, y), (x_test, y_test) = (
        (part.reshape(-1, *data.shape), ids) for part, ids in (data.train, data.test)
    )
    classes = len(data.classes)
    epochs = args.epochs or (_EPOCHS[args.model] if len(x) >= _MANY_ROWS else _EPOCHS_FEW_ROWS)

    hl.utils.set_random_seed(args.seed)
    model = _network(args.model, data)
    optimizer = hl.optimizers.get(args.optimizer)
    if args.lr is not None:
        optimizer.learning_rate = args.lr
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    name = f"{data.name}-{args.model}"
    names = ("data", "model", "batch_size", "optimizer", "lr", "seed")
    settings = {name: getattr(args, name) for name in names}
    if args.resume:
        out = runs.folder_to_resume(args.out, name, settings)
    else:
        out = runs.new_folder(args.out, name)
        taught = {"source": data.source, "classes": data.classes, "scale": data.scale}
        runs.write_settings(out, {**settings, **taught})
    model.summary()

    log = hl.callbacks.History()
    started = time.perf_counter()
    interrupted = False
    try:
        model.fit(
            x,
            y,
            batch_size=args.batch_size,
            epochs=epochs,
            validation_data=(x_test, y_test),
            callbacks=[log, hl.callbacks.BackupAndRestore(out, delete_checkpoint=False)],
        )
    except KeyboardInterrupt:
        interrupted = True
    seconds = time.perf_counter() - started
    files = _leave(out, model, log)
    if interrupted:
        msg = f"interrupted after {len(log.epoch)} of {epochs} epochs; {out / MODEL_FILE} holds the last finished step, and --resume goes on"
        raise CommandError(msg)

    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    _say()
    _say(
        f"data            {data.name}: {len(x):,} {data.what} to train, {len(x_test):,} to test, {classes} classes"
    )
    _say(f"model           {args.model}, {model.count_params():,} parameters")
    _say(
        f"training        {epochs} epochs in {seconds:.1f} s, batch size {args.batch_size}, "
        f"{args.optimizer}, learning rate {float(optimizer.learning_rate):g}, seed {args.seed}"
    )
    _say(f"saved           {', '.join(files)} in {out}")
    _say(f"test loss       {loss:.4f}")
    _say(f"test accuracy   {accuracy:.4f}")
    if not math.isfinite(loss):
        msg = f"the loss is {loss}: the training diverged; try a smaller --lr"
        raise CommandError(msg)


def _network(name: str, data: Data) -> hl.Model:
    """Build the network for these data; columns of a table are standardised by a layer of its own."""
    if data.what == "images":
        return zoo.build(name, data.shape, len(data.classes), scale=data.scale)
    if name != "mlp":
        msg = f"--model {name} takes images; rows of numbers go with --model mlp"
        raise CommandError(msg)
    return zoo.build(name, data.shape, len(data.classes), scale=None)


def _leave(out: Path, model: hl.Model, log: Any) -> list[str]:
    """Save model, history and curves; return the names of the files written."""
    model.save(out / MODEL_FILE)
    columns = sorted(log.history)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *columns])  # the columns of Keras's CSVLogger, epochs from 0
    cells = [dict(zip(log.epochs[c], log.history[c], strict=True)) for c in columns]
    writer.writerows([epoch, *(column.get(epoch, "NA") for column in cells)] for epoch in log.epoch)
    with atomic_open(out / HISTORY_FILE) as file:
        file.write(text.getvalue().encode())
    files = [MODEL_FILE, HISTORY_FILE]
    if log.epoch and _draw(out / CURVES_FILE, log):
        files.append(CURVES_FILE)
    return files


def _draw(path: Path, log: Any) -> bool:
    """Draw the curves, or say in one line what is missing."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        sys.stderr.write(
            f"no {path.name}: drawing needs matplotlib (pip install 'hotloop[plot]')\n"
        )
        return False
    # A figure of its own, without pyplot: no display is looked for.
    figure = Figure(figsize=(8, 3.4), dpi=100, layout="constrained")
    hl.plotting.history(log, ax=figure.subplots(1, 2))
    with atomic_open(path) as file:
        figure.savefig(file, format="png")
    return True


# --- evaluate, predict


def _taught(path: str) -> dict[str, Any]:
    """Return what the run that left a model said of its data; empty where there is nothing beside the model."""
    try:
        told = json.loads((Path(path).parent / runs.SETTINGS_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _source(model: str, told: dict[str, Any]) -> str:
    """Return the data that a model was trained on."""
    source = told.get("source")
    if not isinstance(source, str):
        msg = f"no {runs.SETTINGS_FILE} beside {model} names its data: give --data"
        raise CommandError(msg)
    return source


def _scaled(model: hl.Model) -> bool:
    return any(isinstance(layer, hl.layers.Rescaling) for layer in model.layers)


def _evaluate(args: argparse.Namespace) -> None:
    model = hl.models.load_model(args.model)
    data = load(args.data or _source(args.model, _taught(args.model)))
    x, y = data.test
    samples: NDArray[Any] = x
    if data.what == "images" and not _scaled(model):
        samples = x.astype(np.float32) * np.float32(data.scale)
    wanted = tuple(model.input_shape[1:])
    sizes = [n for n in wanted if n is not None]
    if len(sizes) < len(wanted) or math.prod(sizes) != math.prod(x.shape[1:]):
        msg = f"{args.model} takes inputs of shape {wanted}, but the {data.what} of {data.name} are {x.shape[1:]}"
        raise CommandError(msg)
    scores = model.predict(samples.reshape(-1, *sizes), batch_size=args.batch_size)
    if scores.ndim != 2 or scores.shape[1] <= int(y.max()):
        msg = f"{args.model} gives {scores.shape[1:]} an image, but {data.name} needs one score for each of its classes"
        raise CommandError(msg)
    right = int((scores.argmax(axis=1) == y).sum())
    _say(f"test accuracy   {right / len(y):.4f}   ({right:,} of {len(y):,} {data.what})")


def _predict(args: argparse.Namespace) -> None:
    model = hl.models.load_model(args.model)
    told = _taught(args.model)
    shape = tuple(model.input_shape[1:])
    if len(shape) not in (2, 3) or None in shape or (shape[2:] and shape[2] not in (1, 3)):
        msg = f"{args.model} takes inputs of shape {shape}, not images: (H, W), (H, W, 1) or (H, W, 3)"
        raise CommandError(msg)
    scale = told.get("scale")
    range_of = (
        scale if isinstance(scale, float) and 0 < scale < math.inf and _scaled(model) else None
    )
    if range_of is None:
        range_of = 1 / 255 if _scaled(model) else 1.0
    scores = model.predict(images_for(args.images, shape, range_of), verbose=0)
    if scores.ndim != 2:
        msg = f"{args.model} gives {scores.shape[1:]} an image, not one score for each class"
        raise CommandError(msg)
    classes = told.get("classes")
    if not isinstance(classes, list) or len(classes) != scores.shape[1]:
        classes = list(range(scores.shape[1]))
    for path, row in zip(args.images, scores, strict=True):
        best = int(row.argmax())
        _say(f"{path}  {classes[best]}  {row[best]:.4f}")


# --- bench


def _bench(args: argparse.Namespace) -> None:
    if compare.run(quick=args.quick, json_path=args.json, only=args.only):
        message = "answers differ from NumPy's, or no row has that name; see above"
        raise CommandError(message)
