"""IAM of ministack 1.5.33: what a pattern matches."""

import re

from ministack.core import iam_evaluator

from local.replacing import replacing


def apply() -> None:
    """Apply the patches of this module."""
    match_every_character()


def match_every_character() -> None:
    r"""Symptom: a user who may write ``photographs/*`` is denied a key with a newline in it.

    Mends (1.5.33): ``*`` and ``?`` stand for any character, also ``\n``, as they do on AWS.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """

    @replacing(iam_evaluator, "_fnmatch_compile")
    def compiled(original: object, pattern: str, ignore_case: bool) -> re.Pattern[str]:
        parts = (".*" if each == "*" else "." if each == "?" else re.escape(each) for each in pattern)
        return re.compile(rf"{''.join(parts)}\Z", re.DOTALL | (re.IGNORECASE if ignore_case else 0))
