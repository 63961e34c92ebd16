"""What one person may use up, where an administrator set it apart from what holds for all."""

from django.conf import settings
from django.db import models


class PersonLimits(models.Model):
    """Limits of one person; what is empty is as the installation's settings have it."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="limits"
    )
    waiting_predictions = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many may wait at a time."
    )
    megabytes_per_day = models.PositiveIntegerField(
        null=True, blank=True, help_text="What may be sent in a day."
    )
    stored_megabytes = models.PositiveIntegerField(
        null=True, blank=True, help_text="What the images may take here."
    )

    class Meta:
        verbose_name_plural = "limits of persons"

    def __str__(self) -> str:
        return f"Limits of {self.user}"
