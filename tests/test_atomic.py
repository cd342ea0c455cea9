"""Files that are written whole or not at all, and what killed writers leave beside them."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from hotloop._support import atomic
from hotloop._support.atomic import atomic_open

LEFT = ".m.hotloop.4000000-0123abcd.part"
needs_locks = pytest.mark.skipif(sys.platform == "win32", reason="no locks that end with a process")


def write(path: Path, data: bytes = b"new") -> None:
    with atomic_open(path) as file:
        file.write(data)


def parts(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.glob(".*.part"))


@needs_locks
def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    path = tmp_path / "m.hotloop"
    kept = [".other.4000000-0123abcd.part", ".m.hotloop.part", ".m.hotloop.1-2.part"]
    for name in (LEFT, *kept):
        (tmp_path / name).write_bytes(b"half")
    write(path)
    assert path.read_bytes() == b"new"
    assert parts(tmp_path) == sorted(kept)


@needs_locks
def test_a_killed_writer_leaves_one_file_until_the_next(tmp_path: Path) -> None:
    path = tmp_path / "m.hotloop"
    code = (
        "import os, signal, sys; from hotloop._support.atomic import atomic_open\n"
        "with atomic_open(sys.argv[1]) as file: file.write(b'half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code, str(path)], check=False)
        assert len(parts(tmp_path)) == 1
    assert not path.exists()
    write(path)
    assert parts(tmp_path) == []


@needs_locks
def test_what_a_living_writer_is_at_stays(tmp_path: Path) -> None:
    path = tmp_path / "m.hotloop"
    code = (
        "import sys; from hotloop._support.atomic import atomic_open\n"
        "with atomic_open(sys.argv[1]) as file:\n"
        "    file.write(b'theirs'); print('writing', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"writing\n"
        with atomic_open(path) as file:
            file.write(b"ours")
            write(path, b"inner")  # a thread of this process, or a call within the call
            assert len(parts(tmp_path)) == 2
        assert path.read_bytes() == b"ours"
        other.stdin.close()
        assert other.wait(60) == 0
    assert path.read_bytes() == b"theirs"
    assert parts(tmp_path) == []


def test_writers_at_once_never_meet(tmp_path: Path) -> None:
    path = tmp_path / "m.hotloop"
    errors: list[BaseException] = []

    def run(mine: int) -> None:
        try:
            for _ in range(30):
                write(path, bytes([mine]) * 1000)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(set(path.read_bytes())) == 1
    assert len(path.read_bytes()) == 1000
    assert parts(tmp_path) == []


@needs_locks
def test_a_sweep_before_the_lock_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = atomic._lock
    rounds: list[str] = []

    def late(file: Any, until: contextlib.ExitStack, *, wait: bool) -> bool:
        if len(rounds) < 3:
            rounds.append(file.name)
            Path(file.name).unlink()  # as a sweep of another process does
        return real(file, until, wait=wait)

    monkeypatch.setattr(atomic, "_lock", late)
    write(tmp_path / "m")
    assert len(rounds) == 3
    assert (tmp_path / "m").read_bytes() == b"new"
    assert parts(tmp_path) == []


@needs_locks
def test_without_locks_nothing_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", none)
    (tmp_path / LEFT).write_bytes(b"half")
    write(tmp_path / "m.hotloop")
    assert parts(tmp_path) == [LEFT]
    assert (tmp_path / "m.hotloop").read_bytes() == b"new"


def test_no_handle_stays_open(tmp_path: Path) -> None:
    handles = Path("/proc/self/fd")
    if not handles.is_dir():
        pytest.skip("no /proc here")
    write(tmp_path / "m")
    before = len(list(handles.iterdir()))
    for i in range(20):
        (tmp_path / LEFT).write_bytes(b"half")
        write(tmp_path / "m.hotloop")
        with contextlib.suppress(ZeroDivisionError), atomic_open(tmp_path / "m"):
            1 / (i - i)
    assert len(list(handles.iterdir())) == before


@pytest.mark.parametrize("name", ["a" * 255, "模" * 85, "with space", "-", ".hidden", "a\nb", "%s"])
def test_any_name_that_the_system_takes(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    write(tmp_path / name, b"newer")
    assert (tmp_path / name).read_bytes() == b"newer"
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("gone/m", "No such file or directory; make its folder first"),
        ("file/m", "Not a directory; what should be its folder is a file; choose another"),
        ("folder", "Is a directory; there is a folder of this name; name a file"),
        ("a" * 256, "File name too long; choose a shorter name"),
    ],
)
def test_an_error_names_the_file_and_says_what_to_do(
    tmp_path: Path, name: str, advice: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=f"{advice}: '{tmp_path / name}'"):
        write(tmp_path / name)
    assert parts(tmp_path) == []


@needs_locks
def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    far, link, lost = tmp_path / "far", tmp_path / "link", tmp_path / "lost"
    far.mkdir()
    link.symlink_to(far / "m")
    for data in (b"new", b"newer"):
        write(link, data)
        assert link.is_symlink()
        assert (far / "m").read_bytes() == data
    lost.symlink_to(tmp_path / "gone" / "m")
    with pytest.raises(FileNotFoundError, match="make its folder first"):
        write(lost)
    assert parts(tmp_path) == parts(far) == []


@needs_locks
def test_a_pipe_or_device_is_not_replaced(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(OSError, match="A device, pipe or socket; name a file"):
            write(path)
    assert pipe.is_fifo()
    assert link.is_symlink()


@pytest.mark.parametrize("name", ["", ".", "/", ".."])
def test_no_name_at_all(name: str) -> None:
    with pytest.raises(IsADirectoryError, match="name a file"):
        write(Path(name))


def test_the_mode_is_that_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "m")
    finally:
        os.umask(before)
    assert (tmp_path / "m").stat().st_mode & 0o777 == 0o640
