"""Other people's names of classes, matched to those of a dataset."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

# So alike two names have to be, 1 for the same; "lymphocites" to "lymphocyte" is 0.86.
ALIKE: Final = 0.8
SHORTEST_ABBREVIATION: Final = 3


def proposed_class(name: str, labels: Sequence[str]) -> str:
    """The class that a name most likely stands for; empty where none is near or several are.

    Case, numbering, plural and separators make no difference, and the first letters of a class
    will do where they are those of one alone.
    """
    wanted = _plain(name)
    plain = {label: _plain(label) for label in labels}
    for label in labels:
        if wanted and plain[label] == wanted:
            return label
    begun = [
        label
        for label, text in plain.items()
        if min(len(text), len(wanted)) >= SHORTEST_ABBREVIATION
        and (text.startswith(wanted) or wanted.startswith(text))
    ]
    if begun:
        return begun[0] if len(begun) == 1 else ""
    alike = {label: SequenceMatcher(None, wanted, text).ratio() for label, text in plain.items()}
    near = sorted((share, label) for label, share in alike.items() if share >= ALIKE)
    return near[-1][1] if near else ""


def _plain(name: str) -> str:
    """Letters alone, of the words without their plural."""
    words = re.findall(r"[^\W\d_]+", name.casefold())
    return "".join(word.removesuffix("s") if len(word) > 3 else word for word in words)
