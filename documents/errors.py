"""The root of every error that a person can act on."""

from typing import Any


class DataGettersError(Exception):
    """A failure told in one sentence, with what to do about it.

    The command line and the flows show `str(error)` and `hint` and no traceback.

    Attributes:
        hint: What a person does next, as a sentence; empty when the message already says it.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles whole, whatever a subclass's constructor asks for: errors cross processes."""
        return _rebuild, (type(self), self.args, self.__dict__)

    def sentence(self) -> str:
        """The message and its hint as one line."""
        message = str(self)
        return f"{message} {self.hint}" if self.hint else message


def _rebuild(
    cls: type[DataGettersError], args: tuple[Any, ...], state: dict[str, Any]
) -> DataGettersError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(DataGettersError):
    """A setting, an option or a credential is missing or makes no sense."""
