"""Set-based SQL on Django's connection: the four calls that every batch is made of.

The hot path does not use the ORM, which costs more per order than everything else together.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from psycopg import sql
from psycopg.types.json import Jsonb

Row = tuple[Any, ...]
Params = Sequence[Any] | Mapping[str, Any]


def fetch(query: str, params: Params = ()) -> list[Row]:
    """Run one statement and return all its rows."""
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchall()


def execute(query: str, params: Params = ()) -> int:
    """Run one statement and return how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.rowcount


@contextmanager
def together() -> Iterator[None]:
    """For statements that make sense only together: the transaction under way, or one of its own.

    Unlike `atomic` it sets no savepoint within a transaction, which costs two round trips.
    """
    if connection.in_atomic_block:
        yield
    else:
        with transaction.atomic():
            yield


def copy_in(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Append rows to a table with COPY: the fastest way in for many narrow rows."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def next_ids(table: str, count: int) -> list[int]:
    """Take `count` fresh primary keys, so that rows can name each other before they exist."""
    if not count:
        return []
    return [
        row[0]
        for row in fetch(
            "SELECT nextval(%s::regclass) FROM generate_series(1, %s)",
            [f"{table}_id_seq", count],
        )
    ]


def ints(values: Iterable[int]) -> str:
    """An array of whole numbers as PostgreSQL writes it; use with %s::bigint[] or %s::int[].

    Much quicker than handing over the list, which is adapted number by number.
    """
    return f"{{{','.join(map(str, values))}}}"


def texts(values: Iterable[str]) -> str:
    """An array of texts as PostgreSQL writes it; use with %s::text[]."""
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return '{"' + '","'.join(quoted) + '"}'


def json(value: Any) -> Jsonb:
    """Wrap a value for a jsonb column."""
    return Jsonb(value)
