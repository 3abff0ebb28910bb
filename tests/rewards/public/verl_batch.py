"""A reward of verl's batch manager."""


def compute_score_batch(data_sources, solution_strs, ground_truths, extra_infos):
    pairs = zip(solution_strs, ground_truths, extra_infos, strict=True)
    return [float(text.strip().endswith(gold)) + 0.5 * (info["level"] == "hard") for text, gold, info in pairs]
