"""What must hold of a bundle's files, whatever its dataset; `classifier.bundles.registry` asks.

Pages, API and database take a bundle's values as they are, so that one bad value here would break
them for everyone. Each check gives its problems, one plain sentence each.
"""

from classifier.bundles.verification.evaluation import evaluation_problems, evaluation_type_problems
from classifier.bundles.verification.files import weights_problems
from classifier.bundles.verification.metadata import (
    LONGEST,
    metadata_problems,
    metadata_type_problems,
    version_problems,
)
from classifier.bundles.verification.uncertainty import uncertainty_problems
from classifier.bundles.verification.values import EVALUATION_FILE, METADATA_FILE, parse, reason

__all__ = [
    "EVALUATION_FILE",
    "LONGEST",
    "METADATA_FILE",
    "evaluation_problems",
    "evaluation_type_problems",
    "metadata_problems",
    "metadata_type_problems",
    "parse",
    "reason",
    "uncertainty_problems",
    "version_problems",
    "weights_problems",
]
