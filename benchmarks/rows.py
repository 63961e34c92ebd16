"""What each page and list of the API costs with a million predictions, beside 200 of them.

`python -m benchmarks.rows` fills four databases, SQLite and PostgreSQL with either number, asks for
each page several times, and prints the CPU time of the larger over that of the smaller, with the
number of queries. All predictions are one person's, which is the worst case. A million rows take
some minutes to fill in and two gigabytes in the temporary folder; `--rows` takes fewer.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medclassifier.settings")

FEW, MANY, TRIES = 200, 1_000_000, 7
# Of what waits there are as many in both: a person's limit bounds it.
WAITING, IN_BATCH = 20, 20
LABELS: Final = ("basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil")
# The greatest share that may stand between a page with many rows and the same with few.
BOUND: Final = 1.5

PAGES: Final = (
    "/",
    "/classify/",
    "/predictions/",
    "/predictions/?after={middle}",
    "/predictions/?sort=least-certain",
    "/predictions/?model={model}",
    "/predictions/?predicted_label=monocyte",
    "/predictions/?status=FAILURE",
    "/predictions/?certainty=undecided",
    "/predictions/?review=corrected",
    "/predictions/?confidence_max=0.5",
    "/predictions/?batch={batch}",
    "/predictions/?created_before={moment}",
    "/predictions/?q=cell-0",
    "/predictions/{prediction}/",
    "/predictions/{waiting}/status/",
    "/predictions/trash/",
    "/batches/",
    "/batches/?after={middle_batch}",
    "/batches/{batch}/",
    "/batches/{batch}/list/",
    "/gallery/",
    "/gallery/?predicted_label=monocyte",
    "/gallery/rows/",
    "/projects/",
    "/models/",
    "/models/{model}/",
    "/api/v1/me/",
    "/api/v1/predictions/",
    "/api/v1/predictions/?ordering=confidence",
    "/api/v1/predictions/?model={model}",
    "/api/v1/predictions/?predicted_label=monocyte",
    "/api/v1/predictions/?status=FAILURE",
    "/api/v1/predictions/?certainty=undecided",
    "/api/v1/predictions/?in_distribution=false",
    "/api/v1/predictions/?review=corrected",
    "/api/v1/predictions/?confidence_max=0.5",
    "/api/v1/predictions/?created_before={moment}",
    "/api/v1/predictions/{prediction}/",
    "/api/v1/predictions/{waiting}/",
    "/api/v1/predictions/facets/",
    "/api/v1/predictions/groups/",
    "/api/v1/trash/",
    "/api/v1/batches/",
    "/api/v1/batches/{batch}/",
    "/api/v1/batches/{batch}/groups/",
    "/admin/classifier/prediction/",
    "/admin/classifier/prediction/?status__exact=FAILURE",
    "/admin/classifier/batch/",
    "/admin/classifier/imageupload/",
)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rows", type=int, default=MANY)
    asked.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    asked.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.measure:
        print(json.dumps(measure_all(options.measure)))
        return
    for database in options.database or ("sqlite", "postgresql"):
        few, many = (measured(database, rows) for rows in (FEW, options.rows))
        print(f"\n{database}, {options.rows:,} predictions beside {FEW}")
        print("| page | ms | ms with many | ratio | queries | with many |")
        print("|---|---|---|---|---|---|")
        for page, (cost, queries) in few.items():
            with_many, many_queries = many[page]
            ratio = with_many / cost
            mark = " !" if ratio > BOUND or many_queries > queries else ""
            print(
                f"| {page} | {cost:.1f} | {with_many:.1f} | {ratio:.2f}{mark} "
                f"| {queries} | {many_queries} |"
            )


def measured(database: str, rows: int) -> dict[str, tuple[float, int]]:
    """What `measure_all` finds, in a process and a database of its own."""
    from tests.postgres import running_server

    command = [sys.executable, "-m", "benchmarks.rows", "--measure", str(rows)]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "VAR_DIR": folder}
        if database == "sqlite":
            environment.pop("DATABASE_URL", None)
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        else:
            with running_server() as server:
                environment["DATABASE_URL"] = server.create_database("rows")
                done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    found: dict[str, tuple[float, int]] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure_all(rows: int) -> dict[str, tuple[float, int]]:
    """Milliseconds of CPU, the database server's included, and queries, by page."""
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.test import Client

    call_command("setup", stdout=sys.stderr)
    client = Client(headers={"host": "localhost"})
    settings.ALLOWED_HOSTS = ["*"]
    settings.API_REQUESTS_PER_MINUTE = 10**9
    started = time.monotonic()
    person = User.objects.create_superuser("bench", "bench@example.org", "benchmark only")
    fill(person, rows)
    print(f"{rows:,} rows in {time.monotonic() - started:.0f} s", file=sys.stderr)
    client.force_login(person)
    known = names(person, rows)
    return {page: measure(client, page.format(**known)) for page in PAGES}


def measure(client: Any, page: str) -> tuple[float, int]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as context:
        answer = client.get(page)
    assert answer.status_code == 200, (page, answer.status_code)  # noqa: S101
    server = server_cpu()
    milliseconds = []
    for _ in range(TRIES):
        before = time.process_time()
        b"".join(client.get(page))
        milliseconds.append(1000 * (time.process_time() - before))
    of_server = 1000 * (server_cpu() - server) / TRIES
    return statistics.median(milliseconds) + of_server, len(context)


