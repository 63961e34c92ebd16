"""Who one is, and the tokens for programs."""

from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.cache import patch_cache_control
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle

from classifier import quotas
from classifier.api import requests, serializers
from classifier.api.permissions import MadeByAPerson
from classifier.api.views.base import ApiView, current_user
from classifier.models import ApiToken
from classifier.services import second_factors

NEEDS_SECOND_FACTOR: Final = (
    "The password alone gets no token for an account that has, or needs, a second factor. "
    "Sign in on the pages, and make one under “API tokens”."
)


class SecretView(ApiView):
    """Answers that no cache may keep."""

    def has_etag(self) -> bool:
        return False

    def finalize_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(*args, **kwargs)
        patch_cache_control(response, no_store=True)
        return response


def issue(user: User, data: dict[str, Any]) -> tuple[ApiToken, str]:
    return ApiToken.objects.issue(
        user, name=data["name"], scope=data["scope"], days=data.get("expires_in_days")
    )


class TokenView(SecretView):
    """Exchange a username and a password for a token.

    403 for an account with a second factor: its tokens are made on the pages.
    """

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "token"

    @extend_schema(
        request=requests.TokenRequestSerializer, responses=serializers.TokenSerializer, auth=[]
    )
    def post(self, request: Request) -> Response:
        sent = requests.TokenRequestSerializer(
            data=request.data, context={"request": request._request}
        )
        sent.is_valid(raise_exception=True)
        data = sent.validated_data
        if second_factors.has_one(data["user"]) or second_factors.needs_one(data["user"]):
            raise PermissionDenied(NEEDS_SECOND_FACTOR)
        _, secret = issue(data["user"], data)
        return Response({"token": secret})


class TokenViewSet(
    SecretView,
    mixins.ListModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[ApiToken],
):
    """Your tokens. Their secrets are kept nowhere."""

    queryset = ApiToken.objects.none()
    serializer_class = serializers.ApiTokenSerializer
    pagination_class = None
    lookup_value_converter = "int"

    def get_permissions(self) -> list[Any]:
        made_by = [MadeByAPerson()] if self.action == "create" else []
        return [*super().get_permissions(), *made_by]

    def owner_id(self, token: ApiToken) -> int:
        return int(token.user_id)

    def get_queryset(self) -> QuerySet[ApiToken]:
        return ApiToken.objects.filter(user=current_user(self.request))

    @extend_schema(
        request=requests.NewTokenSerializer, responses={201: serializers.IssuedTokenSerializer}
    )
    def create(self, request: Request) -> Response:
        """Issue a token. Its secret is in this answer and in no other.

        For sessions of the pages; a program gets its token at `auth/token/`, with the password.
        """
        data = requests.valid(requests.NewTokenSerializer, request.data)
        token, secret = issue(current_user(request), data)
        return Response({**self.get_serializer(token).data, "token": secret}, status=201)


class MeView(ApiView):
    """Whose token this is, and what is left of the limits."""

    @extend_schema(responses=serializers.MeSerializer)
    def get(self, request: Request) -> Response:
        user = current_user(request)
        used, limits = quotas.used(user), quotas.limits_of(user)
        return Response(
            {
                "username": user.username,
                "email": user.email,
                "is_staff": user.is_staff,
                "requests_per_minute": _limit(
                    settings.API_REQUESTS_PER_MINUTE, used.requests_this_minute
                ),
                "waiting_predictions": _limit(limits.waiting_predictions, used.waiting_predictions),
                "waiting_explanations": _limit(
                    settings.MAX_WAITING_EXPLANATIONS, used.waiting_explanations
                ),
                "bytes_per_day": _limit(limits.bytes_per_day, used.bytes_today),
                "stored_bytes": _limit(limits.stored_bytes, used.stored_bytes),
            }
        )


def _limit(limit: int, used: int) -> dict[str, int]:
    return {"limit": limit, "used": used}
