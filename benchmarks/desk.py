"""How long the administrator's pages take with 200,000 predictions, and how many queries.

`python -m benchmarks.desk` fills an empty database (DATABASE_URL; without it a SQLite file in a
temporary folder), asks for each page several times, and prints the median and the number of
queries. All predictions lie within the 30 days of the longest period, which is the worst case.
"""

import os
import random
import statistics
import tempfile
import time
import uuid
from datetime import datetime, timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medclassifier.settings")
_folder = tempfile.TemporaryDirectory()
os.environ.setdefault("VAR_DIR", _folder.name)

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from classifier.models import ImageUpload, Prediction, Status, TrainedModel  # noqa: E402

PREDICTIONS, PEOPLE, DAYS, AT_ONCE, TRIES = 200_000, 40, 30, 5_000, 7
PAGES = (
    "/admin/",
    "/admin/?period=7d",
    "/admin/?period=30d",
    "/admin/metrics/",
    "/admin/metrics/?period=30d",
    "/admin/metrics/{slug}/",
    "/admin/operations/",
    "/admin/operations/",
    "/admin/classifier/prediction/",
    "/admin/classifier/prediction/?status__exact=FAILURE",
    "/admin/classifier/prediction/?q=cell-000123.png",
    "/admin/auth/user/",
    "/admin/classifier/batch/",
)


def main() -> None:
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("load_bundles", verbosity=0)
    if not Prediction.objects.exists():
        fill()
    client = Client(headers={"host": "localhost"})
    settings.ALLOWED_HOSTS = ["*"]
    client.force_login(User.objects.get(username="bench-admin"))
    slug = TrainedModel.objects.active().values_list("slug", flat=True)[0]
    print(f"{connection.vendor}: {Prediction.objects.count():,} predictions")
    for page in PAGES:
        measure(client, page.format(slug=slug))


def measure(client: Client, page: str) -> None:
    """Print the median time of a page, the time of its queries, and their number."""
    seconds, queries = [], 0
    for _ in range(TRIES):
        started = time.perf_counter()
        answer = client.get(page)
        seconds.append(time.perf_counter() - started)
        assert answer.status_code == 200, (page, answer.status_code)  # noqa: S101
    with CaptureQueriesContext(connection) as context:
        client.get(page)
    queries = len(context)
    slowest = max(float(query["time"]) for query in context.captured_queries)
    print(
        f"{page}: {1000 * statistics.median(seconds):.0f} ms (worst of {TRIES} "
        f"{1000 * max(seconds):.0f}), {queries} queries, the slowest {1000 * slowest:.0f} ms"
    )


def fill() -> None:
    """Predictions of several people and models, spread evenly over the days."""
    draw = random.Random(0)  # noqa: S311, the same rows each time
    User.objects.create_superuser("bench-admin", "admin@example.org", "benchmark only")
    people = [User.objects.create_user(f"person{number}") for number in range(PEOPLE)]
    models = list(TrainedModel.objects.active())
    now = timezone.now()
    for first in range(0, PREDICTIONS, AT_ONCE):
        images, predictions = [], []
        for number in range(first, first + AT_ONCE):
            owner = draw.choice(people)
            images.append(image(owner, number))
            created = now - timedelta(days=DAYS) * (PREDICTIONS - number) / (PREDICTIONS + 1)
            predictions.append(prediction(draw, images[-1], draw.choice(models), created))
        ImageUpload.objects.bulk_create(images)
        Prediction.objects.bulk_create(predictions)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")


def image(owner: User, number: int) -> ImageUpload:
    return ImageUpload(
        id=uuid.uuid4(),
        owner=owner,
        file=f"images/{number}.png",
        thumbnail=f"images/{number}.png",
        original_filename=f"cell-{number:06}.png",
        format="PNG",
        byte_size=20_000,
        stored_bytes=24_000,
        sha256=f"{number:064}",
        width=360,
        height=363,
    )


def prediction(
    draw: random.Random, image: ImageUpload, model: TrainedModel, created: datetime
) -> Prediction:
    """One that succeeded, of a hundred one that failed and of 500 one that waits."""
    row = Prediction(owner=image.owner, image=image, trained_model=model, created_at=created)
    if draw.random() < 0.002:
        return row
    row.started_at = created + timedelta(seconds=draw.expovariate(1))
    row.finished_at = row.started_at + timedelta(seconds=draw.expovariate(5))
    if draw.random() < 0.01:
        row.status, row.error_message = Status.FAILURE, "This prediction took too long."
        return row
    classes = model.described.classes
    row.status, row.model_version = Status.SUCCESS, model.version
    row.predicted_label, row.confidence = draw.choice(classes), draw.uniform(0.4, 1)
    row.probabilities = [[label, 1 / len(classes)] for label in classes]
    if model.has_limits:
        row.in_distribution = draw.random() > 0.02
        row.prediction_set = draw.sample(classes, 1 if draw.random() < 0.9 else 2)
    if draw.random() < 0.1:
        row.reviewed_label = row.predicted_label if draw.random() < 0.9 else draw.choice(classes)
        row.reviewed_at = row.finished_at + timedelta(hours=1)
    return row


if __name__ == "__main__":
    main()
