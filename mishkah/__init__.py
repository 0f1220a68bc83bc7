"""Mishkah: a real-time, schema-driven, multi-branch backend. This is the face plugins see."""

from mishkah.core.draft import View
from mishkah.core.errors import Invalid
from mishkah.core.judging import Validator
from mishkah.core.schema import Row
from mishkah.core.sequences import MakeFormat, Rule, SequenceFormat, Template
from mishkah.hookspecs import hookimpl

__all__ = [
    "Invalid",
    "MakeFormat",
    "Row",
    "Rule",
    "SequenceFormat",
    "Template",
    "Validator",
    "View",
    "hookimpl",
]
