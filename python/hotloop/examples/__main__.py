"""List the examples."""

from __future__ import annotations

from hotloop.examples import CHAPTERS, idea


def main() -> None:
    """Print each example's name, idea and duration."""
    print("python -m hotloop.examples.NAME runs one; --help says more of it.")
    for chapter, examples in CHAPTERS.items():
        print(f"\n{chapter}")
        for name, takes in examples.items():
            print(f"  {name:22} {idea(name)} ({takes})")


if __name__ == "__main__":
    main()
