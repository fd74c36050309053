"""Every place where we lean on the inside of Tunix, flax or qwix: an upgrade breaks here first, with a name.

One test a seam. What leans on it is named beside it, so that the one who upgrades knows where to look.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
import inspect
from typing import Any

import pytest

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings(r"ignore::DeprecationWarning:(tunix|qwix|flax)\."),
]


def parameters(function: Any) -> list[str]:
    """Names of a function's parameters, without `self`."""
    return [name for name in inspect.signature(function).parameters if name != "self"]


def model(family: str) -> Any:
    return importlib.import_module(f"tunix.models.{family}.model")


def test_versions_are_those_that_were_read() -> None:
    assert importlib.metadata.version("google-tunix") == "0.1.7"
    assert importlib.metadata.version("qwix") == "0.1.8"


@pytest.mark.parametrize(
    ("family", "kind", "expected"),
    [
        ("llama3", "Llama3", ["input_tokens", "positions", "cache", "attention_mask"]),
        ("qwen2", "Qwen2", ["input_tokens", "positions", "cache", "attention_mask"]),
        ("qwen3", "Qwen3", ["input_tokens", "positions", "cache", "attention_mask"]),
        ("gemma3", "Gemma3", ["last_tokens", "positions", "cache", "attention_mask"]),
    ],
)
def test_a_model_is_called_with_tokens_positions_cache_and_mask(
    family: str, kind: str, expected: list[str]
) -> None:
    """model/forward.py, train: the first four arguments, by position."""
    assert parameters(getattr(model(family), kind).__call__)[:4] == expected


@pytest.mark.parametrize("family", ["llama3", "qwen2", "qwen3", "gemma3"])
def test_a_layer_is_called_as_the_hidden_forward_calls_it(family: str) -> None:
    """model/forward.py calls embedder, layers and final_norm one by one."""
    expected = (
        ["x", "cache", "attn_mask", "sin", "cos"]
        if family == "qwen2"
        else ["x", "segment_pos", "cache", "attn_mask"]
    )
    found = parameters(model(family).DecoderLayer.__call__)
    assert found[: len(expected)] == expected
    assert {"encode", "decode"} <= set(dir(model(family).Embedder))


@pytest.mark.parametrize("family", ["llama3", "qwen3"])
def test_rope_is_still_called_without_the_models_own_theta(family: str) -> None:
    """Why model/rope.py exists. Where this fails Tunix may have been mended: compare and simplify."""
    source = inspect.getsource(model(family).Attention.block)
    assert source.count("apply_rope(") == 2
    assert "rope_theta" not in source
    assert inspect.signature(model(family).apply_rope).parameters["rope_theta"].default == 1_000_000


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("llama3", ["x", "segment_pos", "cache", "attn_mask"]),
        ("qwen3", ["x", "segment_pos", "cache", "attn_mask", "segment_ids"]),
    ],
)
def test_block_is_what_the_mend_overrides(family: str, expected: list[str]) -> None:
    """model/rope.py overrides `block`; `__call__` must go through it, with remat and without."""
    attention = model(family).Attention
    assert parameters(attention.block) == expected
    assert "self.block(" in inspect.getsource(attention.__call__)
    assert parameters(attention.__init__) == ["config", "rngs"]
    assert isinstance(model(family).K_MASK, float)
    assert parameters(model(family).shard) == ["x", "s"]


@pytest.mark.parametrize(("family", "theta"), [("qwen2", "rope_theta"), ("gemma3", "base_frequency")])
def test_two_families_pass_their_theta(family: str, theta: str) -> None:
    """model/load.py relies on it: these are not mended."""
    source = inspect.getsource(model(family))
    assert {"qwen2": "self.config.rope_theta", "gemma3": "base_frequency=self.rope_base_frequency"}[
        family
    ] in source
    assert theta in source


def test_qwen2_positions_are_embedded_as_the_hidden_forward_does() -> None:
    """model/forward.py calls this private function."""
    assert parameters(model("qwen2")._generate_pos_embeddings) == ["positions", "features", "rope_theta"]


def test_gemma_has_its_pattern_and_epsilon_built_in() -> None:
    """model/family.py refuses every other pattern and epsilon."""
    gemma = model("gemma3")
    kinds = [kind.name for kind in gemma.GEMMA3_ATTENTION_PATTERN]
    assert kinds == ["LOCAL_SLIDING"] * 5 + ["GLOBAL"]
    assert "1e-06" in inspect.getsource(gemma.RMSNorm.__call__)


