"""Errors as Shopify spells them: top-level errors with a code, and user errors of mutations."""

from typing import NoReturn

from graphql import GraphQLError

IDEMPOTENT_REQUIRED = (
    "The @idempotent directive is required for this mutation but was not provided."
)


class ShopifyError(GraphQLError):
    """A top-level error of a resolver: `errors` filled, the root null."""

    def __init__(self, message, code, **extensions):
        super().__init__(message, extensions={"code": code, **extensions})


class UnknownToSandbox(ShopifyError):
    """The schema has it, this store does not: refused instead of made up."""

    def __init__(self, name):
        super().__init__(f"sandbox does not know {name}", "SANDBOX_NOT_IMPLEMENTED")


class UserErrors(Exception):
    """A refused mutation: nothing was written, the payload carries these errors."""

    def __init__(self, *errors, **payload):
        super().__init__(errors)
        self.errors = list(errors)
        self.payload = payload


def user_error(field, message, code=None):
    """One entry of userErrors; where the type has no code, a document cannot select it."""
    return {"field": field, "message": message, "code": code}


def refuse(field, message, code=None, **payload) -> NoReturn:
    """Raises one user error."""
    raise UserErrors(user_error(field, message, code), **payload)


def denied(name, required):
    """A field the app has no scope for: an error beside the data, not instead of it."""
    return ShopifyError(
        f"Access denied for {name} field. Required access: {required}",
        "ACCESS_DENIED",
        documentation="https://shopify.dev/api/usage/access-scopes",
        requiredAccess=required,
    )


def not_found_id(gid):
    """A gid of the wrong type or a text that is no gid."""
    return ShopifyError(f"Invalid id: {gid}", "RESOURCE_NOT_FOUND")
