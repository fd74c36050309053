"""A student learns what a teacher says: its loss by other computations, the step, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from training_toys import Told, curves, data_artifact, digests, learnable, run

from duecare.core import Artifact, Estimate, ModelError, StudyError
from duecare.ledger.digest import file_digest
from duecare.model.fetch import Fetch
from duecare.model.tiny import write_tiny
from duecare.train import Distill, Limits, Probes, Sft

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

SOUND: dict[str, Any] = {"on": "chats", "teacher": "smollm2-135m-instruct"}
LOOP: dict[str, Any] = {
    "on": "chats",
    "steps": 30,
    "batch_size": 4,
    "every": 10,
    "learning_rate": 2e-2,
    "targets": "all-linear",
    "lora_alpha": 16,
    "held_out": 20,
}


@pytest.fixture(scope="module")
def teacher(base: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folder of the base after it learnt to say "yes"."""
    folder = tmp_path_factory.mktemp("teacher")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(base.path.parent / "cache"))
        data = data_artifact(folder / "data", learnable(60))
        run(Sft(**LOOP | {"held_out": 0}), {"data": data, "base": base}, folder / "out")
    return folder / "out" / "model"


def taught(step: Distill, base: Artifact, folder: Path, **more: Artifact) -> tuple[Any, Told]:
    """The step on chats whose own answers are noise: what is learnt is the teacher's."""
    rows = learnable(80, worse="men")
    data = data_artifact(folder / "data", rows[:60], rows[60:])
    return run(step, {"data": data, "base": base, **more}, folder / "out")


def held_out(outcome: Any, metric: str, group: str | None = None, when: str | None = None) -> Estimate:
    (one,) = [
        each
        for each in outcome.estimates
        if (each.metric, each.slice.get("group"), each.slice.get("when")) == (metric, group, when)
    ]
    return one


# The loss ---------------------------------------------------------------------------------------------


