"""Variables checked the way Shopify's server does, with its INVALID_VARIABLE answer."""

from collections.abc import Iterable

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    is_required_input_field,
    print_ast,
    type_from_ast,
)

from oms.shopify.sandbox.ids import GID


def variable_errors(schema, operation, values):
    """Errors of the given variables against the declarations of an operation."""
    errors = []
    for declaration in operation.variable_definitions or ():
        name = declaration.variable.name.value
        expected = type_from_ast(schema, declaration.type)
        if name not in values:
            if declaration.default_value is not None:
                continue
            if not isinstance(expected, GraphQLNonNull):
                continue
        value = values.get(name)
        problems = list(find_problems(expected, value, []))
        if problems:
            errors.append(invalid_variable(declaration, value, problems))
    return errors


def find_problems(expected, value, path):
    """(path, explanation) of everything wrong in one value."""
    if isinstance(expected, GraphQLNonNull):
        if value is None:
            yield path, "Expected value to not be null"
            return
        expected = expected.of_type
    if value is None:
        return
    if isinstance(expected, GraphQLList):
        for position, each in enumerate(value if isinstance(value, list) else [value]):
            yield from find_problems(expected.of_type, each, [*path, position])
    elif isinstance(expected, GraphQLInputObjectType):
        yield from object_problems(expected, value, path)
    elif isinstance(expected, GraphQLEnumType):
        if value not in expected.values:
            yield path, f'Expected "{value}" to be one of: {", ".join(expected.values)}'
    elif explanation := scalar_problem(expected.name, value):
        yield path, explanation


def object_problems(expected, value, path):
    if not isinstance(value, dict):
        shown = f'"{value}"' if isinstance(value, str) else value
        yield path, f"Expected {shown} to be a key-value object."
        return
    for name in value:
        if name not in expected.fields:
            yield [*path, name], f"Field is not defined on {expected.name}"
    for name, spec in expected.fields.items():
        if name not in value and not is_required_input_field(spec):
            continue
        yield from find_problems(spec.type, value.get(name), [*path, name])
    given = [name for name, each in value.items() if each is not None]
    if expected.is_one_of and len(given) != 1:
        yield (
            path,
            f"'{expected.name}' requires exactly one argument, but {len(given)} were provided.",
        )


def scalar_problem(name, value):
    number = isinstance(value, int) and not isinstance(value, bool)
    if name == "ID":
        if not isinstance(value, str) or not GID.match(value):
            return f"Invalid global id '{value}'"
    elif name == "Int":
        if not number or not -(2**31) <= value < 2**31:
            shown = f'"{value}"' if isinstance(value, str) else value
            return f"Could not coerce value {shown} to Int"
    elif name == "Boolean":
        if not isinstance(value, bool):
            return f"Could not coerce value {value!r} to Boolean".replace("'", '"')
    elif name == "String":
        if not isinstance(value, str):
            return f"Could not coerce value {value!r} to String".replace("'", '"')
    elif name == "Float" and not (number or isinstance(value, float)):
        return f"Could not coerce value {value!r} to Float".replace("'", '"')
    return None


def invalid_variable(declaration, value, problems):
    name, shown = declaration.variable.name.value, print_ast(declaration.type)
    message = f"Variable ${name} of type {shown} was provided invalid value"
    if problems[0][0]:
        listed = ", ".join(
            f"{'.'.join(map(str, path))} ({explanation})" for path, explanation in problems
        )
        message += f" for {listed}"
    start = declaration.loc.start_token
    return {
        "message": message,
        "locations": [{"line": start.line, "column": start.column}],
        "extensions": {
            "code": "INVALID_VARIABLE",
            "value": value,
            "problems": [
                {"path": path, "explanation": explanation}
                | ({"message": explanation} if explanation.startswith("Invalid global id") else {})
                for path, explanation in problems
            ],
        },
    }


def oversized_array(value, path, limit=250):
    """(size, path) of the first array above the limit, anywhere in the variables."""
    if isinstance(value, list):
        if len(value) > limit:
            return len(value), path
        pairs: Iterable = enumerate(value)
    elif isinstance(value, dict):
        pairs = value.items()
    else:
        return None
    for key, each in pairs:
        steps = path if isinstance(key, int) else [*path, key]
        if found := oversized_array(each, steps, limit):
            return found
    return None
