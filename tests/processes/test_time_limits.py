"""A time limit strikes anywhere, also where a transaction begins: what comes after is stored."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.postgres import Server

STRIKES = 300
STRUCK = f"""
import random, signal, django; django.setup()
from celery.exceptions import SoftTimeLimitExceeded
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connections, transaction
from classifier.inference.connection import sound_connection

call_command("migrate", "auth", verbosity=0)

def strike(*args):
    raise SoftTimeLimitExceeded

signal.signal(signal.SIGALRM, strike)
random.seed(1)
for number in range({STRIKES}):
    try:
        with sound_connection():
            signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0002, 0.003))
            while True:
                with transaction.atomic():
                    Group.objects.filter(pk=0).update(name="nobody")
    except SoftTimeLimitExceeded:
        Group.objects.create(name=str(number))
connections.close_all()
print(Group.objects.count())
"""


@pytest.mark.parametrize("vendor", ["sqlite", "postgresql"])
def test_after_each_strike_the_next_row_is_stored(
    vendor: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    environment = {"VAR_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "medclassifier.settings"}
    if vendor == "postgresql":
        server: Server = request.getfixturevalue("postgres")
        environment["DATABASE_URL"] = server.create_database("time_limits")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STRUCK],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == STRIKES
