"""duecare: responsible post-training for large language models, on Tunix.

>>> import duecare
>>> study = duecare.Study.read("study.yaml")   # doctest: +SKIP
>>> result = study.run()                       # doctest: +SKIP

Everything is imported when it is first asked for: `import duecare` costs nothing and needs no JAX.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from duecare.version import __version__

if TYPE_CHECKING:
    from duecare import curate, evaluate, explain, memorise, reward, train
    from duecare.cli.study import Groups, Study, Use
    from duecare.core import Estimate, Example, Finding, Score
    from duecare.curate.tutorial import load_and_ethically_filter_data
    from duecare.detect.toxic import detect_toxicity
    from duecare.evaluate.tutorial import evaluate_for_fairness

_WHERE = {
    "Estimate": "duecare.core:Estimate",
    "Example": "duecare.core:Example",
    "Finding": "duecare.core:Finding",
    "Groups": "duecare.cli.study:Groups",
    "Score": "duecare.core:Score",
    "Study": "duecare.cli.study:Study",
    "Use": "duecare.cli.study:Use",
    "curate": "duecare.curate",
    "detect_toxicity": "duecare.detect.toxic:detect_toxicity",
    "evaluate": "duecare.evaluate",
    "evaluate_for_fairness": "duecare.evaluate.tutorial:evaluate_for_fairness",
    "explain": "duecare.explain",
    "load_and_ethically_filter_data": "duecare.curate.tutorial:load_and_ethically_filter_data",
    "memorise": "duecare.memorise",
    "reward": "duecare.reward",
    "train": "duecare.train",
}

__all__ = [
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
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    where = _WHERE.get(name)
    if where is None:
        raise AttributeError(f"module 'duecare' has no attribute {name!r}")
    module, _, attribute = where.partition(":")
    found = importlib.import_module(module)
    return getattr(found, attribute) if attribute else found


def __dir__() -> list[str]:
    return sorted(__all__)
