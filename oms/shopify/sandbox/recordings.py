"""Recorded exchanges with a real store: found in scenario files, in the order they happened."""

import gzip
import json
import re
from dataclasses import dataclass
from pathlib import Path

from graphql import FieldNode, GraphQLSyntaxError, OperationDefinitionNode, parse

from oms.shopify.sandbox.rebuilding import rebuilt_document
from oms.shopify.sandbox.schema import admin_schema

DOCUMENT_KEYS = ("query", "document", "mutation")
ANSWER_KEYS = ("response", "result")


@dataclass
class Exchange:
    """One request and what the real store answered."""

    scenario: str
    path: str
    query: str
    variables: dict
    answer: dict
    roots: tuple
    upstream: bool

    @property
    def creates(self):
        """A mutation that succeeded: the ids in its answer may be new."""
        return any(
            root.endswith(("Create", "Request", "Move", "Split", "Cancel", "Hold"))
            for root in self.roots
        )

    @property
    def label(self):
        return f"{self.scenario} {self.path}"


def scenario_files(folder):
    return sorted(Path(folder).glob("*/*.json.gz"))


def read_scenario(path):
    """(name, exchanges, the raw recording) of one file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        recording = json.load(file)
    name = f"{path.parent.name}/{path.name.removesuffix('.json.gz')}"
    return name, exchanges_of(name, recording), recording


def exchanges_of(name, recording):
    found: list = []
    collect(name, recording, (), None, found)
    # What a proxy asked on the side is written last, but was asked before anything else.
    return [each for each in found if each.upstream] + [each for each in found if not each.upstream]


def collect(name, node, path, inherited, found):
    """Walks a scenario; a case without its own document uses the one above it."""
    if isinstance(node, list):
        for position, each in enumerate(node):
            collect(name, each, (*path, str(position)), inherited, found)
        return
    if not isinstance(node, dict):
        return
    document = document_of(node) or inherited
    request = node.get("request") if isinstance(node.get("request"), dict) else None
    source = request if request and document_of(request) else node
    answer = answer_of(node)
    text = document_of(source) or document
    if answer is not None and not document_of(source) and not fits(text, source.get("variables")):
        given = source.get("variables") or {}
        text = rebuilt_document(admin_schema(), answer.get("data"), given)
    if answer is not None and text:
        roots = roots_of(text)
        if roots:
            found.append(
                Exchange(
                    name,
                    "/".join(path),
                    text,
                    source.get("variables") or {},
                    answer,
                    roots,
                    "upstreamCalls" in path,
                )
            )
    for key, each in node.items():
        if key not in ANSWER_KEYS and key != "variables":
            collect(name, each, (*path, key), document, found)


def in_order(exchanges):
    """A scenario file groups by topic; what uses an id comes after what made it."""
    ordered = []
    waiting = sorted(exchanges, key=lambda each: "cleanup" in each.path.lower())
    makers: dict = {}
    for position, exchange in enumerate(waiting):
        for text in gids_in(exchange.answer) - gids_in(exchange.variables):
            if exchange.creates:
                makers.setdefault(text, position)
    positions = {id(exchange): position for position, exchange in enumerate(waiting)}
    done: set = set()
    while waiting:
        for exchange in waiting:
            needs = {makers[text] for text in gids_in(exchange.variables) if text in makers}
            if exchange.upstream or needs <= done | {positions[id(exchange)]}:
                break
        else:
            exchange = waiting[0]
        waiting.remove(exchange)
        done.add(positions[id(exchange)])
        ordered.append(exchange)
    return ordered


def gids_in(value):
    return set(re.findall(r"gid://shopify/\w+/\d+", json.dumps(value)))


def fits(text, variables):
    """An inherited document belongs to a case only when it declares the case's variables."""
    declared = set(re.findall(r"\$(\w+)\s*:", text or ""))
    return bool(variables) and set(variables) <= declared


def document_of(node):
    for key in DOCUMENT_KEYS:
        text = node.get(key)
        if isinstance(text, str) and "{" in text:
            return text
    return None


def answer_of(node):
    """The GraphQL answer of a recorded response, whatever it was wrapped in."""
    for key in ANSWER_KEYS:
        answer = node.get(key)
        for wrapper in ("payload", "body"):
            if isinstance(answer, dict) and isinstance(answer.get(wrapper), dict):
                answer = answer[wrapper]
        if isinstance(answer, dict) and ("data" in answer or "errors" in answer):
            return answer
    return None


def roots_of(text):
    """Field names at the top of the first operation; () when it does not parse."""
    try:
        document = parse(text)
    except GraphQLSyntaxError:
        return ()
    return tuple(
        selection.name.value
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
        for selection in definition.selection_set.selections
        if isinstance(selection, FieldNode)
    )
