"""The command line. Light on purpose: what a command needs is imported when it is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from duecare.cli.account import COMMANDS
from duecare.cli.options import RunFolder, StudyFile, described
from duecare.cli.people import COMMANDS as OF_PEOPLE
from duecare.cli.people import incident, people
from duecare.cli.review import review

OK, FAILED, REFUSED, GATE_FAILED, PEOPLE_WANTED, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""Exit codes: done; a step or a check failed; the study or the call is wrong; a gate failed; a round of
review is waited for; a signal."""


_THEIRS: tuple[type[BaseException], ...] = (
    typer.Exit,
    typer.Abort,
    *(each for each in typer.BadParameter.__mro__ if each.__name__ == "ClickException"),
    SystemExit,
)
"""Raised on purpose by the framework; which of its copies of click they come from depends on its version.
SystemExit is how rich leaves where the reader of a pipe has gone."""
Function = TypeVar("Function", bound=Callable[..., None])


class _Readable(TyperGroup):
    """Shows errors as words, never as a traceback (unless `--debug`)."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except _THEIRS:
            raise
        except BaseException as error:
            if ctx.params.get("debug"):
                raise
            from duecare.cli.show import show_error

            raise typer.Exit(show_error(error)) from error


app = typer.Typer(
    cls=_Readable,
    name="duecare",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="""Responsible post-training for language models: one study file in; out come a tuned model, a \
report on how it treats people and how sure that is, and a ledger that proves every figure.

Begin with:

    duecare init            # writes study.yaml, with a comment on every line
    duecare check study.yaml
    duecare run study.yaml
    duecare verify runs/my-study
""",
    epilog="Exit codes: 0 done, 1 something failed, 2 the study or the call is wrong, 3 a gate failed, "
    "4 people are waited for, 130 stopped by Ctrl-C or SIGTERM.",
)


def _command(function: Function) -> Function:
    """Register a command; its docstring is its help, each paragraph flowing to the width of the terminal."""
    app.command(help=described(function))(function)
    return function


def _version(asked: bool) -> None:
    if asked:
        from duecare.version import __version__

        typer.echo(f"duecare {__version__}")
        raise typer.Exit


@app.callback()
def _every_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None: ...


@_command
def init(
    study: Annotated[Path, typer.Argument(help="The file to write.")] = Path("study.yaml"),
    data: Annotated[
        Path | None, typer.Option(help="Your data: the study then names this file and its columns.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a study file with a comment on every line.

    Example: `duecare init study.yaml --data support.csv`
    """
    from duecare.cli.show import show_init

    raise typer.Exit(show_init(study, data, force=force))


@_command
def check(study: StudyFile) -> None:
    """Say everything that is wrong with a study, each mistake with its line. Nothing is run.

    Example: `duecare check study.yaml`
    """
    from duecare.cli.show import show_check

    raise typer.Exit(show_check(study))


@_command
def plan(
    study: StudyFile,
    minutes: Annotated[float | None, typer.Option(help="Propose items that fit so many minutes.")] = None,
    rate: Annotated[float, typer.Option(help="The rate assumed of what gates count.")] = 0.05,
    effect: Annotated[float, typer.Option(help="The design effect assumed of answers to one prompt.")] = 2.0,
    former: Annotated[
        Path | None,
        typer.Option(
            help="A run whose evaluation tells rates and spreads. Left out: runs/<name of the study>."
        ),
    ] = None,
) -> None:
    """Say what a study will be able to decide, and how long its evaluation will take. Nothing is run.

    Example: `duecare plan study.yaml --minutes 90`
    """
    from duecare.cli.show_plan import show_plan

    raise typer.Exit(show_plan(study, minutes, rate, effect, former))


@_command
def run(
    study: StudyFile,
    folder: Annotated[
        Path | None, typer.Option("--run", help="The run folder. Left out: runs/<name of the study>.")
    ] = None,
    no_fail: Annotated[bool, typer.Option("--no-fail", help="Exit with 0 also where a gate failed.")] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that curation works in; no figure depends on it.")
    ] = 1,
    engine: Annotated[
        str, typer.Option(help="What starts these processes: local, daft or ray (each with its package).")
    ] = "local",
) -> None:
    """Run a study: what is not done yet, and what a change touches.

    Stop it whenever you like (Ctrl-C): the next call goes on where it was. At the end stand the verdicts
    of the gates and the report. Exits with 3 where a gate failed, which is what a release pipeline wants.

    Example: `duecare run study.yaml`
    """
    from duecare.cli.show_run import show_run

    raise typer.Exit(show_run(study, folder, no_fail=no_fail, engine=engine, workers=workers))


@_command
def status(run: RunFolder = None) -> None:
    """Say what of a run is done, what comes next, and what the gates said.

    Example: `duecare status runs/support-demo`
    """
    from duecare.cli.show import show_status

    raise typer.Exit(show_status(run))


Remember = Annotated[
    bool, typer.Option("--remember", help="Keep this run's head: the next call finds a roll-back.")
]


