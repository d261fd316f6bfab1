"""The command line: ``kxt-trio demo``, ``fills``, ``events``, ``simulate``, ``doctor``,
``journal``.

Needs the extra ``cli`` for what is drawn on a terminal; JSON lines need nothing.  Exit
codes are those of :class:`~kxt_trio.cli.exits.ExitCode`, also listed by ``--help``.

.. versionadded:: 0.1
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from kxt_trio import KXTError

from .arguments import (
    DemoOptions,
    DoctorOptions,
    ExportOptions,
    ListenOptions,
    Options,
    SimulateOptions,
    VerifyOptions,
    build_parser,
    read_options,
)
from .exits import CommandError, ExitCode, ReaderGoneError, code_of
from .supervise import Command, run_command

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        argv: The arguments without the program's name; those of the process by default.

    Raises:
        SystemExit: after ``--help`` and ``--version``, and for a command line that makes
            no sense, as :mod:`argparse` does.
    """
    try:
        options = read_options(argv)
        if options is None:
            build_parser().print_help(sys.stderr)
            return ExitCode.USAGE
        speed = options.speed if isinstance(options, DemoOptions) else 1
        return run_command(_command(options), speed=speed)
    except ReaderGoneError:
        return ExitCode.OK
    except (CommandError, KXTError) as exc:
        print(f"kxt-trio: {exc}", file=sys.stderr)
        return code_of(exc)
    except KeyboardInterrupt:  # before or after trio runs; meanwhile it is a signal
        return ExitCode.INTERRUPTED


def _command(options: Options) -> Command:
    """Import what the command needs and nothing else."""
    match options:
        case DemoOptions():
            from .demo import demo  # noqa: PLC0415

            return lambda: demo(options)
        case ListenOptions():
            from .listen import listen  # noqa: PLC0415

            return lambda: listen(options)
        case SimulateOptions():
            from .simulate import simulate  # noqa: PLC0415

            return lambda: simulate(options)
        case DoctorOptions():
            from .doctor import doctor  # noqa: PLC0415

            return lambda: doctor(options)
        case VerifyOptions():
            from .journal import verify  # noqa: PLC0415

            return lambda: verify(options)
        case ExportOptions():
            from .journal import export  # noqa: PLC0415

            return lambda: export(options)
