"""From the name of a model to a Hugging Face folder on this machine, and the step that records it.

A name is one of four things, looked for in this order: a name in `MODELS`, a `.gguf` file, a folder in
Hugging Face layout, a hub id "owner/name". Pickled weights are never fetched and never read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from duecare.core import Artifacts, DuecareError, ModelError, Note, Outcome, Progress, Tell, refuse_unless
from duecare.core.wire import Noun, decode, encode
from duecare.model.family import ARCHITECTURES, CLASSIFIERS, shape_of
from duecare.model.pinned import MODELS, Pinned, Row, describe
from duecare.model.served import FAMILY, FILE, place_of, read_served, tokenizer_digest
from duecare.model.store import default_cache, digest_of, digests, file_sha256, made_once, write_whole

__all__ = [
    "MODELS",
    "Fetch",
    "Judge",
    "Pinned",
    "Reference",
    "Row",
    "Teacher",
    "cache",
    "describe",
    "family_of",
    "folder_of",
    "resolve",
    "reward_folder",
]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_WANTED = ["*.safetensors", "*.json", "*.jinja"]


class Reference(Noun, frozen=True, kw_only=True):
    """reference.json: which weights a run starts from. The weights stay where they are.

    `files` maps names to SHA-256, `digest` is that of `files`; `revision` is the hub's commit.
    """

    name: str
    family: str
    revision: str | None = None
    files: dict[str, str]
    digest: str


def cache() -> Path:
    """$DUECARE_CACHE, or the platform's cache folder for this user."""
    return default_cache()


def resolve(name: str, cache: Path | None = None, revision: str | None = None) -> Path:
    """The Hugging Face folder of a model; fetched and converted into `cache` if need be.

    `revision` (branch, tag or commit) is for hub ids. Raises ModelError with what was tried.
    """
    root = default_cache() if cache is None else cache
    path = Path(name).expanduser()
    if name in MODELS:
        return MODELS[name].folder(root)
    if path.suffix.lower() == ".gguf":
        return _converted(path, root)
    if revision is None and path.is_dir():
        return _checked(path)
    if _HUB_ID.fullmatch(name):
        return _from_hub(name, revision)
    raise ModelError(f"model {name!r} is not in the table, and no folder of that name is there. {_choices()}")


