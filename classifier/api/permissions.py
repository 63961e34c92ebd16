"""What a token, and what a person who is not the owner, may do."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from classifier.models import ApiToken, may


class TokenScope(BasePermission):
    message = "This token may only read. Make one that may write."

    def has_permission(self, request: Request, view: Any) -> bool:
        token = request.auth
        if not isinstance(token, ApiToken) or request.method in SAFE_METHODS:
            return True
        return token.scope == ApiToken.Scope.WRITE


class MadeByAPerson(BasePermission):
    """Signed in with a password: who gets hold of a token must not make it last."""

    message = "A token cannot make another one. Make it on the page “API tokens”."

    def has_permission(self, request: Request, view: Any) -> bool:
        return not isinstance(request.auth, ApiToken)


class OwnerOrPermitted(BasePermission):
    """What is somebody else's is changed and deleted by whom the admin site lets do so."""

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        if request.method in SAFE_METHODS or view.owner_id(obj) == request.user.pk:
            return True
        verb = "delete" if request.method == "DELETE" else "change"
        return may(request.user, verb, type(obj))
