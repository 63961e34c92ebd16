"""What is recorded wherever it happens: sign-ins, accounts, rights and models."""

from typing import Any, Final

from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed
from allauth.socialaccount.signals import social_account_added, social_account_removed
from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models import Model, Q
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.dispatch import receiver

from classifier.audit.recording import record
from classifier.models import ApiToken, AuditEvent, TrainedModel

Action = AuditEvent.Action

WATCHED: Final[dict[type[Model], tuple[Action, tuple[str, ...]]]] = {
    User: (
        Action.ACCOUNT_CHANGED,
        ("username", "email", "password", "is_active", "is_staff", "is_superuser"),
    ),
    TrainedModel: (
        Action.MODEL_CHANGED,
        ("version", "sha256", "is_active", "is_installed", "is_recommended", "is_offered"),
    ),
}
# That they were changed is recorded, and nothing of what they were or are.
PRIVATE: Final = {"email", "password"}


@receiver(user_logged_in)
def signed_in(sender: Any, user: User, **kwargs: Any) -> None:
    record(Action.SIGNED_IN, person=user, subject=user)


@receiver(user_logged_out)
def signed_out(sender: Any, user: User | None, **kwargs: Any) -> None:
    if user:
        record(Action.SIGNED_OUT, person=user, subject=user)


@receiver(user_login_failed)
def sign_in_failed(sender: Any, credentials: dict[str, Any], **kwargs: Any) -> None:
    """Names an account that there is. Else nothing that was typed: it may be a password."""
    typed = str(credentials.get("username") or credentials.get("email") or "")
    named = Q(username__iexact=typed) | Q(email__iexact=typed)
    user = User.objects.filter(named).first() if typed else None
    record(Action.SIGN_IN_FAILED, subject=user, username=user.username if user else "")


@receiver(post_save, sender=Authenticator)
def factor_added(sender: Any, instance: Authenticator, created: bool, **kwargs: Any) -> None:
    if created:
        record(Action.FACTOR_ADDED, subject=instance.user, kind=instance.type)


@receiver(post_delete, sender=Authenticator)
def factor_removed(sender: Any, instance: Authenticator, **kwargs: Any) -> None:
    record(Action.FACTOR_REMOVED, subject=instance.user, kind=instance.type)


@receiver(social_account_added)
def account_linked(sender: Any, sociallogin: Any, **kwargs: Any) -> None:
    person, change = sociallogin.user, "linked with the institution"
    record(Action.ACCOUNT_CHANGED, subject=person, name=str(person), change=change)


@receiver(social_account_removed)
def account_unlinked(sender: Any, socialaccount: Any, **kwargs: Any) -> None:
    person, change = socialaccount.user, "unlinked from the institution"
    record(Action.ACCOUNT_CHANGED, subject=person, name=str(person), change=change)


@receiver(authentication_failed)
def factor_failed(sender: Any, user: User, authenticator: Any, **kwargs: Any) -> None:
    record(Action.SIGN_IN_FAILED, subject=user, username=user.username, reason=authenticator.type)


@receiver(pre_save, sender=User)
@receiver(pre_save, sender=TrainedModel)
def remember_what_was(sender: type[Model], instance: Any, **kwargs: Any) -> None:
    _, fields = WATCHED[sender]
    asked = kwargs["update_fields"]
    # A sign-in saves its time.
    is_watched = asked is None or not set(fields).isdisjoint(asked)
    before = sender._default_manager.filter(pk=instance.pk) if instance.pk and is_watched else None
    instance._audited = before.values(*fields).first() if before is not None else None


@receiver(post_save, sender=User)
@receiver(post_save, sender=TrainedModel)
def changed(sender: type[Model], instance: Any, created: bool, **kwargs: Any) -> None:
    action, fields = WATCHED[sender]
    before = instance.__dict__.pop("_audited")
    if created:
        record(action, subject=instance, name=str(instance), change="created")
    elif before:
        now = {name: getattr(instance, name) for name in fields}
        differing = [name for name in fields if before[name] != now[name]]
        if differing:
            values = {name: [before[name], now[name]] for name in {*differing} - PRIVATE}
            record(
                action,
                subject=instance,
                name=str(instance),
                change="changed",
                fields=differing,
                values=values,
            )


@receiver(post_delete, sender=User)
@receiver(post_delete, sender=TrainedModel)
def deleted(sender: type[Model], instance: Any, **kwargs: Any) -> None:
    record(WATCHED[sender][0], subject=instance, name=str(instance), change="deleted")


@receiver(m2m_changed, sender=User.groups.through)
@receiver(m2m_changed, sender=User.user_permissions.through)
@receiver(m2m_changed, sender=Group.permissions.through)
def rights_changed(
    sender: Any, instance: Model, action: str, model: type[Model], pk_set: Any, **kwargs: Any
) -> None:
    if not action.startswith("post_") or (pk_set is not None and not pk_set):
        return
    others = model._default_manager.filter(pk__in=pk_set or ())
    named = [each.codename if isinstance(each, Permission) else str(each) for each in others]
    change = action.removeprefix("post_")
    record(Action.RIGHTS_CHANGED, subject=instance, name=str(instance), change=change, rights=named)


@receiver(post_save, sender=ApiToken)
def token_made(sender: Any, instance: ApiToken, created: bool, **kwargs: Any) -> None:
    if created:
        record(
            Action.TOKEN_MADE,
            person=instance.user,
            subject=instance,
            name=instance.name,
            scope=instance.scope,
        )


@receiver(post_delete, sender=ApiToken)
def token_revoked(sender: Any, instance: ApiToken, **kwargs: Any) -> None:
    record(Action.TOKEN_REVOKED, subject=instance, name=instance.name, of=instance.user_id)
