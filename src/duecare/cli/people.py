"""The commands by which people answer for a run: their keys, what they sign, incidents, release.

Light: what a command needs is imported when it is called; `cli.main` registers them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from duecare.cli.options import RunFolder, described

Run = Annotated[Path, typer.Argument(help="A run folder, or the study file of one.", show_default=False)]
As = Annotated[str, typer.Option("--as", help="Who signs: NAME or ROLE/NAME, as the study lists them.")]
KeyPath = Annotated[
    Path | None, typer.Option("--key", help="The person's key file. Left out: the one on this machine.")
]
Passphrase = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        envvar="DUECARE_PASSPHRASE_FILE",
        help="A file whose first line is the passphrase. Left out: it is asked for.",
    ),
]
Asked = Annotated[
    Path | None,
    typer.Option("--request", help="Sign nothing: write what is to be signed on another machine."),
]
Words = Annotated[str, typer.Option("--text", help="What the person says to it, in words.")]

people = typer.Typer(
    name="people",
    no_args_is_help=True,
    help="Who answers for a run: keys of people, and the list of a study.",
    rich_markup_mode="rich",
)
incident = typer.Typer(
    name="incident",
    no_args_is_help=True,
    help="Incidents after release: each reopens the study until it is answered.",
    rich_markup_mode="rich",
)


def _command(group: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def register(function: Callable[..., None]) -> Callable[..., None]:
        group.command(name, help=described(function))(function)
        return function

    return register


@_command(people, "keygen")
def keygen(
    name: Annotated[str, typer.Argument(help="Whose key it is, as the study will list them.")],
    out: Annotated[Path | None, typer.Option(help="Left out: the keys of people on this machine.")] = None,
    passphrase: Passphrase = None,
) -> None:
    """Make a person's signing key, sealed by a passphrase, and show its public half for the study.

    Example: `duecare people keygen dana`
    """
    from duecare.cli.show_people import show_keygen

    raise typer.Exit(show_keygen(name, out, passphrase))


@_command(people, "list")
def list_(
    run: RunFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say who answers for a run, who signed what, and what is missing for a release.

    Without a run it shows the keys on this machine.

    Example: `duecare people list runs/support-demo`
    """
    from duecare.cli.show_people import show_people

    raise typer.Exit(show_people(run, as_json=as_json))


@_command(people, "sign")
def sign_request(
    request: Annotated[Path, typer.Argument(help="What --request wrote.", show_default=False)],
    who: As,
    out: Annotated[Path | None, typer.Option(help="Left out: the same file.")] = None,
    key: KeyPath = None,
    passphrase: Passphrase = None,
) -> None:
    """Sign statements on a machine that has the person's key and not the run.

    It shows what would be signed. Bring the file back and let `duecare sign RUN --take-in FILE` enter it.

    Example: `duecare people sign request.json --as dana`
    """
    from duecare.cli.show_people import show_sign_request

    raise typer.Exit(show_sign_request(request, who, key, passphrase, out))


def sign(  # noqa: PLR0917  # options of the command line, given by name there
    run: Run,
    entry: Annotated[int | None, typer.Argument(help="The number of the entry to sign.")] = None,
    who: Annotated[str | None, typer.Option("--as", help="Who signs: NAME or ROLE/NAME.")] = None,
    text: Words = "",
    request: Asked = None,
    take_in: Annotated[
        Path | None, typer.Option("--take-in", help="Enter what was signed on another machine.")
    ] = None,
    key: KeyPath = None,
    passphrase: Passphrase = None,
) -> None:
    """Sign one entry of a run's ledger as a person, or take in what was signed elsewhere.

    The signature covers the run, its state now and the entry, so that it cannot be moved to another.

    Example: `duecare sign runs/support-demo 85 --as trainer/dana`
    """
    from duecare.cli.show_people import By, show_sign, show_take_in

    if take_in is not None:
        raise typer.Exit(show_take_in(run, take_in))
    if entry is None or who is None:
        raise typer.BadParameter("give the number of an entry and --as NAME, or --take-in FILE")
    raise typer.Exit(show_sign(run, By(who, key, passphrase, request), entry, text))


def approve(
    run: Run,
    matter: Annotated[
        list[str] | None,
        typer.Argument(help="people, data, training, evaluation, release. Left out: all that wait."),
    ] = None,
    *,
    who: As,
    text: Words = "",
    request: Asked = None,
    key: KeyPath = None,
    passphrase: Passphrase = None,
) -> None:
    """Approve what a run came to, as the rules of its study ask; `people` is the list itself, by an owner.

    An approval is of the results as they are now: where one of them is made anew, it counts no more.

    Example: `duecare approve runs/support-demo data --as data-steward/noor`
    """
    from duecare.cli.show_people import By, show_approve

    raise typer.Exit(show_approve(run, By(who, key, passphrase, request), matter or [], text))


