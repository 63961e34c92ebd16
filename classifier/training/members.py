"""The networks of one recipe, trained one after another, as a single one."""

from collections.abc import Sequence

import numpy as np

from classifier.datasets.medmnist import Split
from classifier.evaluation.batch_predict import predict
from classifier.networks.ensemble import averaged
from classifier.training.checkpoint import Record
from classifier.training.recipe import Recipe
from classifier.training.trainer import TrainedNetwork, validation_record


def joined_networks(
    members: Sequence[TrainedNetwork], validation: Split, recipe: Recipe
) -> TrainedNetwork:
    """Give the members of a recipe as one.

    Its history is the mean of those that were trained alike, its seconds are the sum; those of the
    others count in the last epoch.
    """
    if len(members) == 1:
        return members[0]
    network = averaged(
        [member.network for member in members],
        alike=recipe.members,
        shares=recipe.member_shares(),
    )
    probabilities = predict(network, validation.images)
    return TrainedNetwork(
        network,
        members[0].selected_epoch,
        _history([member.history for member in members], recipe.members),
        validation_record(validation.labels, probabilities),
    )


def _history(histories: Sequence[list[Record]], alike: int) -> list[Record]:
    means = [_mean(records) for records in zip(*histories[:alike], strict=True)]
    further = sum(record["seconds"] for each in histories[alike:] for record in each)
    return [*means[:-1], means[-1] | {"seconds": round(means[-1]["seconds"] + further, 1)}]


def _mean(records: Sequence[Record]) -> Record:
    seconds = sum(record["seconds"] for record in records)
    mean = {name: float(np.mean([record[name] for record in records])) for name in records[0]}
    return mean | {"epoch": records[0]["epoch"], "seconds": round(seconds, 1)}
