"""The GraphQL documents, one file per operation, each read once.

Tests validate every file against Shopify's schema and see that each mutation that demands an
idempotency key carries one.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent

_HEAD = re.compile(r"(query|mutation)\s+(\w+)\s*(?:\((.*?)\))?\s*\{(.*)\}\s*$", re.DOTALL)
_VARIABLE = re.compile(r"\$(\w+)")


@dataclass(frozen=True, slots=True)
class Document:
    """`name` is the file's name and the price tag; `repeatable`: may be sent twice unharmed."""

    name: str
    text: str
    repeatable: bool

    @property
    def only_reads(self) -> bool:
        return self.text.startswith("query")


@cache
def document(name: str) -> Document:
    """The operation in <name>.graphql."""
    text = (FOLDER / f"{name}.graphql").read_text()
    return Document(name, text, text.startswith("query") or "@idempotent" in text)


@cache
def repeated(name: str, count: int) -> Document:
    """The same mutation `count` times in one document, to save round trips.

    Variables become $name_0, $name_1 and so on; the answers stand under m0, m1 and so on. The
    store carries them out one after the other; each succeeds or fails alone.
    """
    one = document(name)
    match = _HEAD.match(one.text)
    if match is None:
        raise ValueError(f"{name}.graphql is not a single operation with variables")
    kind, operation, variables, body = match.groups()
    copies = [
        (_VARIABLE.sub(rf"$\1_{place}", variables), _VARIABLE.sub(rf"$\1_{place}", body.strip()))
        for place in range(count)
    ]
    numbered = ", ".join(variables for variables, _ in copies)
    roots = "\n".join(f"  m{place}: {body}" for place, (_, body) in enumerate(copies))
    text = f"{kind} {operation}({numbered}) {{\n{roots}\n}}\n"
    return Document(f"{name} x{count}", text, one.repeatable)


def names() -> list[str]:
    """Every operation there is."""
    return sorted(path.stem for path in FOLDER.glob("*.graphql"))
