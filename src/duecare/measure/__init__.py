"""From many observations to one figure that says how sure it is: intervals, comparisons, decisions, sizes.

NumPy and SciPy only. Randomness is an argument. Prompts are clusters, twins are pairs.
"""

from duecare.measure.agree import agreements, cohen, fleiss, gwet_ac1, gwet_ac2, krippendorff_alpha
from duecare.measure.bootstrap import bootstrap_compare, bootstrap_rate
from duecare.measure.bulk import Bulk
from duecare.measure.calibrate import brier, calibration_error, group_calibration, reliability
from duecare.measure.checked import Checked
from duecare.measure.compare import (
    difference,
    mean_difference,
    mean_ratio,
    paired_difference,
    rate_difference,
    rate_ratio,
    ratio,
    sums_difference,
    sums_ratio,
)
from duecare.measure.decide import decide, decide_all
from duecare.measure.decision import decision_criteria, decision_rates
from duecare.measure.fitness import detector_errors, detector_fitness
from duecare.measure.gap import group_gaps, group_means, group_rates, worst_of
from duecare.measure.identity import identity_bias
from duecare.measure.interval import (
    Interval,
    clopper_pearson,
    cluster_bootstrap,
    cluster_mean,
    cluster_proportion,
    mean_t,
    proportion,
    wilson,
)
from duecare.measure.membership import chance_exposure, exposure, needed_others, true_positive_rate
from duecare.measure.multiple import benjamini_hochberg, decide_most, holm, p_value
from duecare.measure.panels import panel_differences, panel_shares, panel_weights
from duecare.measure.pool import group_intersections, pooled_rates
from duecare.measure.powered import powered_gaps, powered_mean, powered_rates
from duecare.measure.ranking import average_precision, roc_auc
from duecare.measure.raters import dawid_skene, mace, self_consistency, severities, twin_bias
from duecare.measure.ratings import Ratings
from duecare.measure.sequential import Asymptotic, Bernstein, Betting, Evidence, sequence_gap
from duecare.measure.size import (
    minimum_detectable_gap,
    minimum_detectable_mean,
    needed_n,
    needed_n_of_mean,
    needed_n_of_rate,
    needed_n_of_rates,
    power_to_decide,
)

__all__ = [
    "Asymptotic",
    "Bernstein",
    "Betting",
    "Bulk",
    "Checked",
    "Evidence",
    "Interval",
    "Ratings",
    "agreements",
    "average_precision",
    "benjamini_hochberg",
    "bootstrap_compare",
    "bootstrap_rate",
    "brier",
    "calibration_error",
    "chance_exposure",
    "clopper_pearson",
    "cluster_bootstrap",
    "cluster_mean",
    "cluster_proportion",
    "cohen",
    "dawid_skene",
    "decide",
    "decide_all",
    "decide_most",
    "decision_criteria",
    "decision_rates",
    "detector_errors",
    "detector_fitness",
    "difference",
    "exposure",
    "fleiss",
    "group_calibration",
    "group_gaps",
    "group_intersections",
    "group_means",
    "group_rates",
    "gwet_ac1",
    "gwet_ac2",
    "holm",
    "identity_bias",
    "krippendorff_alpha",
    "mace",
    "mean_difference",
    "mean_ratio",
    "mean_t",
    "minimum_detectable_gap",
    "minimum_detectable_mean",
    "needed_n",
    "needed_n_of_mean",
    "needed_n_of_rate",
    "needed_n_of_rates",
    "needed_others",
    "p_value",
    "paired_difference",
    "panel_differences",
    "panel_shares",
    "panel_weights",
    "pooled_rates",
    "power_to_decide",
    "powered_gaps",
    "powered_mean",
    "powered_rates",
    "proportion",
    "rate_difference",
    "rate_ratio",
    "ratio",
    "reliability",
    "roc_auc",
    "self_consistency",
    "sequence_gap",
    "severities",
    "sums_difference",
    "sums_ratio",
    "true_positive_rate",
    "twin_bias",
    "wilson",
    "worst_of",
]
