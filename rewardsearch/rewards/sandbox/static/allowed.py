"""What a reward may use: names per module, builtins, dunder methods; and the attributes that nobody may touch.

Names, not modules: an allowed module holds others (`statistics.sys`, `json.codecs`) that reach everything. The static
policy refuses what is not here, and the worker puts only what is here within the candidate's reach; both read these
tables.
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODULES: dict[str, frozenset[str]] = {
    "__future__": _names("annotations"),
    "re": _names(
        "compile search match fullmatch findall finditer sub subn split escape error Pattern Match RegexFlag A "
        "ASCII I IGNORECASE M MULTILINE S DOTALL X VERBOSE U UNICODE NOFLAG"
    ),
    "math": _names(
        "acos acosh asin asinh atan atan2 atanh cbrt ceil comb copysign cos cosh degrees dist e erf erfc exp exp2 "
        "expm1 fabs factorial floor fmod frexp fsum gamma gcd hypot inf isclose isfinite isinf isnan isqrt lcm "
        "ldexp lgamma log log10 log1p log2 modf nan nextafter perm pi pow prod radians remainder sin sinh sqrt "
        "sumprod tan tanh tau trunc ulp"
    ),
    "statistics": _names(
        "mean fmean geometric_mean harmonic_mean median median_low median_high median_grouped mode multimode "
        "pstdev pvariance stdev variance quantiles covariance correlation linear_regression StatisticsError"
    ),
    "string": _names(
        "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits printable punctuation "
        "whitespace capwords"
    ),
    "collections": _names("abc ChainMap Counter OrderedDict defaultdict deque namedtuple"),
    "collections.abc": _names(
        "Callable Collection Container Generator Hashable Iterable Iterator Mapping MutableMapping "
        "MutableSequence MutableSet Reversible Sequence Set Sized ItemsView KeysView ValuesView"
    ),
    "itertools": _names(
        "accumulate batched chain combinations combinations_with_replacement compress count cycle dropwhile "
        "filterfalse groupby islice pairwise permutations product repeat starmap takewhile tee zip_longest"
    ),
    "functools": _names("cache cmp_to_key lru_cache partial reduce total_ordering"),
    "fractions": _names("Fraction"),
    "decimal": _names(
        "Decimal Context DecimalException DivisionByZero InvalidOperation Overflow Underflow Inexact getcontext "
        "localcontext ROUND_CEILING ROUND_DOWN ROUND_FLOOR ROUND_HALF_DOWN ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP "
        "ROUND_05UP"
    ),
    "difflib": _names("SequenceMatcher get_close_matches ndiff unified_diff"),
    "unicodedata": _names(
        "bidirectional category combining decimal decomposition digit east_asian_width is_normalized lookup "
        "mirrored name normalize numeric"
    ),
    "json": _names("loads dumps JSONDecodeError JSONDecoder"),
    "typing": _names(
        "Annotated Any AnyStr Callable ClassVar Collection Container Counter DefaultDict Deque Dict Final FrozenSet "
        "Generator Generic Hashable Iterable Iterator List Literal Mapping Match MutableMapping MutableSequence "
        "NamedTuple NoReturn Optional OrderedDict Pattern Protocol Sequence Set Sized Text Tuple Type TypeAlias "
        "NewType NotRequired Required SupportsFloat SupportsInt TypedDict TypeVar Union cast final overload TYPE_CHECKING"
    ),
    "bisect": _names("bisect bisect_left bisect_right insort insort_left insort_right"),
    "heapq": _names("heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest"),
    "dataclasses": _names("asdict astuple dataclass field fields is_dataclass replace"),
}

FUNCTIONS = _names(
    "abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict divmod enumerate filter "
    "float format frozenset hasattr hex int isinstance issubclass iter len list map max min next object oct ord "
    "pow print property range repr reversed round set slice sorted staticmethod str sum super tuple type zip"
)
CONSTANTS = _names("NotImplemented Ellipsis")
EXCEPTIONS = _names(
    "ArithmeticError AssertionError AttributeError BaseException Exception FloatingPointError GeneratorExit "
    "ImportError IndexError KeyError KeyboardInterrupt LookupError MemoryError NameError NotImplementedError "
    "OSError OverflowError RecursionError RuntimeError StopIteration SyntaxError TypeError UnicodeDecodeError UnicodeEncodeError "
    "UnicodeError ValueError ZeroDivisionError"
)
BUILTINS = FUNCTIONS | CONSTANTS | EXCEPTIONS
WORKER_BUILTINS = BUILTINS | {"hash"}
"""What the worker puts within reach: `hash` too, which the static policy allows in a `__hash__` alone."""

METHODS = _names(
    "__init__ __post_init__ __call__ __len__ __iter__ __next__ __contains__ __getitem__ __bool__ __str__ __repr__ "
    "__eq__ __ne__ __lt__ __le__ __gt__ __ge__ __hash__ __add__ __radd__ __iadd__ __sub__ __rsub__ __mul__ __rmul__ "
    "__truediv__ __floordiv__ __mod__ __pow__ __and__ __or__ __neg__ __abs__ __round__ __int__ __float__ "
    "__setitem__ __delitem__ __missing__ __reversed__ __enter__ __exit__"
)
"""The dunder methods that a class of a candidate may define."""

HARMLESS_ATTRIBUTES = _names("_name _hash _add _sub _mul _div _mod _mapping _numerator _denominator")
"""What allowed classes call data and arithmetic of their own: the name is free for a file's own use."""