@_command
def verify(  # noqa: PLR0917  # options of the command line, given by name there
    run: RunFolder = None,
    key: Annotated[
        str | None, typer.Option(help="The public key (hex) that must have signed, from its owner.")
    ] = None,
    head: Annotated[
        Path | None, typer.Option(help="A head.json of this run from a source you trust.")
    ] = None,
    remember: Remember = False,
    witness: Annotated[
        list[str] | None, typer.Option(help="Key of a witness (name+id+base64) who must have co-signed.")
    ] = None,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Derive figures and gates again from the artifacts.")
    ] = False,
    tsa_root: Annotated[
        list[Path] | None, typer.Option(help="Certificate (PEM) of an authority that must have stamped.")
    ] = None,
) -> None:
    """Hash a whole run again and compare it with its ledger. Needs no network and no JAX.

    A run made here is "anchored": key and last head are remembered outside the run. A run from elsewhere
    is at best "consistent, not anchored": it contradicts itself nowhere, but somebody could have replaced
    it whole, by an older or a re-signed copy. Give its owner's `--key` and a `--head` you trust to rule
    that out. Exits with 0 (anchored), 1 (something is wrong), 2 (consistent, not anchored).

    Example: `duecare verify runs/support-demo`
    """
    from duecare.cli.show_run import show_verify

    code = show_verify(
        run,
        key,
        head,
        keep=remember,
        witnesses=witness or [],
        recompute=recompute,
        authorities=tsa_root or [],
    )
    raise typer.Exit(code)


@_command
def report(
    run: RunFolder = None,
    out: Annotated[
        Path | None, typer.Option(help="Write it here instead, and record nothing (for other people's runs).")
    ] = None,
) -> None:
    """Build the report of a run again, from the run folder alone.

    Example: `duecare report runs/support-demo`
    """
    from duecare.cli.show_run import show_report

    raise typer.Exit(show_report(run, out))


@_command
def explain(
    run: RunFolder = None,
    texts: Annotated[
        bool, typer.Option("--texts", help="Show texts too: they may be offensive; personal data is masked.")
    ] = False,
    most: Annotated[int, typer.Option(min=1, max=50, help="Texts of each model, at most.")] = 3,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every figure as JSON, for programs.")
    ] = False,
) -> None:
    """Say why the models of a run answer as they do, and whether these explanations passed their tests.

    Shown is what the study's `explain` section asked for. Of explanations that are not validated only the
    tests are shown.

    Example: `duecare explain runs/support-demo --texts`
    """
    from duecare.cli.show_explain import show_explain

    raise typer.Exit(show_explain(run, texts=texts, most=most, as_json=as_json))


@_command
def memorised(
    run: RunFolder = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Show every attack, groups of rows, and survival of canaries too.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every figure as JSON, for programs.")
    ] = False,
) -> None:
    """Say what the models of a run kept of the rows they were trained on.

    Shown is what the study's `memorise` section asked for; no secret and no row is among it.

    Example: `duecare memorised runs/support-demo`
    """
    from duecare.cli.show_memorised import show_memorised

    raise typer.Exit(show_memorised(run, whole=whole, as_json=as_json))


@_command
def chat(
    run: RunFolder = None,
    max_tokens: Annotated[int, typer.Option(min=1, max=4096, help="Tokens of an answer, at most.")] = 200,
    temperature: Annotated[
        float, typer.Option(min=0, max=10, help="0: always the likeliest word; above: chance has a say.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Of chance, where temperature is above 0.")] = 0,
) -> None:
    """Talk to the base and the tuned model of a run, side by side.

    Each remembers its own side of the conversation; `/reset` forgets it, `/save FILE` writes it down, `/quit`
    ends. Nothing is written unless you ask. Questions may be piped in, one a line.

    Example: `duecare chat runs/support-demo`
    """
    from duecare.cli.show_chat import show_chat

    raise typer.Exit(show_chat(run, max_tokens=max_tokens, temperature=temperature, seed=seed))


@_command
def models() -> None:
    """List the models that have a name here, and what else can be loaded.

    Example: `duecare models`
    """
    from duecare.cli.show import show_models

    raise typer.Exit(show_models())


@_command
def detectors(  # noqa: PLR0917  # options of the command line, given by name there
    name: Annotated[str | None, typer.Argument(help="Show one detector's card whole; or `audit`.")] = None,
    audited: Annotated[str | None, typer.Argument(help="With `audit`: the detector to measure.")] = None,
    data: Annotated[Path | None, typer.Option(help="Labelled texts: CSV, TSV, JSONL, Parquet.")] = None,
    text: Annotated[str, typer.Option(help="Column of the texts.")] = "text",
    label: Annotated[str, typer.Option(help="Column of the labels.")] = "label",
    positive: Annotated[
        list[str] | None, typer.Option(help="A label that means yes; may be repeated.")
    ] = None,
    groups: Annotated[str | None, typer.Option(help="Column of each text's group.")] = None,
    limit: Annotated[float, typer.Option(help="A score at or above it counts as yes.")] = 0.5,
    rows: Annotated[int | None, typer.Option(help="At most so many rows, spread over the file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every figure as JSON.")] = False,
) -> None:
    """List the detectors and what they were measured on, or measure one on labelled texts of your own.

    Example: `duecare detectors toxicity`, or `duecare detectors audit toxicity --data labelled.csv`
    """
    if name == "audit":
        if audited is None or data is None:
            raise typer.BadParameter("audit needs a detector and --data FILE")
        from duecare.cli.show_trial import show_trial
        from duecare.cli.trial import Trial

        trial = Trial(
            detector=audited,
            data=data,
            text=text,
            label=label,
            positive=tuple(positive or ()),
            groups=groups,
            limit=limit,
            rows=rows,
        )
        raise typer.Exit(show_trial(trial, as_json=as_json))
    from duecare.cli.show import show_detectors

    raise typer.Exit(show_detectors(name))


for _each in (*COMMANDS, *OF_PEOPLE):
    _command(_each)

app.add_typer(people)
app.add_typer(incident)
app.add_typer(review)


def main() -> None:
    """The entry point of the `duecare` script."""
    app()
