"""The run side of watching: each window of predictions is tested once, when it is full."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from classifier.models import (
    Prediction,
    PredictionQuerySet,
    Status,
    Watch,
    WatchLook,
)
from classifier.statistics.watching import (
    REFERENCE,
    STEPS,
    WATCHED_AXES,
    WINDOW,
    Period,
    alarming,
    p_values,
)

# A model that was asked within it is looked after; windows that filled before wait until then.
LATELY: Final = timedelta(hours=1)
# So many models in a minute, and windows of each.
WATCHES_AT_ONCE, WINDOWS_AT_ONCE = 20, 5
# With fewer left of the reference, as after deletions, a new one is begun.
FEWEST: Final = 50
ACCEPTED, UNUSUAL, UNLIKE = range(len(STEPS))

Row = tuple[Any, float | None, str, bool | None, bool, bytes | memoryview | None, datetime]


def kept_coordinates(coordinates: np.ndarray[Any, Any]) -> bytes:
    """What is kept of one prediction's coordinates (K + 1,): those of the first axes, float16."""
    return np.asarray(coordinates[:WATCHED_AXES], np.float16).tobytes()


def look() -> int:
    """Go on with what was asked lately; returns how many windows were tested."""
    active = _active()
    found = Watch.objects.filter(trained_model__in={model for model, *_ in active}).order_by(
        "looked_at"
    )
    due = [
        watch
        for watch in found.select_related("trained_model")
        if (watch.trained_model_id, watch.model_version, watch.project_id, watch.owner_id) in active
    ][:WATCHES_AT_ONCE]
    waiting = Prediction.objects.unfinished().order_by().values("trained_model")
    oldest = dict(waiting.annotate(first=Min("created_at")).values_list("trained_model", "first"))
    return sum(_go_on(watch, oldest.get(watch.trained_model_id)) for watch in due)


def _active() -> set[tuple[Any, ...]]:
    """Models asked lately, with their version, project and, outside of any, person; all watched."""
    lately = Prediction.objects.kept().filter(
        created_at__gte=timezone.now() - LATELY, status=Status.SUCCESS
    )
    asked = lately.order_by().values("trained_model", "model_version", "project", "owner")
    began: dict[tuple[Any, ...], datetime] = {}
    for row in asked.annotate(first=Min("created_at")):
        owner = None if row["project"] else row["owner"]
        key = row["trained_model"], row["model_version"], row["project"], owner
        began[key] = min(row["first"], began.get(key, row["first"]))
    Watch.objects.bulk_create(
        (
            Watch(
                trained_model_id=model,
                model_version=version,
                project_id=project,
                owner_id=owner,
                reference_from=first,
            )
            for (model, version, project, owner), first in began.items()
        ),
        ignore_conflicts=True,
    )
    return set(began)


def _go_on(watch: Watch, before: datetime | None) -> int:
    """Take the reference period, then test what windows are full; `before` is what still waits."""
    Watch.objects.filter(pk=watch.pk).update(looked_at=timezone.now())
    if watch.reference_until is None:
        rows = _rows(watch.following(before)[:REFERENCE])
        if len(rows) < REFERENCE:
            return 0
        watch.reference_until = watch.tested_until = rows[-1][-1]
        watch.save(update_fields=["reference_until", "tested_until"])
    reference: list[Row] = []
    for tested in range(WINDOWS_AT_ONCE):
        window = _rows(watch.following(before)[:WINDOW])
        if len(window) < WINDOW:
            return tested
        reference = reference or _rows(watch.reference()[: 2 * REFERENCE])
        if len(reference) < FEWEST:
            watch.reference_from = window[0][-1]
            watch.reference_until = watch.tested_until = None
            watch.save(update_fields=["reference_from", "reference_until", "tested_until"])
            return tested
        _test(watch, reference, window)
    return WINDOWS_AT_ONCE


def _rows(predictions: PredictionQuerySet) -> list[Row]:
    return list(
        predictions.values_list(
            "image", "confidence", "predicted_label", "in_distribution", "is_unusual",
            "coordinates", "created_at",
        )
    )  # fmt: skip


def _test(watch: Watch, reference: Sequence[Row], window: Sequence[Row]) -> None:
    classes = watch.trained_model.described.classes
    then, now = period(reference, classes), period(window, classes)
    found = p_values(then, now)
    changed = alarming(found)
    was = watch.tested_until
    watch.tested_until = window[-1][-1]
    with transaction.atomic():
        # Another process may have tested it meanwhile.
        mine = Watch.objects.filter(pk=watch.pk, tested_until=was)
        if mine.update(tested_until=watch.tested_until):
            WatchLook.objects.create(
                watch=watch,
                first_at=window[0][-1],
                last_at=watch.tested_until,
                n=len(window),
                p_values=found,
                changes=_changes(then, now, classes, changed),
                is_alarm=bool(changed),
            )


def period(rows: Sequence[Row], classes: Sequence[str]) -> Period:
    images, confidences, labels, inside, unusual, coordinates, _ = zip(*rows, strict=True)
    known = {image: number for number, image in enumerate(dict.fromkeys(images))}
    features = [np.frombuffer(each, np.float16) for each in coordinates if each]
    steps = [
        UNUSUAL if is_unusual else ACCEPTED if is_inside else UNLIKE
        for is_inside, is_unusual in zip(inside, unusual, strict=True)
    ]
    return Period(
        np.array([known[image] for image in images]),
        np.array(confidences, np.float64),
        np.array([classes.index(label) if label in classes else -1 for label in labels]),
        None if None in inside else np.array(steps),
        np.stack(features).astype(np.float64) if len(features) == len(rows) else None,
    )


def _changes(
    then: Period, now: Period, classes: Sequence[str], changed: Sequence[str]
) -> list[dict[str, Any]]:
    """What the pages show of each figure, as shares of the predictions; of features nothing."""
    rows: list[tuple[str, str, float, float]] = [
        ("confidence", "Mean confidence", then.confidences.mean(), now.confidences.mean())
    ]
    rows += [
        ("classes", label, (then.classes == index).mean(), (now.classes == index).mean())
        for index, label in enumerate(classes)
        if index in then.classes or index in now.classes
    ]
    if then.limits is not None and now.limits is not None:
        rows += [
            ("limits", step, (then.limits == index).mean(), (now.limits == index).mean())
            for index, step in enumerate(STEPS)
        ]
    return [
        {
            "figure": figure,
            "of": of,
            "then": float(before),
            "now": float(after),
            "changed": figure in changed,
        }
        for figure, of, before, after in rows
    ] + (
        [{"figure": "features", "of": "", "then": None, "now": None, "changed": True}]
        if "features" in changed
        else []
    )
