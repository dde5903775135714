"""Jinja2 as plans use it: `{{ … }}` and nothing else special, sandboxed, strict.

Statement and comment syntax is off, so that the shell's `${#VAR}` and awk's `{print $1}` are only text. Secrets are
never in a scope. A captured value came from a server: it may stand by itself alone, reaches a shell in a variable and a
regular expression escaped, and is refused in paths. Knows neither plan nor state: `plan.templates` brings the values.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cockpit.plan.problems import nearest
from cockpit.plan.quoting import open_after, runs_again, setting, word
from cockpit.plan.values import Captured, Into, Scope, TemplateProblem, Values, has_template

ROOTS = ("server", "inputs", "captured", "plan", "window")
FILTERS = (
    "abs", "d", "default", "first", "float", "int", "join", "last", "length", "lower", "replace", "round", "trim",
    "upper",
)
MAX_LENGTH = 100_000  # characters of one template; more is no command that a person wrote

_OFF = "\ue000off"  # a private character: the delimiters that Jinja2 can't be told to do without
MADE = ""  # no name that can be written: one that an expression makes

_BRACES = "where the braces are the command's own, write {{ '{{' }} for each opening pair"
_SIMPLER = "write something simpler"
_NO_WORD = (
    "a captured value inside quotes, a comment or ${…}, or after <<, a backquote or \"$(: it is a word of its own",
    'put it into a variable first: v={{ captured.NAME }}; then write "$v"',
)
_RUNS_AGAIN = (
    "a captured value in one text with what may run what it says: eval, let, declare, local, (( )), [[ ]], arrays, ${v:1},"
    " ${v@P}, ${!v}, >&file, test -v",
    "write it without these ([ ], case, export and readonly are safe), or put them into a script that is given the value",
)


class _Missing(StrictUndefined):
    """An undefined name, in words with what to write instead after a line end."""

    @property
    def _undefined_message(self) -> str:
        name = str(self._undefined_name)
        if isinstance(self._undefined_obj, Values):
            return "\n".join(self._undefined_obj._missing(name))
        if name == "server":
            return "server is not known in a step on no server\nwrite on = …"
        if name == "captured":
            return "captured values are refused in steps on `local` and on no server\ntake it away"
        return f"{name!r} is not known\n{nearest(name, ROOTS)}"


class _Sandbox(ImmutableSandboxedEnvironment):
    """`'x' * 10**9` would eat the machine before any limit of ours: multiplying is for numbers."""

    intercepted_binops = frozenset(["*", "**", "%"])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not all(isinstance(side, int | float) for side in (left, right)):
            raise TypeError(f"{operator} is refused here")
        return super().call_binop(context, operator, left, right)


def _text(value: Any) -> Any:
    """What an expression puts into the text."""
    if isinstance(value, Undefined | str | int | float):
        return value
    if isinstance(value, tuple | list):
        return " ".join(map(str, value))
    if isinstance(value, Values) and value._text is not None:
        return value._text
    raise TypeError("it is not a text; write one of its values, like {{ server.name }}")


def _path(value: Any) -> Any:
    """The same for a path: an empty value would turn `/vault/{{ … }}` into all of `/vault`."""
    text = _text(value)
    if not isinstance(text, Undefined) and not str(text).strip():
        raise TypeError("it is empty, and a path must not lose a part")
    return text


def _quote(value: Any) -> Any:
    return value if isinstance(value, Captured) else shlex.quote(str(_text(value)))


def _refuse_captured(_: Captured) -> str:
    raise TypeError("a captured value is refused in a path")


def _environment(captured: Callable[[Captured], str], other: Callable[[Any], Any] = _text) -> _Sandbox:
    """`captured`, `other`: what such a value puts into the text."""
    def put(value: Any) -> Any:
        return captured(value) if isinstance(value, Captured) else other(value)

    env = _Sandbox(
        undefined=_Missing, finalize=put, autoescape=False, keep_trailing_newline=True, cache_size=0,
        block_start_string=_OFF + "{%", block_end_string="%}" + _OFF,
        comment_start_string=_OFF + "{#", comment_end_string="#}" + _OFF,
    )
    env.globals.clear()
    env.filters = {name: env.filters[name] for name in FILTERS} | {"quote": _quote}
    return env


_ENVIRONMENTS: dict[Into, _Sandbox] = {
    "shell": _environment(lambda value: word(value.name)), "text": _environment(str), "regex": _environment(re.escape),
    "path": _environment(_refuse_captured, _path),
}  # fmt: skip


@lru_cache(maxsize=8192)
def _compiled(text: str, into: Into) -> tuple[Template, tuple[str, ...]]:
    """The template, and the captured names in it."""
    if len(text) > MAX_LENGTH or _OFF in text:
        raise TemplateProblem("no command that a person would write", "write a script")
    env = _ENVIRONMENTS[into]
    try:
        tree = env.parse(text)
        return env.from_string(tree), _captures(tree)
    except TemplateSyntaxError as error:
        raise TemplateProblem(f"in {short(text)}: {error.message}", _hint(str(error.message))) from None
    except TemplateProblem:
        raise
    except Exception as error:  # depth and size limits of Jinja2 and of Python's compiler: no text may give a traceback
        raise TemplateProblem(f"{short(text)} is too involved ({type(error).__name__})", _SIMPLER) from None


def _hint(message: str) -> str:
    if message.startswith("No filter named"):
        return nearest(message.split("'")[1], [*FILTERS, "quote"])
    return _BRACES


def _captures(tree: nodes.Template) -> tuple[str, ...]:
    """The captured names in it. Each stands by itself: filters and joins would make another value of it, that is unmarked."""
    alone = [name for output in tree.find_all(nodes.Output) for node in output.nodes if (name := _captured(node))]
    if len(alone) < sum(name.name == "captured" for name in tree.find_all(nodes.Name)):
        raise TemplateProblem("captured values can't be changed or compared", "write {{ captured.NAME }} by itself")
    return tuple(dict.fromkeys(alone))


def _captured(expression: nodes.Node) -> str | None:
    """NAME of `captured.NAME` (also `captured["NAME"]`, also under `| quote`); None for anything else."""
    if isinstance(expression, nodes.Filter) and expression.name == "quote" and expression.node is not None:
        return _captured(expression.node)
    root, name = _taken(expression)
    return name if root == "captured" else None


def render(text: str, scope: Scope, into: Into) -> str:
    """See `templates.render`."""
    template, captured = _compiled(text, into)
    try:
        made = template.render(scope)
    except UndefinedError as error:
        what, _, instead = str(error.message).partition("\n")
        raise TemplateProblem(f"in {short(text)}: {what}", instead or "write a name that is known") from None
    except Exception as error:  # an expression may fail in any way Python has: the operator gets a sentence
        raise TemplateProblem(f"in {short(text)}: {error}", "write a plain value") from None
    if into != "shell":
        return made
    return "".join(setting(name, getattr(scope["captured"], name)) for name in captured) + made


def uses_captured(text: str) -> bool:
    """Whether a template names `captured`; a text that can't be read as one does not."""
    return "captured" in text and "captured" in used(text)


