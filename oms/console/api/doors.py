"""Who comes in: the key is checked, its scope, its pace; every view of the API starts here."""

import time
from collections.abc import Sequence
from typing import Any, ClassVar

import django_rq
from django.conf import settings
from redis.exceptions import RedisError
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.parsers import JSONParser
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from oms.console.api.keys import SCOPES, key_of, note_use
from oms.console.models import PartnerKey
from oms.core.actor import Actor


class Partner:
    """Who is behind a key; no user of ours, and no right of one."""

    is_authenticated = True
    is_active = True

    def __init__(self, key: PartnerKey) -> None:
        self.key = key
        self.pk = None

    def __str__(self) -> str:
        return self.key.name


class KeyAuthentication(BaseAuthentication):
    """Authorization: Bearer sy_…"""

    def authenticate(self, request: Request) -> tuple[Partner, PartnerKey] | None:
        words = get_authorization_header(request).split()
        if not words:
            return None
        if len(words) != 2 or words[0].lower() != b"bearer":
            raise AuthenticationFailed("Send the key as: Authorization: Bearer sy_…")
        key = key_of(words[1].decode("latin-1"))
        if key is None:
            raise AuthenticationFailed("This key is not known, or it was revoked.")
        note_use(key)
        return Partner(key), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Switchyard"'


class HasScope(BasePermission):
    """The key was made for what the view does."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        scope = view.scopes.get(request.method or "", "")  # type: ignore[attr-defined]
        if not isinstance(request.auth, PartnerKey):
            return False
        # A method that the view does not have is answered with 405, not with a scope.
        if scope and scope not in request.auth.scopes:
            raise PermissionDenied(f"This key has no scope {scope} ({SCOPES[scope].lower()}).")
        return True


class KeyPace(BaseThrottle):
    """So many calls a minute for a key: reads and writes apart, counted in Redis.

    While Redis does not answer, reads pass uncounted: a slow answer is worse than a busy one.
    Writes are then counted by each web process for itself.
    """

    counted_here: ClassVar[dict[str, int]] = {}
    redis_asked_again_at: ClassVar[float] = 0.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        reads = request.method in SAFE_METHODS
        most = settings.API_READS_PER_MINUTE if reads else settings.API_WRITES_PER_MINUTE
        minute = int(time.time() // 60)
        name = f"api:{request.auth.pk}:{'read' if reads else 'write'}:{minute}"
        count = self._count(name, reads)
        return count <= most

    def wait(self) -> float:
        return 60 - time.time() % 60

    def _count(self, name: str, reads: bool) -> int:
        if time.monotonic() >= KeyPace.redis_asked_again_at:
            try:
                pipe = django_rq.get_connection("intake").pipeline(transaction=False)
                pipe.incr(name)
                pipe.expire(name, 120)
                return int(pipe.execute()[0])
            except RedisError:
                KeyPace.redis_asked_again_at = time.monotonic() + 5
        if reads:
            return 0
        if name not in self.counted_here and len(self.counted_here) > 1000:
            self.counted_here.clear()
        self.counted_here[name] = self.counted_here.get(name, 0) + 1
        return self.counted_here[name]


class PartnerView(APIView):
    """A view of the API. `scopes` says which scope each method needs; `key` opens one store."""

    authentication_classes = (KeyAuthentication,)
    permission_classes: Sequence[type[HasScope]] = (HasScope,)
    throttle_classes: Sequence[type[KeyPace]] = (KeyPace,)
    renderer_classes = (JSONRenderer,)
    parser_classes = (JSONParser,)
    scopes: ClassVar[dict[str, str]] = {}

    @property
    def key(self) -> PartnerKey:
        key = self.request.auth
        assert isinstance(key, PartnerKey)
        return key

    @property
    def store_id(self) -> int:
        return self.key.store_id

    @property
    def actor(self) -> Actor:
        return Actor("partner", self.key.name)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer["Cache-Control"] = "no-store"
        return answer
