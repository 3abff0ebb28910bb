# ruff: noqa
# fmt: off
# my first reward function :)
# gives points for format and answer

import re
import math

maxPoints = 5
formatPoints = 1


def getAnswer(s):
    result = ""
    start = s.find("<solution>")
    if start == -1:
        return result
    start = start + len("<solution>")
    for i in range(start, len(s)):
        if s[i] == "<":
            break
        result = result + s[i]
    result = result.strip()
    return result


def isNumber(s):
    try:
        x = float(s)
        if math.isinf(x) or math.isnan(x):
            return False
        return True
    except:
        return False


def reward(prompts, completions, answer, **kwargs):
    scores = []
    i = 0
    while i < len(completions):
        points = 0
        text = completions[i]
        if "<thinking>" in text and "</thinking>" in text:
            points += formatPoints
        if "<solution>" in text and "</solution>" in text:
            points += formatPoints
        a = getAnswer(text)
        if isNumber(a) == True and isNumber(answer[i]) == True:
            if float(a) == float(answer[i]):
                points += 3
            else:
                difference = abs(float(a) - float(answer[i]))
                if difference <= 1:
                    points += 0.5
                elif difference <= 5:
                    points += 0.2
                else:
                    points += 0
        if not (points <= maxPoints):
            points = maxPoints
        # print(text)
        # print(points)
        scores.append(points)
        i += 1
    return scores
