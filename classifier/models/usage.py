"""What each person used up of their limits."""

import time
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import F


class UsageQuerySet(models.QuerySet["Usage"]):
    def add(self, user: User, kind: str, *, seconds: int, amount: int = 1) -> int:
        """Count `amount` in the running period of `seconds`; returns what it comes to.

        The UPDATE adds in the database, so that requests which run side by side all count.
        """
        mine, period = self.filter(user=user, kind=kind), int(time.time()) // seconds
        if not mine.filter(period=period).update(amount=F("amount") + amount):
            self.update_or_create(
                user=user, kind=kind, defaults={"period": period, "amount": amount}
            )
            return amount
        return int(mine.values_list("amount", flat=True).get())

    def used(self, user: User, kind: str, *, seconds: int) -> int:
        period = int(time.time()) // seconds
        amounts = self.filter(user=user, kind=kind, period=period).values_list("amount", flat=True)
        return int(amounts.first() or 0)


class Usage(models.Model):
    """One count of one person in its running period; the next period overwrites it."""

    class Kind(models.TextChoices):
        REQUESTS = "requests", "API requests a minute"
        BYTES = "bytes", "bytes a day"

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
