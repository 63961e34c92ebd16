"""What a network said of labelled images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Scores:
    """Probabilities (N, classes) that a network gave images it was not trained on, and labels (N,).

    For a small dataset, those of all networks of a cross-validation together.
    """

    probabilities: Floats
    labels: Labels

    @classmethod
    def read(cls, path: Path) -> Self:
        """From an uncertainty.npz. Raises OSError, ValueError and KeyError."""
        with np.load(path, allow_pickle=False) as stored:
            probabilities = stored["probabilities"].astype(np.float64)
            return cls(probabilities, stored["labels"].astype(np.int64))
