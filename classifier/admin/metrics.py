"""Models side by side and one by one: what was measured of them beside what they do here."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from classifier.admin.figures import metric
from classifier.api.tables import BYTE_ORDER_MARK, csv_line
from classifier.cards.numbers import Metric
from classifier.models import ModelVersion, Prediction, TrainedModel, may
from classifier.notice import NOTICE
from classifier.services.desk import DEFAULT_PERIOD, PERIODS, Period
from classifier.services.desk.live import Answers, LiveRecord, live_records
from classifier.services.desk.overview import Share
from classifier.statistics.drift import FALSE_ALARMS
from classifier.web.charts import reliability_chart, roc_chart
from classifier.web.model_cards import model_groups, view_of


@dataclass(frozen=True)
class ClassRow:
    """How often a class was answered here, and on the test images."""

    label: str
    live: Metric
    tested: float | None


@dataclass(frozen=True)
class VersionRow:
    """A version as it was measured, and what it answered here."""

    version: int
    accuracy: Metric | None
    answers: Answers

    @property
    def flagged(self) -> Metric:
        return metric(self.answers.flagged)

    @property
    def agreement(self) -> Metric:
        return metric(self.answers.agreement)


@dataclass(frozen=True)
class LiveRow:
    """A model's live record as the pages write it."""

    record: LiveRecord

    @property
    def flagged(self) -> Metric:
        return metric(self.record.now.flagged)

    @property
    def agreement(self) -> Metric:
        return metric(self.record.now.agreement)

    @property
    def drift(self) -> str:
        """In words, since a colour alone says nothing."""
        found = self.record.now.drift_from_test(self.record.model)
        if found is None:
            return "too few answers"
        return "other classes than in the test" if found.is_alarm else "none found"

    @property
    def classes(self) -> list[ClassRow]:
        """Answered classes beside how often the same model answered them on test images."""
        model, now = self.record.model, self.record.now
        tested: dict[str, float] = {}
        if found := model.measured:
            columns = zip(*found.confusion_matrix, strict=True)
            tested = {
                label: sum(column) / found.n
                for label, column in zip(found.labels, columns, strict=True)
            }
        return [
            ClassRow(label, metric(now.share_of(label)), tested.get(label))
            for label in model.described.classes
        ]


def metrics(request: HttpRequest) -> HttpResponse:
    """All models of each dataset side by side."""
    period, records = _period(request), _records(request)
    groups = [
        (group, [LiveRow(records[card.model.pk]) for card in group.cards])
        for group in model_groups([record.model for record in records.values()])
    ]
    return _page(request, "admin/metrics.html", title="Model metrics", groups=groups, period=period)


def model(request: HttpRequest, slug: str) -> HttpResponse:
    """The evaluation of a model beside its live record, and its versions."""
    period = _period(request)
    found = get_object_or_404(_models(request), slug=slug)
    view = view_of(found)
    record = live_records([found], period)[0]
    charts = [roc_chart(view.evaluation), reliability_chart(view.evaluation)]
    # The newest first, those that only predictions remember too.
    kept = {each.version: each for each in ModelVersion.objects.filter(trained_model=record.model)}
    numbers = sorted({*kept, *record.by_version, record.model.version}, reverse=True)
    return _page(
        request,
        "admin/metrics_model.html",
        title=found.title,
        model=found,
        view=view,
        live=LiveRow(record),
        versions=[
            VersionRow(
                number,
                _accuracy(kept[number]) if number in kept else None,
                record.by_version.get(number, Answers()),
            )
            for number in numbers
        ],
        charts=[chart for chart in charts if chart],
        period=period,
    )


def export(request: HttpRequest, extension: str) -> HttpResponse:
    """A row for each version of a model that is installed or answered in the period."""
    rows = [row for record in _records(request).values() for row in _rows(record, _period(request))]
    if extension == "json":
        content = json.dumps({"notice": NOTICE, "models": rows}, indent=1)
        answer = HttpResponse(content, content_type="application/json")
    elif extension == "csv":
        lines = [list(rows[0]), *(list(row.values()) for row in rows)] if rows else []
        notices = ["notice", *[NOTICE] * len(rows)]
        text = "".join(
            csv_line([*("" if value is None else value for value in line), notice])
            for line, notice in zip(lines, notices, strict=False)
        )
        answer = HttpResponse(BYTE_ORDER_MARK + text, content_type="text/csv; charset=utf-8")
    else:
        raise Http404
    answer["Content-Disposition"] = f'attachment; filename="model-metrics.{extension}"'
    return answer


def _page(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    site = admin.site.each_context(request)
    words = {"periods": PERIODS.values(), "false_alarms": FALSE_ALARMS}
    return render(request, template, {**site, **words, **context})


def _period(request: HttpRequest) -> Period:
    return PERIODS.get(request.GET.get("period", ""), PERIODS[DEFAULT_PERIOD])


def _models(request: HttpRequest) -> Any:
    if not (may(request.user, "view", TrainedModel) and may(request.user, "view", Prediction)):
        raise PermissionDenied
    return TrainedModel.objects.in_display_order()


def _records(request: HttpRequest) -> dict[int, LiveRecord]:
    """By the keys of models, in display order."""
    models = _models(request).filter(is_installed=True)
    return {record.model.pk: record for record in live_records(models, _period(request))}


def _accuracy(version: ModelVersion) -> Metric | None:
    found = version.measured
    return Metric(found.accuracy, found.intervals.accuracy, found.n) if found else None


def _rows(record: LiveRecord, period: Period) -> Iterator[dict[str, Any]]:
    model, evaluation = record.model, record.model.measured
    reported = model.described.reported
    for version in sorted({model.version, *record.by_version}):
        answers, is_now = record.by_version.get(version, Answers()), version == model.version
        tested = evaluation if is_now else None
        found = answers.drift_from_test(model) if is_now else None
        yield {
            "model": model.slug,
            "version": version,
            "dataset": model.dataset,
            "period": period.key,
            "reported_accuracy": getattr(reported, "accuracy", None),
            "test_accuracy": tested.accuracy if tested else None,
            "test_auc": tested.auc if tested else None,
            "test_images": tested.n if tested else None,
            "answered": answers.number,
            "failed_any_version": record.failed,
            "mean_confidence": answers.mean_confidence,
            **_share("flagged", answers.flagged),
            **_share("reviewers_agree", answers.agreement),
            "drift_p_value": found.p_value if found else None,
            **{
                f"{name}_seconds_{part}": getattr(percentiles, part) if percentiles else None
                for name, percentiles in (
                    ("wait", record.latency.waiting),
                    ("run", record.latency.running),
                )
                for part in ("half", "most")
            },
        }


def _share(name: str, share: Share) -> dict[str, float | int | None]:
    low, high = share.interval or (None, None)
    return {name: share.share, f"{name}_low": low, f"{name}_high": high, f"{name}_of": share.of}
