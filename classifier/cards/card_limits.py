"""The part of a model card about prediction sets, refused images and calibration."""

from classifier.cards.markdown import NOTHING, Values, table, with_interval
from classifier.cards.titles import pictures_title

FLATTERING = (
    "The drawings, and the same kinds of damage on validation images, also helped to choose how a "
    "model recognises what is unlike its training data. So both tables flatter it: expect less of "
    "pictures and damage of other kinds."
)


def limits(measured: Values) -> str:
    """Give the Markdown text for the section `uncertainty` of an evaluation."""
    opening = (
        "Each answer names a prediction set: the classes that may be right. An image unlike the "
        "training data is refused. Flagged for a second look is what is refused or has several "
        f"classes in its set. Measured on the test split, n = {measured['coverage']['n']:,}; in "
        "brackets 95 % intervals."
    )
    parts = [
        opening,
        _answers(measured),
        _hardest_class(measured),
        "How much it refuses of images that are of another kind:",
        _rejection(measured),
        "What it makes of its own test images after damage:",
        _corruptions(measured),
        FLATTERING,
    ]
    return "\n\n".join(filter(None, parts))


def _answers(measured: Values) -> str:
    calibration = measured["calibration"]
    rows = [
        ("true class in the prediction set", *_aimed(measured["coverage"])),
        ("mean number of classes in a set", NOTHING, f"{measured['set_size']['mean']:.4f}"),
        ("sets of one class", NOTHING, _share(measured["set_size"]["single"])),
        ("accepted", *_aimed(measured["acceptance"])),
        ("flagged", NOTHING, _share(measured["flagged"])),
        (
            f"errors flagged, of {measured['errors_flagged']['n']:,}",
            NOTHING,
            _share(measured["errors_flagged"]),
        ),
    ]
    rows += [
        (f"{title} {stage} temperature {calibration['temperature']:.4f}", NOTHING, f"{value:.4f}")
        for key, title in (("ece", "expected calibration error"), ("log_loss", "log loss"))
        for stage in ("before", "after")
        for value in [calibration[stage][key]]
    ]
    return table(["figure", "target", "measured"], rows)


def _aimed(measured: Values) -> tuple[str, str]:
    return f"{measured['target']:g}", _share(measured)


def _share(measured: Values) -> str:
    if measured["share"] is None:
        return NOTHING
    return with_interval(measured["share"], measured["interval"])


def _hardest_class(measured: Values) -> str:
    known = [row for row in measured["per_class"] if row["share"] is not None]
    if not known:
        return ""
    lowest = min(known, key=lambda row: row["share"])
    return (
        f"The class that is least often in its set is {lowest['label']}: {_share(lowest)} of "
        f"{lowest['n']:,} images."
    )


def _rejection(measured: Values) -> str:
    rows = [
        (pictures_title(row["images"]), f"{row['n']:,}", _share(row))
        for row in measured["rejection"]
    ]
    return table(["images", "n", "refused"], rows)


def _corruptions(measured: Values) -> str:
    keys = ("accuracy", "acceptance", "accepted_accuracy", "errors_flagged")
    rows = [
        (row["corruption"], f"{row['accuracy']['n']:,}", *(_share(row[key]) for key in keys))
        for row in measured["corruptions"]
    ]
    header = ["damage", "n", "accuracy", "accepted", "accuracy of accepted", "errors flagged"]
    return table(header, rows)
