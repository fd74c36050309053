"""The commands that answer for a run: proofs, witnesses, bundles, and questions to the ledger.

Plain functions; `cli.main` registers them. What a command needs is imported when it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from duecare.cli.options import RunFolder
from duecare.cli.people import Asked, KeyPath, Passphrase

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


RunFolders = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Run folders, or the study files of some. Left out: the latest under runs/.", metavar="[RUN]..."
    ),
]


def forget(  # noqa: PLR0917  # options of the command line, given by name there
    run: RunFolders = None,
    subject: Annotated[
        str | None,
        typer.Option(help="An e-mail address, a name, an id; `-`: the first line of the standard input."),
    ] = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="Forget all data of a run whose day (keep_until) is past.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Only complete a call that was interrupted.")
    ] = False,
    models: Annotated[
        bool, typer.Option("--models", help="Destroy the keys of sealed weights that learned from it, too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without it is only said what would be.")] = False,
    who: Annotated[
        str | None, typer.Option("--as", help="Who signs, where somebody has to: NAME or ROLE/NAME.")
    ] = None,
    request: Asked = None,
    key: KeyPath = None,
    passphrase: Passphrase = None,
) -> None:
    """Find where a person occurs in runs, and destroy the keys of the data.

    What is forgotten is each source in which the person occurs, whole: its sealed rows become unreadable
    for everybody, and its row keys say nothing more. Named are what lies in plain, the models that learned
    from it and the results that rest on it; the ledger, the report and `duecare verify` say so from then on.

    Where the study lists a data steward, a request is entered, signed (`--as`), and only then carried out.

    Example: `duecare forget runs/support-demo --subject - --yes`
    """
    from duecare.cli.show_forget import Call, show_forget
    from duecare.cli.show_people import By

    by = By(who, key, passphrase, request) if who is not None else None
    wanted = Call(subject, expired=expired, again=resume, models=models, yes=yes, by=by)
    raise typer.Exit(show_forget(run or [None], wanted))


Url = Annotated[
    str,
    typer.Argument(help="s3://bucket/folder, gs://bucket/folder, or a folder.", show_default=False),
]


def push(run: Run, url: Url) -> None:
    """Bring a run into a store: ledger, artifacts and report, piece by piece, each called by its digest.

    What is there is not sent again, so an interrupted call goes on where it was. Sealed files stay sealed,
    and no key goes along; what lies in plain is sent in plain. The store of human review names people and
    stays.

    Example: `duecare push runs/support-demo s3://audits/duecare`
    """
    from duecare.cli.show_store import show_push

    raise typer.Exit(show_push(run, url))


def pull(
    url: Url,
    out: Annotated[
        Path | None, typer.Option(help="The folder to make. Left out: runs/<how its id begins>.")
    ] = None,
    id: Annotated[str | None, typer.Option("--id", help="Which run, where the store has several.")] = None,
) -> None:
    """Bring a run back from a store and verify it.

    Every piece is hashed as it comes, every file when it is whole, and the run at the end. Exits as
    `duecare verify` does.

    Example: `duecare pull s3://audits/duecare --out runs/support-demo`
    """
    from duecare.cli.show_store import show_pull

    raise typer.Exit(show_pull(url, out, id))


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
    forget,
    push,
    pull,
    stamp,
)
"""In the order in which help shows them."""