def waive(
    run: Run,
    gate: Annotated[list[str], typer.Argument(help="Names of gates that did not hold.", show_default=False)],
    *,
    who: As,
    reason: Annotated[str, typer.Option(help="Why, in words that others can follow.")],
    days: Annotated[float, typer.Option(min=0, help="After so many days it runs out.")] = 30.0,
    request: Asked = None,
    key: KeyPath = None,
    passphrase: Passphrase = None,
) -> None:
    """Let a gate pass that did not hold, for a while: it takes two different people, none of whom ran it.

    Example: `duecare waive runs/support-demo gate.toxicity.gap --as ethics/wren --reason "..." --days 30`
    """
    from duecare.cli.show_people import By, show_waive

    raise typer.Exit(show_waive(run, By(who, key, passphrase, request), gate, reason, days))


@_command(incident, "report")
def report_incident(  # noqa: PLR0917  # options of the command line, given by name there
    run: Run,
    who: As,
    what: Annotated[str, typer.Option(help="What happened. No personal data: it stays in the ledger.")],
    severity: Annotated[str, typer.Option(help="low, serious or critical.")],
    request: Asked = None,
    key: KeyPath = None,
    passphrase: Passphrase = None,
) -> None:
    """Report an incident: the study is open again, and nothing is released until it is answered.

    Example: `duecare incident report runs/support-demo --as wren --severity serious --what "..."`
    """
    from duecare.cli.show_people import By, show_incident

    raise typer.Exit(show_incident(run, By(who, key, passphrase, request), severity, what))


@_command(incident, "answer")
def answer_incident(  # noqa: PLR0917  # options of the command line, given by name there
    run: Run,
    entry: Annotated[int, typer.Argument(help="The entry of the incident.", show_default=False)],
    who: As,
    how: Annotated[str, typer.Option(help="What was found and done about it.")],
    request: Asked = None,
    key: KeyPath = None,
    passphrase: Passphrase = None,
) -> None:
    """Answer an incident. Approvals of the release from before count no more: it is approved anew.

    Example: `duecare incident answer runs/support-demo 91 --as owner/li --how "..."`
    """
    from duecare.cli.show_people import By, show_answer

    raise typer.Exit(show_answer(run, By(who, key, passphrase, request), entry, how))


def release(  # noqa: PLR0917  # options of the command line, given by name there
    run: Run,
    who: As,
    out: Annotated[Path | None, typer.Option(help="Left out: <run>-release.tar.")] = None,
    artifact: Annotated[
        list[str] | None,
        typer.Option(help="A further job whose files go along, or `all`."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The job whose model is released. Left out: the last one.")
    ] = None,
    weights: Annotated[
        bool, typer.Option("--weights/--no-weights", help="Whether the model's files go along.")
    ] = True,
    text: Words = "",
    request: Asked = None,
    key: KeyPath = None,
    passphrase: Passphrase = None,
) -> None:
    """Release a run: sign that, and write the bundle for outsiders, if nothing at all is missing.

    Gates hold or are waived, duties are separate, approvals are there, no incident is open and `verify` finds
    nothing wrong; else it is refused with everything that is missing. In the bundle are the model, the
    report, attestations, the signature of the weights, the ledger, and a program that checks it all. A call
    that was cut short is completed by the next.

    Example: `duecare release runs/support-demo --as deployer/kim`
    """
    from duecare.cli.show_people import By
    from duecare.cli.show_release import Wanted, show_release

    by = By(who, key, passphrase, request)
    raise typer.Exit(show_release(run, by, Wanted(out, tuple(artifact or ()), model, weights), text))


def attest(
    run: RunFolder = None,
    model: Annotated[
        str | None, typer.Option(help="The job whose model is attested. Left out: the last one.")
    ] = None,
    who: Annotated[
        str | None, typer.Option("--as", help="A person who signs besides the run's key: NAME.")
    ] = None,
    key: KeyPath = None,
    passphrase: Passphrase = None,
) -> None:
    """Sign what a run says in forms that others' programs read: provenance, gates, weights.

    SLSA provenance and an in-toto test result in DSSE envelopes, and a signature that `model_signing verify`
    takes. All of it is made of the ledger; `duecare verify` makes it again and compares.

    Example: `duecare attest runs/support-demo`
    """
    from duecare.cli.show_attest import show_attest
    from duecare.cli.show_people import By

    raise typer.Exit(show_attest(run, model, By(who, key, passphrase) if who else None))


COMMANDS: tuple[Callable[..., None], ...] = (sign, approve, waive, attest, release)
"""Commands of the first level, in the order in which help shows them."""