PLAIN_ATTRIBUTES = _names("__name__ _asdict _fields _make _replace")
"""Attributes with a leading underscore that anyone may read: a function's name, and a named tuple's methods."""

FRAME_ATTRIBUTES = _names(
    "f_back f_builtins f_code f_generator f_globals f_lasti f_lineno f_locals f_trace f_trace_lines "
    "f_trace_opcodes gi_code gi_frame gi_running gi_suspended gi_yieldfrom cr_await cr_code cr_frame cr_origin "
    "cr_running cr_suspended ag_await ag_code ag_frame ag_running tb_frame tb_lasti tb_lineno tb_next "
    "with_traceback obj mro co_argcount co_cellvars co_code co_consts co_filename co_flags co_freevars co_name "
    "co_names co_varnames func_code func_globals"
)
STATE_ATTRIBUTES = _names("cache_info cache_clear cache_parameters")

HIDDEN = _names(
    "eval exec compile open input getattr setattr delattr globals locals vars dir breakpoint memoryview exit quit help hash"
)
"""Builtins that no name of a top level or class may stand for: where it is unbound again, the builtin is meant."""

CHANGING_METHODS = _names(
    "append extend insert remove pop popitem clear add discard update setdefault sort reverse appendleft popleft "
    "extendleft rotate subtract move_to_end send throw"
)
"""Methods that change what they are called on."""

CHANGING_FUNCTIONS = _names(
    "bisect.insort bisect.insort_left bisect.insort_right "
    "heapq.heapify heapq.heappop heapq.heappush heapq.heappushpop heapq.heapreplace"
)
"""Functions of allowed modules that change their first argument."""

WHY_NOT: dict[str, str] = {
    **dict.fromkeys(("eval", "exec", "compile", "__import__", "breakpoint"), "a reward runs no code made of text"),
    **dict.fromkeys(("open", "input", "exit", "quit", "help"), "a reward reads and writes nothing but its arguments"),
    **dict.fromkeys(("getattr", "setattr", "delattr"), "write the attribute as `value.name`"),
    **dict.fromkeys(("globals", "locals", "vars", "dir", "memoryview"), "a reward does not look into the interpreter"),
    **dict.fromkeys(("hash", "id"), "its value differs from process to process; compare the values themselves"),
    "aiter": "a reward is not async",
    "anext": "a reward is not async",
    "random": "a reward is deterministic",
    "os": "a reward reads and writes nothing but its arguments",
    "sys": "a reward does not look into the interpreter",
    "np": "numpy is not available; use math and statistics",
    "numpy": "use math and statistics",
    "torch": "a reward works on text with the standard library",
}
"""What the refusal of a name or module adds, so that the proposer knows what to write instead."""
