"""The public surface: the names that a user may rely on, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import duecare

NAMES = {
    "Estimate",
    "Example",
    "Finding",
    "Groups",
    "Score",
    "Study",
    "Use",
    "__version__",
    "curate",
    "detect_toxicity",
    "evaluate",
    "evaluate_for_fairness",
    "explain",
    "load_and_ethically_filter_data",
    "memorise",
    "reward",
    "train",
}


def test_the_public_names_are_these_and_no_others():
    assert set(duecare.__all__) == NAMES
    assert duecare.__all__ == sorted(duecare.__all__)
    assert set(dir(duecare)) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_public_name_is_there_and_explains_itself(name):
    found = getattr(duecare, name)
    assert found is not None
    if name != "__version__":
        assert found.__doc__


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = duecare.nonsense


def test_the_steps_are_where_tutorials_look_for_them():
    assert {"Read", "Screen", "Duplicates", "Redact", "Audit", "Balance", "Split"} <= set(
        duecare.curate.__all__
    )
    assert {"Sft", "Dpo"} <= set(duecare.train.__all__)
    assert {"Audit", "AuditLimits", "People"} <= set(duecare.reward.__all__)
    assert {"Evaluate", "Gate", "GateSpec"} <= set(duecare.evaluate.__all__)


def modules_after(code):
    script = f"import sys\n{code}\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


HEAVY = {"jax", "flax", "tunix", "torch"}


def test_importing_duecare_costs_nothing():
    assert not modules_after("import duecare") & (
        HEAVY | {"numpy", "pyarrow", "msgspec", "rich", "typer", "yaml"}
    )


def test_no_public_name_brings_an_accelerator_framework():
    code = "import duecare\nfor name in duecare.__all__: getattr(duecare, name)"
    loaded = modules_after(code)
    assert not loaded & HEAVY
    assert "pyarrow" in loaded  # the control: this looks at what was loaded
