"""What an adaptation changed, for card and page: here beside home."""

from dataclasses import dataclass

from classifier.bundles.schema import Adaptation, AdaptedFrom
from classifier.cards.numbers import Metric
from classifier.datasets import Dataset


@dataclass(frozen=True)
class AccuracyRow:
    """Accuracy on the same images before and after."""

    images: str
    before: Metric
    after: Metric


@dataclass(frozen=True)
class AdaptationView:
    """How a model was adapted, and how it does on own images and on those of its dataset."""

    source: AdaptedFrom
    adaptation: Adaptation
    dataset: Dataset

    @property
    def rows(self) -> list[AccuracyRow]:
        """The laboratory's own images, and those at home where they were at hand."""
        gain, home = self.adaptation.gain, self.adaptation.at_home
        own = f"“{self.adaptation.images}”, by cross-validation"
        rows = [AccuracyRow(own, Metric.of(gain.before), Metric.of(gain.after))]
        if home:
            at_home = f"{self.dataset.title}, test images"
            rows.append(AccuracyRow(at_home, Metric.of(home.before), Metric.of(home.after)))
        return rows

    @property
    def counts(self) -> str:
        """How many images each class had, such as "neutrophil 20, monocyte 12"."""
        return ", ".join(f"{each.label} {each.n}" for each in self.adaptation.classes if each.n)
