"""What can go wrong in a way that a person can mend."""


class PlainError(Exception):
    """Says in its text what happened and what to do, in words for people."""
