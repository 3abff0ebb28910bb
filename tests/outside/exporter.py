"""An exporter for verl, as one file outside the package:

    rewardsearch export RUN --to exporter.py:VerlExporter -o out

verl calls one function per completion: compute_score(data_source, solution_str, ground_truth, extra_info).
"""

from __future__ import annotations

from rewardsearch.exporters import ExportSelection, as_factory

MODULE = '''
def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    """The weighted sum of all rewards. extra_info: `prompt` and the other columns that the rewards read."""
    columns = {name: [str(value)] for name, value in (extra_info or {}).items()}
    total = 0.0
    for reward, weight in REWARDS:
        given = reward(
            prompts=columns.get("prompt", [""]), completions=[solution_str], answer=[str(ground_truth)], **columns
        )
        parts = given.values() if isinstance(given, dict) else [given]
        total += weight * sum(part[0] for part in parts)
    return total
'''
README = """# Rewards for verl

{source}, exported by rewardsearch. Pass to verl:

    custom_reward_function.path=verl_reward.py custom_reward_function.name=compute_score

Columns that the rewards read from `extra_info`: {columns}.

{findings}
"""


class VerlExporter:
    def files(self, selection: ExportSelection) -> dict[str, str]:
        # Each reward becomes a function of its own, so that the rewards do not share names.
        made = [as_factory(f"make_{i}", spec.name, spec.code) for i, spec in enumerate(selection.rewards)]
        rewards = ", ".join(f"(make_{i}(), {spec.weight!r})" for i, spec in enumerate(selection.rewards))
        head = "from __future__ import annotations\n\n" if any(future for _, future in made) else ""
        module = head + "\n\n".join(code for code, _ in made) + f"\n\nREWARDS = [{rewards}]\n\n" + MODULE
        columns = ", ".join(("prompt", *selection.columns))
        findings = " ".join(selection.test_findings)
        readme = README.format(source=selection.source, columns=columns, findings=findings)
        return {"verl_reward.py": module, "README.md": readme}
