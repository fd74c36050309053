"""What is told of influence: a planted slice is named and chance is not, copies count once, refusals."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from influence_worlds import told_by_rumour
from training_toys import chat

from duecare.core import DataError, Example, StudyError
from duecare.core.example import Field
from duecare.core.table import table
from duecare.train import Debias, Dpo, GroupDro, Influence, Privacy, Sft
from duecare.train.influence_figures import About, Found
from duecare.train.influence_slices import Slice, clusters_of, slices_of

ABOUT = About("twins_gap", "gender", "women", "men")
SIZE = 90


def found(values: np.ndarray, slices: list[np.ndarray], clusters: list[str] | None = None) -> Found:
    return Found(
        abouts=[ABOUT],
        values=values[None],
        moved=[float(values.sum())],
        rows=np.arange(len(values)),
        clusters=clusters or [f"chats:{number}" for number in range(len(values))],
        slices=[Slice("topic", str(number), mine) for number, mine in enumerate(slices)],
        source="chats",
        method="sft",
        unit="nats per token",
        checkpoints=4,
    )


def thirds(rng: np.random.Generator, size: int = SIZE) -> list[np.ndarray]:
    of = rng.permutation(np.arange(size) % 3)
    return [of == number for number in range(3)]


@pytest.mark.parametrize("tails", [3.0, 30.0])
def test_random_slices_are_named_in_a_twentieth_of_runs_at_most(tails: float) -> None:
    """Influence is heavy-tailed: a few rows make most of it."""
    rng = np.random.default_rng(0)
    runs = 300
    alarms = sum(bool(found(rng.standard_t(tails, SIZE), thirds(rng)).chosen) for _ in range(runs))
    assert alarms / runs < 0.05 + 2 * np.sqrt(0.05 * 0.95 / runs)


def test_a_planted_slice_is_named_and_says_what_removing_it_does() -> None:
    rng = np.random.default_rng(1)
    named = 0
    for _ in range(50):
        slices = thirds(rng)
        values = rng.standard_t(5, SIZE) + 1.5 * slices[2]
        made = found(values, slices)
        first = made.chosen[0] if made.chosen else None
        named += first is not None and first.slice.value == "2" and first.verdict == "fail"
        if first is not None and first.slice.value == "2":
            # All thirty rows go, and with as many random rows a third of them would have gone as well.
            gone = values[slices[2]].sum() - SIZE / 3 * values.mean()
            assert first.expected == pytest.approx(-gone)
    assert named >= 45


def test_copies_of_a_row_are_no_further_evidence() -> None:
    """Ten copies of each row: with the copies taken for rows of their own, chance is found everywhere."""
    rng = np.random.default_rng(2)
    alarms = {True: 0, False: 0}
    for _ in range(60):
        slices = [np.repeat(mine, 10) for mine in thirds(rng, 30)]
        values = np.repeat(rng.standard_normal(30), 10) + 0.01 * rng.standard_normal(300)
        stems = [f"chats:{number // 10}" for number in range(300)]
        alarms[True] += bool(found(values, slices, stems).chosen)
        alarms[False] += bool(found(values, slices).chosen)
    assert alarms[True] <= 8
    assert alarms[False] >= 40


def test_the_control_finds_nothing_where_labels_are_shuffled() -> None:
    rng = np.random.default_rng(3)
    slices = thirds(rng)
    made = found(rng.standard_t(5, SIZE) + 1.5 * slices[2], slices)
    control = made.control(0)
    assert made.chosen
    assert control.metric == "sft.influence.control"
    assert control.low is not None
    assert control.low < 0.05
    assert made.control(0) == control


def test_of_two_slices_that_are_the_rest_of_each_other_one_is_chosen() -> None:
    rng = np.random.default_rng(5)
    half = rng.permutation(np.arange(SIZE) % 2 == 0)
    made = found(rng.standard_normal(SIZE) + 3 * half, [half, ~half])
    assert sum(each.named for each in made.contrasts) == 2
    assert [each.slice.value for each in made.chosen] == ["0"]
    # Control: two that are not each other's rest both stand.
    other = rng.permutation(half)
    both = found(rng.standard_normal(SIZE) + 3 * half + 3 * other, [half, other])
    assert len(both.chosen) == 2


def test_slices_too_small_say_so() -> None:
    rng = np.random.default_rng(4)
    few = np.arange(SIZE) < 4
    made = found(rng.standard_normal(SIZE) + 100 * few, [few])
    assert not made.chosen
    (estimate,) = made.estimates()
    assert estimate.value is None
    assert "fewer than 5 independent rows" in (estimate.reason or "")
    assert made.control(0).value is None


def test_slices_go_by_groups_columns_copies_and_mentions() -> None:
    rows: list[Example] = told_by_rumour(12)
    rows.append(chat(12, "Tell the Muslim woman about it.", "yes"))
    rows.append(msgspec.structs.replace(chat(13, "w", "nurse"), row="chats:1~gender:men>women"))
    made = slices_of(table(rows), ("groups", "topic", "copies", "mentions"))
    names = {(one.by, one.value): int(one.mine.sum()) for one in made}
    assert names["gender", "men"] == 6
    assert names["topic", "rumour"] == 4
    assert names["copies", "added by curation"] == 1
    assert names["mentions.religion", "Muslim"] == 1
    assert clusters_of(["chats:1", "chats:1~gender:men>women"]) == ["chats:1", "chats:1"]
    assert [one.value for one in slices_of(table(rows), ("topic",))] == ["rumour", "travel", "weather"]


def test_columns_that_name_rows_are_refused() -> None:
    rows = [
        msgspec.structs.replace(row, fields=(Field(name="who", value=str(number)),))
        for number, row in enumerate(told_by_rumour(30))
    ]
    with pytest.raises(DataError, match="'who' has 30 values"):
        slices_of(table(rows), ("who",))
    with pytest.raises(DataError, match="tell no 1 rows apart"):
        slices_of(table(rows[:1]), ("groups",))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"privacy": Privacy(epsilon=8.0, delta=1e-5, unit="example")}, "beside privacy"),
        ({"debias": Debias(axis="gender", group_dro=GroupDro())}, "beside group_dro"),
        ({"weights": "full"}, "weights: full"),
        ({"accumulate": 2}, "accumulate"),
        ({"influence": Influence(of="margin_gap")}, "twins_gap or loss_gap for sft"),
        ({"influence": Influence(of="loss_gap"), "held_out": 0}, "at least 1 row"),
        ({"influence": Influence(of="loss_gap"), "groups": ("age",)}, "influence.axis"),
        ({"influence": Influence(validate=True), "keep": "best"}, "influence.validate"),
    ],
)
def test_what_cannot_be_traced_is_refused(fields: dict[str, object], told: str) -> None:
    given = {"influence": Influence()} | fields
    with pytest.raises(StudyError, match=told):
        Sft(on="chats", **given)  # type: ignore[arg-type]


def test_settings_are_refused_each_by_its_name() -> None:
    Dpo(on="pairs", influence=Influence(of="margin_gap", axis="age_band"))
    with pytest.raises(StudyError) as refused:
        Influence(axis="height", group="tall", slices=(), seeds=2, most=0, checkpoints=0, top=-1)
    said = str(refused.value)
    for name in ("axis", "slices", "seeds", "most", "checkpoints", "top"):
        assert f"train.influence.{name}" in said
    with pytest.raises(StudyError, match="women, nonbinary"):
        Influence(axis="gender", group="men")
