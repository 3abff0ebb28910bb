"""What roles ask for: skills, other words for the same skill, and words that only sound like it.

Every skill is one word, and no word means two skills.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Skill:
    """A skill as jobs name it; `equivalents` count as the skill itself, `near` is a word that must not be taken for it."""

    word: str
    equivalents: tuple[str, ...]
    near: str


def _skills(*lines: str) -> tuple[Skill, ...]:
    """From lines of the form `skill: equivalent equivalent / near miss`."""
    found = []
    for line in lines:
        word, others = line.split(": ")
        equivalents, near = others.split(" / ")
        found.append(Skill(word, tuple(equivalents.split()), near))
    return tuple(found)


MUST: dict[str, tuple[Skill, ...]] = {
    "analyst": _skills(
        "sql: postgresql mysql / xml",
        "statistics: econometrics probability / statutes",
        "tableau: powerbi looker / templates",
        "excel: spreadsheets calc / outlook",
        "forecasting: prediction modelling / forestry",
    ),
    "developer": _skills(
        "javascript: typescript ecmascript / java",
        "git: mercurial svn / gimp",
        "docker: podman containers / docking",
        "react: vue svelte / reactors",
        "testing: pytest jest / tasting",
    ),
    "administrator": _skills(
        "linux: debian ubuntu / windows",
        "networking: routing tcp / meetups",
        "backup: archiving snapshots / backend",
        "bash: zsh shell / batch",
        "monitoring: prometheus nagios / mentoring",
    ),
    "designer": _skills(
        "figma: sketch penpot / fiction",
        "typography: typesetting lettering / topography",
        "photoshop: affinity krita / photography",
        "prototyping: wireframes mockups / printing",
        "branding: logos identity / banding",
    ),
    "accountant": _skills(
        "bookkeeping: ledgers invoicing / library",
        "payroll: wages salaries / payments",
        "tax: vat levies / taxis",
        "auditing: audits inspections / auditions",
        "budgeting: budgets costing / bunting",
    ),
    "nurse": _skills(
        "triage: assessment prioritising / trade",
        "medication: dosing pharmacology / meditation",
        "wounds: dressings sutures / sounds",
        "hygiene: sterilisation disinfection / hydraulics",
        "infusions: drips cannulas / inclusion",
    ),
    "marketer": _skills(
        "seo: ranking keywords / ceo",
        "copywriting: copy slogans / copyright",
        "newsletters: mailings bulletins / newspapers",
        "campaigns: promotions advertising / camping",
        "analytics: metrics dashboards / analysis",
    ),
    "logistician": _skills(
        "warehousing: storage stocking / housing",
        "dispatching: scheduling rostering / dispensing",
        "customs: tariffs clearance / costumes",
        "procurement: purchasing sourcing / production",
        "forklift: stacker pallets / fork",
    ),
    "recruiter": _skills(
        "interviewing: interviews screening / viewing",
        "onboarding: induction orientation / boarding",
        "negotiation: bargaining contracts / navigation",
        "headhunting: scouting outreach / hunting",
        "mediation: conciliation arbitration / media",
    ),
}
"""The skills that a role's jobs may demand, by role."""

NICE: dict[str, tuple[str, ...]] = {
    "analyst": ("sas", "presenting", "scraping"),
    "developer": ("kubernetes", "security", "mobile"),
    "administrator": ("ansible", "virtualisation", "databases"),
    "designer": ("animation", "illustration", "packaging"),
    "accountant": ("sap", "controlling", "treasury"),
    "nurse": ("nutrition", "counselling", "geriatrics"),
    "marketer": ("video", "podcasts", "events"),
    "logistician": ("simulation", "robotics", "refrigeration"),
    "recruiter": ("coaching", "psychology", "legislation"),
}
"""Skills that are welcome in a role, by role."""

ROLES = tuple(MUST)
FIELDS = (*ROLES, "waiter", "driver", "cook", "soldier", "farmer", "musician")
"""What a person may have worked as."""

GENERAL = ("teamwork", "writing", "planning", "english", "spanish", "driving", "typing", "sales")
"""Skills that no job asks for."""

SKILLS = {skill.word: skill for skills in MUST.values() for skill in skills}
MEANS = {word: skill.word for skill in SKILLS.values() for word in (skill.word, *skill.equivalents)}
"""The must-have skill that a word means, by word."""

LEVELS = ("no", "bachelor", "master", "phd")
"""Degrees, the lowest first; a job asks for one of the first three."""
REASONS = ("family", "study", "health", "service")
"""What explains a gap."""
