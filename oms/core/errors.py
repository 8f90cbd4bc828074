"""The few ways in which work ends without being done, each with a sentence for a person."""


class Refused(Exception):
    """A command was not allowed: the message says why and what to do, and nothing was written."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotYet(Exception):
    """A message is about an order we do not know yet: fetch the order, read it later."""

    def __init__(self, reason: str, order_remote_id: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.order_remote_id = order_remote_id


class BadPayload(Exception):
    """A message from outside cannot be read; the raw bytes are kept and the reason is shown."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
