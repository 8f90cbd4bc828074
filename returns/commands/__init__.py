"""The verbs of a return. Money that goes back has its own file, returns/refunds."""

from returns.commands.goods import inspect, receive
from returns.commands.lifecycle import (
    Asked,
    approve,
    cancel,
    close,
    decline,
    record_remote,
    request,
    returnable,
)

__all__ = [
    "Asked",
    "approve",
    "cancel",
    "close",
    "decline",
    "inspect",
    "receive",
    "record_remote",
    "request",
    "returnable",
]
