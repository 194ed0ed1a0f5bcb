"""Making one ranking of two: the words' and the vectors'.

The same code ranks for every store, so an answer does not change with the server behind it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from documents.errors import ConfigurationError

Ranking = Sequence[tuple[str, float]]
"""Document ids with their scores, best first, each id once."""

Normalisation = Literal["minmax", "max"]

RRF_CONSTANT: Final = 60
"""Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
Learning Methods" (SIGIR 2009)."""


def reciprocal_rank_fusion(
    rankings: Sequence[Ranking], *, k: int = RRF_CONSTANT
) -> list[tuple[str, float]]:
    """Adds up `1 / (k + rank)` over the rankings a document is in, rank from 1.

    Looks at ranks only, so it needs no comparable scores and no tuning.

    Args:
        rankings: Any number of them.
        k: The larger, the less a first place is worth beside a second one.

    Returns:
        Every document with its sum, best first; equals in the order of their ids.
    """
    sums: dict[str, float] = {}
    for ranking in rankings:
        for rank, (identifier, _) in enumerate(ranking, start=1):
            sums[identifier] = sums.get(identifier, 0.0) + 1.0 / (k + rank)
    return _ordered(sums)


def linear(
    words: Ranking, vectors: Ranking, *, weight: float, normalisation: Normalisation = "minmax"
) -> list[tuple[str, float]]:
    """Adds up normalised scores: `(1 - weight) * words + weight * vectors`.

    Args:
        words: Scores of any scale, for instance BM25.
        vectors: Scores of any scale, for instance cosines.
        weight: How much the vectors count, 0 to 1.
        normalisation: `minmax` spreads each ranking's scores over 0 to 1, `max` divides them by
            the best; a document that a ranking does not have gets 0 from it.

    Returns:
        Every document with its sum, best first; equals in the order of their ids.
    """
    sums: dict[str, float] = {}
    for ranking, share in ((words, 1.0 - weight), (vectors, weight)):
        for identifier, score in _normalised(ranking, normalisation).items():
            sums[identifier] = sums.get(identifier, 0.0) + share * score
    return _ordered(sums)


@dataclass(frozen=True, slots=True)
class Fusion:
    """A way to fuse, as a setting names it.

    Attributes:
        method: `rrf` or `linear`.
        k: For `rrf`.
        weight: For `linear`.
        normalisation: For `linear`.
    """

    method: Literal["rrf", "linear"] = "rrf"
    k: int = RRF_CONSTANT
    weight: float = 0.5
    normalisation: Normalisation = "minmax"

    def __call__(self, words: Ranking, vectors: Ranking) -> list[tuple[str, float]]:
        """Fuses two rankings."""
        if self.method == "rrf":
            return reciprocal_rank_fusion([words, vectors], k=self.k)
        return linear(words, vectors, weight=self.weight, normalisation=self.normalisation)


def parse_fusion(setting: str) -> Fusion:
    """Reads `rrf`, `rrf:<k>`, `linear:<weight>` or `linear:<weight>:<normalisation>`.

    Raises:
        ConfigurationError: The text is none of these.
    """
    method, *values = setting.strip().lower().split(":")
    try:
        match method, values:
            case "rrf", []:
                return Fusion("rrf")
            case "rrf", [k] if int(k) > 0:
                return Fusion("rrf", k=int(k))
            case "linear", [weight] if 0 <= float(weight) <= 1:
                return Fusion("linear", weight=float(weight))
            case "linear", [weight, "minmax" | "max" as normalisation] if 0 <= float(weight) <= 1:
                return Fusion("linear", weight=float(weight), normalisation=normalisation)
    except ValueError:
        pass
    raise ConfigurationError(
        f"{setting!r} is no way to fuse rankings.",
        hint="Known are rrf, rrf:<k>, linear:<weight of the vectors, 0 to 1> and "
        "linear:<weight>:<minmax or max>.",
    )


def default_fusion(model: str) -> Fusion:
    """What an embedding model is fused with, by its setting or identity.

    One rule: the vectors get a share at which both together are nowhere below the better half.
    WordLlama's are weaker than words nearly everywhere, so they order what the words bring and add
    what these miss (0.2); a sentence model's may lead (0.6). The collections, halves of their
    queries and other shares: docs/search-quality.md.
    """
    return Fusion("linear", weight=0.2 if model.startswith("wordllama") else 0.6)


def _normalised(ranking: Ranking, normalisation: Normalisation) -> Mapping[str, float]:
    if not ranking:
        return {}
    scores = [score for _, score in ranking]
    low = min(scores) if normalisation == "minmax" else 0.0
    span = max(scores) - low
    # All alike: each was found, and none better than another.
    return {i: (score - low) / span if span > 0 else 1.0 for i, score in ranking}


def _ordered(sums: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))
