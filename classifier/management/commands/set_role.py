"""`manage.py set_role`: what a person may do beyond what is their own."""

from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.services.roles import GROUPS, give_role


class Command(BaseCommand):
    help = "Give a person a role, and take away the one that they had."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("role", choices=GROUPS)

    def handle(self, *args: Any, username: str, role: str, **options: Any) -> None:
        try:
            group = give_role(User.objects.get(username=username), role)
        except (User.DoesNotExist, Group.DoesNotExist) as error:
            raise CommandError(f"There is no such person or group: {error}") from error
        self.stdout.write(f"{username} is now one of: {group.name}.")
