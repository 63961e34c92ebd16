"""People: what they use, what they may use, and the end of an account."""

from collections.abc import Iterable
from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from classifier.admin.base import DeskAdmin
from classifier.admin.deleting import CountedDeletion
from classifier.admin.filters import ActiveFilter
from classifier.models import ImageUpload, PersonLimits, Prediction
from classifier.services import desk, own_models, second_factors

admin.site.unregister([Group, User])


class LimitsInline(admin.StackedInline):
    model = PersonLimits
    can_delete = True
    extra = 1
    verbose_name_plural = "Limits; what is empty is as the installation has it"


@admin.register(User)
class PersonAdmin(CountedDeletion, DeskAdmin, UserAdmin):
    list_display = (
        "username", "email", "predictions_made", "stored", "last_login", "date_joined",
        "is_active", "is_staff",
    )  # fmt: skip
    list_filter = ("is_active", "is_staff", "groups", ActiveFilter)
    sortable_by = ("username", "last_login", "date_joined")
    search_help_text = "Name or e-mail address"
    inlines = (LimitsInline,)
    actions = ("deactivate", "activate", "remove_second_factors")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """With the number of their predictions and what their images take, from indexes alone."""
        own = {"owner": OuterRef("pk")}
        made = Prediction.objects.filter(**own).order_by().values("owner").annotate(n=Count("pk"))
        taken = ImageUpload.objects.filter(**own).order_by().values("owner")
        people: QuerySet[User] = super().get_queryset(request)
        return people.annotate(
            number=Subquery(made.values("n")),
            stored_bytes=Subquery(taken.annotate(n=Sum("stored_bytes")).values("n")),
        )

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["widget"] = CheckboxSelectMultiple
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    @admin.display(description="predictions")
    def predictions_made(self, person: Any) -> SafeString:
        address = reverse("admin:classifier_prediction_changelist")
        number = f"{person.number or 0:,}"
        return format_html('<a href="{}?owner__id__exact={}">{}</a>', address, person.pk, number)

    @admin.display(description="images take")
    def stored(self, person: Any) -> str:
        return f"{(person.stored_bytes or 0) / 2**20:,.1f} MB"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody ends the account that they are signed in with."""
        return obj != request.user and super().has_delete_permission(request, obj)

    @admin.action(description="Deactivate: no sign-in, data kept", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        number = queryset.exclude(pk__in=[request.user.pk]).update(is_active=False)
        self.message_user(request, f"{number} people can no longer sign in.", messages.SUCCESS)

    @admin.action(description="Activate again", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        number = queryset.update(is_active=True)
        self.message_user(request, f"{number} people can sign in again.", messages.SUCCESS)

    def get_deleted_objects(
        self, objs: QuerySet[Any] | Iterable[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Names the models that go with them, too."""
        lines, counts, lacking, protected = super().get_deleted_objects(objs, request)
        models = [model for person in objs for model in own_models.of_account(person)]
        named = [f"the model “{model}”, adapted or imported here" for model in models]
        return lines + named, counts, lacking, protected

    @admin.action(
        description="Remove second factors: lost app or key, signs out", permissions=["change"]
    )
    def remove_second_factors(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for person in queryset:
            second_factors.remove_all(person)
            context = {"user": person}
            if person.email:
                get_adapter().send_mail(
                    "account/email/second_factor_removed", person.email, context
                )
        words = f"{len(queryset)} people sign in with the password alone until they set up another."
        self.message_user(request, words, messages.SUCCESS)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        desk.delete_person(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for person in queryset.exclude(pk__in=[request.user.pk]):
            desk.delete_person(person)


@admin.register(PersonLimits)
class PersonLimitsAdmin(DeskAdmin):
    list_display = ("user", "waiting_predictions", "megabytes_per_day", "stored_megabytes")
    list_select_related = ("user",)
    autocomplete_fields = ("user",)
    search_fields = ("user__username",)


@admin.register(Group)
class RoleAdmin(DeskAdmin, GroupAdmin):
    # Django's two boxes with arrows between them are no use without a pointer.
    filter_horizontal = ()
