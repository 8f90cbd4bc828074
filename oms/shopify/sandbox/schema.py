"""The real Admin schema 2026-10 with this store's resolvers on it, built once per process."""

import gzip
from functools import cache
from importlib.resources import files

from graphql import GraphQLObjectType, GraphQLSchema, build_schema

from oms.shopify.sandbox.registry import RESOLVERS

API_VERSION = "2026-10"


@cache
def admin_schema() -> GraphQLSchema:
    """The whole SDL, not a subset: a document is judged by what Shopify has, not by what we do."""
    packed = files("oms.shopify.sandbox") / "data" / f"admin-{API_VERSION}.graphql.gz"
    text = gzip.decompress(packed.read_bytes()).decode()
    # Shopify's own schema breaks a deprecation rule in six places, hence assume_valid.
    schema = build_schema(text, assume_valid=True, assume_valid_sdl=True, no_location=True)
    for type_name, fields in RESOLVERS.items():
        graphql_type = schema.type_map[type_name]
        if not isinstance(graphql_type, GraphQLObjectType):
            raise TypeError(f"{type_name} is no object type")
        for name, resolver in fields.items():
            graphql_type.fields[name].resolve = resolver
    return schema