@pytest.mark.parametrize(
    ("family", "fields"),
    [
        ("llama3", {"rope_theta", "norm_eps", "weight_tying", "vocab_size", "num_kv_heads", "head_dim"}),
        ("qwen2", {"rope_theta", "norm_eps", "use_tied_embedding", "vocab_size", "dtype", "param_dtype"}),
        ("qwen3", {"rope_theta", "norm_eps", "use_tied_embedding", "vocab_size", "dtype", "param_dtype"}),
        (
            "gemma3",
            {
                "num_embed",
                "sliding_window_size",
                "local_base_frequency",
                "global_base_frequency",
                "global_scale_factor",
                "query_pre_attn_norm",
                "param_dtype",
            },
        ),
    ],
)
def test_configs_have_the_fields_that_are_filled(family: str, fields: set[str]) -> None:
    """model/load.py builds these configs from config.json."""
    common = {"num_layers", "embed_dim", "hidden_dim", "num_heads"}
    assert fields | common <= {field.name for field in dataclasses.fields(model(family).ModelConfig)}


def test_cache_is_a_dictionary_by_layer_with_one_end() -> None:
    """model/forward.py makes its own cache; model/rope.py writes to it."""
    from tunix.generate.sampler import _init_cache

    cache = _init_cache(1, 4, 2, 3, 8, "float32")
    assert {name: leaf.shape for name, leaf in cache["layer_0"].items()} == {
        "k": (2, 4, 3, 8),
        "v": (2, 4, 3, 8),
        "end_index": (2,),
    }


def test_qwix_puts_lora_beside_the_weight_and_acts_in_the_models_call_only() -> None:
    """model/export.py reads `<weight>_lora_a` and `_lora_b`; model/forward.py refuses such models."""
    import qwix
    from qwix._src.providers import lora

    assert parameters(qwix.apply_lora_to_model)[:2] == ["model", "provider"]
    source = inspect.getsource(lora._get_or_create_lora_params)
    assert "name + '_lora_a'" in source
    assert "name + '_lora_b'" in source
    assert "rule.alpha / rule.rank" in inspect.getsource(lora.LoraProvider.einsum)
    assert {field.name for field in dataclasses.fields(lora.LoraRule)} >= {"rank", "alpha", "module_path"}


def test_the_trainer_has_the_seams_that_training_enters_by() -> None:
    """train/engine_loop.py: what the loss returns beside the loss is handed on before the step counts."""
    from tunix.sft.peft_trainer import PeftTrainer, TrainingConfig

    assert parameters(PeftTrainer.__init__)[:3] == ["model", "optimizer", "training_config"]
    assert parameters(PeftTrainer.with_loss_fn) == ["loss_fn", "has_aux"]
    assert parameters(PeftTrainer.with_gen_model_input_fn) == ["gen_model_input_fn"]
    assert parameters(PeftTrainer._post_process_train_step) == ["aux"]
    assert parameters(PeftTrainer._log_metrics) == ["loss", "step", "additional_metrics"]
    assert parameters(PeftTrainer._train_step) == ["model", "optimizer", "inputs"]
    assert parameters(PeftTrainer.train)[:2] == ["train_ds", "eval_ds"]
    assert {"eval_every_n_steps", "max_steps"} <= {field.name for field in dataclasses.fields(TrainingConfig)}
    source = inspect.getsource(PeftTrainer.train)
    assert source.index("train_step(train_example)") < source.index("_post_process_train_step(aux)")
    assert source.index("_post_process_train_step(aux)") < source.index("checkpoint_manager.save(")


def test_only_low_rank_weights_are_trained_once_there_are_some() -> None:
    """train/lora.py: the base stays frozen because Tunix differentiates by LoRAParam alone."""
    from tunix.sft.peft_trainer import PeftTrainer

    assert "wrt=nnx.LoRAParam" in inspect.getsource(PeftTrainer.__init__)
    assert "nnx.DiffState(0, nnx.LoRAParam)" in inspect.getsource(PeftTrainer._train_step)


def test_the_optimiser_keeps_all_it_remembers_as_variables() -> None:
    """train/lora.py saves and restores `OptState`, the step counter included."""
    import jax
    import optax
    from flax import nnx

    module = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(module, optax.adam(1e-3), wrt=nnx.Param)
    state = nnx.state(optimizer, nnx.optimizer.OptState)
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(state)]
    assert len(names) == 1 + 1 + 2 * 2
    assert any("step" in name for name in names)
    assert sum("mu" in name for name in names) == sum("nu" in name for name in names) == 2


def test_gemma_counts_its_sliding_window_in_places() -> None:
    """train/engine_prefer.py shares prompts only where lines are no longer than the window."""
    source = inspect.getsource(model("gemma3").Attention.block)
    assert "sliding_mask = jnp.triu(" in source


def test_tunixs_default_loss_is_what_ours_is_compared_with() -> None:
    """tests/train: our losses equal these on the same rows."""
    from tunix.sft.dpo.dpo_trainer import TrainExample, dpo_loss_fn
    from tunix.sft.peft_trainer import _default_loss_fn

    assert parameters(_default_loss_fn)[:5] == [
        "model",
        "input_tokens",
        "input_mask",
        "positions",
        "attention_mask",
    ]
    assert parameters(dpo_loss_fn)[:4] == ["model", "train_example", "algorithm", "beta"]
    assert {"input_ids", "ref_chosen_logps", "completion_mask", "logits_to_keep"} <= {
        field.name for field in dataclasses.fields(TrainExample)
    }


