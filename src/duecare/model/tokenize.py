"""A tokenizer of a Hugging Face folder, with its chat template. Needs no JAX."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from duecare.core import Message, ModelError


class Tokenizer:
    """Text to token ids and back, and conversations to text, as the model was trained to read them.

    Reads `tokenizer.json`, `tokenizer_config.json`, `generation_config.json`, `config.json` and, where
    it exists, `chat_template.jinja`. The chat template comes from strangers: it is rendered by Jinja's
    immutable sandbox, which has neither files nor imports. Raises ModelError where a file is missing.
    """

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer as Fast

        path = folder / "tokenizer.json"
        if not path.is_file():
            raise ModelError(f"{folder.name} has no tokenizer.json; a slow tokenizer must be converted first")
        try:
            self._fast = Fast.from_file(str(path))
        except Exception as error:  # tokenizers raises nothing more special
            raise ModelError(f"{folder.name}/tokenizer.json cannot be read: {error}") from error
        self._fast.no_padding()
        self._fast.no_truncation()
        settings = _read(folder / "tokenizer_config.json")
        config = _read(folder / "config.json") | _read(folder / "generation_config.json")
        self.bos_id = self._id(_content(settings.get("bos_token")))
        eos = self._id(_content(settings.get("eos_token")))
        self.eos_ids = _eos_ids(config.get("eos_token_id"), eos)
        pad = self._id(_content(settings.get("pad_token")))
        self.pad_id: int = pad if pad is not None else next(iter(self.eos_ids), 0)
        self._names = {
            name: _content(settings.get(name)) or "" for name in ("bos_token", "eos_token", "unk_token")
        }
        empty = list(self._fast.encode("", add_special_tokens=True).ids)
        self._begin = empty[:1] if self.bos_id in empty[:1] else []
        self._template = _template(folder, settings)

    @property
    def vocabulary(self) -> int:
        """Number of token ids, added tokens included."""
        return int(self._fast.get_vocab_size(with_added_tokens=True))

    @property
    def tokens(self) -> dict[str, int]:
        """The id of every token, added tokens included."""
        return {str(token): int(number) for token, number in self._fast.get_vocab(True).items()}

    def encode(self, text: str, special: bool = False) -> list[int]:
        """Token ids of `text`; with `special`, after the token that this tokenizer begins a text with.

        That token, if there is one, is not put twice: a rendered chat often begins with it.
        """
        ids = list(self._fast.encode(text, add_special_tokens=False).ids)
        return ids if not special or ids[:1] == self._begin else [*self._begin, *ids]

    def offsets(self, text: str, special: bool = False) -> list[tuple[int, int]]:
        """Code points [start, end) of `text` that each token of `encode` stands for.

        A token that begins every text stands for none.
        Tokens that are pieces of one code point all have its place.
        """
        found = self._fast.encode(text, add_special_tokens=False)
        own = [(int(start), int(end)) for start, end in found.offsets]
        return own if not special or list(found.ids)[:1] == self._begin else [(0, 0)] * len(self._begin) + own

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of many texts, without special tokens around them."""
        return [list(found.ids) for found in self._fast.encode_batch(list(texts), add_special_tokens=False)]

    def decode(self, ids: Sequence[int], special: bool = False) -> str:
        """The text of `ids`; special tokens are left out unless `special`."""
        return str(self._fast.decode(list(ids), skip_special_tokens=not special))

    def chat(self, messages: Sequence[Message], answer: bool = False) -> str:
        """A conversation as one text; with `answer`, up to where the assistant's next turn begins.

        ModelError where the folder has no template or the template refuses the conversation.
        """
        if self._template is None:
            raise ModelError("the model has no chat template: it is a base model, not one for conversations")
        turns = [{"role": turn.role, "content": turn.content} for turn in messages]
        try:
            return str(
                self._template.render(messages=turns, add_generation_prompt=answer, tools=None, **self._names)
            )
        except Exception as error:  # a stranger's template can fail in any way; its words may hold a row's
            raise ModelError(f"the chat template refused the conversation: {type(error).__name__}") from None

    @property
    def has_chat(self) -> bool:
        """Whether the folder has a chat template."""
        return self._template is not None

    @property
    def special(self) -> dict[int, str]:
        """Every special token by id, in order."""
        added = self._fast.get_added_tokens_decoder()
        return {int(number): str(token.content) for number, token in sorted(added.items()) if token.special}

    def _id(self, token: str | None) -> int | None:
        found = self._fast.token_to_id(token) if token else None
        return None if found is None else int(found)


def joined(tokenizer: Tokenizer, prompt: str, answer: str) -> tuple[list[int], int]:
    """Token ids of prompt and answer as one text, and the place of the answer's first token.

    A token that spans the boundary belongs to the answer. Raises ModelError for an answer without tokens.
    """
    alone, both = (tokenizer.encode(text, special=True) for text in (prompt, prompt + answer))
    first = next(
        (place for place, (one, two) in enumerate(zip(alone, both, strict=False)) if one != two),
        min(len(alone), len(both)),
    )
    if first == 0:  # nothing before the answer: it begins after the token that begins every text
        begin = tokenizer.bos_id if tokenizer.bos_id is not None else tokenizer.pad_id
        both, first = [begin, *both], 1
    if first >= len(both):
        raise ModelError("an answer has no tokens after its prompt")
    return both, first


def padding(tokenizer: Tokenizer) -> tuple[int, str] | None:
    """Another special token to pad with, where padding is now a token that ends a turn; else None.

    One that is called after padding, else the first. Raises ModelError where every special token ends a turn.
    """
    if tokenizer.pad_id not in tokenizer.eos_ids:
        return None
    free = [each for each in tokenizer.special.items() if each[0] not in tokenizer.eos_ids]
    if not free:
        raise ModelError("the tokenizer has no special token to pad with but those that end a turn")
    return next((each for each in free if "pad" in each[1].lower()), free[0])


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        loaded = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ModelError(f"{path.name} is not JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise ModelError(f"{path.name} holds no JSON object")
    return loaded


def _content(token: object) -> str | None:
    """A token named as a string, or as an object with its content."""
    if isinstance(token, dict):
        token = token.get("content")
    return token if isinstance(token, str) else None


def _eos_ids(declared: object, eos: int | None) -> tuple[int, ...]:
    listed = declared if isinstance(declared, list) else [declared]
    found = [int(each) for each in listed if isinstance(each, int)]
    return tuple(sorted({*found, *([] if eos is None else [eos])}))


def _template(folder: Path, settings: dict[str, Any]) -> Any:
    source = settings.get("chat_template")
    path = folder / "chat_template.jinja"
    if path.is_file():
        source = path.read_text("utf-8")
    if isinstance(source, list):
        source = next((each.get("template") for each in source if each.get("name") == "default"), None)
    if not isinstance(source, str):
        return None
    from jinja2 import TemplateSyntaxError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # The whitespace settings are those that templates on the hub are written for.
    # Nothing is escaped: the result is fed to a model, never shown as HTML.
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = _refuse
    environment.filters["tojson"] = lambda value, indent=None: json.dumps(
        value, ensure_ascii=False, indent=indent
    )
    try:
        return environment.from_string(source)
    except TemplateSyntaxError as error:
        raise ModelError(f"the chat template cannot be read: {error.message}") from error


def _refuse(message: str) -> NoReturn:
    from jinja2 import TemplateError

    raise TemplateError(message)
