"""People signed in to the console, one a role, and every page they may ask for."""

import re

from django.test import Client

from tests.cast import make_user

PEOPLE = {"ops": "olga", "support": "sam", "finance": "fay", "admin": "ada"}


def signed_in(role: str) -> Client:
    """A browser of the person who holds this role."""
    client = Client()
    client.force_login(make_user(PEOPLE.get(role, role), role))
    return client


def words_of(response) -> str:
    """The page as text, without its tags, each run of spaces as one."""
    text = re.sub(r"<(script|style|template).*?</\1>", " ", response.content.decode(), flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())
