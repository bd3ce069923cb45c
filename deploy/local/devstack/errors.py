"""The one error of this package."""


class StackError(Exception):
    """What went wrong and how to mend it, in words for the person at the terminal."""
