"""Works out calculations with a tokenizer (a generator) and a recursive descent parser, without eval."""

import math
import re

TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|(.))", re.DOTALL)
EQUATION = re.compile(r"([\d(][\d\s.+*/()-]{2,60}?)=\s*(-?\d+(?:\.\d+)?)(?![\d.]*\d)")
MAX_DEPTH = 20


class ParseError(ValueError):
    def __init__(self, message, position):
        super().__init__(f"{message} at {position}")
        self.position = position


def tokens(text):
    for match in TOKEN.finditer(text.strip()):
        number, sign = match.groups()
        if number is not None:
            yield ("number", float(number), match.start())
        elif sign in "+-*/()":
            yield ("sign", sign, match.start())
        else:
            raise ParseError(f"unexpected {sign!r}", match.start())
    yield ("end", None, len(text))


class Parser:
    """expression := term (('+'|'-') term)*
    term := factor (('*'|'/') factor)*
    factor := number | '(' expression ')' | '-' factor
    """

    def __init__(self, text):
        self.stream = tokens(text)
        self.current = next(self.stream)
        self.depth = 0

    def advance(self):
        token, self.current = self.current, next(self.stream, ("end", None, -1))
        return token

    def accept(self, *signs):
        kind, value, _ = self.current
        if kind == "sign" and value in signs:
            return self.advance()[1]
        return None

    def parse(self):
        value = self.expression()
        if self.current[0] != "end":
            raise ParseError("trailing text", self.current[2])
        return value

    def expression(self):
        value = self.term()
        while (sign := self.accept("+", "-")) is not None:
            other = self.term()
            value = value + other if sign == "+" else value - other
        return value

    def term(self):
        value = self.factor()
        while sign := self.accept("*", "/"):
            other = self.factor()
            if sign == "*":
                value *= other
            else:
                if other == 0:
                    raise ParseError("division by zero", self.current[2])
                value /= other
        return value

    def factor(self):
        self.depth += 1
        try:
            if self.depth > MAX_DEPTH:
                raise ParseError("too deep", self.current[2])
            if self.accept("-"):
                return -self.factor()
            if self.accept("("):
                value = self.expression()
                if not self.accept(")"):
                    raise ParseError("missing )", self.current[2])
                return value
            kind, value, position = self.advance()
            if kind != "number":
                raise ParseError("a number was expected", position)
            return value
        finally:
            self.depth -= 1


def holds(left, right):
    try:
        value = Parser(left).parse()
    except ParseError:
        return None
    return math.isfinite(value) and abs(value - float(right)) < 0.005


def reward(prompts, completions, answer, **columns):
    shares, right = [], []
    for text, gold in zip(completions, answer, strict=True):
        judged = [ok for left, value in EQUATION.findall(text[:2000]) if (ok := holds(left, value)) is not None]
        shares.append(sum(judged) / len(judged) if judged else 0.0)
        right.append(1.5 if re.search(r"<solution>\s*" + re.escape(gold) + r"\s*</solution>", text) else 0.0)
    return {"equations": shares, "right": right}
