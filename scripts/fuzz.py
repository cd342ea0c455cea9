"""Feed hostile bytes to what reads files, descriptions and arguments, and see that each is read or refused.

Usage: ``python scripts/fuzz.py TARGET... [--seconds N] [--seed N] [--plain] [--corpus FOLDER] [--crashes FOLDER]``
with ``TARGET`` model, calls, weights, state, idx, pickle, json, cli or all. With atheris (``pip install atheris``)
the branches of the Python sources guide the search; without it, or with ``--plain``, inputs of the corpus in
``tests/fuzz_corpus`` are changed at random from a fixed seed. What each target may do stands in
``tests/fuzz_targets.py``. Ends with 0 if nothing else happened; else each input that did is in a file, which
``--replay FILE`` runs again. ``--write-seeds`` makes the corpus anew.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
MEMORY = 3 * 2**30  # beyond what this leaves, a header has made the reader ask for too much
LONGEST = 20  # seconds of processor time for one input


def main() -> int:
    """Fuzz the targets in turn."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = ("model", "calls", "weights", "state", "idx", "pickle", "lists", "json", "cli")
    parser.add_argument("targets", nargs="*", metavar="TARGET", choices=[*names, "all", []])
    parser.add_argument("--seconds", type=float, default=10, help="of processor time, for each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="without atheris")
    parser.add_argument(
        "--first", action="store_true", help="end at the first fault (with --plain)"
    )
    parser.add_argument("--corpus", type=Path, help="where atheris keeps what it found")
    parser.add_argument("--crashes", type=Path, default=Path("fuzz-crashes"))
    parser.add_argument("--replay", type=Path)
    parser.add_argument("--write-seeds", action="store_true")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    sys.path.insert(0, str(TOP / "tests"))
    targets = list(names) if "all" in args.targets else args.targets
    if args.write_seeds:
        import fuzz_seeds  # noqa: PLC0415 - on the path from here on

        fuzz_seeds.write()
        return 0
    if args.replay:
        import fuzz_targets  # noqa: PLC0415

        fuzz_targets.run(targets[0], args.replay.read_bytes())
        return 0
    if not args.one:
        # A process each: one that crashes does not end the others.
        call = [sys.executable, __file__, "--one", *sys.argv[1:]]
        left = [word for word in call if word not in targets and word != "all"]
        ended = [alone([*left, name], name, args.crashes) for name in targets]
        return int(any(ended)) if ended else 2
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    args.crashes.mkdir(parents=True, exist_ok=True)
    if args.plain or importlib.util.find_spec("atheris") is None:
        return plain(Judge(targets[0], args.crashes), args)
    guided(targets[0], args)
    return 0


def alone(call: list[str], target: str, crashes: Path) -> int:
    """Run one target in a process of its own, and say so where a signal has ended it."""
    crashes.mkdir(parents=True, exist_ok=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = subprocess.run(call, check=False).returncode
    if code < 0:
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        runs = (crashes / f"{target}-count").read_text(encoding="ascii").strip() or "0"
        ended = f"{crashes / f'{target}-running'}: ended by {signal.Signals(-code).name}"
        cost = f"{runs} executions in {seconds:.0f} s of processor time, 1 fault"
        print(f"{ended}\n{target}: {cost}", flush=True)  # noqa: T201
    return code


class Judge:
    """Runs inputs, and keeps one of each kind that went wrong."""

    def __init__(self, target: str, crashes: Path) -> None:
        import fuzz_targets  # noqa: PLC0415 - on the path since `main`

        self.targets, self.target, self.crashes = fuzz_targets, target, crashes
        self.runs = self.faults = 0
        self.seen: set[str] = set()
        self.running = crashes / f"{target}-running"
        self.count = os.open(crashes / f"{target}-count", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        signal.signal(signal.SIGPROF, self._late)

    def _late(self, *_: object) -> None:
        msg = f"{self.target}: no answer in {LONGEST} s"
        raise self.targets.Fault(msg)

    def __call__(self, data: bytes) -> None:
        """Run one input."""
        self.runs += 1
        os.pwrite(self.count, b"%d\n" % self.runs, 0)
        self.running.write_bytes(data)  # what is there when a process is gone, or has to be ended
        signal.setitimer(signal.ITIMER_PROF, LONGEST)
        # What runs in C hears no signal: then the system ends the process.
        longest = int(time.process_time()) + 2 * LONGEST
        resource.setrlimit(resource.RLIMIT_CPU, (longest, resource.RLIM_INFINITY))
        try:
            self.targets.run(self.target, data)
        except self.targets.Fault as fault:
            self.faults += 1
            text = str(fault)
            if text[:60] not in self.seen:
                self.seen.add(text[:60])
                path = self.crashes / f"{self.target}-{hashlib.sha256(data).hexdigest()[:12]}"
                path.write_bytes(data)
                print(f"{path}: {text[:500]}", flush=True)  # noqa: T201
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            self.running.unlink()

    def told(self) -> int:
        """Print the figures and return the exit code."""
        text = f"{self.runs} executions in {time.process_time():.0f} s of processor time, {self.faults} faults"
        print(f"{self.target}: {text}", flush=True)  # noqa: T201
        return int(self.faults > 0)


def plain(judge: Judge, args: argparse.Namespace) -> int:
    """Change the corpus at random for a while."""
    import fuzz_mutations  # noqa: PLC0415 - on the path since `main`

    rng = random.Random(args.seed)
    folder = judge.targets.CORPUS / judge.target
    inputs = [path.read_bytes() for path in sorted(folder.iterdir())]
    # Sizes have few edges: every input that is one of them away is tried, in turn with random ones.
    steps = [step for data in inputs for step in fuzz_mutations.steps(judge.target, data)]
    rng.shuffle(steps)
    end = time.process_time() + args.seconds
    while time.process_time() < end and not (args.first and judge.faults):
        if judge.runs < len(inputs):
            judge(inputs[judge.runs])
            continue
        if steps and rng.random() < 0.5:
            judge(steps.pop())
            continue
        data = rng.choice(inputs)
        for _ in range(rng.choice((1, 1, 2, 5))):
            data = fuzz_mutations.mutate(judge.target, data, rng)
        judge(data)
    return judge.told()


def guided(target: str, args: argparse.Namespace) -> None:
    """Let atheris search; it ends the process."""
    import atheris  # noqa: PLC0415 - not everybody has it

    with atheris.instrument_imports(
        include=["hotloop", "zipfile", "json", "pickletools", "safetensors"]
    ):
        import fuzz_mutations  # noqa: PLC0415

        judge = Judge(target, args.crashes)

    def other(data: bytes, _: random.Random) -> bytes:
        return bytes(atheris.Mutate(data, max(len(data) + 64, 64)))

    def change(data: bytes, longest: int, seed: int) -> bytes:
        return fuzz_mutations.mutate(target, data, random.Random(seed), other)[:longest]

    def one(data: bytes) -> None:
        judge(data)
        if time.process_time() > end:
            code = judge.told()
            sys.stdout.flush()
            os._exit(code)

    corpus = args.corpus or Path(tempfile.gettempdir(), "hotloop-fuzz", target)
    corpus.mkdir(parents=True, exist_ok=True)
    options = [
        f"-seed={args.seed}",
        f"-timeout={100 * LONGEST}",  # by the clock, which also runs while the process is stopped
        f"-artifact_prefix={args.crashes}/{target}-",
        "-max_len=65536",
        f"-rss_limit_mb={MEMORY // 2**20}",
    ]
    folders = [str(corpus), str(judge.targets.CORPUS / target)]
    end = time.process_time() + args.seconds
    atheris.Setup([sys.argv[0], *options, *folders], one, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
