"""Explanations as the result page shows them."""

from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import User

from classifier.bundles.schema import ExplanationCheck
from classifier.models import Explanation, Method, Prediction, Status
from classifier.services import NotAllowed
from classifier.services.explanations import check_of, obstacle, where
from classifier.services.permissions import check_explains

WORDS: Final = {
    Method.GRAD_CAM: (
        "Which parts of the image made the network’s last maps of features speak for this class."
    ),
    Method.OCCLUSION: (
        "Where the class loses most when a square of the image is covered with its mean colour."
    ),
}


@dataclass(frozen=True)
class Panel:
    """What the page has of one method: its map, the way to it, or why there is none."""

    prediction: Prediction
    method: Method
    explanation: Explanation | None
    check: ExplanationCheck | None
    obstacle: str
    can_ask: bool

    @property
    def words(self) -> str:
        """What a map of this method shows."""
        return WORDS[self.method]

    @property
    def has_map(self) -> bool:
        return self.explanation is not None and self.explanation.status == Status.SUCCESS

    @property
    def is_waiting(self) -> bool:
        return self.explanation is not None and not self.explanation.is_finished

    @property
    def where(self) -> str:
        """Where the map lies, in a sentence; empty without one."""
        explanation = self.explanation
        return where(bytes(explanation.map)) if explanation and explanation.map else ""

    @property
    def summary(self) -> str:
        """What a screen reader is told when it changes."""
        if self.explanation is None:
            return ""
        if self.has_map:
            return f"{self.method.label}: the map is there. {self.where}"
        return f"{self.method.label}: {self.explanation.get_status_display().lower()}."


def panels(prediction: Prediction, person: User) -> list[Panel]:
    """One for each method; none before there is a result."""
    if prediction.status != Status.SUCCESS:
        return []
    known = {each.method: each for each in prediction.explanations.all()}
    try:
        check_explains(person, prediction)
        can_ask = True
    except NotAllowed:
        can_ask = False
    return [
        Panel(
            prediction=prediction,
            method=method,
            explanation=known.get(method),
            check=check_of(prediction.trained_model, method),
            obstacle=obstacle(prediction, method),
            can_ask=can_ask,
        )
        for method in Method
    ]
