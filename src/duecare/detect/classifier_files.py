"""The files of a text classifier: what is in its folder, their digest, its labels and its tokenizer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from duecare.core.errors import DataError, DuecareError

CONFIG, TOKENIZER, ONNX, WEIGHTS = "config.json", "tokenizer.json", "model.onnx", "model.safetensors"
INDEX = "model.safetensors.index.json"
_VOCABULARIES = ("vocab.txt", "vocab.json")
"""What older folders have in the place of tokenizer.json; the second with merges.txt beside it."""
_BESIDE = ("merges.txt", "tokenizer_config.json")
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack", "*.pkl")
_HUB_FILES = [CONFIG, TOKENIZER, *_VOCABULARIES, *_BESIDE, INDEX, "*.safetensors"]
_EXTRAS = {"onnx": "onnx", "numpy": "classifier", "torch": "transformers"}
_MODULES = {
    "classifier": ("tokenizers",),
    "onnx": ("onnxruntime",),
    "transformers": ("torch", "transformers"),
}
_MOST_TOKENS = 100_000
"""Tokenizers without a limit of their own say a number far beyond this."""


@dataclass(frozen=True, slots=True)
class ClassifierFiles:
    """A folder that holds a classifier, and what its config says.

    `runtime` is what will run it; `names` are the files that count; `labels` maps label to place.
    """

    folder: Path
    config: Mapping[str, Any]
    runtime: str
    names: tuple[str, ...]

    @property
    def weights(self) -> tuple[Path, ...]:
        """The files with its numbers."""
        return tuple(self.folder / name for name in self.names if name.endswith((".safetensors", ".onnx")))

    @property
    def labels(self) -> dict[str, int]:
        """Its labels and their places; what transformers calls them where the config does not."""
        named = self.config.get("id2label")
        if not isinstance(named, dict):
            return {f"LABEL_{place}": place for place in range(int(self.config.get("num_labels", 2)))}
        return {str(name): int(place) for place, name in named.items()}

    @property
    def padding(self) -> int:
        """The token that fills up a shorter text."""
        return int(self.config.get("pad_token_id") or 0)

    @property
    def positions(self) -> int | None:
        """Most tokens that it has places for, or None where it sets no limit."""
        most = self.config.get("max_position_embeddings")
        if not isinstance(most, int) or not 0 < most < _MOST_TOKENS:
            return None
        # In the family of RoBERTa places are counted from behind the padding token.
        return most - self.padding - 1 if self.config.get("model_type") in OFFSET else most

    @property
    def lacking(self) -> str | None:
        """The extra that running it needs and that is not installed, or None."""
        for extra in ("classifier", _EXTRAS[self.runtime]):
            if not all(find_spec(module) for module in _MODULES[extra]):
                return extra
        return None

    @property
    def digest(self) -> str:
        """SHA-256 over the names and contents of the files that count."""
        return digest_of(self.folder, self.names)


OFFSET = frozenset(
    {"roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "roberta-prelayernorm", "longformer"}
)
"""Model types whose first place is numbered one behind that of the padding token."""


def look(folder: Path, runtime: str) -> ClassifierFiles:
    """What is in `folder`, to be run by `runtime` ("auto": by what is there).

    Raises DataError where something is missing, or pickled, or needs its own code.
    """
    config = _object(folder, CONFIG)
    if config.get("auto_map"):
        raise DataError(
            f"classifier {folder.name}: it brings code of its own (auto_map), which is never run; expected a "
            "model that transformers knows, or one in ONNX form"
        )
    weights = _weights(folder, onnx=runtime in ("auto", "onnx") and (folder / ONNX).is_file(), by=runtime)
    words = _words(folder)
    if not (weights and words):
        lacking = ([] if weights else [ONNX if runtime == "onnx" else WEIGHTS]) + (
            [] if words else [TOKENIZER]
        )
        raise DataError(f"classifier {folder.name}: {', '.join(lacking)} missing{_wanted(folder)}")
    return ClassifierFiles(
        folder, config, _runtime(folder, config, weights, runtime), (CONFIG, *words, *weights)
    )


def _object(folder: Path, name: str) -> dict[str, Any]:
    """A file of a folder that holds a JSON object; DataError where it does not."""
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except OSError:
        raise DataError(f"classifier {folder.name}: {name} missing{_wanted(folder)}") from None
    except ValueError as error:
        raise DataError(f"classifier {folder.name}: {name} is no JSON ({error})") from None
    if not isinstance(found, dict):
        raise DataError(f"classifier {folder.name}: {name} holds no JSON object")
    return found


def _weights(folder: Path, *, onnx: bool, by: str) -> tuple[str, ...]:
    if onnx:
        return tuple(sorted(path.name for pattern in (ONNX, f"{ONNX}_data") for path in folder.glob(pattern)))
    if by == "onnx":
        return ()
    if (folder / INDEX).is_file():
        named = _object(folder, INDEX).get("weight_map")
        parts = sorted(set(map(str, named.values()))) if isinstance(named, dict) else []
        if strange := [part for part in parts if Path(part).name != part or not (folder / part).is_file()]:
            raise DataError(f"classifier {folder.name}: {', '.join(strange)} missing, which {INDEX} names")
        return tuple(parts)
    return (WEIGHTS,) if (folder / WEIGHTS).is_file() else ()


def _words(folder: Path) -> tuple[str, ...]:
    """The files of the tokenizer; none where there is no whole one."""
    if (folder / TOKENIZER).is_file():
        return (TOKENIZER,)
    beside = tuple(name for name in _BESIDE if (folder / name).is_file())
    for name in _VOCABULARIES:
        if (folder / name).is_file() and (name == "vocab.txt" or "merges.txt" in beside):
            return (name, *beside)
    return ()


def _runtime(folder: Path, config: Mapping[str, Any], weights: tuple[str, ...], asked: str) -> str:
    from duecare.detect.encoders import fault

    if weights[0].endswith((".onnx", ".onnx_data")):
        return "onnx"
    why = fault(config)
    if asked == "numpy" and why:
        raise DataError(
            f"classifier {folder.name}: detector.runtime = numpy, but {why}; expected torch or onnx"
        )
    return asked if asked in ("numpy", "torch") else "torch" if why else "numpy"


def _wanted(folder: Path) -> str:
    """What was expected, and what to do with a pickle that is there."""
    pickled = sorted({path.name for pattern in _PICKLED for path in folder.glob(pattern)})
    said = (
        f", expected a folder with {CONFIG}, {TOKENIZER} and {WEIGHTS}, or {ONNX} (optimum-cli export onnx "
        "--task text-classification)"
    )
    if pickled and not (folder / WEIGHTS).is_file():
        said += (
            f"; {', '.join(pickled)} is never read, for such a file can run code: load it where you trust it "
            "with transformers and call save_pretrained, which writes safetensors"
        )
    return said


def from_hub(hub: str, revision: str) -> Path:
    """The folder of a commit of the hub: from its cache, else fetched; never pickled weights.

    Raises DuecareError where the extra `hub` is not installed or the hub gives nothing.
    """
    try:
        import httpx
        from huggingface_hub import snapshot_download
    except ImportError:
        raise DuecareError("detector.hub needs `pip install duecare[hub]`; or name a folder") from None
    asked = {"revision": revision, "allow_patterns": _HUB_FILES, "ignore_patterns": ["*/*"]}
    try:
        return Path(snapshot_download(hub, **asked, local_files_only=True))
    except (OSError, ValueError):
        pass  # not here yet
    try:
        return Path(snapshot_download(hub, **asked))
    except (OSError, ValueError, httpx.HTTPError) as error:
        said = str(error).strip().split("\n")[0]
        raise DuecareError(
            f"detector.hub = {hub}: the hub did not give it at {revision} ({type(error).__name__}: {said}); "
            "expected a model that is there, or a folder"
        ) from error


def digest_of(folder: Path, names: tuple[str, ...]) -> str:
    """SHA-256 over names and contents of files of a folder."""
    sums = {}
    for name in names:
        about = (folder / name).stat()
        sums[name] = _sum(folder / name, about.st_mtime_ns, about.st_size)
    return hashlib.sha256(json.dumps(sums, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=64)
def _sum(path: Path, _changed: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tokenizer_of(files: ClassifierFiles) -> Any:
    """The tokenizer of a classifier (of `tokenizers`), made of its vocabulary if that is all there is."""
    try:
        import tokenizers
    except ImportError:
        raise DuecareError(
            "tokenizers is not installed: a classifier of your own needs `pip install duecare[classifier]`"
        ) from None
    if TOKENIZER in files.names:
        return tokenizers.Tokenizer.from_file(str(files.folder / TOKENIZER))
    settings: dict[str, Any] = {}
    if "tokenizer_config.json" in files.names:
        settings = _object(files.folder, "tokenizer_config.json")
    if "vocab.txt" in files.names:
        return _word_pieces(files.folder / "vocab.txt", settings)
    return _byte_pairs(files.folder, settings)


def _word_pieces(vocabulary: Path, settings: Mapping[str, Any]) -> Any:
    """BERT's tokenizer, of its list of word pieces."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    pieces = vocabulary.read_text(encoding="utf-8").splitlines()
    numbers = {piece: number for number, piece in enumerate(pieces)}
    if lacking := [each for each in ("[UNK]", "[CLS]", "[SEP]") if each not in numbers]:
        raise DataError(f"{vocabulary.name}: {', '.join(lacking)} missing: expected {TOKENIZER}")
    made = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))  # noqa: S106  # a word, no secret
    made.add_special_tokens([each for each in pieces if each in _MARKS])
    made.normalizer = normalizers.BertNormalizer(
        handle_chinese_chars=bool(settings.get("tokenize_chinese_chars", True)),
        strip_accents=settings.get("strip_accents"),
        lowercase=bool(settings.get("do_lower_case", True)),
    )
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", numbers["[SEP]"]), ("[CLS]", numbers["[CLS]"]))
    return made


def _byte_pairs(folder: Path, settings: Mapping[str, Any]) -> Any:
    """RoBERTa's tokenizer, of its pairs of bytes."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    numbers, pairs = models.BPE.read_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
    if lacking := [each for each in ("<s>", "</s>") if each not in numbers]:
        raise DataError(f"vocab.json of {folder.name}: {', '.join(lacking)} missing: expected {TOKENIZER}")
    before = bool(settings.get("add_prefix_space", False))
    made = Tokenizer(models.BPE(numbers, pairs))
    made.add_special_tokens([each for each in _MARKS if each in numbers])
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=before)
    ends = ("</s>", numbers["</s>"]), ("<s>", numbers["<s>"])
    made.post_processor = processors.RobertaProcessing(*ends, add_prefix_space=before)
    return made


_MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<s>", "<pad>", "</s>", "<unk>", "<mask>")
"""Words of a vocabulary that stand for no text."""
