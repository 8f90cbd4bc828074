"""What a call to Shopify can end in: an answer, or one of three named failures.

What matters is whether the other side may have done it. NotApplied: certainly not. Rejected: it
said no. OutcomeUnknown: it may have, so the state is read back before anything is sent again.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call cost and what is left, as the store tells it with each answer."""

    requested: float
    actual: float | None
    maximum: float
    available: float
    restore_rate: float


@dataclass(frozen=True, slots=True)
class UserError:
    """A business rule that was not met. Many mutations give no code."""

    message: str
    code: str = ""
    field: str = ""

    def __str__(self) -> str:
        return f"{self.message} ({self.code})" if self.code else self.message


@dataclass(frozen=True, slots=True)
class Answer:
    """Data, whole or in part, with the errors beside it: errors do not mean nothing happened."""

    data: dict[str, Any]
    errors: list[dict[str, Any]] = field(default_factory=list)
    cost: Cost | None = None

    @property
    def user_errors(self) -> dict[str, list[UserError]]:
        """Root (or its alias) to the rules it broke; roots that worked are absent."""
        found = {root: user_errors_of(payload) for root, payload in self.data.items()}
        return {root: errors for root, errors in found.items() if errors}

    def error_of(self, root: str) -> dict[str, Any] | None:
        """The top-level error that emptied a root, if one did."""
        for error in self.errors:
            path = error.get("path") or []
            if path and path[0] == root:
                return error
        return None


def user_errors_of(payload: Any) -> list[UserError]:
    """The user errors of one mutation payload, whatever their field is called there."""
    if not isinstance(payload, dict):
        return []
    found = []
    for key, rows in payload.items():
        if key.lower().endswith("usererrors") and isinstance(rows, list):
            found += [
                UserError(
                    str(row.get("message", "")),
                    str(row.get("code") or ""),
                    ".".join(str(part) for part in row.get("field") or []),
                )
                for row in rows
            ]
    return found


class CallFailed(Exception):
    """A call that brought no answer. The message is fit to be shown and holds no secrets."""

    def __init__(self, reason: str, *, retry_in_seconds: float = 1.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_in_seconds = retry_in_seconds


class NotApplied(CallFailed):
    """Certainly not carried out: no connection, throttled, not let in. Send it again later."""


class StoreClosed(NotApplied):
    """The store lets us in no more: token revoked, scope missing, frozen. Later may help."""


class OutcomeUnknown(CallFailed):
    """It went out and no usable answer came back. It may have been carried out."""


class Rejected(CallFailed):
    """The store understood and said no. `permanent`: the same again gets the same no."""

    def __init__(
        self, reason: str, *, errors: list[UserError] | None = None, permanent: bool = True
    ) -> None:
        super().__init__(reason)
        self.errors = errors or []
        self.permanent = permanent

    @property
    def codes(self) -> set[str]:
        return {error.code for error in self.errors if error.code}
