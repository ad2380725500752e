"""The log and the errors of a function, with the values of secrets masked."""

import functools
import logging
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.utilities.typing import LambdaContext

from brigade.masking import mask, masked


def masking_logger() -> Logger:
    """Return the function's logger, which masks all of a line: message, ``extra``, exception and its traceback.

    The log lines of libraries, which Lambda's own handlers write, are masked too.
    """
    for handler in logging.getLogger().handlers:
        handler.addFilter(_masked_record)
    return Logger(logger_formatter=_MaskingFormatter())


def masking_errors(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Have a handler's error leave with its name, by which Step Functions knows it, and with its message masked.

    It is the outermost decorator: Lambda logs the error, and gives its text to who invoked the function, to Step
    Functions' history and to dead-letter queues.
    """

    @functools.wraps(handler)
    def masking(event: Any, context: LambdaContext) -> Any:
        try:
            return handler(event, context)
        except Exception as error:  # noqa: BLE001 - it is raised again
            _raise_masked(error)

    return masking


def _raise_masked(error: Exception) -> NoReturn:
    text = str(error)
    if mask(text) != text:
        error.args = (mask(text),)
        if str(error) != mask(text):  # its text is made of something else
            named: type[Exception] = type(type(error).__name__, (Exception,), {})
            raise named(mask(text)) from None
    error.__cause__ = error.__context__ = None  # third parties' texts, which are not masked
    raise error from None


class _MaskingFormatter(LambdaPowertoolsFormatter):
    def serialize(self, log: Any) -> str:
        return super().serialize(masked(log))


def _masked_record(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    if record.exc_info and record.exc_info[1]:
        text += "\n" + "".join(traceback.format_exception(record.exc_info[1]))
    record.msg, record.args, record.exc_info, record.exc_text = mask(text), (), None, None
    return True
