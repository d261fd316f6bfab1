"""The project's checks.  ``nox`` runs the daily ones, ``nox -l`` lists them all."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import nox
from packaging.requirements import Requirement

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml("pyproject.toml")
PROJECT = PYPROJECT["project"]
PYTHONS = nox.project.python_versions(PYPROJECT)

#: Whatever is tested is built and installed by pip; the checkout is never imported.
INSTALLED = ".[cli,testing]"

nox.needs_version = ">=2025.5.1"
nox.options.sessions = ["lint", "typing", "tests", "docs"]
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = False


def group(*names: str) -> tuple[str, ...]:
    return nox.project.dependency_groups(PYPROJECT, *names)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, flake8-async and codespell."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("flake8", "kxt_trio", "tests", "docs")
    session.run("codespell")


def list_python(folder: str) -> list[Path]:
    return list((ROOT / folder).rglob("*.py"))


@nox.session
def typing(session: nox.Session) -> None:
    """mypy and pyright, both strict, the snippets of tests/typing included."""
    session.install(INSTALLED, *group("typing"))
    session.run("mypy")
    session.run("pyright")
    with session.chdir("tests/typing"):  # from here the installed package is what is seen
        session.run("pyright", "--verifytypes", "kxt_trio", "--ignoreexternal")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The test suite, with coverage of the whole and of the wire layer."""
    session.install(INSTALLED, *group("test"))
    run_covered(session)


@nox.session(python=PYTHONS[0])
def tests_oldest(session: nox.Session) -> None:
    """The test suite on the lowest versions that pyproject.toml declares."""
    constraints = Path(session.create_tmp()) / "oldest.txt"
    constraints.write_text("\n".join(lowest_versions()) + "\n")
    session.install(INSTALLED, *group("test"), "--constraint", str(constraints))
    run_tests(session, "python", "-m", "pytest", *session.posargs)


def lowest_versions() -> list[str]:
    extras = PROJECT["optional-dependencies"].values()
    declared = [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    return sorted(
        {
            f"{requirement.name}=={bound.version}"
            for requirement in map(Requirement, declared)
            for bound in requirement.specifier
            if bound.operator == ">="
        }
    )


def run_covered(session: nox.Session) -> None:
    coverage = {
        "COVERAGE_FILE": str(Path(session.create_tmp()).resolve() / "coverage"),
        "COVERAGE_RCFILE": str(ROOT / "pyproject.toml"),
    }
    session.run("coverage", "erase", env=coverage)
    run_tests(session, "coverage", "run", "-m", "pytest", *session.posargs, env=coverage)
    session.run("coverage", "combine", "--quiet", env=coverage)
    if session.posargs:
        session.run("coverage", "report", "--fail-under=0", env=coverage)
        return
    session.run("coverage", "report", env=coverage)
    session.run(
        "coverage", "report", "--include=*/protocol/*", "--fail-under=100", env=coverage
    )


def run_tests(session: nox.Session, *command: str, env: dict[str, str] | None = None) -> None:
    with session.chdir("tests"):  # so that kxt_trio is the installed one
        session.run(*command, env=env)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, every warning an error, and the examples in it."""
    session.install(INSTALLED, *group("docs"))
    strict = ["-W", "-n", "--keep-going", "-q"]
    session.run("sphinx-build", "-b", "html", *strict, "docs", "docs/_build/html")
    session.run("sphinx-build", "-b", "doctest", *strict, "docs", "docs/_build/doctest")


@nox.session
def demo(session: nox.Session) -> None:
    """What a newcomer runs first."""
    session.install(".[cli]")
    session.run("kxt-trio", "demo")


@nox.session
def fuzz(session: nox.Session) -> None:
    """The property tests of the wire layer, with many more examples."""
    session.install(INSTALLED, *group("test"))
    command = ["python", "-m", "pytest", "-m", "hypothesis", "-o", "faulthandler_timeout=0"]
    env = {"HYPOTHESIS_PROFILE": "fuzz"}
    run_tests(session, *command, "protocol", "transport", *session.posargs, env=env)


@nox.session
def bench(session: nox.Session) -> None:
    """kxt_trio measured against its peers; never part of the daily checks."""
    session.install(".")
    peers = Path(session.create_tmp()) / "peers"
    session.run("python", "tests/bench", "--peers", str(peers), *session.posargs)


@nox.session
def reconcile_soak(session: nox.Session) -> None:
    """Every figure that reconciliation promises, measured; ``-- --seeds N`` for fewer runs."""
    session.install(INSTALLED, *group("test"))
    # Its journal is timed where the project is: a temporary folder may be no disk at all.
    folder = str(Path(session.create_tmp()).resolve())
    command = ["python", "-m", "reconcile.figures", "--folder", folder]
    run_tests(session, *command, *session.posargs)


@nox.session
def build_check(session: nox.Session) -> None:
    """Build the sdist, the wheel from it, and look inside."""
    session.install(*group("build"))
    with tempfile.TemporaryDirectory() as folder:
        session.run("python", "-m", "build", "--outdir", folder)
        artifacts = sorted(Path(folder).iterdir())
        session.run("twine", "check", "--strict", *map(str, artifacts))
        (wheel,) = (path for path in artifacts if path.suffix == ".whl")
        with zipfile.ZipFile(wheel) as archive:
            names = set(archive.namelist())
    if missing := {"kxt_trio/py.typed", "kxt_trio/__init__.py"} - names:
        session.error(f"not in the wheel: {', '.join(sorted(missing))}")
    modules = {str(path.relative_to(ROOT)) for path in list_python("kxt_trio")}
    if missing := modules - names:
        session.error(f"not in the wheel: {', '.join(sorted(missing))}")
    if stray := {name for name in names if not name.startswith(("kxt_trio/", "kxt_trio-"))}:
        session.error(f"does not belong in the wheel: {', '.join(sorted(stray))}")
