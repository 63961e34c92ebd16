"""Projects and their members."""

import uuid

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.api import project_shapes
from classifier.api.parsers import ShallowJSONParser
from classifier.api.requests import valid
from classifier.api.views.base import ApiView, current_user
from classifier.models import Project, Role
from classifier.services import projects


def visible_project(request: Request, pk: uuid.UUID | None) -> Project | None:
    """A project that the person sees, or None for none. Raises Http404."""
    if pk is None:
        return None
    return get_object_or_404(Project.objects.visible_to(current_user(request)), pk=pk)


def listed_project(request: Request) -> Project | None:
    """The project that a list is asked for; the filter says what is wrong with the question."""
    try:
        pk = uuid.UUID(request.query_params.get("project", ""))
    except ValueError:
        return None
    return visible_project(request, pk)


class ProjectView(ApiView):
    """A project, as seen by who is in it."""

    parser_classes = (ShallowJSONParser,)

    def project(self, pk: uuid.UUID) -> Project:
        projects = Project.objects.visible_to(current_user(self.request))
        seen = projects.select_related("owner").prefetch_related("memberships__user")
        return get_object_or_404(seen, pk=pk)

    def answer(self, project: Project | list[Project], *, status: int = 200) -> Response:
        data = project_shapes.ProjectSerializer(
            project, many=isinstance(project, list), context={"request": self.request}
        ).data
        location = {"Location": data["url"]} if status == 201 else {}
        return Response(data, status=status, headers=location)


class ProjectsView(ProjectView):
    @extend_schema(
        operation_id="projects_list", responses=project_shapes.ProjectSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """The projects that you own, read in or look on in."""
        seen = Project.objects.visible_to(current_user(request))
        related = seen.select_related("owner").prefetch_related("memberships__user")
        return self.answer(list(related))

    @extend_schema(
        operation_id="projects_create",
        request=project_shapes.ProjectRequestSerializer,
        responses={201: project_shapes.ProjectSerializer},
    )
    def post(self, request: Request) -> Response:
        """Make a project of your own."""
        fields = valid(project_shapes.ProjectRequestSerializer, request.data)
        project = projects.create_project(owner=current_user(request), name=fields["name"])
        return self.answer(project, status=201)


class OneProjectView(ProjectView):
    @extend_schema(operation_id="projects_retrieve", responses=project_shapes.ProjectSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """A project with its members."""
        return self.answer(self.project(pk))

    @extend_schema(
        operation_id="projects_update",
        request=project_shapes.ProjectChangeSerializer,
        responses=project_shapes.ProjectSerializer,
    )
    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        """Rename a project."""
        project = self.project(pk)
        name = valid(project_shapes.ProjectChangeSerializer, request.data).get("name", project.name)
        projects.rename_project(person=current_user(request), project=project, name=name)
        return self.answer(self.project(pk))

    @extend_schema(operation_id="projects_destroy", request=None, responses={204: None})
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        """Delete a project; its batches go on as their owners' own."""
        projects.delete_project(person=current_user(request), project=self.project(pk))
        return Response(status=204)


class MemberView(ProjectView):
    @extend_schema(
        operation_id="projects_members_set",
        request=project_shapes.MemberRequestSerializer,
        responses=project_shapes.ProjectSerializer,
    )
    def put(self, request: Request, pk: uuid.UUID, username: str) -> Response:
        """Let somebody read (review) or look on (view) in a project."""
        project, person = self.project(pk), current_user(request)
        role = Role(valid(project_shapes.MemberRequestSerializer, request.data)["role"])
        try:
            projects.set_member(person=person, project=project, username=username, role=role)
        except projects.NoSuchPerson as error:
            raise exceptions.NotFound(str(error)) from error
        return self.answer(self.project(pk))

    @extend_schema(operation_id="projects_members_remove", request=None, responses={204: None})
    def delete(self, request: Request, pk: uuid.UUID, username: str) -> Response:
        """Take somebody out of a project; members may take themselves out."""
        person, project = current_user(request), self.project(pk)
        if not projects.remove_member(person=person, project=project, username=username):
            raise Http404
        return Response(status=204)
