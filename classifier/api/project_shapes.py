"""What the API takes and gives about projects."""

from typing import Any

from rest_framework import serializers

from classifier.api.requests import TrimmedTextField
from classifier.models import Membership, Project, Role

MEMBER_ROLES = [(role.value, role.label) for role in (Role.READER, Role.VIEWER)]


class MemberSerializer(serializers.ModelSerializer[Membership]):
    username = serializers.CharField(source="user.username")
    role = serializers.ChoiceField(MEMBER_ROLES)

    class Meta:
        model = Membership
        fields = ("username", "role")


class ProjectSerializer(serializers.ModelSerializer[Project]):
    url = serializers.HyperlinkedIdentityField("api:project")
    owner = serializers.CharField(source="owner.username")
    members = MemberSerializer(source="memberships", many=True)

    class Meta:
        model = Project
        fields = ("id", "url", "name", "owner", "members", "created_at")


class ProjectRequestSerializer(serializers.Serializer[Any]):
    name = TrimmedTextField(max_length=120)


class ProjectChangeSerializer(serializers.Serializer[Any]):
    name = TrimmedTextField(max_length=120, required=False)


class MemberRequestSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(MEMBER_ROLES)
