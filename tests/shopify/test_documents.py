"""Every document is sound in Shopify's schema, this version and the one before."""

import gzip
import json
from functools import cache
from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from oms.shopify.documents import document, names, repeated

ROOT = Path(__file__).parent.parent.parent
SCHEMAS = {
    "2026-10": ROOT / "oms/shopify/sandbox/data/admin-2026-10.graphql.gz",
    "2026-07": ROOT / "tests/data/admin-2026-07.graphql.gz",
}
# From Shopify's access lists: these are refused without @idempotent(key:).
DEMANDS_KEY = {
    "inventoryActivate", "inventoryAdjustQuantities", "inventoryMoveQuantities",
    "inventorySetOnHandQuantities", "inventorySetQuantities", "inventoryShipmentAddItems",
    "inventoryShipmentCreate", "inventoryShipmentCreateInTransit", "inventoryShipmentReceive",
    "inventoryTransferCreate", "inventoryTransferCreateAsReadyToShip",
    "inventoryTransferDuplicate", "inventoryTransferSetItems", "locationActivate",
    "locationDeactivate", "refundCreate",
}  # fmt: skip


@cache
def schema(version: str) -> GraphQLSchema:
    with gzip.open(SCHEMAS[version], "rt", encoding="utf-8") as file:
        return build_schema(file.read(), assume_valid=True, assume_valid_sdl=True)


@pytest.mark.parametrize("version", SCHEMAS)
@pytest.mark.parametrize("name", names())
def test_the_document_is_valid(name, version):
    assert validate(schema(version), parse(document(name).text)) == []


@pytest.mark.parametrize("name", names())
def test_a_mutation_that_demands_a_key_carries_one(name):
    for operation in parse(document(name).text).definitions:
        if getattr(operation, "operation", None) is None or operation.operation.value == "query":
            continue
        for root in operation.selection_set.selections:
            directives = {directive.name.value for directive in root.directives or ()}
            assert ("idempotent" in directives) == (root.name.value in DEMANDS_KEY)


def test_only_queries_and_keyed_mutations_may_be_sent_twice():
    assert document("order_work").repeatable
    assert document("refund_create").repeatable
    assert not document("fulfillment_create").repeatable
    assert not repeated("fulfillment_create", 3).repeatable


def test_a_mutation_repeated_in_one_document_stays_valid_and_numbered():
    for name in ("fulfillment_create", "fulfillment_order_move", "fulfillment_event_create"):
        many = parse(repeated(name, 3).text)
        assert validate(schema("2026-10"), many) == []
        (operation,) = many.definitions
        aliases = [root.alias.value for root in operation.selection_set.selections]
        assert aliases == ["m0", "m1", "m2"]


def test_every_document_is_used():
    source = "".join(path.read_text() for path in (ROOT / "oms/shopify").glob("*.py"))

    unused = [name for name in names() if json.dumps(name) not in source]
    assert unused == []
