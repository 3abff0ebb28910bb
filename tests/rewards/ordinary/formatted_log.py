# ruff: noqa: UP031, UP032
"""Every way to format a string: %, .format on a literal, f-strings with specs, nested specs, conversions and `=`."""

WIDTH = 12
ROW = "%-10s|%6.2f|%5d"


def log(name, value, n, *, precision=3):
    print(ROW % (name, value, n))
    print("%s has %d (%.1f%%)" % (name, n, 100 * value))
    print("%(name)s=%(value)r" % {"name": name, "value": value})
    print("{:>{width}} {:.{precision}f}".format(name, value, width=WIDTH, precision=precision))
    print("{0}-{1}-{0}".format(name, n), "{name!r:<8}|".format(name=name))
    print(f"{name!r:^{WIDTH}}|{value:+.{precision}e}|{n:06d}|{n:#x}|{value=:.2f}|{{literal}}")
    print(f"{'yes' if value > 0.5 else 'no':>{len(name) + 2}}", str(value).zfill(8), repr(name).center(20, "*"))


def reward(prompts, completions, answer, **columns):
    form, right = [], []
    for i, (completion, gold) in enumerate(zip(completions, answer, strict=True)):
        tagged = "<solution>%s</solution>" % gold
        squeezed = "".join(completion.split())
        form.append(0.5 * ("</thinking><solution>" in squeezed))
        right.append(1.0 if tagged in squeezed else 0.0)
        if i % 50 == 0:
            log("row {}".format(i), form[-1] + right[-1], len(completion))
    return {"form": form, "right": right}