def test_losses_and_advantages_of_tunixs_learners_are_what_ours_are_compared_with() -> None:
    """tests/train/test_train_reinforce_losses.py: called with these arguments, on these fields."""
    from tunix.rl import algo_core, common

    assert parameters(algo_core.grpo_loss_fn)[:5] == [
        "model",
        "train_example",
        "algo_config",
        "pad_id",
        "eos_id",
    ]
    assert parameters(algo_core.ppo_policy_loss_fn)[:5] == parameters(algo_core.grpo_loss_fn)[:5]
    assert parameters(algo_core.ppo_value_loss_fn)[2:] == ["clip_range_value", "pad_id", "eos_id"]
    assert parameters(algo_core.compute_advantages) == ["rewards", "num_generations"]
    assert {"prompt_ids", "completion_mask", "advantages", "ref_per_token_logps", "old_per_token_logps"} <= {
        field.name for field in dataclasses.fields(common.TrainExample)
    }


def test_what_tunixs_learners_do_to_answers_is_still_why_rounds_are_ours() -> None:
    """design/0007 names these. Where one fails Tunix may have been mended: read the page again."""
    from tunix.rl import common
    from tunix.rl.grpo.grpo_learner import GRPOConfig, GRPOLearner
    from tunix.rl.ppo.ppo_learner import PPOLearner

    grpo = inspect.getsource(GRPOLearner._generate_and_compute_advantage)
    ppo = inspect.getsource(PPOLearner._generate_and_compute_advantage)
    # Ends of turn are not learned where the model pads with them, and not read in prompts.
    assert "np.not_equal(padded_completion_ids, pad_value)" in grpo
    assert "prompt_mask = prompt_tokens != pad_id" in inspect.getsource(common.process_ids)
    # Rewards of PPO are kept in whole numbers: 0.75 counts as 0.
    assert "rewards = jnp.zeros_like(jax_completion_ids)" in ppo
    assert GRPOConfig().kl_loss_mode == "kl"
    assert GRPOConfig(policy_loss_fn="nonsense").policy_loss_fn == "nonsense"


def test_tunix_logs_to_backends_of_ours() -> None:
    """train/metrics.py: backends are made by factories; scalars come with prefix, mode, name and step."""
    from tunix.sft.metrics_logger import MetricsLogger, MetricsLoggerOptions
    from tunix.sft.peft_trainer import TrainingConfig

    named = {field.name for field in dataclasses.fields(MetricsLoggerOptions)}
    assert {"log_dir", "run_name", "backend_kwargs"} <= named
    assert {"metrics_logging_options", "metrics_prefix"} <= {
        field.name for field in dataclasses.fields(TrainingConfig)
    }
    made: list[str] = []
    MetricsLoggerOptions(
        log_dir="", backend_kwargs={"custom_backend": [lambda: made.append("made")]}
    ).create_backends()
    assert made == ["made"]
    assert parameters(MetricsLogger.log)[:5] == [
        "metrics_prefix",
        "metric_name",
        "scalar_value",
        "mode",
        "step",
    ]


def test_jax_privacy_clips_audits_and_orders_as_privacy_calls_it() -> None:
    """privacy/clip.py, privacy/canary.py."""
    from jax_privacy import clipped_grad
    from jax_privacy.auditing import Bonferroni, CanaryScoreAuditor
    from jax_privacy.sharding_utils import compute_early_stopping_order

    assert importlib.metadata.version("jax-privacy") == "2.0.0"
    assert set(parameters(clipped_grad)) >= {
        "l2_clip_norm",
        "batch_argnums",
        "keep_batch_dim",
        "return_grad_norms",
        "microbatch_size",
        "dtype",
    }
    assert parameters(CanaryScoreAuditor.epsilon_one_run)[:2] == ["significance", "delta"]
    assert parameters(compute_early_stopping_order) == ["batch_size", "microbatch_size"]
    assert Bonferroni() is not None


def test_the_accountant_composes_poisson_sampled_gaussian_steps() -> None:
    """privacy/account.py."""
    import dp_accounting
    from dp_accounting.pld import PLDAccountant

    assert importlib.metadata.version("dp-accounting") == "0.6.0"
    assert parameters(PLDAccountant.__init__)[:2] == ["neighboring_relation", "value_discretization_interval"]
    assert parameters(PLDAccountant.compose) == ["event", "count"]
    assert dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE.name == "ADD_OR_REMOVE_ONE"


@pytest.mark.parametrize(
    ("family", "projection"),
    [("llama3", "o_proj"), ("qwen2", "o_proj"), ("qwen3", "o_proj"), ("gemma3", "attn_vec_einsum")],
)
def test_heads_meet_in_one_projection_and_the_mlp_is_called_once(family: str, projection: str) -> None:
    """model/activation.py puts hooks before the projection of heads and behind the feed-forward block."""
    attention = inspect.getsource(model(family).Attention.block)
    assert attention.count(f"self.{projection}(") == 1
    assert inspect.getsource(model(family).DecoderLayer.block).count("self.mlp(") == 1
