"""The components that the grammar composes rewards of measured columns from, for tasks that measure what `contrast` measures.

As in parts.py: a rendered reward file is made of these very functions, with the constants set to its own parameters. `m` holds a
completion's measured numbers by the names of their columns.
"""

NEAR_QUERY_WEIGHT = 1.0
FAR_FROM_NEGATIVE_WEIGHT = 1.0
AHEAD_OF_NEGATIVE_WEIGHT = 2.0
AHEAD_OF_NEGATIVE_MARGIN = 0.2
AHEAD_OF_BATCH_WEIGHT = 2.0
AHEAD_OF_BATCH_MARGIN = 0.2
FAR_FROM_BATCH_WEIGHT = 1.0
RANKED_FIRST_WEIGHT = 1.0
RECIPROCAL_RANK_WEIGHT = 1.0
LOG_SHARE_WEIGHT = 0.5
CHANGES_TEXT_WEIGHT = 1.0
CHANGES_TEXT_MOST = 0.3
LIKE_GROUP_WEIGHT = 0.2
UNFINISHED_WEIGHT = 1.0
SAYS_SOMETHING_WEIGHT = 1.0
SAYS_SOMETHING_WORDS = 4
BREVITY_WEIGHT = 0.5
BREVITY_TOKENS = 24
LENGTH_WEIGHT = 0.5
LENGTH_TOKENS = 24
OWN_WORDS_WEIGHT = 0.5


# --- answer: what is near, and what is not ----------------------------------------------------------------------------


def near_query(prompt: str, completion: str, answer: str, m: dict[str, float]) -> float:
    """pays nearness to the own query"""
    return NEAR_QUERY_WEIGHT * m["sim_query"]


def far_from_negative(prompt: str, completion: str, answer: str, m: dict[str, float]) -> float:
    """penalises nearness to the nearest hard negative"""
    return -FAR_FROM_NEGATIVE_WEIGHT * m["sim_negative"]


def ahead_of_negative(prompt: str, completion: str, answer: str, m: dict[str, float]) -> float:
    """pays being nearer to the own query than to the nearest hard negative, up to a margin"""
    return AHEAD_OF_NEGATIVE_WEIGHT * min(AHEAD_OF_NEGATIVE_MARGIN, m["sim_query"] - m["sim_negative"])


def ahead_of_batch(prompt: str, completion: str, answer: str, m: dict[str, float]) -> float:
    """pays being nearer to the own query than to the nearest query of another row, up to a margin"""
    return AHEAD_OF_BATCH_WEIGHT * min(AHEAD_OF_BATCH_MARGIN, m["sim_query"] - m["sim_batch_max"])


def far_from_batch(prompt: str, completion: str, answer: str, m: dict[str, float]) -> float:
    """penalises nearness to the nearest query of another row"""
    return -FAR_FROM_BATCH_WEIGHT * m["sim_batch_max"]


def ranked_first(prompt: str, completion: str, answer: str, m: dict[str, float]) -> float:
    """pays an own query that is nearer than all others"""
    return RANKED_FIRST_WEIGHT if m["rank"] == 1 else 0.0


def reciprocal_rank(prompt: str, completion: str, answer: str, m: dict[str, float]) -> float:
    """pays one over the rank of the own query"""
    return RECIPROCAL_RANK_WEIGHT / m["rank"]


def log_share(prompt: str, completion: str, answer: str, m: dict[str, float]) -> float:
    """pays the log of the own query's share in a softmax over the batch (InfoNCE), at worst that of a hundredth"""
    return LOG_SHARE_WEIGHT * max(-4.6, m["log_share"])


# --- work: what the rationale does ------------------------------------------------------------------------------------


def changes_text(prompt: str, completion: str, answer: str, m: dict[str, float]) -> float:
    """pays a rationale that moves its text away from the bare text, up to a distance"""
    return CHANGES_TEXT_WEIGHT * min(CHANGES_TEXT_MOST, 1 - m["sim_bare"])


def like_group(prompt: str, completion: str, answer: str, m: dict[str, float]) -> float:
    """pays nearness to the other completions of the prompt"""
    return LIKE_GROUP_WEIGHT * m["sim_group"]


def own_words(prompt: str, completion: str, answer: str, m: dict[str, float]) -> float:
    """pays the share of distinct words of the completion that are not in the text"""
    said = set(completion.lower().split())
    return OWN_WORDS_WEIGHT * len(said - set(prompt.lower().split())) / len(said) if said else 0.0


# --- form -------------------------------------------------------------------------------------------------------------


def unfinished(prompt: str, completion: str, answer: str, m: dict[str, float]) -> float:
    """penalises a rationale that is not closed"""
    return 0.0 if m["finished"] else -UNFINISHED_WEIGHT


def says_something(prompt: str, completion: str, answer: str, m: dict[str, float]) -> float:
    """penalises a completion of few distinct words"""
    return 0.0 if len(set(completion.split())) >= SAYS_SOMETHING_WORDS else -SAYS_SOMETHING_WEIGHT


# --- style ------------------------------------------------------------------------------------------------------------


def brevity(prompt: str, completion: str, answer: str, m: dict[str, float]) -> float:
    """prefers short completions among those that are closed"""
    return BREVITY_WEIGHT * max(0.0, 1.0 - m["tokens"] / BREVITY_TOKENS) if m["finished"] else 0.0


def length(prompt: str, completion: str, answer: str, m: dict[str, float]) -> float:
    """prefers long completions among those that are closed, up to a number of tokens"""
    return LENGTH_WEIGHT * min(1.0, m["tokens"] / LENGTH_TOKENS) if m["finished"] else 0.0
