"""Projects: batches and the people who work on them together."""

import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.db.models import Q
from django.utils import timezone

from classifier.models.access import may
from classifier.models.vocabulary import Role


class ProjectQuerySet(models.QuerySet["Project"]):
    def of(self, user: User | AnonymousUser) -> Self:
        """Projects that a person owns or is a member of."""
        member_of = Membership.objects.filter(user=user.pk).values("project")
        return self.filter(Q(owner_id=user.pk) | Q(pk__in=member_of))

    def visible_to(self, user: User | AnonymousUser) -> Self:
        return self.all() if may(user, "view", self.model) else self.of(user)


class Project(models.Model):
    """Nothing in it is seen from outside; its owner says who reads in it and who looks on."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="own_projects"
    )
    name = models.CharField(max_length=120)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="projects"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    keep_originals_days = models.PositiveIntegerField(
        "Keep images for days",
        null=True,
        blank=True,
        help_text="Then thumbnails and results stay. Empty: as the installation; 0: for ever.",
    )
    keep_results_days = models.PositiveIntegerField(
        "Keep results for days",
        null=True,
        blank=True,
        help_text="Then they go into the trash. Empty: as the installation; 0: for ever.",
    )

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ("name", "created_at")
        constraints: ClassVar = [
            models.CheckConstraint(name="project_has_a_name", condition=~Q(name="")),
        ]

    def __str__(self) -> str:
        return self.name

    def role_of(self, user: User | AnonymousUser) -> Role | None:
        """None for who is no part of it."""
        if self.owner_id == user.pk:
            return Role.OWNER
        membership = self.memberships.filter(user=user.pk).first()
        return Role(membership.role) if membership else None


class Membership(models.Model):
    """A person's part in a project; its owner has none, being more than a member."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="memberships", db_index=False
    )
    # Its index finds the projects that a person is a member of.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=6, choices=[(r.value, r.label) for r in list(Role)[1:]])

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar = [
            # role_of: one part for each person.
            models.UniqueConstraint(fields=["project", "user"], name="membership_once"),
            models.CheckConstraint(
                name="membership_role_is_known",
                condition=Q(role__in=[Role.READER.value, Role.VIEWER.value]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"
