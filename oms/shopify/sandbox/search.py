"""Shopify's search text: field:value terms, comparisons, quotes, NOT and OR."""

import re
from datetime import UTC, datetime

TERM = re.compile(
    r"""\s*(?P<open>\()|\s*(?P<close>\))|
    \s*(?P<not>-|NOT\s+)?(?:(?P<field>\w+):)?(?P<op>>=|<=|>|<)?
    (?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s()]+))""",
    re.VERBOSE,
)


def searched(info, rows, query, fields, text_fields=()):
    """Rows that match. `fields` maps a search field to a stored key or to a function of a row.

    An unknown field is ignored, as Shopify does, and noted in extensions.search.
    """
    if not query or not query.strip():
        return rows
    alternatives, notes = parse(query, fields)
    if notes:
        info.context.search_notes.append(
            {
                "path": [info.path.key],
                "query": query,
                "parsed": {"field": notes[0], "match_all": query},
                "warnings": [
                    {
                        "field": name,
                        "message": "Invalid search field for this query.",
                        "code": "invalid_field",
                    }
                    for name in notes
                ],
            }
        )
    return [
        row
        for row in rows
        if any(
            all(test(row, fields, text_fields, *term) for term in terms) for terms in alternatives
        )
    ]


def parse(query, fields):
    """A list of alternatives, each a list of (field, operator, value, negated)."""
    alternatives: list = [[]]
    notes: list = []
    for match in TERM.finditer(query):
        if match["open"] or match["close"]:
            continue
        value = next(
            part for part in (match["double"], match["single"], match["bare"]) if part is not None
        )
        name = match["field"]
        if name is None and match["bare"] in ("AND", "OR"):
            if match["bare"] == "OR":
                alternatives.append([])
            continue
        if name is not None and name not in fields:
            notes.append(name)
            continue
        alternatives[-1].append((name, match["op"] or "", value, bool(match["not"])))
    return alternatives, notes


def test(row, fields, text_fields, name, operator, value, negated):
    if name is None:
        wanted = value.lower().strip("*")
        hit = any(wanted in str(read(row, key) or "").lower() for key in text_fields)
        return hit != negated
    found = read(row, fields[name])
    values = found if isinstance(found, (list, tuple)) else [found]
    return any(compare(each, operator, value) for each in values) != negated


def read(row, key):
    return key(row) if callable(key) else row[key]


def compare(found, operator, value):
    if value == "*":
        return found is not None
    if found is None:
        return False
    if isinstance(found, bool):
        return str(found).lower() == value.lower()
    if isinstance(found, int):
        number = value.rsplit("/", 1)[-1] if not operator else value
        return bool(re.fullmatch(r"-?\d+", number)) and ordered(found, operator, int(number))
    if looks_like_time(found):
        if len(value) == 10 and not operator:
            return found.startswith(value)
        return ordered(found, operator, as_time(value))
    text, wanted = str(found).lower(), value.lower()
    if wanted.endswith("*") and not operator:
        return text.startswith(wanted[:-1])
    return ordered(text, operator, wanted)


def ordered(left, operator, right):
    if operator == ">":
        return left > right
    if operator == ">=":
        return left >= right
    if operator == "<":
        return left < right
    if operator == "<=":
        return left <= right
    return left == right


def looks_like_time(found):
    return isinstance(found, str) and re.match(r"\d{4}-\d\d-\d\dT", found) is not None


def as_time(text):
    """A date or time in the spelling of the stored stamps, so that text compares as time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
