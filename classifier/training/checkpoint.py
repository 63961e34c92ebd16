"""The state of a training run between two epochs, kept in one file that is replaced atomically."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.bundles.schema import EpochRecord

Arrays = list[NDArray[Any]]


@dataclass
class Checkpoint:
    """Everything that an epoch hands to the next one.

    `variables` are those of network, optimizer and averaged weights in a fixed order, `selected`
    the weights of the best epoch so far, `history` one record per finished epoch.
    """

    recipe: dict[str, Any]
    variables: Arrays = field(default_factory=list)
    selected: Arrays = field(default_factory=list)
    selected_epoch: int = 0
    history: list[EpochRecord] = field(default_factory=list)


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write beside the path and move it there: a kill leaves the old file or the new one."""
    description = {
        "recipe": checkpoint.recipe,
        "selected_epoch": checkpoint.selected_epoch,
        "history": [record.model_dump() for record in checkpoint.history],
    }
    variables = _numbered("variable", checkpoint.variables)
    selected = _numbered("selected", checkpoint.selected)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez(stream, description=np.array(json.dumps(description)), **variables, **selected)  # type: ignore[arg-type]
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote; raises FileNotFoundError when there is none."""
    with np.load(path) as stored:
        description = json.loads(str(stored["description"]))
        return Checkpoint(
            recipe=description["recipe"],
            variables=_in_order(stored, "variable"),
            selected=_in_order(stored, "selected"),
            selected_epoch=description["selected_epoch"],
            history=[EpochRecord.model_validate(record) for record in description["history"]],
        )


def _numbered(prefix: str, arrays: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{prefix}_{index:05d}": array for index, array in enumerate(arrays)}


def _in_order(stored: Any, prefix: str) -> Arrays:
    return [stored[name] for name in sorted(stored.files) if name.startswith(f"{prefix}_")]
