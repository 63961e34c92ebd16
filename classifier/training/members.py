"""The networks of one recipe, trained one after another, as a single one."""

from collections.abc import Sequence

import numpy as np

from classifier.bundles.schema import EpochRecord
from classifier.datasets.medmnist import Split
from classifier.evaluation.batch_predict import predict
from classifier.evaluation.scores import Scores
from classifier.networks.ensemble import averaged
from classifier.training.recipe import Recipe
from classifier.training.trainer import TrainedNetwork


def joined_networks(
    members: Sequence[TrainedNetwork], validation: Split, recipe: Recipe
) -> TrainedNetwork:
    """The members of a recipe as one.

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
    histories = [member.history for member in members]
    means = [_mean(records) for records in zip(*histories[: recipe.members], strict=True)]
    others = sum(record.seconds for history in histories[recipe.members :] for record in history)
    last = means[-1].model_copy(update={"seconds": round(means[-1].seconds + others, 1)})
    return TrainedNetwork(
        network,
        members[0].selected_epoch,
        [*means[:-1], last],
        Scores(predict(network, validation.images), validation.labels),
    )


def _mean(records: Sequence[EpochRecord]) -> EpochRecord:
    seconds = sum(record.seconds for record in records)
    columns = [record.model_dump() for record in records]
    mean = {name: float(np.mean([row[name] for row in columns])) for name in columns[0]}
    return EpochRecord.model_validate(
        mean | {"epoch": records[0].epoch, "seconds": round(seconds, 1)}
    )
