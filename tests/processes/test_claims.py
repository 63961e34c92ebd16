"""Workers that claim at the same time share the work: each prediction goes to one of them."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from django.conf import settings

WAITING, WORKERS = 300, 4

PREPARE = f"""
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from tests.factories import ImageUploadFactory, PredictionFactory, TrainedModelFactory
image, model = ImageUploadFactory.create(), TrainedModelFactory.create()
for turn in range({WAITING}):
    PredictionFactory.create(image=image, trained_model=model, turn=turn)
"""
CLAIM = """
import os, django; django.setup()
from classifier.models import Prediction
claim = str(os.getpid())
while model := Prediction.objects.next_model(claim):
    for row in Prediction.objects.claim_batch(model, claim):
        print(row.pk)
    Prediction.objects.filter(claim=claim).update(
        status="FAILURE", error_message="done", finished_at="2026-01-01T00:00:00Z"
    )
"""


def start(code: str, folder: Path) -> subprocess.Popen[str]:
    environment = {"VAR_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "medclassifier.settings"}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_each_prediction_is_claimed_once(tmp_path: Path) -> None:
    assert start(PREPARE, tmp_path).wait() == 0
    workers = [start(CLAIM, tmp_path) for _ in range(WORKERS)]
    claimed = [worker.communicate()[0].split() for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * WORKERS
    assert set(Counter(key for keys in claimed for key in keys).values()) == {1}
    assert sum(map(len, claimed)) == WAITING
