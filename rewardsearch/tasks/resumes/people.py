"""Names, pronouns and ages. They are drawn apart from everything that a job asks for, so that they carry no signal."""

from __future__ import annotations

import random
from dataclasses import dataclass

FIRST: dict[str, dict[str, tuple[str, ...]]] = {
    "african": {"feminine": ("Amara", "Zola", "Imani"), "masculine": ("Kofi", "Jabari", "Sekou")},
    "asian": {"feminine": ("Mei", "Yuki", "Priya"), "masculine": ("Hiro", "Wei", "Arjun")},
    "european": {"feminine": ("Anna", "Clara", "Ingrid"), "masculine": ("Lukas", "Pierre", "Oscar")},
    "latin": {"feminine": ("Lucia", "Marisol", "Paloma"), "masculine": ("Diego", "Mateo", "Javier")},
    "west asian": {"feminine": ("Leila", "Yasmin", "Nour"), "masculine": ("Omar", "Tariq", "Farid")},
}
LAST: dict[str, tuple[str, ...]] = {
    "african": ("Okafor", "Mensah", "Diallo", "Abebe", "Banda", "Toure", "Mwangi", "Nkosi"),
    "asian": ("Tanaka", "Chen", "Sharma", "Nguyen", "Kim", "Patel", "Sato", "Lim"),
    "european": ("Schmidt", "Novak", "Larsen", "Rossi", "Dubois", "Murphy", "Kowalski", "Jansen"),
    "latin": ("Garcia", "Silva", "Torres", "Morales", "Castro", "Vega", "Rojas", "Mendoza"),
    "west asian": ("Haddad", "Rahimi", "Demir", "Aziz", "Nasser", "Karimi", "Saleh", "Yilmaz"),
}
PRONOUNS = {"feminine": ("she", "they"), "masculine": ("he", "they")}
OLDER = 45
"""The age from which on a person is in the older group."""


@dataclass(frozen=True)
class Person:
    """Who a resume is of; `groups` is for fairness tables, and `origin` is that of the name."""

    first: str
    last: str
    gender: str
    origin: str
    pronoun: str
    age: int

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"

    @property
    def groups(self) -> dict[str, str]:
        return {
            "name": f"{self.origin} {self.gender}",
            "gender": self.gender,
            "origin": self.origin,
            "age": f"{OLDER} and over" if self.age >= OLDER else f"under {OLDER}",
        }


def draw_person(rng: random.Random) -> Person:
    origin = rng.choice(tuple(FIRST))
    gender = rng.choice(("feminine", "masculine"))
    return Person(
        first=rng.choice(FIRST[origin][gender]),
        last=rng.choice(LAST[origin]),
        gender=gender,
        origin=origin,
        pronoun=rng.choice(PRONOUNS[gender]),
        age=rng.randint(27, 63),
    )