def used(text: str) -> dict[str, set[str]]:
    """The roots that a template names, each with the names it takes of them: `inputs` -> {"ticket"}, MADE for one that is
    itself made by an expression. Nothing for a text that can't be read as a template."""
    if not has_template(text):
        return {}
    found: dict[str, set[str]] = {}
    try:
        for node in _ENVIRONMENTS["text"].parse(text).find_all((nodes.Name, nodes.Getattr, nodes.Getitem)):
            if isinstance(node, nodes.Name):
                found.setdefault(node.name, set())
            elif (root := _taken(node))[0] is not None:
                found.setdefault(root[0], set()).add(MADE if root[1] is None else root[1])
    except Exception:  # `render` says what is wrong with it
        return {}
    return found


def _taken(expression: nodes.Node) -> tuple[str | None, str | None]:
    """(root, NAME) of `root.NAME` and `root["NAME"]`; no name where an expression makes it, no root for anything else."""
    if not isinstance(expression, nodes.Getattr | nodes.Getitem) or not isinstance(expression.node, nodes.Name):
        return None, None
    if isinstance(expression, nodes.Getattr):
        return expression.node.name, expression.attr
    return expression.node.name, str(expression.arg.value) if isinstance(expression.arg, nodes.Const) else None


def misplaced_capture(text: str) -> tuple[str, str] | None:
    """Why a captured value can't stand where this shell text has it, and what to write; None where it can."""
    if not uses_captured(text):
        return None
    if runs_again(text):
        return _RUNS_AGAIN
    state, line_end = "", "\n"
    for output in _ENVIRONMENTS["shell"].parse(text).find_all(nodes.Output):
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                state = open_after(line_end + node.data, state)
            elif _captured(node) and state:
                return _NO_WORD
            line_end = ""
    return None


def short(text: str) -> str:
    """A text on one line and not too long, as messages show it."""
    line = " ".join(text.split())
    return repr(line if len(line) <= 60 else line[:57] + "…")