def server_cpu() -> float:
    """Seconds that PostgreSQL's process for this connection has computed; SQLite has none."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return 0.0
    process = connection.connection.info.backend_pid
    *_, after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")
    return sum(map(int, after_name.split()[11:13])) / os.sysconf("SC_CLK_TCK")


def fill(person: Any, rows: int) -> None:
    """Batches, images and predictions of one person, by one statement a table."""
    from django.db import connection

    from classifier.models import Batch, ImageUpload, Prediction, TrainedModel

    models = [model.pk for model in TrainedModel.objects.filter(dataset="bloodmnist")[:3]]
    if connection.vendor == "postgresql":
        key, text, as_json = "lpad(to_hex({}), 32, '0')::uuid", "lpad(s.i::text, 8, '0')", "::jsonb"
        yes, no = "true", "false"
        created = f"now() - ({rows} - s.i) * interval '3 seconds'"
    else:
        key, text, as_json = "printf('%032x', {})", "printf('%08d', s.i)", ""
        yes, no = "1", "0"
        ago = f"'-' || (3 * ({rows} - s.i)) || ' seconds'"
        created = f"strftime('%Y-%m-%d %H:%M:%f', 'now', {ago})"
    is_waiting, has_failed = f"s.i >= {rows - WAITING}", "s.i % 50 = 7"
    has_answer = f"NOT ({is_waiting}) AND NOT ({has_failed})"
    is_reviewed = f"{has_answer} AND s.i % 10 = 4"
    own = {"id": key.format("s.i"), "owner": str(person.pk)}
    insert(Batch, rows // IN_BATCH, **own, created_at=created.replace("s.i", f"(s.i * {IN_BATCH})"))
    insert(
        ImageUpload,
        rows,
        **own,
        file=f"'images/' || {text}",
        thumbnail=f"'thumbnails/' || {text}",
        original_filename=f"'cell-' || {text} || '.png'",
        format="'PNG'",
        byte_size="20000",
        stored_bytes="24000",
        sha256=f"'sha-' || {text}",
        width="360",
        height="363",
        uploaded_at=created,
    )
    insert(
        Prediction,
        rows,
        **own,
        image=key.format("s.i"),
        trained_model=one_of(models, by="s.i / 7"),
        batch=key.format(f"s.i / {IN_BATCH}"),
        created_at=created,
        status=when(is_waiting, "'PENDING'", when(has_failed, "'FAILURE'", "'SUCCESS'")),
        turn=when(is_waiting, "s.i", "0"),
        attempts=when(is_waiting, "0", "1"),
        started_at=when(is_waiting, "NULL", created),
        finished_at=when(is_waiting, "NULL", created),
        error_message=when(f"{has_failed} AND NOT ({is_waiting})", "'Too long.'", "''"),
        predicted_label=when(has_answer, one_of(LABELS, by="s.i"), "''"),
        confidence=when(has_answer, "0.4 + 0.6 * ((s.i * 7919) % 1000) / 1000.0"),
        probabilities=when(has_answer, f"'{json.dumps([['monocyte', 1.0]])}'{as_json}"),
        model_version=when(has_answer, "1"),
        in_distribution=when(has_answer, when("s.i % 40 = 3", no, yes)),
        prediction_set=when(
            has_answer,
            when(
                "s.i % 9 = 0",
                f"'{json.dumps(['monocyte', 'neutrophil'])}'{as_json}",
                f"'{json.dumps(['monocyte'])}'{as_json}",
            ),
        ),
        reviewed_label=when(is_reviewed, "'monocyte'", "''"),
        reviewed_at=when(is_reviewed, created),
        deleted_at=when(f"{has_answer} AND s.i % 100 = 11", created),
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def names(person: Any, rows: int) -> dict[str, str]:
    """What addresses name of the rows, such as a page in the middle."""
    from classifier.models import Batch, Prediction, Status, TrainedModel
    from classifier.services import pages

    newest = Prediction.objects.owned_by(person).order_by("-created_at", "-pk")
    batches = Batch.objects.order_by("-created_at", "-pk")

    def behind_the_middle(found: Any, count: int) -> str:
        some = found.model.objects.filter(pk__in=[found[count // 2].pk, found.last().pk])
        return pages.page(some, pages.NEWEST, size=1).next

    return {
        "middle": behind_the_middle(newest, rows),
        "middle_batch": behind_the_middle(batches, rows // IN_BATCH),
        "model": str(TrainedModel.objects.filter(dataset="bloodmnist")[0].slug),
        "batch": str(batches[3].pk),
        "moment": newest[rows // 2].created_at.isoformat().replace("+", "%2B"),
        "prediction": str(newest.filter(status=Status.SUCCESS)[0].pk),
        "waiting": str(newest.filter(status=Status.PENDING)[0].pk),
    }


def insert(model: Any, count: int, **expressions: str) -> None:
    """Insert rows whose columns are SQL expressions of their number `s.i`, or their defaults."""
    from django.db import connection

    columns = [field for field in model._meta.concrete_fields if not field.generated]
    values = [expressions.get(field.name, "%s").replace("%", "%%") for field in columns]
    defaults = [
        field.get_db_prep_save(field.get_default(), connection)
        for field in columns
        if field.name not in expressions
    ]
    with connection.cursor() as cursor:
        cursor.execute(  # names of ours, and numbers
            f"INSERT INTO {model._meta.db_table} ({', '.join(each.column for each in columns)}) "  # noqa: S608
            f"WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < {count - 1})"
            f" SELECT {', '.join(values).replace('%%s', '%s')} FROM s",
            defaults,
        )


def when(condition: str, value: str, other: str = "NULL") -> str:
    return f"CASE WHEN {condition} THEN {value} ELSE {other} END"


def one_of(values: Sequence[object], *, by: str) -> str:
    """SQL for some values in turn."""
    cases = " ".join(f"WHEN {place} THEN {value!r}" for place, value in enumerate(values))
    return f"(CASE ({by}) % {len(values)} {cases} END)"


if __name__ == "__main__":
    main()
