"""`duecare review`: rounds of human review of a run. Light: what a command needs is imported when it is
called."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from duecare.cli.options import RunFolder, described

review = typer.Typer(
    name="review",
    no_args_is_help=True,
    help="Have people judge what a run is made of and what it came to.",
    rich_markup_mode="rich",
)

Function = TypeVar("Function", bound=Callable[..., None])
_ELSEWHERE = "DUECARE_REVIEW_STORE"  # as review.waiting.ELSEWHERE, which help does without
StoreUrl = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar=_ELSEWHERE,
        help="postgresql://... of a team's database. Left out: a file in the run folder.",
    ),
]
_FURTHER = "YAML with more of it: guideline, questions, checks, twins, care, quality, blind."
Named = Annotated[str | None, typer.Option("--round", help="The round's name. Left out: the latest.")]


def _command(name: str) -> Callable[[Function], Function]:
    def register(function: Function) -> Function:
        @wraps(function)
        def called(*given: Any, **named: Any) -> None:
            from duecare.core import StudyError

            try:
                function(*given, **named)
            except StudyError as error:
                error.about = "the call"
                raise

        review.command(name, help=described(function))(called)
        return function

    return register


@_command("open")
def open_(  # noqa: PLR0917  # options of the command line, given by name there
    run: RunFolder = None,
    name: Annotated[str | None, typer.Option("--round", help="What the round is called.")] = None,
    point: Annotated[str | None, typer.Option(help="data, pairs, reward or model.")] = None,
    source: Annotated[
        str | None, typer.Option(help="The source whose rows are reviewed, or a suite.")
    ] = None,
    items: Annotated[int | None, typer.Option(min=1, help="How many items are drawn.")] = None,
    every: Annotated[int | None, typer.Option(min=1, help="Instead: every n-th of a stratum.")] = None,
    overlap: Annotated[int | None, typer.Option(min=1, help="People who judge each item.")] = None,
    cover: Annotated[list[str] | None, typer.Option(help="Axis whose groups are covered.")] = None,
    further: Annotated[Path | None, typer.Option("--with", help=_FURTHER)] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Answers of base and tuned side by side.")
    ] = False,
    blur_all: Annotated[bool, typer.Option("--blur-all", help="Blur every text until asked for.")] = False,
    unredacted: Annotated[bool, typer.Option("--unredacted", help="Also rows not redacted yet.")] = False,
    seed: Annotated[int, typer.Option(help="Of chance.")] = 0,
    store: StoreUrl = None,
) -> None:
    """Open a round: draw items from a run for people to judge.

    Without options it is the round that the run's study waits for. Prints an invitation for an owner where
    nobody takes part yet.

    Example: `duecare review open runs/support-demo --point data --source chats --items 200`
    """
    from duecare.cli.show_review import Asked, show_open

    draw = {"items": items, "every": every, "seed": seed, "cover": tuple(cover or ())}
    reading = {"compare": compare, "unredacted": unredacted, "blur": None if blur_all else 0.5}
    asked = Asked(name=name, point=point, source=source, overlap=overlap, draw=draw, further=further)
    raise typer.Exit(show_open(run, asked, reading, store))


@_command("serve")
def serve(  # noqa: PLR0917  # options of the command line, given by name there
    run: RunFolder = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0: any that is free.")] = 8000,
    certificate: Annotated[Path | None, typer.Option(help="TLS certificate (PEM).")] = None,
    key: Annotated[Path | None, typer.Option(help="Its key (PEM).")] = None,
    proxy: Annotated[
        list[str] | None, typer.Option(help="Address of a reverse proxy that ends TLS; repeatable.")
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option(help="Host name by which people reach it; repeatable.")
    ] = None,
    store: StoreUrl = None,
) -> None:
    """Serve the review application, until it is stopped.

    Beyond this machine it listens only with a certificate, or behind a stated proxy.

    Example: `duecare review serve runs/support-demo`
    """
    from duecare.cli.show_review import show_serve

    binding = {
        "host": host,
        "port": port,
        "certificate": certificate,
        "key": key,
        "proxies": tuple(proxy or ()),
        "names": tuple(name or ()),
    }
    raise typer.Exit(show_serve(run, binding, store))


@_command("invite")
def invite(
    role: Annotated[str, typer.Argument(help="annotator, adjudicator, ethics or owner.")],
    run: RunFolder = None,
    days: Annotated[float, typer.Option(help="For how many days it is good.")] = 7.0,
    address: Annotated[
        str, typer.Option(help="Where people reach the application.")
    ] = "http://127.0.0.1:8000",
    store: StoreUrl = None,
) -> None:
    """Print an invitation link for one person.

    Example: `duecare review invite annotator runs/support-demo`
    """
    from duecare.cli.show_review import show_invite

    raise typer.Exit(show_invite(run, role, days, address, store))


@_command("progress")
def progress(run: RunFolder = None, store: StoreUrl = None) -> None:
    """Say how far the rounds of a run are.

    Example: `duecare review progress runs/support-demo`
    """
    from duecare.cli.show_review import show_progress

    raise typer.Exit(show_progress(run, store))


@_command("close")
def close(
    run: RunFolder = None,
    name: Named = None,
    early: Annotated[
        bool, typer.Option("--early", help="Also with fewer items than the study asks for.")
    ] = False,
    store: StoreUrl = None,
) -> None:
    """Close a round: its labels are exported, sealed and entered in the ledger of the run.

    Example: `duecare review close runs/support-demo`
    """
    from duecare.cli.show_review import show_close

    raise typer.Exit(show_close(run, name, store, early=early))


@_command("export")
def export(
    run: RunFolder = None,
    name: Named = None,
    to: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("review-export"),
    form: Annotated[str, typer.Option("--format", help="parquet, csv, label-studio or argilla.")] = "parquet",
    store: StoreUrl = None,
) -> None:
    """Write a round's labels for other programs, also while it is open. People stand there by pseudonym.

    Example: `duecare review export runs/support-demo --format csv --to labels`
    """
    from duecare.cli.show_review import show_export

    raise typer.Exit(show_export(run, name, to, form, store))


@_command("missed")
def missed(
    origins: Annotated[Path, typer.Argument(help="CSV with the columns name and origin.")],
    run: RunFolder = None,
    name: Named = None,
    label: Annotated[
        list[str] | None, typer.Option(help="What marked names are called; all marks else.")
    ] = None,
) -> None:
    """Say how much of what people marked redaction had missed, by where names come from.

    Works on a closed round whose people marked personal data; rows before redaction are opened by the study's
    secret, and only counts are kept.

    Example: `duecare review missed names.csv runs/support-demo`
    """
    from duecare.cli.show_missed import show_missed

    raise typer.Exit(show_missed(run, name, origins, tuple(label or ())))


@_command("import")
def import_(
    labels: Annotated[Path, typer.Argument(help="CSV, Parquet, or JSON of Label Studio or Argilla.")],
    run: RunFolder = None,
    name: Named = None,
    store: StoreUrl = None,
) -> None:
    """Take labels that were made elsewhere into an open round, as far as its items still need people.

    Example: `duecare review import project-1.json runs/support-demo`
    """
    from duecare.cli.show_review import show_import

    raise typer.Exit(show_import(run, labels, name, store))


@_command("cli")
def cli(
    run: RunFolder = None,
    name: Named = None,
    items: Annotated[int, typer.Option(min=1, help="How many items, at most.")] = 10,
    store: StoreUrl = None,
) -> None:
    """Judge items in this terminal: for one person and a few items, without a server.

    Example: `duecare review cli runs/support-demo`
    """
    from duecare.cli.show_review_cli import show_cli

    raise typer.Exit(show_cli(run, name, items, store))
