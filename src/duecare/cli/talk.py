"""A conversation with the models of a run, base and tuned side by side. Nothing of it is kept unless asked.

The two are asked the same questions and each remembers its own answers, so that the second question shows
how each goes on, not how one goes on from the other's words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from duecare.cli.standing import standing
from duecare.core import LedgerError, Message, ModelError
from duecare.ledger.entry import Entry
from duecare.ledger.manifest import check
from duecare.ledger.read import entries
from duecare.vault.memory import in_memory

RESET, QUIT, SAVE, HELP = "/reset", "/quit", "/save", "/help"
Answer = Callable[[Sequence[Message]], str]
"""A conversation whose last turn is a person's, to the model's next turn."""


def models_of(run: Path) -> dict[str, Path]:
    """The folders of "base" and, if the run trained, "tuned": the result of its last training step.

    Both are as they stand on record, and unchanged. Raises LedgerError where the run has no model, or a
    file of it is not as recorded; ModelError where the base's weights are not here.
    """
    from duecare.model.fetch import folder_of

    state = standing(entries(run))
    if "base" not in state.done:
        raise LedgerError(
            f"{run} has no model on record yet: its study trains and evaluates none, or has not begun"
        )
    found = {"base": folder_of(_artifact(run, state.done["base"]))}
    for job in reversed(state.planned):
        entry = state.done.get(job)
        if entry is None or not (entry.step or "").startswith("duecare.train."):
            continue
        folder = run / next(iter(entry.outputs)) / "model"
        if _speaks(folder):
            return found | {"tuned": _artifact(run, entry) / "model"}
    return found


@contextmanager
def shown(folders: Mapping[str, Path]) -> Iterator[dict[str, Path]]:
    """The folders, sealed weights opened in memory while this is entered."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(in_memory(folder)) for name, folder in folders.items()}


def _speaks(folder: Path) -> bool:
    """Whether a folder holds a model that writes text, as a reward model does not."""
    try:
        named = json.loads((folder / "config.json").read_text("utf-8")).get("architectures", [])
    except (OSError, ValueError, AttributeError):
        return False
    return any(str(name).endswith("ForCausalLM") for name in named)


def _artifact(run: Path, entry: Entry) -> Path:
    """The folder a job wrote, once its bytes are found to be those that were sealed."""
    ((path, sealed),) = entry.outputs.items()
    if problems := check(run / path, sealed):
        raise LedgerError(f"{path} is not as it was recorded: {problems[0]}")
    return run / path


@dataclass(slots=True)
class Talk:
    """A conversation with several models, each of which remembers its own side of it."""

    answer: dict[str, Answer]
    turns: dict[str, list[Message]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget what was said."""
        self.turns = {name: [] for name in self.answer}

    def ask(self, question: str) -> dict[str, str]:
        """What each model answers; it joins that model's side of the conversation.

        A model that cannot answer leaves all sides as they were: ModelError.
        """
        asked = Message(role="user", content=question)
        found = {name: answer([*self.turns[name], asked]) for name, answer in self.answer.items()}
        for name, text in found.items():
            self.turns[name] += [asked, Message(role="assistant", content=text)]
        return found

    def save(self, path: Path) -> int:
        """Write both sides as lines of JSON (model, role, content); how many. No file is replaced."""
        lines = [
            json.dumps({"model": name, "role": turn.role, "content": turn.content}, ensure_ascii=False)
            for name, turns in self.turns.items()
            for turn in turns
        ]
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write("".join(f"{line}\n" for line in lines))
        except FileExistsError as error:
            raise LedgerError(f"{path} is there already; name another file") from error
        return len(lines)


def answers_of(folder: Path, *, max_tokens: int, temperature: float, seed: int) -> Answer:
    """A model of a Hugging Face folder that answers conversations. Loads it: imports JAX.

    The beginning of a conversation that has outgrown the model's context is left out, whole turns at a time.
    """
    from duecare.model.generate import generate
    from duecare.model.load import load, read_config

    loaded = load(folder)
    room = int(read_config(folder).get("max_position_embeddings", 2048)) - max_tokens

    def rendered(turns: Sequence[Message]) -> str:
        if loaded.tokenizer.has_chat:
            return loaded.tokenizer.chat(turns, answer=True)
        return "".join(f"{turn.role.capitalize()}: {turn.content}\n" for turn in turns) + "Assistant:"

    def answer(turns: Sequence[Message]) -> str:
        kept = list(turns)
        while len(loaded.tokenizer.encode(rendered(kept), special=True)) > room:
            if len(kept) < 3:
                raise ModelError(f"the question is too long for the model: it reads {room} tokens at most")
            kept = kept[2:]
        ((text,),) = generate(
            loaded, [rendered(kept)], max_tokens=max_tokens, temperature=temperature, seed=seed
        )
        return text.strip()

    return answer
