"""The commands that answer for a run: proofs, witnesses, bundles, and questions to the ledger.

Plain functions; `cli.main` registers them. What a command needs is imported when it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from duecare.cli.options import RunFolder

Run = Annotated[Path, typer.Argument(help="A run folder, or the study file of one.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def why(
    run: Run,
    row: Annotated[str, typer.Argument(help="Its row (chats:12) or its key.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Say what happened to one record in every step, and why.

    Kept, changed, dropped or set aside, with reasons, scores and places (as offsets); on which side of the
    split it is, and whether a training step was given it. No text of it is shown.

    Example: `duecare why runs/support-demo chats:12`
    """
    from duecare.cli.show_asked import show_why

    raise typer.Exit(show_why(run, row, as_json=as_json))


def lineage(
    run: RunFolder = None,
    model: Annotated[
        str | None,
        typer.Argument(help="A job, its folder, or how its digest begins. Left out: the last."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say where a model comes from: back to the sources, with settings, digests, software and people.

    Example: `duecare lineage runs/support-demo sft`
    """
    from duecare.cli.show_asked import show_lineage

    raise typer.Exit(show_lineage(run, model, as_json=as_json))


def diff(
    before: Run,
    after: Run,
    every: Annotated[bool, typer.Option("--all", help="Show every figure that moved.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what differs between two runs: settings, inputs, software, and the figures that moved.

    Figures stand with their intervals; those whose intervals have no point in common come first.

    Example: `duecare diff runs/first runs/second`
    """
    from duecare.cli.show_asked import show_diff

    raise typer.Exit(show_diff(before, after, every=every, as_json=as_json))


def history(run: RunFolder = None, as_json: AsJson = False) -> None:
    """Say what was tried before what a run shows: stopped, failed and superseded runs stay on record.

    Example: `duecare history runs/support-demo`
    """
    from duecare.cli.show_asked import show_history

    raise typer.Exit(show_history(run, as_json=as_json))


def checkpoint(
    run: RunFolder = None,
    since: Annotated[
        int, typer.Option(min=0, help="Entries that the witness saw last; 0: none yet (`--out`).")
    ] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the request to a witness into this file.")] = None,
    add: Annotated[Path | None, typer.Option(help="A witness's answer: put its line under the note.")] = None,
    witness: Annotated[
        list[str] | None, typer.Option(help="Key of the witness whose line it must be (name+id+base64).")
    ] = None,
) -> None:
    """Sign the run's head as a checkpoint, ask a witness to co-sign it, and keep its line.

    Without options the checkpoint of what is on record now is written (C2SP tlog-checkpoint). `--out` writes
    what a witness is asked, `--add` takes its answer.

    Example: `duecare checkpoint runs/support-demo --out request`
    """
    from duecare.cli.show_proofs import show_checkpoint

    raise typer.Exit(show_checkpoint(run, since=since, out=out, add=add, witnesses=witness or []))


def witness(
    request: Annotated[
        Path | None, typer.Argument(help="What `duecare checkpoint --out` wrote. Left out: show this key.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What this witness is called, once (audit.example.org/desk-1).")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="The public key (hex) of the run's owner; needed on first sight.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the line into this file instead.")] = None,
) -> None:
    """Co-sign somebody's checkpoint, if their ledger only grew since you last saw it.

    You do not need the run, and you do not vouch for what it says: only that what you saw before is still in
    it, unchanged. Your key and what you saw lie on this machine, apart from the key that signs runs.

    Example: `duecare witness request --key 5f0c... --out line`
    """
    from duecare.cli.show_proofs import show_witness

    raise typer.Exit(show_witness(request, name, key, out))


def prove(
    run: Run,
    entry: Annotated[int, typer.Argument(help="The number of the entry.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="Left out: entry-<number>.tlog-proof.")] = None,
) -> None:
    """Write a proof that one entry is in the ledger, for somebody who is not to see the others.

    Example: `duecare prove runs/support-demo 85`
    """
    from duecare.cli.show_proofs import show_proof

    raise typer.Exit(show_proof(run, entry, out))


def bundle(
    run: RunFolder = None,
    out: Annotated[Path | None, typer.Option(help="Left out: <run>.tar.")] = None,
    artifact: Annotated[
        list[str] | None,
        typer.Option(help="A job whose files go along, or `all`. Left out: the report's only."),
    ] = None,
    verifier: Annotated[
        Path | None, typer.Option(help="Write the checking program into this file, apart from the bundle.")
    ] = None,
) -> None:
    """Write a run as one file that outsiders can check without duecare and without network.

    In it are the ledger, its checkpoint, the lists of all files, the report, and a program of one file
    (verify.py) that says in plain words what holds. Rows and weights stay here unless you name their job.

    Example: `duecare bundle runs/support-demo --out support-demo.tar`
    """
    from duecare.cli.show_proofs import show_bundle

    raise typer.Exit(show_bundle(run, out, artifact or [], verifier))


def stamp(
    run: RunFolder = None,
    tsa: Annotated[str | None, typer.Option(help="URL of a time stamping authority: ask it now.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the request (DER) into this file instead.")] = None,
    add: Annotated[Path | None, typer.Option(help="An authority's answer (DER) to keep.")] = None,
    root: Annotated[
        list[Path] | None, typer.Option(help="Certificate (PEM) that the answer must lead to.")
    ] = None,
) -> None:
    """Have a third party say when the ledger had this state (RFC 3161).

    The authority sees a digest only. Its answer lies beside the ledger and stays good while that grows;
    whoever verifies brings the authority's certificate along (`duecare verify --tsa-root`).

    Example: `duecare stamp runs/support-demo --tsa https://tsa.example.org --root tsa.pem`
    """
    from duecare.cli.show_proofs import show_stamp

    raise typer.Exit(show_stamp(run, tsa, out, add, root or []))


COMMANDS: tuple[Callable[..., None], ...] = (
    why,
    lineage,
    diff,
    history,
    checkpoint,
    witness,
    prove,
    bundle,
    stamp,
)
"""In the order in which help shows them."""
