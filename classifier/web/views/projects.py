"""Projects: who is in them, and leaving them."""

import uuid
from http import HTTPStatus
from typing import Any, Final, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from classifier import retention
from classifier.models import Batch, Membership, Project, Role
from classifier.services import permissions, projects

BATCHES_SHOWN: Final = 20
MEMBER_ROLES: Final = [
    (Role.READER.value, "Reader: brings images and reviews"),
    (Role.VIEWER.value, "Viewer: looks on"),
]


class ProjectForm(forms.ModelForm):
    class Meta:
        model = Project
        fields = ("name",)


class MemberForm(forms.Form):
    username = forms.CharField(max_length=150)
    role = forms.TypedChoiceField(choices=MEMBER_ROLES, coerce=Role)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def listing(request: HttpRequest) -> HttpResponse:
    """One's own projects and those that one is a member of; a POST makes one."""
    user = cast(User, request.user)
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = projects.create_project(owner=user, name=form.cleaned_data["name"])
        return redirect("web:project", made.pk)
    mine = Project.objects.of(user).select_related("owner").prefetch_related("memberships")
    context = {"projects": mine, "form": form}
    return render(request, "web/projects.html", context, status=_status(form))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def project(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """A project with its members and last batches; a POST renames it."""
    found = _visible(request, pk)
    if request.method != "POST":
        return _page(request, found, ProjectForm(instance=found))
    form = ProjectForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form)
    try:
        projects.rename_project(
            person=cast(User, request.user), project=found, name=form.cleaned_data["name"]
        )
    except permissions.NotAllowed as refusal:
        messages.error(request, str(refusal))
    return redirect("web:project", found.pk)


class RetentionForm(forms.ModelForm):
    class Meta:
        model = Project
        fields = ("keep_originals_days", "keep_results_days")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def project_retention(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """How long the project keeps what is in it; what would go is said before anything does."""
    found, person = _visible(request, pk), cast(User, request.user)
    try:
        permissions.check_owns_project(person, found)
    except permissions.NotAllowed as refusal:
        messages.error(request, str(refusal))
        return redirect("web:project", found.pk)
    form = RetentionForm(request.POST or None, instance=found)
    context: dict[str, Any] = {"project": found, "form": form}
    if request.method == "POST" and form.is_valid():
        days = {
            "originals_days": form.cleaned_data["keep_originals_days"],
            "results_days": form.cleaned_data["keep_results_days"],
        }
        if "preview" not in request.POST:
            projects.set_retention(person=person, project=found, **days)
            messages.success(request, "This is how long the project keeps things from now on.")
            return redirect("web:project", found.pk)
        context["due"] = retention.preview_of(found, **days)
    return render(request, "web/project_retention.html", context, status=_status(form))


@require_POST
def members(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Add somebody, give them another part, or take them out."""
    found, person = _visible(request, pk), cast(User, request.user)
    try:
        if removed := request.POST.get("remove"):
            projects.remove_member(person=person, project=found, username=removed)
            return redirect("web:project", found.pk)
        form = MemberForm(request.POST)
        if not form.is_valid():
            return _page(request, found, ProjectForm(instance=found), form)
        projects.set_member(person=person, project=found, **form.cleaned_data)
    except (permissions.NotAllowed, projects.NoSuchPerson) as refusal:
        messages.error(request, str(refusal))
    return redirect("web:project", found.pk)


@require_POST
def leave(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found, person = _visible(request, pk), cast(User, request.user)
    if projects.remove_member(person=person, project=found, username=person.username):
        messages.success(request, f"You have left “{found}”. What you said in reviews stays.")
    return redirect("web:projects")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = _visible(request, pk)
    if request.method != "POST":
        return render(request, "web/project_delete.html", {"project": found})
    try:
        projects.delete_project(person=cast(User, request.user), project=found)
    except permissions.NotAllowed as refusal:
        messages.error(request, str(refusal))
        return redirect("web:project", found.pk)
    messages.success(request, f"The project “{found}” was deleted. Its batches are kept.")
    return redirect("web:projects")


def _visible(request: HttpRequest, pk: uuid.UUID) -> Project:
    seen = Project.objects.visible_to(request.user).select_related("owner")
    return get_object_or_404(seen, pk=pk)


def _page(
    request: HttpRequest, found: Project, form: Any, member_form: MemberForm | None = None
) -> HttpResponse:
    context = {
        "project": found,
        "form": form,
        "member_form": member_form or MemberForm(),
        "memberships": Membership.objects.filter(project=found).select_related("user"),
        "is_owner": found.owner_id == request.user.pk,
        "may_fill": found.role_of(request.user) in {Role.OWNER, Role.READER},
        "batches": Batch.objects.visible_to(request.user)
        .filter(project=found)
        .select_related("owner")[:BATCHES_SHOWN],
    }
    forms_sent = [each for each in (form, member_form) if each is not None]
    status = max(_status(each) for each in forms_sent)
    return render(request, "web/project.html", context, status=status)


def _status(form: Any) -> HTTPStatus:
    return HTTPStatus.BAD_REQUEST if form.is_bound and form.errors else HTTPStatus.OK
