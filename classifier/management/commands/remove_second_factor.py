"""`manage.py remove_second_factor`: for whoever lost theirs, the last administrator too."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.services import second_factors


class Command(BaseCommand):
    help = "Take away a person's authenticator app, passkeys and recovery codes, and sign them out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        try:
            removed = second_factors.remove_all(User.objects.get(username=username))
        except User.DoesNotExist as error:
            raise CommandError(f"There is no such person: {username}") from error
        self.stdout.write(f"{username} signs in with the password alone ({removed} removed).")