def family_of(folder: Path, architectures: Mapping[str, str] = ARCHITECTURES) -> str:
    """ "llama", "qwen2", "qwen3" or "gemma3", from config.json; ModelError for what cannot be loaded.

    `architectures` is `family.CLASSIFIERS` for a model that scores answers.
    """
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"config.json of {folder.name} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise ModelError(f"config.json of {folder.name} holds no JSON object")
    return shape_of(config, architectures).family


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetch:
    """Bring the model that training starts from to this machine, and record exactly which it is.

    The weights stay in the cache or where they lie; the run keeps their digests, and every later step
    checks that they are still the same.

    A model behind an OpenAI-compatible endpoint ("endpoint:http://host:8000/v1") can be evaluated, not
    trained; a key is read from $DUECARE_ENDPOINT_KEY. Its weights cannot be seen, only what the server says.

    - name: a name in the table (`duecare models`), a folder in Hugging Face layout, a .gguf file, a
      hub id "owner/name", or "endpoint:" and a URL
    - revision: branch, tag or commit of a hub id; None means its main branch
    - model: what an endpoint calls the model
    - tokenizer: the tokenizer of an endpoint's model (named like a model): suites that compare the
      probabilities of given answers need it
    """

    ROLE: ClassVar[tuple[str, str]] = ("base", "the run starts from")
    """What is told of it: under which topic, and in which words."""
    ARCHITECTURES: ClassVar[Mapping[str, str]] = ARCHITECTURES
    """What it may be, by the name in its config.json."""

    name: str
    revision: str | None = None
    model: str | None = None
    tokenizer: str | None = None

    def __post_init__(self) -> None:
        hub = self.name not in MODELS and bool(_HUB_ID.fullmatch(self.name))
        place = place_of(self.name)
        fault = place.fault if place else None
        here = "the name of the model at the endpoint" if place else "none, except for an endpoint"
        refuse_unless(
            "model.fetch",
            (bool(self.name.strip()), "name", self.name, "a table name, folder, .gguf file or hub id"),
            (fault is None, "name", "endpoint:...", fault or ""),
            (bool(place) == bool((self.model or "").strip()), "model", self.model, here),
            (
                self.tokenizer is None or bool(place and self.tokenizer.strip()),
                "tokenizer",
                self.tokenizer,
                here,
            ),
            (
                self.revision is None or (bool(self.revision) and hub),
                "revision",
                self.revision,
                "none, except for a hub id",
            ),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Resolve the name and write reference.json."""
        root = default_cache()
        if place := place_of(self.name):
            return self._meet(place.url, root, out, tell)
        tell(Progress(done=0, total=None, unit="files", message=f"finding {self.name}"))
        folder = resolve(self.name, root, self.revision)
        files = digests(folder, root)
        reference = Reference(
            name=_portable(self.name),
            family=family_of(folder, self.ARCHITECTURES),
            revision=_commit(folder),
            files=files,
            digest=digest_of(files),
        )
        _remember(reference.digest, folder, root)
        (out / "reference.json").write_bytes(encode(reference))
        told = {"digest": reference.digest, "family": reference.family}
        if self.name in MODELS:
            told["licence"] = MODELS[self.name].licence
        topic, words = self.ROLE
        tell(Note(topic=topic, text=f"{words} {reference.name}", data=told))
        return Outcome(files={"reference": "reference.json"})

    def _meet(self, url: str, root: Path, out: Path, tell: Tell) -> Outcome:
        """Ask an endpoint what it serves, and record that."""
        from duecare.model.meet import meet

        name = self.model or ""
        tell(Progress(done=0, total=None, unit="files", message=f"asking the endpoint for {name}"))
        tokenizer = resolve(self.tokenizer, root) if self.tokenizer else None
        served = meet(url, name, tokenizer, root)
        (out / FILE).write_bytes(encode(served))
        if tokenizer is not None:
            write_whole(root / "places" / str(served.tokenizer), encode(str(tokenizer.resolve())))
        files = {FILE: served.identity}
        reference = Reference(name=name, family=FAMILY, files=files, digest=digest_of(files))
        (out / "reference.json").write_bytes(encode(reference))
        text = f"the run asks {name} at an endpoint: what it is rests on the server's word alone"
        said = {"served": served.served, "root": served.root, "fingerprint": served.fingerprint}
        told = {key: value for key, value in said.items() if value is not None}
        tell(Note(topic="base", text=text, data={"digest": reference.digest, "family": FAMILY} | told))
        return Outcome(files={"reference": "reference.json", "endpoint": FILE})


@dataclass(frozen=True, kw_only=True, slots=True)
class Teacher(Fetch):
    """Bring a model that teaches another one to this machine, and record exactly which it is; see `Fetch`."""

    ROLE: ClassVar[tuple[str, str]] = ("teacher", "a step of training is taught by")


@dataclass(frozen=True, kw_only=True, slots=True)
class Judge(Fetch):
    """Bring a model that scores answers to this machine, and record exactly which it is; see `Fetch`."""

    ROLE: ClassVar[tuple[str, str]] = ("judge", "answers are scored by")
    ARCHITECTURES: ClassVar[Mapping[str, str]] = CLASSIFIERS


def reward_folder(artifact: Path, cache: Path | None = None) -> Path:
    """The Hugging Face folder of a reward model: of a step that trained one, or of what `Judge` refers to.

    Raises ModelError as `folder_of`.
    """
    if (artifact / "reference.json").is_file():
        return folder_of(artifact, cache)
    return artifact / "model"


def tokenizer_of(artifact: Path, cache: Path | None = None) -> Path | None:
    """The folder of the tokenizer that an endpoint was recorded with; None where there was none.

    Raises ModelError if it is gone or other files now.
    """
    root = default_cache() if cache is None else cache
    wanted = read_served(artifact).tokenizer
    if wanted is None:
        return None
    folder = _place(root, wanted)
    if folder is None or tokenizer_digest(folder, root) != wanted:
        raise ModelError("the endpoint's tokenizer is gone or has changed: start a new run")
    return folder


def folder_of(artifact: Path, cache: Path | None = None) -> Path:
    """The folder that an artifact of Fetch refers to, with the very files it recorded.

    Raises ModelError if they are gone and cannot be fetched again, or are others now.
    """
    root = default_cache() if cache is None else cache
    reference = _read(artifact)
    if reference.family == FAMILY:
        raise ModelError(f"model {reference.name} is behind an endpoint: its weights are not here to be used")
    remembered = _place(root, reference.digest)
    if remembered and digest_of(digests(remembered, root)) == reference.digest:
        return remembered
    folder = resolve(reference.name, root, reference.revision)
    files = digests(folder, root)
    if files != reference.files:
        names = sorted(
            n for n in files.keys() | reference.files.keys() if files.get(n) != reference.files.get(n)
        )
        raise ModelError(
            f"model {reference.name} is no longer what this run started from: {', '.join(names)} "
            "differ; put the old files back, or start a new run"
        )
    _remember(reference.digest, folder, root)
    return folder


def _read(artifact: Path) -> Reference:
    try:
        reference = decode((artifact / "reference.json").read_bytes(), Reference)
    except (OSError, DuecareError) as error:
        raise ModelError(f"{artifact.name}/reference.json cannot be read: {error}") from error
    if digest_of(reference.files) != reference.digest:
        raise ModelError(f"{artifact.name}/reference.json contradicts itself: digest and files do not fit")
    return reference


def _converted(path: Path, root: Path) -> Path:
    """A .gguf file's folder in the cache, under the digest of its content."""
    from duecare.model.gguf import CONVERTER, convert

    if not path.is_file():
        raise ModelError(f"model file {path.name} is not there. {_choices()}")
    sha256 = file_sha256(path, root)
    about = {"source": "a GGUF file given by its path", "sha256": sha256}
    folder = root / "models" / f"gguf-{sha256}-{CONVERTER}"
    return made_once(folder, lambda making: convert(path, making, about))


def _checked(folder: Path) -> Path:
    """`folder`, if it is a model in Hugging Face layout."""
    lacks = [] if (folder / "config.json").is_file() else ["config.json"]
    lacks += [] if any(folder.glob("*.safetensors")) else ["*.safetensors (pickled weights are never read)"]
    if lacks:
        raise ModelError(f"folder {folder.name} is not a model: it lacks {' and '.join(lacks)}. {_choices()}")
    return folder.resolve()


def _from_hub(name: str, revision: str | None) -> Path:
    """A snapshot from the hub's own cache, or from the hub unless HF_HUB_OFFLINE forbids it."""
    try:
        import httpx
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ModelError(f"{name}: hub ids need the extra `train` or `hub`. {_choices()}") from error
    asked = {"revision": revision, "allow_patterns": _WANTED, "ignore_patterns": ["*/*"]}
    try:
        found = snapshot_download(name, **asked)
    except (OSError, ValueError, httpx.HTTPError) as error:
        try:  # a commit that is here whole is as good as one just asked for
            found = snapshot_download(name, **asked, local_files_only=True)
        except (OSError, ValueError):
            reason = str(error).strip().split("\n")[0]
            raise ModelError(
                f"no folder {name!r} is here, and the hub did not give {name}"
                f"{f' at {revision}' if revision else ''} ({type(error).__name__}: {reason}). {_choices()}"
            ) from error
    return _checked_snapshot(Path(found), name)


def _checked_snapshot(folder: Path, name: str) -> Path:
    try:
        _checked(folder)
    except ModelError as error:
        raise ModelError(f"hub model {name}: {error}") from error
    return folder


def _commit(folder: Path) -> str | None:
    """The hub's commit, if `folder` is a snapshot in the hub's cache."""
    return folder.name if folder.parent.name == "snapshots" else None


def _portable(name: str) -> str:
    """The name as it may stand in an artifact: of an absolute path only its last part."""
    path = Path(name).expanduser()
    return path.name if path.is_absolute() else name


def _remember(digest: str, folder: Path, root: Path) -> None:
    """Keep, in the cache only, where the model with this digest lies."""
    write_whole(root / "places" / digest, encode(str(folder.resolve())))


def _place(root: Path, digest: str) -> Path | None:
    try:
        folder = Path(decode((root / "places" / digest).read_bytes(), str))
    except (OSError, DuecareError):
        return None
    return folder if folder.is_dir() else None


def _choices() -> str:
    return (
        f"What works: a name in the table ({', '.join(MODELS)}), a folder with config.json and *.safetensors,"
        " a .gguf file (llama, qwen2, qwen3 or gemma3), or a hub id owner/name"
    )
