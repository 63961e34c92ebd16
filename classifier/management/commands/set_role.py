"""`manage.py set_role`: what a person may do beyond what is their own."""

from typing import Any, Final

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

# The groups of the roles; a migration made them, and under /admin/ they can be changed.
GROUPS: Final = {
    "administrator": "Administrators",
    "reviewer": "Reviewers",
    "member": "Members",
    "auditor": "Auditors",
}


class Command(BaseCommand):
    help = "Give a person a role, and take away the one that they had."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("role", choices=GROUPS)

    @transaction.atomic
    def handle(self, *args: Any, username: str, role: str, **options: Any) -> None:
        try:
            person = User.objects.get(username=username)
            group = Group.objects.get(name=GROUPS[role])
        except (User.DoesNotExist, Group.DoesNotExist) as error:
            raise CommandError(f"There is no such person or group: {error}") from error
        person.groups.remove(*Group.objects.filter(name__in=GROUPS.values()))
        person.groups.add(group)
        # Rights over what others have, and the pages under /admin/, need both.
        person.is_staff = role != "member"
        person.save(update_fields=["is_staff"])
        self.stdout.write(f"{username} is now one of: {group.name}.")
