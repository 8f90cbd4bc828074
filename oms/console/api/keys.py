"""Keys of partners: made, shown once, found by their digest, revoked."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Q

from oms.console.models import PartnerKey
from oms.core import clock
from oms.core.actor import Actor
from oms.core.errors import Refused

# Code of a scope, what it opens in words. A view names the one it needs.
SCOPES = {
    "stock.read": "Read availability, stock history and where an item is near",
    "stock.reserve": "Hold units for a cart, draft or quote, and let go of them",
    "stock.count": "Count: read open counts, and send what was counted",
    "stock.feed": "Send stock numbers",
    "supply.write": "Send purchase orders",
}
MARK = "sy_"
# A key that calls ten times a second does not write ten times a second.
USE_IS_NOTED_EVERY = timedelta(minutes=1)


def make_key(
    *, store_id: int, name: str, scopes: Sequence[str], actor: Actor
) -> tuple[PartnerKey, str]:
    """Make a key; the text returned is the only time that anybody sees it."""
    name = name.strip()
    if not name:
        raise Refused("Say who will use the key.")
    if not scopes:
        raise Refused("Choose at least one thing that the key may do.")
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise Refused(f"There is no scope “{unknown[0][:40]}”.")
    text = MARK + secrets.token_urlsafe(32)
    key = PartnerKey.objects.create(
        store_id=store_id,
        name=name[:80],
        prefix=text[: len(MARK) + 6],
        digest=digest_of(text),
        scopes=sorted(set(scopes)),
        created_by=str(actor),
    )
    return key, text


def revoke_key(*, store_id: int, key_id: int, actor: Actor) -> None:
    """From now on the key opens nothing; a second time is quiet."""
    PartnerKey.objects.filter(pk=key_id, store_id=store_id, revoked_at=None).update(
        revoked_at=clock.now(), revoked_by=str(actor)
    )


def key_of(text: str) -> PartnerKey | None:
    """The key somebody sent, while it is not revoked."""
    if not text.startswith(MARK) or len(text) > 100:
        return None
    key = PartnerKey.objects.select_related("store").filter(digest=digest_of(text)).first()
    return key if key and key.revoked_at is None else None


def note_use(key: PartnerKey) -> None:
    """Remember that the key works, to the minute."""
    now = clock.now()
    if key.last_used_at is None or now - key.last_used_at > USE_IS_NOTED_EVERY:
        old = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_IS_NOTED_EVERY)
        PartnerKey.objects.filter(old, pk=key.pk).update(last_used_at=now)


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
