"""The log of a training as a CSV file, which later runs continue without losing a figure."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from hotloop._support.atomic import atomic_open, explained
from hotloop._support.quoting import quoted
from hotloop.callbacks.base import Callback, Logs
from hotloop.saving import kept

_MISSING = "NA"


class CSVLogger(Callback):
    """Write one line of logs for each epoch.

    Parameters
    ----------
    filename : path
        The file; its folder must exist.
    separator : str
        One character between two columns.
    append : bool
        Whether lines go behind those that the file holds; else it is replaced.

    Raises
    ------
    ValueError
        For another `separator`; and from `fit`, when the file to append to is no such log.
    OSError
        When the file cannot be written, at the end of the first epoch.

    Notes
    -----
    Columns are ``epoch``, counted from 0, and the keys of the first epoch's logs in order. A key
    that comes later, as validation figures do with ``validation_freq=2``, is a new column at the
    end, with ``NA`` in the lines before; so are the new keys of a run that appends. Each line is
    on the disk when the next epoch begins. In a resumed run, lines that a killed process wrote
    behind its last backup are dropped and come again.

    Examples
    --------
    >>> CSVLogger("log.csv", append=True).append
    True
    """

    def __init__(
        self, filename: str | PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        super().__init__()
        if not isinstance(separator, str) or len(separator) != 1 or separator in '"\r\n':
            msg = f"CSVLogger: separator must be one character, got {quoted(separator)}"
            raise ValueError(msg)
        self.filename, self.separator, self.append = Path(filename), separator, bool(append)
        self._start()

    def _start(self) -> None:
        # Whether the next line begins the file; else the number of lines it had, when that is known.
        self._begins = not self.append
        self._keep: int | None = None
        # What the file was like after the last line: a file of another size is read again.
        self._columns: list[str] = []
        self._rows = 0
        self._size = -1
        self._end = "\n"

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Start again from nothing, or from what the file holds."""
        self._start()
        if not self._begins:
            self._look()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the epoch's line."""
        logs = logs or {}
        with explained(self.filename):
            if not self._begins and (self._keep is not None or self._length() != self._size):
                self._look()
            new = sorted(key for key in logs if key not in self._columns or self._begins)
            if self._begins:
                self._columns, self._rows, self._end = ["epoch", *new], 0, "\n"
                self._write(self._line(self._columns), "wb")
                self._begins = False
            elif new:
                self._widen(new)
            cells = {**logs, "epoch": epoch, "": ""}
            self._write(self._line([_cell(cells.get(c, _MISSING)) for c in self._columns]), "ab")
            self._rows += 1

    def _length(self) -> int:
        return self.filename.stat().st_size if self.filename.exists() else 0

    def _look(self) -> None:
        """Learn the columns from the file, drop lines that come again, end an open last line."""
        if self.filename.exists() and not self.filename.is_file():
            raise OSError(errno.EINVAL, "A device or a folder; name a file", str(self.filename))
        records = self._records()
        self._begins = not records
        if not records:
            self._keep = None
            return
        header, first = records[0]
        if "epoch" not in header:
            msg = (
                f"CSVLogger: {str(self.filename)[:100]!r} has no column 'epoch' between "
                f"{self.separator!r}, it begins with {first[:80]!r}; append to a log of the same "
                "separator, or choose another file"
            )
            raise ValueError(msg)
        self._end = "\r\n" if first.endswith("\r\n") else "\n"
        if self._keep is not None and len(records) > self._keep + 1:
            records = records[: self._keep + 1]
            self._replace([raw for _, raw in records])
        self._keep = None
        self._columns, self._rows = header, len(records) - 1
        self._size = self._length()
        if not records[-1][1].endswith(("\n", "\r")):
            self._write(self._end, "ab")

    def _records(self) -> list[tuple[list[str], str]]:
        """Return the cells of each record and its text, in which a quoted cell may break the line."""
        if not self.filename.exists():
            return []
        text = self.filename.read_bytes().decode(errors="surrogateescape")
        lines = list(io.StringIO(text, newline=""))
        reader = csv.reader(lines, delimiter=self.separator)
        found, begin = [], 0
        try:
            for cells in reader:
                found.append((cells, "".join(lines[begin : reader.line_num])))
                begin = reader.line_num
        except csv.Error as error:
            msg = f"CSVLogger: {str(self.filename)[:100]!r} cannot be read as CSV: {error}"
            raise ValueError(msg) from None
        if found:
            found[0][0][:] = [cell.removeprefix("\ufeff") for cell in found[0][0]]
        return found

    def _widen(self, new: list[str]) -> None:
        """Add columns behind those that there are; lines longer than the header keep their cells."""
        records = self._records()
        width = max(len(cells) for cells, _ in records)
        added = [""] * (width - len(self._columns)) + new
        texts = [_joined(records[0][1], self._line(["", *added]))]
        for cells, raw in records[1:]:
            filled = [""] * (width - len(cells)) + [_MISSING] * len(new)
            texts.append(_joined(raw, self._line(["", *filled])) if cells else raw)
        self._replace(texts)
        self._columns = [*self._columns, *added]

    def _replace(self, texts: list[str]) -> None:
        with atomic_open(self.filename) as file:
            file.write("".join(texts).encode(errors="surrogateescape"))
        self._size = self._length()

    def _line(self, cells: list[Any]) -> str:
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self.separator, lineterminator=self._end).writerow(cells)
        return text.getvalue()

    def _write(self, text: str, mode: str) -> None:
        """Write a whole line or nothing."""
        left = memoryview(text.encode(errors="surrogateescape"))
        with self.filename.open(mode, buffering=0) as file:
            before = file.seek(0, io.SEEK_END)
            try:
                while left:
                    left = left[file.write(left) :]
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(before)
                raise
            self._size = file.tell()

    def get_state(self) -> dict[str, Any]:
        """Return how many lines of the file stand; None when it is still to be begun."""
        return {"rows": None if self._begins else self._rows}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on behind that; a file that is gone begins anew."""
        rows = kept.checked(self, state, {"rows": kept.count_or_none})["rows"]
        if rows is not None:
            self._begins, self._keep = False, rows


def _joined(raw: str, more: str) -> str:
    return raw.rstrip("\r\n") + more


def _cell(value: Any) -> Any:
    return value if np.ndim(value) == 0 else np.asarray(value).tolist()
