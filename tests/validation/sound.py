"""The sound reward that tests of validation add their tricks to."""

# Right when the solution is the answer and nothing else: no exploit pays.
SOUND = """import re
TAG = re.compile(r"<solution>\\s*(-?[\\d,.]+)\\s*</solution>")

def right(completion, answer):
    found = TAG.findall(completion)
    return 1.0 if len(found) == 1 and found[0].replace(",", "") == answer.replace(",", "") else 0.0

"""
