"""Break the core on purpose, one place at a time, and show that the conformance tests notice.

Works on a copy of the last commit in a temporary folder, with a build of its own for one instruction
set; the tree is not touched. Each mutation names a text that must stand in its file exactly once:
when the code has moved on, the script says so instead of testing nothing. It also names the ops
that it breaks. Their rows of the conformance table are tested first, which takes seconds, and all
rows only if those notice nothing. Prints a table; fails if a mutation survives.

Usage: ``python scripts/mutate.py [--work FOLDER] [NAME ...]``, with a Python that has pybind11,
pytest and what hotloop needs, and CMake and ninja on the path. The first build takes a minute or
two, a mutation some seconds to a minute. ``HOTLOOP_ISA`` names the instruction set.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

TOP = Path(__file__).resolve().parent.parent
# A test that hangs is caught too; a build is given time on a busy machine.
TEST_SECONDS, BUILD_SECONDS = 1800, 7200


class Mutation(NamedTuple):
    """One place to break, and parts of the names of the ops that must notice."""

    name: str
    file: str
    text: str
    instead: str
    ops: tuple[str, ...]


MUTATIONS = (
    Mutation(
        "edge mask dropped: the last vector is stored whole",
        "cpp/kernels/pointwise.cpp",
        "f(i, rest).store(y + i, rest);",
        "f(i, rest).store(y + i);",
        ("relu", "sigmoid"),
    ),
    Mutation(
        "last vector of an update skipped",
        "cpp/kernels/vectors.h",
        "if (const int tail = static_cast<int>(n - i))\n        body(",
        "if (const int tail = 0)\n        body(",
        ("update",),
    ),
    Mutation(
        "stride swapped: rows of an image counted by its height",
        "cpp/kernels/pool.cpp",
        "const T* at = image + (h * w.W + w0) * C + c;",
        "const T* at = image + (h * w.H + w0) * C + c;",
        ("pool2d",),
    ),
    Mutation(
        "last block of a sum skipped",
        "cpp/ops/losses.cpp",
        "for (index_t i = 0; i < blocks; ++i) sum += partial[i];",
        "for (index_t i = 0; i + 1 < blocks; ++i) sum += partial[i];",
        ("squared_error", "cross_entropy"),
    ),
    Mutation(
        "sign lost in the gradient of softmax",
        "cpp/kernels/softmax.cpp",
        "load(y) * (load(dy) - total)",
        "load(y) * (load(dy) + total)",
        ("softmax",),
    ),
    Mutation(
        "two threads race: scratch memory shared by all",
        "cpp/runtime/buffer.cpp",
        "thread_local Block blocks",
        "Block blocks",
        ("conv2d", "norm"),
    ),
    Mutation(
        "order of a sum depends on the number of threads",
        "cpp/ops/reduce.cpp",
        "std::clamp<index_t>(rows * cols / 16384, 1, 16);",
        "std::clamp<index_t>(rows * cols / 16384, 1, num_threads());",
        ("affine_backward",),
    ),
    Mutation(
        "off by one in padding: the odd pixel of 'same' at the beginning",
        "cpp/ops/window.cpp",
        "before = total / 2;",
        "before = (total + 1) / 2;",
        ("conv2d",),
    ),
    Mutation(
        "wrong tie: the last of equals wins the pool",
        "cpp/kernels/pooling.h",
        "return ~(v <= best) & (best == best);",
        "return ~(v < best) & (best == best);",
        ("max_pool2d",),
    ),
    Mutation(
        "NaN lost: a pool takes the next number instead",
        "cpp/kernels/pooling.h",
        "return ~(v <= best) & (best == best);",
        "return v > best;",
        ("max_pool2d",),
    ),
    Mutation(
        "bias missing where every channel has its own kernel",
        "cpp/kernels/depthwise.cpp",
        "const V start = a.bias ? lanes.load(a.bias + c) : V::zero();",
        "const V start = V::zero();",
        ("conv2d",),
    ),
    Mutation(
        "remainder of K dropped from a product",
        "cpp/kernels/gemm.cpp",
        "for (index_t k = 0; k < length; ++k, at += step) rank_one(at);",
        "for (index_t k = 0; k < length / 4 * 4; ++k, at += step) rank_one(at);",
        ("matmul",),
    ),
    Mutation(
        "window clipped one tap early at the right edge",
        "cpp/ops/im2col.cpp",
        "if (w >= 0 && w < v.W)",
        "if (w >= 0 && w < v.W - 1)",
        ("im2col",),
    ),
    Mutation(
        "running variance left alone",
        "cpp/kernels/update.cpp",
        "const V new_v = simd::fma(rest2, as.square(g), beta2 * as.read(x.second));",
        "const V new_v = as.read(x.second);",
        ("adam_update",),
    ),
    Mutation(
        "mask of dropout a word late",
        "cpp/kernels/dropout.cpp",
        "for (index_t j = i; j < n; ++j) out[j] = rest[j - i];",
        "for (index_t j = i; j < n; ++j) out[j] = rest[(j - i + 1) % kStep];",
        ("dropout",),
    ),
    Mutation(
        "float32 beside float64 becomes float32",
        "cpp/bindings/arrays.cpp",
        "dtype_ = any && (dtype_ == DType::f64 || d == DType::f64) ? DType::f64 : d;",
        "dtype_ = any && (dtype_ == DType::f64 && d == DType::f64) ? DType::f64 : d;",
        ("matmul",),
    ),
    Mutation(
        "overlapping out accepted where it may be an input",
        "cpp/bindings/arrays.cpp",
        "if (alias == Alias::elementwise && same_array(a, b)) continue;",
        "if (alias == Alias::elementwise) continue;",
        ("relu",),
    ),
    Mutation(
        "reference leaked for each list",
        "cpp/bindings/arrays.cpp",
        "if (raw) return py::reinterpret_steal<py::array>(raw);",
        "if (raw) return py::reinterpret_borrow<py::array>(raw);",
        ("relu",),
    ),
    Mutation(
        "edge mask dropped from a product: its last columns are stored whole",
        "cpp/kernels/gemm.cpp",
        "acc[i][j].store(c + j * W, tail);",
        "acc[i][j].store(c + j * W);",
        ("matmul",),
    ),
    Mutation(
        "two threads race: a region ends before its last slices do",
        "cpp/runtime/team.cpp",
        "while (!spin(kCallerPatience, done)) {",
        "while (false && !spin(kCallerPatience, done)) {",
        ("relu", "softmax", "conv2d"),
    ),
    Mutation(
        "overlapping sums meet: all pixels of a row of the gradient in one turn",
        "cpp/ops/conv_scatter.cpp",
        "static_cast<std::size_t>(ow % turns);",
        "static_cast<std::size_t>(ow % turns * 0);",
        ("conv2d_backward",),
    ),
    Mutation(
        "last pixel of a row left out of the gradient of weights",
        "cpp/kernels/conv_rows.cpp",
        "for (; left > 0; --left, x += pixel, dy += step) {",
        "for (; left > 1; --left, x += pixel, dy += step) {",
        ("conv2d_backward",),
    ),
    Mutation(
        "zeros of the padding left out though they meet an infinity",
        "cpp/ops/conv_weight_gradient.cpp",
        "if (leave_out && !all_finite(dw, size)) sum(true);",
        "",
        ("conv2d_backward",),
    ),
    Mutation(
        "last odd row left out of the sums of a norm's gradient",
        "cpp/kernels/norm.cpp",
        "if (r < rows) add(r, 0, j);",
        "",
        ("norm_backward",),
    ),
    Mutation(
        "last pixels skipped where every channel has its own kernel",
        "cpp/kernels/depthwise.cpp",
        "for (; p < run.pixels; ++p) pixels<T, 1>(a, run, p, c, n);",
        "",
        ("conv2d",),
    ),
    Mutation(
        "stride swapped: a picture of three channels turned the wrong way",
        "cpp/kernels/layout.cpp",
        "for (int r = 0; r < kRows; ++r) y[c * y_stride + r] = x[r * x_stride + c];",
        "for (int r = 0; r < kRows; ++r) y[c * y_stride + r] = x[r + x_stride * (c % kRows)];",
        ("conv2d", "pool2d"),
    ),
    Mutation(
        "transposed edge of B packed from the next row",
        "cpp/kernels/gemm_pack.h",
        "j < n - p ? b[j * row_stride + k0] : T{0};",
        "j < n - p ? b[(j + (k0 > 2)) * row_stride + k0] : T{0};",
        ("matmul",),
    ),
)


def say(line: str) -> None:
    """Print a line at once: the whole takes long."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run(command: list[str], folder: Path, seconds: int) -> subprocess.CompletedProcess[str]:
    """Run a command with the copy of the tree on its path, and keep what it says."""
    env = {**os.environ, "PYTHONPATH": str(folder / "python"), "CI": "true"}
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=seconds
    )


