"""Rows for tests. Images are real files in the test's own media folder."""

import hashlib
import io
from collections.abc import Sequence
from typing import Any

import factory
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image

from classifier.bundles.schema import (
    AimedProportion,
    Averages,
    Calibration,
    CalibrationStage,
    ChosenOn,
    ClassMetrics,
    ClassProportion,
    Corruption,
    CoveringCheck,
    CrossValidation,
    DataFile,
    Evaluation,
    ExplanationCheck,
    ExplanationMethod,
    Graded,
    Input,
    Intervals,
    LimitsDescription,
    MeasuredLimits,
    MeasuredProportion,
    Metadata,
    OperatingIntervals,
    OperatingPoint,
    OverFolds,
    RandomisationCheck,
    Rejection,
    ReliabilityBin,
    RocCurve,
    SetSize,
    Training,
    Weights,
)
from classifier.datasets import datasets
from classifier.models import (
    Adaptation,
    Batch,
    Explanation,
    ImageUpload,
    LabelledImage,
    LabelledSet,
    Method,
    Prediction,
    Project,
    Status,
    TrainedModel,
    Validation,
    Watch,
    WatchLook,
)


def png(width: int = 28, height: int = 28, colour: str = "plum") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


PASSWORD = "correct horse battery"


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda number: f"person{number}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.org")
    password = factory.django.Password(PASSWORD)


def evaluation_of(classes: Sequence[str]) -> dict[str, Any]:
    """An evaluation.json; the numbers mean nothing."""
    averages = Averages(precision=0.9, recall=0.9, f1=0.9, support=100)
    return Evaluation(
        split="test",
        n=100,
        accuracy=0.9,
        auc=0.97,
        balanced_accuracy=0.9,
        per_class=tuple(
            ClassMetrics(
                label=label, precision=0.9, recall=0.9, f1=0.9, specificity=0.95, support=10
            )
            for label in classes
        ),
        macro_avg=averages,
        weighted_avg=averages,
        confusion_matrix=tuple(tuple(9 if i == j else 0 for j in classes) for i in classes),
        ece=0.02,
        brier=0.1,
        intervals=Intervals(accuracy=(0.83, 0.94), auc=(0.95, 0.99)),
        weights_sha256="0" * 64,
        data=DataFile(file="bloodmnist.npz", sha256="0" * 64),
    ).as_json()


def explanation_check(
    method: ExplanationMethod, *, difference: tuple[float, float] = (0.14, 0.26)
) -> dict[str, Any]:
    """A check of a method's maps, which by default they pass."""
    return ExplanationCheck(
        method=method,
        covering=CoveringCheck(n=100, marked=0.31, random=0.11, difference=difference),
        randomisation=RandomisationCheck(n=20, correlation=0.12),
    ).as_json()


RELIABILITY = (
    ReliabilityBin(confidence=0.55, accuracy=0.5, count=20),
    ReliabilityBin(confidence=0.95, accuracy=0.9, count=80),
)


def curves_of(classes: Sequence[str]) -> dict[str, Any]:
    """What an evaluation.json also holds since curves are measured; the numbers mean nothing."""
    interval = (0.8, 0.95)
    sections = {
        "operating_point": OperatingPoint(
            positive=classes[0],
            target_sensitivity=0.9,
            threshold=0.31,
            validation=ChosenOn(n=78, sensitivity=0.905, specificity=0.86),
            sensitivity=0.881,
            specificity=0.807,
            intervals=OperatingIntervals(sensitivity=interval, specificity=interval),
            n_positive=42,
            n_negative=58,
        ),
        "cross_validation": CrossValidation(
            folds=5,
            n=780,
            accuracy=OverFolds(mean=0.853, standard_deviation=0.021),
            balanced_accuracy=OverFolds(mean=0.81, standard_deviation=0.03),
            auc=OverFolds(mean=0.911, standard_deviation=0.0123),
        ),
    }
    curves = [
        RocCurve(label=label, auc=0.97, points=((0.0, 0.0), (0.02, 0.9), (1.0, 1.0)))
        for label in (classes if len(classes) > 2 else classes[:1])
    ]
    return {name: section.as_json() for name, section in sections.items()} | {
        "roc": [curve.as_json() for curve in curves],
        "reliability": [each.as_json() for each in RELIABILITY],
    }


