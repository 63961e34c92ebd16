"""Who may do what to the things of others."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import Model


def may(user: AbstractBaseUser | AnonymousUser, verb: str, model: type[Model]) -> bool:
    """Whether the admin site would let them: staff, with Django's permission for this model.

    Args:
        verb: view, change or delete.
    """
    options = model._meta
    permission = f"{options.app_label}.{verb}_{options.model_name}"
    return isinstance(user, User) and user.is_staff and user.has_perm(permission)
