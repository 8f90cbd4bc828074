"""Whether a person may do something, and the page that says why not and whom to ask."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from oms.console.roles import ROLES, TITLES

View = Callable[..., HttpResponseBase]


def may(user: User | AnonymousUser, ability: str) -> bool:
    """`ability` is a permission name such as console.approve_refunds; empty means everybody."""
    return not ability or user.has_perm(ability)


def person(request: HttpRequest) -> User:
    """Who is signed in; pages of the site are never reached by anybody else."""
    assert isinstance(request.user, User)
    return request.user


def who_may(ability: str) -> str:
    """The roles that may, in words: "Ops, Support or Admin"."""
    names = [TITLES[role] for role, held in ROLES.items() if ability in held or held == ("*",)]
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def needs(ability: str) -> Callable[[View], View]:
    """Decorate a page or an action: without the ability the answer is a page with the reason."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            if may(request.user, ability):
                return view(request, *args, **kwargs)
            from oms.console.shell import page

            reason = {"who_may": who_may(ability), "ability": ability}
            return page(request, "console/locked.html", reason, status=403)

        return guarded

    return decorate
