"""What the doctor finds, line by line."""

from __future__ import annotations

import shutil
import textwrap
from enum import Enum

import attrs

from kxt_trio import KXTError

from .exits import CommandError, ExitCode, code_of
from .lines import LineWriter

__all__ = ["Finding", "Report", "Verdict"]

_VERDICT_WIDTH, _SUBJECT_WIDTH = 6, 14


class Verdict(Enum):
    """What a check came to."""

    OK = "ok"
    NOTE = "note"
    FAIL = "FAIL"
    SKIPPED = "-"


@attrs.frozen
class Finding:
    """What a check found, what to do about it, and the exit code it asks for."""

    verdict: Verdict
    subject: str
    text: str
    advice: str = ""
    code: ExitCode = ExitCode.OK

    def text_lines(self) -> str:
        """Return it as lines that fit the terminal."""
        head = f"{self.verdict.value:<{_VERDICT_WIDTH}}{self.subject:<{_SUBJECT_WIDTH}}"
        lines = [_wrapped(head, self.text)]
        if self.advice:
            lines.append(_wrapped(" " * len(head) + "do: ", self.advice))
        return "\n".join(lines)


def _wrapped(head: str, text: str) -> str:
    return textwrap.fill(
        text,
        width=shutil.get_terminal_size().columns,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


class Report:
    """Prints findings, and remembers the exit code of the first failure."""

    def __init__(self) -> None:
        self.code: ExitCode = ExitCode.OK
        self._writer = LineWriter()

    async def add(self, finding: Finding) -> None:
        """Print a finding."""
        if self.code is ExitCode.OK:
            self.code = finding.code
        await self._writer.write(finding.text_lines())

    async def ok(self, subject: str, text: str) -> None:
        """Print that something is as it should be."""
        await self.add(Finding(Verdict.OK, subject, text))

    async def fail(
        self, subject: str, error: CommandError | KXTError, advice: str = ""
    ) -> None:
        """Print an error that ended a check."""
        await self.add(Finding(Verdict.FAIL, subject, str(error), advice, code_of(error)))

    async def skip(self, need: str, *subjects: str) -> None:
        """Print what was not checked, and for want of what."""
        findings = (
            Finding(Verdict.SKIPPED, subject, f"not checked: needs {need}")
            for subject in subjects
        )
        await self._writer.write("\n".join(finding.text_lines() for finding in findings))

    async def close(self, text: str) -> None:
        """Print a last line."""
        await self._writer.write(text)
