"""Two rankings become one."""

import pytest

from documents.errors import ConfigurationError
from stores.fusion import (
    Fusion,
    default_fusion,
    linear,
    parse_fusion,
    reciprocal_rank_fusion,
)

WORDS = [("a", 12.0), ("b", 9.0), ("c", 3.0)]
VECTORS = [("c", 0.9), ("a", 0.8), ("d", 0.1)]


def test_reciprocal_ranks_add_up() -> None:
    fused = dict(reciprocal_rank_fusion([WORDS, VECTORS], k=60))
    assert fused == pytest.approx(
        {"a": 1 / 61 + 1 / 62, "b": 1 / 62, "c": 1 / 63 + 1 / 61, "d": 1 / 63}
    )


def test_reciprocal_ranks_do_not_look_at_scores() -> None:
    scaled = [(identifier, score * 1_000 - 7) for identifier, score in WORDS]
    assert reciprocal_rank_fusion([scaled, VECTORS]) == reciprocal_rank_fusion([WORDS, VECTORS])


def test_a_smaller_constant_favours_first_places() -> None:
    one_first = [("x", 1.0), ("y", 0.9)]
    both_second = [("z", 1.0), ("y", 0.9)]
    assert reciprocal_rank_fusion([one_first, both_second], k=60)[0][0] == "y"
    assert reciprocal_rank_fusion([one_first, both_second, one_first], k=1)[0][0] == "x"


def test_linear_spreads_scores_and_weighs_them() -> None:
    fused = dict(linear(WORDS, VECTORS, weight=0.25))
    assert fused == pytest.approx(
        {"a": 0.75 + 0.25 * 0.7 / 0.8, "b": 0.75 * 6 / 9, "c": 0.25, "d": 0.0}
    )


def test_linear_by_the_best_score_keeps_proportions() -> None:
    fused = dict(linear(WORDS, VECTORS, weight=0.5, normalisation="max"))
    assert fused == pytest.approx(
        {"a": 0.5 + 0.5 * 0.8 / 0.9, "b": 0.5 * 9 / 12, "c": 0.5 * 3 / 12 + 0.5, "d": 0.5 / 9}
    )


@pytest.mark.parametrize(("weight", "best"), [(0.0, "a"), (1.0, "c")])
def test_the_weight_is_that_of_the_vectors(weight: float, best: str) -> None:
    assert linear(WORDS, VECTORS, weight=weight)[0][0] == best


def test_what_is_alike_was_found_all_the_same() -> None:
    assert dict(linear([("a", 5.0), ("b", 5.0)], [], weight=0.5)) == {"a": 0.5, "b": 0.5}


@pytest.mark.parametrize(
    "fusion", [Fusion("rrf"), Fusion("linear"), Fusion("linear", normalisation="max")]
)
class TestEveryFusion:
    def test_equals_come_in_the_order_of_their_ids(self, fusion: Fusion) -> None:
        fused = fusion([("z", 1.0)], [("b", 1.0)])
        assert [identifier for identifier, _ in fused] == ["b", "z"]

    def test_one_empty_ranking_leaves_the_other(self, fusion: Fusion) -> None:
        assert [i for i, _ in fusion(WORDS, [])] == ["a", "b", "c"]
        assert [i for i, _ in fusion([], VECTORS)] == ["c", "a", "d"]
        assert fusion([], []) == []

    def test_equal_scores_are_no_division_by_nothing(self, fusion: Fusion) -> None:
        assert len(fusion([("a", 0.0), ("b", 0.0)], [("a", -1.0)])) == 2

    def test_what_both_found_first_is_first(self, fusion: Fusion) -> None:
        assert fusion([("b", 2.0), ("a", 1.0)], [("b", 0.5), ("c", 0.4)])[0][0] == "b"


class TestSettings:
    @pytest.mark.parametrize(
        ("setting", "fusion"),
        [
            ("rrf", Fusion("rrf", k=60)),
            ("RRF:20", Fusion("rrf", k=20)),
            ("linear:0.7", Fusion("linear", weight=0.7)),
            ("linear:.4:max", Fusion("linear", weight=0.4, normalisation="max")),
        ],
    )
    def test_a_setting_names_a_fusion(self, setting: str, fusion: Fusion) -> None:
        assert parse_fusion(setting) == fusion

    @pytest.mark.parametrize(
        "setting",
        ["", "rrf:", "rrf:0", "rrf:x", "linear", "linear:2", "linear:nan", "linear:.5:z", "x"],
    )
    def test_anything_else_is_refused_with_what_is_known(self, setting: str) -> None:
        with pytest.raises(ConfigurationError) as error:
            parse_fusion(setting)
        assert "rrf:<k>" in error.value.hint

    def test_a_weak_model_counts_less_than_a_real_one(self) -> None:
        weak = default_fusion("wordllama:l2_supercat:256:f8999cab")
        assert weak.weight < 0.5 < default_fusion("openai:text-embedding-3-small").weight