def build(tree: Path, folder: Path) -> None:
    """Compile what has changed, and put the module beside the Python sources of the copy."""
    done = run(["cmake", "--build", str(folder)], tree, BUILD_SECONDS)
    if done.returncode:
        sys.exit(f"the build failed, which shows nothing:\n{done.stdout[-3000:]}{done.stderr}")
    for module in folder.glob("_core*.so"):
        shutil.copy2(module, tree / "python" / "hotloop" / module.name)


def first_failure(tree: Path, ops: Collection[str] = ()) -> str:
    """Run conformance tests, of these ops or all, up to the first that fails; name it, or give an empty text."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    if ops:
        command += ["-k", " or ".join(sorted(ops))]
    # File by file: the values first, which most mutations change.
    for file in sorted((tree / "tests" / "conformance").glob("test_*.py"), reverse=True):
        try:
            done = run([*command, str(file.relative_to(tree))], tree, TEST_SECONDS)
        except subprocess.TimeoutExpired:
            return f"{file.name}: no end"
        if done.returncode:
            found = re.search(r"^(?:FAILED|ERROR) \S*?(\w+\.py::\S+|\S+)", done.stdout, re.M)
            return found[1] if found else f"{file.name}: ended with {done.returncode}"
    return ""


def refresh(tree: Path) -> None:
    """Bring the copy to the last commit; files that are as they were keep their times."""
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=TOP, capture_output=True, check=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        for new in Path(folder).rglob("*"):
            old = tree / new.relative_to(folder)
            if new.is_dir():
                old.mkdir(parents=True, exist_ok=True)
            elif not old.is_file() or old.read_bytes() != new.read_bytes():
                shutil.copyfile(new, old)
                shutil.copymode(new, old)


def instruction_set() -> str:
    """Name the set to build: the one asked for, or the best of this machine; nothing, for all, if unknown."""
    code = "from hotloop import _core; print(_core.config()['isa'])"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    return os.environ.get("HOTLOOP_ISA") or found.stdout.strip()


def prepare(work: Path) -> tuple[Path, Path]:
    """Copy the last commit; keep a build that is there."""
    tree, folder = work / "tree", work / "build"
    tree.mkdir(parents=True, exist_ok=True)
    refresh(tree)
    config = subprocess.run(
        [sys.executable, "-m", "pybind11", "--cmakedir"], capture_output=True, text=True, check=True
    )
    done = run(
        [
            *("cmake", "-S", str(tree), "-B", str(folder), "-G", "Ninja"),
            *("-DCMAKE_BUILD_TYPE=Release", f"-DPython_EXECUTABLE={sys.executable}"),
            f"-Dpybind11_DIR={config.stdout.strip()}",
            f"-DHOTLOOP_SETS={instruction_set()}",
        ],
        tree,
        BUILD_SECONDS,
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return tree, folder


def mutate(mutations: list[Mutation], work: Path) -> int:
    """Try each mutation; print the table and return how many survive."""
    tree, folder = prepare(work)
    for mutation in mutations:
        found = (tree / mutation.file).read_text().count(mutation.text)
        if found != 1:
            sys.exit(f"{mutation.file} holds the text of “{mutation.name}” {found} times, not once")
    build(tree, folder)
    if failed := first_failure(tree, {op for mutation in mutations for op in mutation.ops}):
        sys.exit(f"the core fails unbroken: {failed}")
    say("| mutation | file | caught by | seconds |\n| --- | --- | --- | --- |")
    survived = 0
    for mutation in mutations:
        file = tree / mutation.file
        whole = file.read_text()
        file.write_text(whole.replace(mutation.text, mutation.instead))
        started = time.perf_counter()
        try:
            build(tree, folder)
            failed = first_failure(tree, mutation.ops) or first_failure(tree)
        finally:
            file.write_text(whole)
        survived += not failed
        seconds = time.perf_counter() - started
        caught = f"`{failed}`" if failed else "**nothing**"
        place = mutation.file.removeprefix("cpp/")
        say(f"| {mutation.name} | `{place}` | {caught} | {seconds:.0f} |")
    say(f"\n{len(mutations) - survived} of {len(mutations)} mutations caught")
    return survived


def main() -> int:
    """Read the arguments; work in a temporary folder unless one is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, help="folder to build in, and to keep")
    parser.add_argument("names", nargs="*", help="mutations whose name holds one of these")
    given = parser.parse_args()
    chosen = [m for m in MUTATIONS if not given.names or any(n in m.name for n in given.names)]
    if not chosen:
        parser.error(f"no mutation is named like {given.names}")
    if given.work:
        return mutate(chosen, given.work.resolve())
    with tempfile.TemporaryDirectory() as work:
        return mutate(chosen, Path(work))


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
