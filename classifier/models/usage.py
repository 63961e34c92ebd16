"""What each person used up of their limits."""

import time
from typing import ClassVar, Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, models
from django.db.models import Case, F, When

ADD: Final = """\
INSERT INTO classifier_usage AS known (user_id, kind, period, amount) VALUES (%s, %s, %s, %s)
ON CONFLICT (user_id, kind) DO UPDATE SET
    amount = excluded.amount + CASE known.period WHEN excluded.period THEN known.amount ELSE 0 END,
    period = excluded.period
RETURNING amount
"""

FOR_GOOD: Final = 0


class UsageQuerySet(models.QuerySet["Usage"]):
    def add(self, user: User, kind: str, *, seconds: int, amount: int = 1) -> int:
        """Count `amount` in the running period of `seconds`; returns what it comes to.

        One statement adds in the database and says what it came to, so that requests which run side
        by side all count; each request is counted, and Django's own way takes two to four.
        """
        return self._add(user.pk, kind, int(time.time()) // seconds, amount)

    def store(self, user_id: int, amount: int) -> None:
        """Count bytes that a person's files take."""
        self._add(user_id, Usage.Kind.STORED, FOR_GOOD, amount)

    def give_back(self, user_id: int, amount: int) -> None:
        """Count bytes that they take no longer; of a person who is being deleted, none."""
        left = Case(When(amount__gt=amount, then=F("amount") - amount), default=0)
        self.filter(user=user_id, kind=Usage.Kind.STORED).update(amount=left)

    def stored(self, user: User) -> int:
        """How many bytes a person's files take, without a look at each of them."""
        mine = self.filter(user=user, kind=Usage.Kind.STORED)
        return int(mine.values_list("amount", flat=True).first() or 0)

    def _add(self, user_id: int, kind: str, period: int, amount: int) -> int:
        with connection.cursor() as cursor:
            cursor.execute(ADD, [user_id, kind, period, amount])
            return int(cursor.fetchone()[0])

    def used(self, user: User, **seconds: int) -> dict[str, int]:
        """What a person used up by kind, each in its running period of so many seconds."""
        now = int(time.time())
        rows = self.filter(user=user).values_list("kind", "period", "amount")
        amounts = {(kind, period): int(amount) for kind, period, amount in rows}
        periods = {kind: now // length for kind, length in seconds.items()}
        periods[Usage.Kind.STORED] = FOR_GOOD
        return {kind: amounts.get((kind, period), 0) for kind, period in periods.items()}


class Usage(models.Model):
    """One count of one person in its running period; the next period overwrites it.

    What is stored has no period: it is counted up and down as images come and go.
    """

    class Kind(models.TextChoices):
        REQUESTS = "requests", "API requests a minute"
        BYTES = "bytes", "bytes a day"
        STORED = "stored", "bytes stored"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind)
    period = models.PositiveBigIntegerField(help_text="Number of the period since 1970.")
    amount = models.PositiveBigIntegerField()

    objects = UsageQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "usage"
        constraints: ClassVar = [
            # add, used: one row for each count.
            models.UniqueConstraint(fields=["user", "kind"], name="usage_once"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.amount}"
