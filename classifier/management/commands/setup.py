"""`manage.py setup`: everything an installation needs before its first request. Safe to repeat."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

from classifier import audit
from medclassifier.settings import env_str

# Drawn at random, so that nothing else in the same database uses it.
LOCK: Final = 7_402_316_985_140


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait until no other setup changes the same database or folder."""
    with (settings.VAR_DIR / "setup.lock").open("w") as folder, connection.cursor() as cursor:
        fcntl.flock(folder, fcntl.LOCK_EX)
        # Several machines share a server; a file of SQLite belongs to one.
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            yield
        finally:
            if connection.vendor == "postgresql":
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


class Command(BaseCommand):
    help = "Migrate, collect static files, register the models, and make the first administrator."

    def handle(self, *args: Any, **options: Any) -> None:
        # The folder may have been made by hand, open to others.
        settings.VAR_DIR.chmod(0o700)
        for path in settings.VAR_DIR.iterdir():
            if path.is_file() and not path.is_symlink():
                path.chmod(0o600)
        with one_at_a_time():
            call_command("migrate", verbosity=0)
            call_command("createcachetable", verbosity=0)
            call_command("collectstatic", interactive=False, verbosity=0)
            call_command("load_bundles")
            audit.note_limits()
            if not User.objects.filter(is_superuser=True).exists():
                self.create_administrator()
            with connection.cursor() as cursor:
                # Without figures of what is in the tables, planners take the wrong index.
                if connection.vendor == "sqlite":
                    cursor.execute("PRAGMA analysis_limit = 1000")
                cursor.execute("ANALYZE")

    def create_administrator(self) -> None:
        username = os.environ.get("DJANGO_SUPERUSER_USERNAME") or "admin"
        password = env_str("DJANGO_SUPERUSER_PASSWORD")
        drawn = password or secrets.token_urlsafe(12)
        email = os.environ.get("DJANGO_SUPERUSER_EMAIL") or ""
        User.objects.create_superuser(username, email, drawn)
        said = "the password you set" if password else f"password: {drawn}   (shown once)"
        self.stdout.write(self.style.SUCCESS(f"Administrator: {username}   {said}"))