def uncertainty_of(classes: Sequence[str]) -> dict[str, Any]:
    """The section `uncertainty` of an evaluation.json; the numbers mean nothing."""
    return MeasuredLimits(
        coverage=AimedProportion(target=0.95, **proportion(0.96)),
        per_class=tuple(ClassProportion(label=label, **proportion(0.9, 10)) for label in classes),
        set_size=SetSize(mean=1.25, n=100, single=MeasuredProportion(**proportion(0.75))),
        acceptance=AimedProportion(target=0.98, **proportion(0.97)),
        flagged=MeasuredProportion(**proportion(0.28)),
        errors_flagged=MeasuredProportion(**proportion(0.7, 10)),
        rejection=(
            Rejection(images="bloodmnist", **proportion(0.99, 3421)),
            Rejection(images="screenshot", **proportion(0.94, 300)),
        ),
        corruptions=(
            Corruption(
                corruption="JPEG, quality 10",
                accuracy=MeasuredProportion(**proportion(0.4)),
                acceptance=MeasuredProportion(**proportion(0.0)),
                accepted_accuracy=MeasuredProportion(share=None, n=0, interval=None),
                flagged=MeasuredProportion(**proportion(1.0)),
                errors_flagged=MeasuredProportion(**proportion(1.0, 60)),
            ),
        ),
        graded=(
            Graded(
                images="jtsc",
                accuracy=MeasuredProportion(**proportion(0.8, 300)),
                accepted=MeasuredProportion(**proportion(0.5, 300)),
                unusual=MeasuredProportion(**proportion(0.4, 300)),
                unlike=MeasuredProportion(**proportion(0.1, 300)),
                right_flagged=MeasuredProportion(**proportion(0.45, 240)),
                errors_flagged=MeasuredProportion(**proportion(0.97, 60)),
                aurc=0.0712,
                risk_coverage=((0.5, 0.02), (1.0, 0.2)),
            ),
        ),
        calibration=Calibration(
            temperature=0.53,
            n=100,
            before=CalibrationStage(ece=0.083, log_loss=0.32, reliability=RELIABILITY[1:]),
            after=CalibrationStage(ece=0.021, log_loss=0.31, reliability=RELIABILITY),
        ),
    ).as_json()


def proportion(share: float, n: int = 100) -> dict[str, Any]:
    """The fields of a measured proportion, with an interval that means nothing."""
    return {"share": share, "n": n, "interval": (max(0.0, share - 0.05), min(1.0, share + 0.03))}


def metadata_of(
    *, slug: str, dataset: str, sha256: str, title: str = "", size: int = 28, channels: int = 3
) -> dict[str, Any]:
    """A metadata.json."""
    return Metadata(
        schema_version=1,
        slug=slug,
        title=title or slug.title(),
        version=1,
        dataset=dataset,
        architecture="residual",
        classes=datasets()[dataset].labels,
        input=Input(size=size, channels=1 if channels == 1 else 3),
        weights=Weights(file="model.keras", sha256=sha256),
        parameters=400_000,
        training=Training(seed=1, epochs=30, optimizer="adamw"),
        reported=None,
        recommended=False,
        intended_use="Research and teaching.",
        limitations=("One laboratory's images.",),
    ).as_json()


def limits_described(coverage: float = 0.95) -> dict[str, Any]:
    """The section `uncertainty` of a metadata.json."""
    return LimitsDescription(
        file="uncertainty.npz",
        sha256="0" * 64,
        temperature=0.53,
        layers=("features",),
        coverage=coverage,
        acceptance=0.98,
    ).as_json()


class TrainedModelFactory(factory.django.DjangoModelFactory[TrainedModel]):
    class Meta:
        model = TrainedModel

    class Params:
        size = 28
        channels = 3

    slug = factory.Sequence(lambda number: f"model-{number}")
    title = factory.Sequence(lambda number: f"Model {number}")
    version = 1
    dataset = "bloodmnist"
    architecture = "residual"
    sha256 = factory.LazyAttribute(lambda model: hashlib.sha256(model.slug.encode()).hexdigest())
    evaluation = factory.LazyAttribute(
        lambda model: {
            **evaluation_of(model.metadata["classes"]),
            "explanations": [explanation_check("grad-cam"), explanation_check("occlusion")],
        }
    )
    metadata = factory.LazyAttribute(
        lambda model: metadata_of(
            slug=model.slug,
            dataset=model.dataset,
            sha256=model.sha256,
            title=model.title,
            size=model.size,
            channels=model.channels,
        )
    )


class ImageUploadFactory(factory.django.DjangoModelFactory[ImageUpload]):
    class Meta:
        model = ImageUpload

    owner = factory.SubFactory(UserFactory)
    file = factory.LazyFunction(lambda: ContentFile(png(), "image.png"))
    thumbnail = factory.LazyFunction(lambda: ContentFile(png(), "thumbnail.png"))
    original_filename = "cell.png"
    format = "PNG"
    byte_size = 1_234
    sha256 = "a" * 64
    width = 28
    height = 28


class ProjectFactory(factory.django.DjangoModelFactory[Project]):
    class Meta:
        model = Project

    owner = factory.SubFactory(UserFactory)
    name = factory.Sequence(lambda number: f"Project {number}")


class BatchFactory(factory.django.DjangoModelFactory[Batch]):
    class Meta:
        model = Batch

    owner = factory.SubFactory(UserFactory)


class LabelledSetFactory(factory.django.DjangoModelFactory[LabelledSet]):
    class Meta:
        model = LabelledSet

    owner = factory.SubFactory(UserFactory)
    dataset = "bloodmnist"
    name = factory.Sequence(lambda number: f"Set {number}")
    confirmed_at = factory.LazyFunction(timezone.now)


