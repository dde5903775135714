"""Jinja2 as plans use it: `{{ … }}` and nothing else special, sandboxed, strict.

Statement and comment syntax is off, so that the shell's `${#VAR}` and awk's `{print $1}` are only text. Secrets are
never in a scope. A captured value came from a server: it may stand by itself alone, comes out quoted for the shell,
and is refused in paths. Knows neither plan nor state: `plan.templates` brings the values.
"""

from __future__ import annotations

import shlex
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cockpit.plan.problems import nearest
from cockpit.plan.values import Captured, Scope, TemplateProblem, Values, has_template

ROOTS = ("server", "inputs", "captured", "plan", "window")
FILTERS = (
    "abs", "d", "default", "first", "float", "int", "join", "last", "length", "lower", "replace", "round", "trim",
    "upper",
)
MAX_LENGTH = 100_000  # characters of one template; more is no command that a person wrote

_OFF = "\ue000off"  # a private character: the delimiters that Jinja2 can't be told to do without
_BRACES = "where the braces are the command's own, write {{ '{{' }} for each opening pair"
_SIMPLER = "write something simpler"


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
    if isinstance(value, Captured):
        return shlex.quote(value)
    if isinstance(value, Undefined | str | int | float):
        return value
    if isinstance(value, tuple | list):
        return " ".join(map(str, value))
    if isinstance(value, Values) and value._text is not None:
        return value._text
    raise TypeError("it is not a text; write one of its values, like {{ server.name }}")


def _path(value: Any) -> Any:
    """The same for a path: an empty value would turn `/vault/{{ … }}` into all of `/vault`."""
    if isinstance(value, Captured):
        raise TypeError("a captured value is refused in a path")
    text = _text(value)
    if not isinstance(text, Undefined) and not str(text).strip():
        raise TypeError("it is empty, and a path must not lose a part")
    return text


def _quote(value: Any) -> Any:
    return value if isinstance(value, Captured) else shlex.quote(str(_text(value)))


def _environment(finalize: Any) -> _Sandbox:
    env = _Sandbox(
        undefined=_Missing, finalize=finalize, autoescape=False, keep_trailing_newline=True, cache_size=0,
        block_start_string=_OFF + "{%", block_end_string="%}" + _OFF,
        comment_start_string=_OFF + "{#", comment_end_string="#}" + _OFF,
    )
    env.globals.clear()
    env.filters = {name: env.filters[name] for name in FILTERS} | {"quote": _quote}
    return env


_ENVIRONMENTS = {False: _environment(_text), True: _environment(_path)}


@lru_cache(maxsize=8192)
def _compiled(text: str, path: bool) -> Template:
    if len(text) > MAX_LENGTH or _OFF in text:
        raise TemplateProblem("no command that a person would write", "write a script")
    env = _ENVIRONMENTS[path]
    try:
        tree = env.parse(text)
        _refuse_misused(tree)
        return env.from_string(tree)
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


def _refuse_misused(tree: nodes.Template) -> None:
    """A captured value stands by itself: filters and joins could take its quotes away again."""
    alone = {id(_root(node)) for output in tree.find_all(nodes.Output) for node in output.nodes}
    for name in tree.find_all(nodes.Name):
        if name.name == "captured" and id(name) not in alone:
            raise TemplateProblem("captured values can't be changed or compared", "write {{ captured.NAME }} by itself")


def _root(expression: nodes.Node | None) -> nodes.Node | None:
    """The name at the root of `captured.x` (also `captured["x"]`, also under `| quote`)."""
    if isinstance(expression, nodes.Filter) and expression.name == "quote":
        return _root(expression.node)
    if isinstance(expression, nodes.Getattr):
        return expression.node
    if isinstance(expression, nodes.Getitem) and isinstance(expression.arg, nodes.Const):
        return expression.node
    return None


def render(text: str, scope: Scope, *, path: bool = False) -> str:
    """See `templates.render`."""
    template = _compiled(text, path)
    try:
        return template.render(scope)
    except UndefinedError as error:
        what, _, instead = str(error.message).partition("\n")
        raise TemplateProblem(f"in {short(text)}: {what}", instead or "write a name that is known") from None
    except Exception as error:  # an expression may fail in any way Python has: the operator gets a sentence
        raise TemplateProblem(f"in {short(text)}: {error}", "write a plain value") from None


def uses_captured(text: str) -> bool:
    """Whether a template names `captured`; a text that can't be read as one does not."""
    if not has_template(text) or "captured" not in text:
        return False
    try:
        tree = _ENVIRONMENTS[False].parse(text)
        return any(name.name == "captured" for name in tree.find_all(nodes.Name))
    except Exception:  # `render` says what is wrong with it
        return False


def captured_in_quotes(text: str) -> bool:
    """Whether a captured value stands inside quotes of the shell text around it.

    Its own quotes would close those, and what the server said would run: `echo "{{ captured.x }}"` does.
    """
    if not uses_captured(text):
        return False
    state = ""
    for output in _ENVIRONMENTS[False].parse(text).find_all(nodes.Output):
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                state = _shell_quote(node.data, state)
            elif state in ("'", '"') and isinstance(root := _root(node), nodes.Name) and root.name == "captured":
                return True
    return False


def _shell_quote(text: str, state: str) -> str:
    """The quote (', " or #, a comment) open after `text`, given the one open before it (POSIX sh, 2.2 and 2.3)."""
    i = 0
    while i < len(text):
        char = text[i]
        if char == "\\" and state in ("", '"'):
            i += 1
        elif state:
            state = "" if char == ("\n" if state == "#" else state) else state
        elif char in "'\"" or (char == "#" and (i == 0 or text[i - 1].isspace())):
            state = char
        i += 1
    return state


def short(text: str) -> str:
    """A text on one line and not too long, as messages show it."""
    line = " ".join(text.split())
    return repr(line if len(line) <= 60 else line[:57] + "…")
