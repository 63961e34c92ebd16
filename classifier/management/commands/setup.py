"""`manage.py setup`: everything an installation needs before its first request. Safe to repeat."""

import os
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand

from classifier import audit


class Command(BaseCommand):
    help = "Migrate, collect static files, register the models, and make the first administrator."

    def handle(self, *args: Any, **options: Any) -> None:
        # The folder may have been made by hand, open to others.
        settings.VAR_DIR.chmod(0o700)
        for path in settings.VAR_DIR.iterdir():
            if path.is_file() and not path.is_symlink():
                path.chmod(0o600)
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        call_command("load_bundles")
        audit.note_limits()
        if not User.objects.filter(is_superuser=True).exists():
            self.create_administrator()

    def create_administrator(self) -> None:
        username = os.environ.get("DJANGO_SUPERUSER_USERNAME") or "admin"
        password = os.environ.get("DJANGO_SUPERUSER_PASSWORD")
        drawn = password or secrets.token_urlsafe(12)
        email = os.environ.get("DJANGO_SUPERUSER_EMAIL") or ""
        User.objects.create_superuser(username, email, drawn)
        said = "the password you set" if password else f"password: {drawn}   (shown once)"
        self.stdout.write(self.style.SUCCESS(f"Administrator: {username}   {said}"))