class LabelledImageFactory(factory.django.DjangoModelFactory[LabelledImage]):
    class Meta:
        model = LabelledImage

    labelled_set = factory.SubFactory(LabelledSetFactory)
    image = factory.SubFactory(
        ImageUploadFactory, owner=factory.SelfAttribute("..labelled_set.owner")
    )
    key = factory.Sequence(lambda number: f"{number:064x}")
    given_label = "neutrophil"
    label = factory.SelfAttribute("given_label")
    path = factory.LazyAttribute(lambda row: f"{row.given_label}/{row.image.original_filename}")


class ValidationFactory(factory.django.DjangoModelFactory[Validation]):
    class Meta:
        model = Validation

    labelled_set = factory.SubFactory(LabelledSetFactory)
    trained_model = factory.SubFactory(TrainedModelFactory)
    person = factory.SelfAttribute("labelled_set.owner")


class AdaptationFactory(factory.django.DjangoModelFactory[Adaptation]):
    class Meta:
        model = Adaptation

    labelled_set = factory.SubFactory(LabelledSetFactory)
    trained_model = factory.SubFactory(TrainedModelFactory)
    owner = factory.SelfAttribute("labelled_set.owner")
    project = factory.SelfAttribute("labelled_set.project")
    title = "Ours"


class WatchFactory(factory.django.DjangoModelFactory[Watch]):
    class Meta:
        model = Watch

    trained_model = factory.SubFactory(TrainedModelFactory)
    model_version = 1
    owner = factory.SubFactory(UserFactory)
    reference_from = factory.LazyFunction(timezone.now)


class WatchLookFactory(factory.django.DjangoModelFactory[WatchLook]):
    """An alarm: more neutrophils, and images of which the network sees something else."""

    class Meta:
        model = WatchLook

    watch = factory.SubFactory(WatchFactory)
    first_at = factory.LazyFunction(timezone.now)
    last_at = factory.LazyFunction(timezone.now)
    n = 100
    p_values = factory.LazyFunction(
        lambda: {"confidence": 0.2, "classes": 0.0005, "limits": 0.4, "features": 0.0005}
    )
    changes = factory.LazyFunction(
        lambda: [
            {"figure": "confidence", "of": "Mean confidence", "then": 0.9, "now": 0.89,
             "changed": False},
            {"figure": "classes", "of": "neutrophil", "then": 0.3, "now": 0.7, "changed": True},
            {"figure": "features", "of": "", "then": None, "now": None, "changed": True},
        ]
    )  # fmt: skip
    is_alarm = True


class PredictionFactory(factory.django.DjangoModelFactory[Prediction]):
    class Meta:
        model = Prediction

    class Params:
        started = factory.Trait(
            status=Status.STARTED,
            attempts=1,
            claim="claim",
            started_at=factory.LazyFunction(timezone.now),
        )
        succeeded = factory.Trait(
            started=True,
            status=Status.SUCCESS,
            finished_at=factory.LazyFunction(timezone.now),
            model_version=1,
            predicted_label="neutrophil",
            confidence=0.93,
            probabilities=factory.LazyAttribute(
                lambda prediction: [
                    [label, 0.93 if label == "neutrophil" else 0.01]
                    for label in prediction.trained_model.metadata["classes"]
                ]
            ),
        )
        doubtful = factory.Trait(
            succeeded=True,
            confidence=0.56,
            in_distribution=True,
            prediction_set=["neutrophil", "immature granulocytes"],
        )
        unusual = factory.Trait(
            succeeded=True, in_distribution=True, is_unusual=True, prediction_set=["neutrophil"]
        )
        out_of_distribution = factory.Trait(
            succeeded=True, in_distribution=False, prediction_set=["neutrophil"]
        )
        failed = factory.Trait(
            started=True,
            status=Status.FAILURE,
            finished_at=factory.LazyFunction(timezone.now),
            error_message="The stored image could not be read. Upload it again.",
        )

    image = factory.SubFactory(ImageUploadFactory)
    owner = factory.SelfAttribute("image.owner")
    project = factory.LazyAttribute(
        lambda prediction: prediction.batch and prediction.batch.project
    )
    batch = None
    trained_model = factory.SubFactory(TrainedModelFactory)


def map_png(left: int = 0, upper: int = 0, side: int = 9) -> bytes:
    """A map of 27 by 27 pixels that marks one square."""
    picture = Image.new("L", (27, 27))
    picture.paste(255, (left, upper, left + side, upper + side))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


class ExplanationFactory(factory.django.DjangoModelFactory[Explanation]):
    class Meta:
        model = Explanation

    class Params:
        started = factory.Trait(
            status=Status.STARTED,
            attempts=1,
            claim="claim",
            started_at=factory.LazyFunction(timezone.now),
        )
        succeeded = factory.Trait(
            started=True,
            status=Status.SUCCESS,
            finished_at=factory.LazyFunction(timezone.now),
            map=factory.LazyFunction(map_png),
        )
        failed = factory.Trait(
            started=True,
            status=Status.FAILURE,
            finished_at=factory.LazyFunction(timezone.now),
            error_message="This map took too long and was stopped.",
        )

    prediction = factory.SubFactory(PredictionFactory, succeeded=True)
    asked_by = factory.SelfAttribute("prediction.owner")
    method = Method.GRAD_CAM
