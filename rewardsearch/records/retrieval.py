"""What tasks that rank texts have beside F1 and accuracy."""

from __future__ import annotations

from rewardsearch.records.classes import ScoreEstimate
from rewardsearch.records.data import Record


class RetrievalScores(Record):
    """Scores of an arm from the place of the right text among those ranked, means over its training seeds. A question without a
    place, whose completion is unparsed, counts 0.

    mrr: the mean of 1 / place. ndcg: nDCG@10 with one relevant text, the mean of 1 / log2(1 + place), 0 beyond the tenth place.
    """

    mrr: ScoreEstimate
    ndcg: ScoreEstimate
