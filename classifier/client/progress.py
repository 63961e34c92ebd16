"""One line that grows."""

import sys
from typing import Final

WIDTH: Final = 30


class Bar:
    """A progress bar on standard error; where that is no terminal, one line at the end."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.line = ""

    def show(self, done: int, total: int) -> None:
        filled = WIDTH * done // max(1, total)
        self.line = f"{self.title:<12} [{'█' * filled}{'·' * (WIDTH - filled)}] {done}/{total}"
        if sys.stderr.isatty():
            print(f"\r{self.line}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        print("" if sys.stderr.isatty() else self.line, file=sys.stderr)


def say(sentence: str) -> None:
    """A line of its own, below a bar that grows."""
    print(f"\n{sentence}" if sys.stderr.isatty() else sentence, file=sys.stderr)
