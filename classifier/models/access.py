"""Who sees what belongs to others."""

from django.contrib.auth.models import AnonymousUser, User
from django.db import models


def sees_all(user: User | AnonymousUser, model: type[models.Model]) -> bool:
    """Whether a person looks after everyone's rows: staff with the permission to view them.

    Staff is asked first, since a permission costs others two queries for a certain no.
    """
    return user.is_staff and user.has_perm(f"classifier.view_{model._meta.model_name}")