def logits_of(seed: int, shape: tuple[int, ...] = (7, 11)) -> npt.NDArray[np.float32]:
    return (3 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def by_hand(teacher: npt.NDArray[Any], student: npt.NDArray[Any], step: Distill) -> npt.NDArray[np.float64]:
    """The divergence from its definition, in float64, probability by probability."""
    p, q = (np.exp(each.astype(np.float64) / step.temperature) for each in (teacher, student))
    p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)

    def kl(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.array(
            [sum(x * np.log(x / y) for x, y in zip(m, n, strict=True)) for m, n in zip(a, b, strict=True)]
        )

    if step.divergence == "forward_kl":
        return kl(p, q)
    if step.divergence == "reverse_kl":
        return kl(q, p)
    mixture = step.jsd_beta * p + (1 - step.jsd_beta) * q
    return step.jsd_beta * kl(p, mixture) + (1 - step.jsd_beta) * kl(q, mixture)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@pytest.mark.parametrize(
    ("divergence", "beta"),
    [("forward_kl", 0.5), ("reverse_kl", 0.5), ("jsd", 0.5), ("jsd", 0.1), ("jsd", 0.9)],
)
def test_divergences_are_those_of_their_definitions(divergence: Any, beta: float, temperature: float) -> None:
    from duecare.train import engine_distill

    step = Distill(**SOUND, divergence=divergence, jsd_beta=beta, temperature=temperature)
    teacher, student = logits_of(1), logits_of(2)
    found = np.asarray(engine_distill.divergence(teacher, student, step))
    assert found == pytest.approx(by_hand(teacher, student, step), rel=2e-4)
    other = by_hand(student, teacher, step)
    assert (divergence, beta) == ("jsd", 0.5) or not np.allclose(found, other, rtol=0.01), (
        "control: turned around"
    )
    assert np.asarray(engine_distill.divergence(teacher, teacher, step)) == pytest.approx(0, abs=1e-5)


def test_jsd_goes_over_into_the_two_divergences() -> None:
    """Agarwal et al. (2024): over beta it tends to forward KL as beta falls, over 1 - beta to reverse KL."""
    from duecare.train import engine_distill

    teacher, student = logits_of(3) / 6, logits_of(4) / 6

    def found(**settings: Any) -> npt.NDArray[Any]:
        return np.asarray(engine_distill.divergence(teacher, student, Distill(**SOUND, **settings)))

    low, high = (found(divergence="jsd", jsd_beta=beta) for beta in (1e-3, 1 - 1e-3))
    assert low / 1e-3 == pytest.approx(found(divergence="forward_kl"), rel=0.05)
    assert high / 1e-3 == pytest.approx(found(divergence="reverse_kl"), rel=0.05)


@pytest.mark.parametrize("kd_ratio", [0.3, 1.0])
def test_where_all_is_taught_the_loss_is_that_of_tunix(kd_ratio: float) -> None:
    """Through the models: one batch without prompts or padding, our loss and `LogitStrategy.compute_loss`."""
    import jax
    import jax.numpy as jnp
    from tunix.distillation.strategies.logit import LogitStrategy

    step = Distill(**SOUND, temperature=2.0, kd_ratio=kd_ratio)
    student, teacher, tokens, ours = small_world(step)
    strategy = LogitStrategy(*[lambda *_: None] * 3, temperature=2.0, alpha=kd_ratio)
    labels = jax.nn.one_hot(tokens[:, 1:], student.shape[-1])
    theirs, _ = strategy.compute_loss(jnp.asarray(student[:, :-1]), jnp.asarray(teacher[:, :-1]), labels)
    loss, aux = ours
    assert float(loss) == pytest.approx(float(theirs), rel=1e-5)
    step = Distill(**SOUND, temperature=1.0)
    mean = by_hand(teacher[:, :-1].reshape(-1, 259), student[:, :-1].reshape(-1, 259), step).mean()
    assert np.asarray(aux["figures"]["kl"]).mean() == pytest.approx(mean, rel=1e-4)
    assert aux["figures"]["length"].tolist() == [16.0] * 4


def small_world(step: Distill) -> tuple[Any, Any, npt.NDArray[np.int32], Any]:
    """Logits of two tiny models by their own calls, the tokens they read, and our loss on these."""
    import tempfile

    import jax.numpy as jnp

    from duecare.model.forward import causal, logits, places, through
    from duecare.model.load import load
    from duecare.train.engine_distill import Distilling, distill_loss
    from duecare.train.lora import with_lora

    folder = Path(tempfile.mkdtemp())
    first, second = (load(write_tiny(folder / str(seed), seed=seed)) for seed in (0, 1))
    tokens = np.random.default_rng(5).integers(0, 250, (4, 17)).astype(np.int32)
    real = jnp.ones(tokens.shape, bool)
    whole = [
        np.asarray(
            logits(each.model, through(each.model, jnp.asarray(tokens), places(real), None, causal(real))[0])
        )
        for each in (first, second)
    ]
    student = with_lora(first.model, rank=2, alpha=2, targets="q-v", seed=0)
    row, place = (jnp.asarray(each, jnp.int32) for each in np.divmod(np.arange(64), 16))
    batch = {
        "tokens": jnp.asarray(tokens),
        "real": real,
        "asked_row": row,
        "asked_place": place,
        "target": jnp.asarray(tokens[row, place + 1]),
        "counts": jnp.ones(64),
        "weight": jnp.ones(4),
        "row": jnp.arange(4),
    }
    return whole[0], whole[1], tokens, distill_loss(Distilling(student, second), batch, step, 259)


# The step ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("divergence", ["forward_kl", "reverse_kl", "jsd"])
def test_the_student_comes_to_say_what_the_teacher_says(
    base: Artifact, teacher: Path, tmp_path: Path, divergence: Any
) -> None:
    step = Distill(**LOOP, teacher=str(teacher), divergence=divergence, kd_ratio=1.0)
    outcome, told = taught(step, base, tmp_path)
    before, after = (held_out(outcome, "distill.kl", when=when) for when in ("before", "after"))
    assert before.value is not None
    assert after.value is not None
    assert after.value < 0.3 * before.value
    # Men's own answers are noise. The teacher never saw them, and with kd_ratio 1 nor does the student.
    groups = {e.slice.get("group"): e for e in told.estimates("distill.kl", split="train") if e.step == 30}
    assert set(groups) == {None, "women", "men"}
    assert {e.metric for e in told.estimates("distill.length", split="train")} == {"distill.length"}
    its = held_out(outcome, "distill.teacher.loss", group="men")
    assert its.value > 2 * held_out(outcome, "distill.teacher.loss", group="women").value
    assert (tmp_path / "out" / "adapter" / "adapter_model.safetensors").is_file()
    drawn = curves(tmp_path / "out").to_pandas()
    losses = drawn[drawn.metric == "batch_loss"].value
    assert losses.iloc[-5:].mean() < 0.5 * losses.iloc[0]


def test_kd_ratio_mixes_in_the_answers_of_the_source(base: Artifact, teacher: Path, tmp_path: Path) -> None:
    """Control: where the source counts too, the student strays from the teacher towards it."""
    alone, mixed = (
        taught(Distill(**LOOP, teacher=str(teacher), kd_ratio=ratio), base, tmp_path / str(ratio))[0]
        for ratio in (1.0, 0.1)
    )
    assert (
        held_out(mixed, "distill.kl", when="after").value > held_out(alone, "distill.kl", when="after").value
    )
    found = [held_out(each, "distill.loss", group="men", when="after").value for each in (mixed, alone)]
    assert found[0] < found[1]


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": None, "batch_tokens": 256, "max_tokens": 64},
        {"weights": "full", "learning_rate": 3e-3},
        {"quantize": "nf4"},
        {"accumulate": 2},
        {"temperature": 2.0},
        {"probe": Probes(axes=("gender",), issues=10, every=15)},
    ],
    ids=lambda settings: next(iter(settings)) if "batch_tokens" not in settings else "packed",
)
def test_settings_of_fine_tuning_hold_here(
    base: Artifact, teacher: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    outcome, _ = taught(Distill(**LOOP | settings, teacher=str(teacher), kd_ratio=1.0), base, tmp_path)
    before, after = (held_out(outcome, "distill.kl", when=when).value for when in ("before", "after"))
    assert after < 0.6 * before


def test_the_teacher_stands_still_and_from_its_own_copy_it_is_at_no_distance(
    base: Artifact, teacher: Path, tmp_path: Path
) -> None:
    """And the teacher's folder is what it was."""
    before = digests(teacher)
    start = Artifact("sft", teacher.parent, "digest")
    step = Distill(**LOOP | {"steps": 2, "every": 1}, teacher=str(teacher), kd_ratio=1.0)
    taught(step, base, tmp_path, model=start)
    drawn = curves(tmp_path / "out").to_pandas()
    kl = drawn[(drawn.metric == "kl") & (drawn.split == "probe") & drawn.group.isna()].set_index("step").value
    assert kl[0] == pytest.approx(0, abs=1e-6)
    assert drawn[drawn.metric == "batch_loss"].value.iloc[0] == pytest.approx(0, abs=1e-6)
    assert digests(teacher) == before


def test_a_gap_in_kl_beyond_its_limit_is_found(base: Artifact, teacher: Path, tmp_path: Path) -> None:
    """Both gaps are followed: the men's answers are noise to the teacher, which knows the women's."""
    limits = Limits(loss_gap=0.5, kl_gap=50.0)
    course = LOOP | {"steps": 150, "every": 50, "held_out": 0}
    step = Distill(**course, teacher=str(teacher), limits=limits, kd_ratio=1.0)
    data = data_artifact(tmp_path / "data", learnable(600, worse="men"))  # a row read again says nothing new
    outcome, _ = run(step, {"data": data, "base": base}, tmp_path / "out")
    verdicts = {each.estimate.metric: each.verdict for each in outcome.findings}
    wanted = {"distill.loss.gap": "fail", "distill.kl.gap": "pass"}
    assert verdicts == wanted, [each.detail for each in outcome.findings]
    with pytest.raises(StudyError, match="sft follows these"):
        Sft(on="chats", limits=Limits(kl_gap=1.0))
    Distill(**SOUND, limits=Limits(kl_gap=1.0))


# What is refused --------------------------------------------------------------------------------------


def test_another_vocabulary_is_refused_before_training(base: Artifact, tmp_path: Path) -> None:
    odd = write_tiny(tmp_path / "odd")
    path = odd / "tokenizer.json"
    settings = json.loads(path.read_text("utf-8"))
    words = settings["model"]["vocab"]
    first, second = [word for word in words if len(word) == 1][:2]
    words[first], words[second] = words[second], words[first]
    path.write_text(json.dumps(settings), "utf-8")
    with pytest.raises(ModelError, match="2 tokens are missing on one side or have another id") as caught:
        taught(Distill(**LOOP, teacher=str(odd)), base, tmp_path)
    assert "yes" not in str(caught.value)
    assert not (tmp_path / "out" / ".resume").exists()


def test_a_teacher_that_is_not_there_is_refused_before_training(base: Artifact, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not in the table, and no folder"):
        taught(Distill(**LOOP, teacher=str(tmp_path / "nobody")), base, tmp_path)


def test_what_pads_a_vocabulary_is_no_token(base: Artifact, tmp_path: Path) -> None:
    """Ids beyond the tokenizer's weigh nothing, however likely the teacher's model would find them."""
    from safetensors.numpy import load_file, save_file

    padded, cut = (write_tiny(tmp_path / name, seed=1, vocab_size=320) for name in ("padded", "cut"))
    for folder, change in ((padded, loud), (cut, lambda table: table[:259])):
        path = folder / "model.safetensors"
        tensors = load_file(path)
        name = "model.embed_tokens.weight"
        save_file(tensors | {name: np.ascontiguousarray(change(tensors[name]))}, path)
    config = json.loads((cut / "config.json").read_text("utf-8"))
    (cut / "config.json").write_text(json.dumps(config | {"vocab_size": 259}), "utf-8")
    found = [
        held_out(
            taught(Distill(**LOOP | {"steps": 1}, teacher=str(folder)), base, tmp_path / f"on-{folder.name}")[
                0
            ],
            "distill.kl",
            when="before",
        ).value
        for folder in (padded, cut)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-5)
    assert found[0] > 0.5


def loud(table: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Rows of padding that a model would find the likeliest of all."""
    return np.concatenate([table[:259], 50 * table[259:]])


def test_a_teacher_that_was_recorded_is_the_one_that_teaches(
    base: Artifact, teacher: Path, tmp_path: Path
) -> None:
    """In a study it is an artifact, whose files are checked; the name in the step is not looked up again."""
    out = tmp_path / "recorded"
    out.mkdir()
    Fetch(name=str(teacher)).run({}, out, Told())
    known = Artifact("teacher", out, file_digest(out / "reference.json"))
    step = Distill(**LOOP | {"steps": 2, "every": 2}, teacher="nobody")
    outcome, _ = taught(step, base, tmp_path, teacher=known)
    assert held_out(outcome, "distill.kl", when="before").value > 0.5


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"teacher": ""}, "teacher"),
        ({"teacher": "endpoint:http://localhost:1/v1"}, "teacher"),
        ({"teacher_revision": ""}, "teacher_revision"),
        ({"divergence": "kl"}, "divergence"),
        ({"jsd_beta": 0.3}, "jsd_beta"),
        ({"divergence": "jsd", "jsd_beta": 1.0}, "jsd_beta"),
        ({"divergence": "jsd", "jsd_beta": 0.0}, "jsd_beta"),
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"kd_ratio": 0.0}, "kd_ratio"),
        ({"kd_ratio": 1.1}, "kd_ratio"),
        ({"weights": "some"}, "weights"),
        ({"quantize": "nf4", "weights": "full"}, "quantize"),
        ({"batch_size": 2, "batch_tokens": 64}, "batch_size"),
        ({"limits": Limits(margin_gap=1.0)}, "limits"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"on": " "}, "on"),
    ],
)
def test_settings_are_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(StudyError, match=rf"\b{field}\b"):
        Distill(**SOUND | changes)
    Distill(**SOUND)
