"""Models as the form and the tables list them."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from classifier.cards.view import ModelView
from classifier.datasets import Dataset, datasets
from classifier.models import TrainedModel


@dataclass(frozen=True)
class ModelCard:
    """A registered model with the view of its bundle."""

    model: TrainedModel
    view: ModelView


@dataclass(frozen=True)
class ModelGroup:
    """The models for one kind of image."""

    dataset: Dataset
    cards: list[ModelCard]

    @property
    def data_name(self) -> str:
        """The test images that the metrics are of; several names where the models differ."""
        measured = (card.view.measured for card in self.cards)
        return "; ".join(dict.fromkeys(each.data_name for each in measured if each))


def view_of(model: TrainedModel) -> ModelView:
    """What there is to say of a registered model."""
    return ModelView(model.described, model.measured)


def model_groups(models: Iterable[TrainedModel]) -> list[ModelGroup]:
    """Models that come in display order, by what they look at."""
    return [
        ModelGroup(datasets()[dataset], [ModelCard(model, view_of(model)) for model in group])
        for dataset, group in groupby(models, key=lambda model: model.dataset)
        if dataset in datasets()
    ]
