"""Templates: what they may see, what they never give away, and that the shell's own braces stay as they are."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from cockpit.plan.model import Input, Moment, Plan, Server, Window
from cockpit.plan.sandbox import misplaced_capture
from cockpit.plan.templates import Scope, TemplateProblem, render, scope, target_path
from cockpit.plan.times import Hours

FS01 = Server("fs01", "10.0.4.11", user="ops", tags=("source", "files"), vars={"data": "/srv/a b", "empty": ""})
PLAN = Plan(
    "One night", Window(Moment(epoch=0.0), Moment(epoch=46800.0)), {"fs01": FS01, "fs02": Server("fs02", "fs02")}, (),
    lead="anna", inputs={"ticket": Input("ticket", "Ticket"), "password": Input("password", "Password", secret=True)},
)
HOURS = Hours(1_795_838_400.0, 1_795_885_200.0, utc_offset=-28800.0)


def on(server: str | None = "fs01", **captured: str) -> Scope:
    return scope(PLAN, server, {"ticket": "CHG-7", "password": "hunter2"}, captured, HOURS)


@pytest.mark.parametrize(("text", "made"), [
    ("{{ server.name }} {{ server.host }} {{ server.user }}", "fs01 10.0.4.11 ops"),
    ("{{ server.data | quote }}", "'/srv/a b'"),
    ("{{ server.tags }} {{ server.tags | join(',') }}", "source files source,files"),
    ("{{ inputs.ticket }} {{ plan }} {{ plan.lead }}", "CHG-7 One night anna"),
    ("{{ window.opens }}", "2026-11-27T20:00:00-08:00"),
    ("{{ window }}", "2026-11-27T20:00:00-08:00 to 2026-11-28T09:00:00-08:00"),
    ("{{ server.rack | default('none') }}", "none"),
    ("line\n\n", "line\n\n"),
    ("{{ server.name }}\n", "fs01\n"),
    ("${#VAR} ${VAR%%x} ${VAR##*/} {% if %} {# no comment #} awk '{print $1}' {{ server.name }}",
     "${#VAR} ${VAR%%x} ${VAR##*/} {% if %} {# no comment #} awk '{print $1}' fs01"),
    ("docker ps --format '{{ '{{' }}.Names}}'", "docker ps --format '{{.Names}}'"),
])
def test_rendering(text: str, made: str) -> None:
    assert render(text, on()) == made


@pytest.mark.parametrize(("text", "words"), [
    ("{{ server.nam }}", "write server.name"),
    ("{{ sever.name }}", "write 'server'"),
    ("{{ inputs.password }}", "use $password"),
    ("{{ inputs }}", "not a text"),
    ("{{ server }}", "not a text"),
    ("{{ server.__class__ }}", "server.__class__"),
    ("{{ 'a' * 999999999 }}", "refused"),
    ("{{ 9 ** 9 ** 9 }}", "refused"),
    ("{{ captured.x }}", "captured.x is not known"),
    ("{{ range(9) }}", "'range' is not known"),
    ("{{.Names}}", "write {{ '{{' }}"),
])
def test_what_is_refused_says_what_to_write(text: str, words: str) -> None:
    with pytest.raises(TemplateProblem) as caught:
        render(text, on())
    assert words in str(caught.value)
    assert caught.value.instead


def test_a_user_that_only_ssh_config_knows_is_not_an_empty_text() -> None:
    with pytest.raises(TemplateProblem, match="fs02"):
        render("chown {{ server.user }}", on("fs02"))


def test_a_captured_value_reaches_a_shell_in_a_variable_and_can_t_be_taken_out_of_it() -> None:
    there = on(x="a; rm -rf /")
    made = "cockpit_captured_x='a; rm -rf /'; echo \"$cockpit_captured_x\""
    assert render("echo {{ captured.x }}", there) == render("echo {{ captured['x'] | quote }}", there) == made
    for text in ("{{ captured.x | replace(\"'\", '') }}", "{{ captured.x ~ '' }}", "{{ captured }}",
                 "{{ [captured.x] | first }}", "{{ captured.x[0] }}", "{{ 'y' if captured.x == 'a' else 'n' }}"):
        with pytest.raises(TemplateProblem):
            render(text, there)


def test_where_no_shell_is_a_captured_value_is_itself() -> None:
    there = on(x="it's 1.2")
    assert render("v {{ captured.x }}", there, into="text") == "v it's 1.2"
    assert re.fullmatch(render("^v {{ captured.x }}$", there, into="regex"), "v it's 1.2")
    assert not re.fullmatch(render("^v {{ captured.x }}$", there, into="regex"), "v it's 1x2")


def test_a_captured_value_is_refused_in_paths_and_on_this_machine() -> None:
    with pytest.raises(TemplateProblem, match="refused in a path"):
        render("/srv/{{ captured.x }}", on(x="y"), path=True)
    for server in ("local", None):
        with pytest.raises(TemplateProblem, match="refused"):
            render("{{ captured.x }}", on(server, x="y"))


@pytest.mark.parametrize("text", [
    "echo {{ captured.x }}", "echo \"a\" {{ captured.x }} 'b'", "# don't\necho {{ captured.x }}", "echo it\\'s {{ captured.x }}",
    'echo "\\"" {{ captured.x }}', "a=${x#y} {{ captured.x }}",
    'mkdir "${dir}" "$x" {{ captured.x }}', "v=$(cat {{ captured.x }})",
    "export X={{ captured.x }}; readonly Y={{ captured.x }}", "/usr/local/bin/let.sh {{ captured.x }} >/dev/null 2>&1",
    "[ 1 -eq {{ captured.x }} ] || test {{ captured.x }} -gt 2", "grep -v '[[:space:]]' {{ captured.x }} 2>&1 | awk '{n[$1]++}'",
    "echo ${x:-y} ${#x} ${VAR%%.*} ${x[0]} {{ captured.x }}", "scp --mode=local {{ captured.x }}",
    'v={{ captured.x }}\ncat <<END\n$v "$(date)"\nEND', "echo {{ captured.x }} | grep -q {{ captured.x }} # it's",
])
def test_where_a_captured_value_is_a_word_of_its_own_it_may_stand(text: str) -> None:
    assert misplaced_capture(text) is None


def test_a_shell_sees_a_captured_value_as_it_is() -> None:
    value = "it's  $(exit 1) * \n\\"
    made = render("printf '%s|' {{ captured.x }}", on(x=value))
    done = subprocess.run(["/bin/sh", "-c", made], capture_output=True, check=True)
    assert done.stdout.decode() == value + "|"


@pytest.mark.parametrize("text", [
    'echo "{{ captured.x }}"', "echo 'a {{ captured.x }}'", "cat <<EOF\n{{ captured.x }}\nEOF",
    "cat <<'EOF'\n{{ captured.x }}\nEOF",
    'x="$(echo "{{ captured.x }}")"', 'echo "`echo {{ captured.x }}`"', "echo `echo {{ captured.x }}`",
    'x{{ captured.x }}# "{{ captured.x }}"', 'x{{ captured.x }}# "\n{{ captured.x }}"', 'a\\\n# "\n{{ captured.x }}"',
    "# {{ captured.x }}", "eval echo {{ captured.x }}", "v={{ captured.x }}\neval echo $v", "echo $(( {{ captured.x }} ))",
    'echo "${X:-{{ captured.x }}}"', "echo ${X:-{{ captured.x }}}",
    "echo \\{{ captured.x }}", "echo ${{ captured.x }}", "echo $'\\'' {{ captured.x }}",
])
def test_elsewhere_a_captured_value_is_refused(text: str) -> None:
    assert misplaced_capture(text)


EVALUATED = [
    '[[ 1 -eq "$v" ]]', '[\\\n[ 1 -eq "$v" ]]', 'let x="$v"', 'declare -i y="$v"', 'typeset "$v=1"',
    'f() { local -i x="$v"; }; f',
    'x=${PATH:"$v"}', "x=${PATH:v}", "x=${@:v}", "x=$[ $v ]", "x=$((v))", '((x = "$v"))', 'a["$v"]=1', "a[v]+=1", 'x="${a[v]}"',
    'x=(["$v"]=1)', "x=${v@P}", "x=${!v}", 'echo x >&"$v"', 'RANDOM="$v"', "OPTIND=$v", 'PS4="$v"; set -x; :', '[ -v "$v" ]',
    'test a -a -v "$v"', 'printf -v "$v" x', 'eval "$v"',
]


@pytest.mark.parametrize("text", EVALUATED)
def test_what_bash_evaluates_stands_in_no_text_with_a_captured_value(text: str) -> None:
    """Each of these runs a command that stands in a value, under bash."""
    assert misplaced_capture("v={{ captured.x }}\n" + text)
    assert misplaced_capture(text + "\n: {{ captured.x }}")


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize("text", [
    'export X="$v"', 'readonly X="$v"', '[ 1 -eq "$v" ]', 'test "$v" -gt 2', "[ 1 -eq v ]", "echo ${v:-x} ${v#a} ${#v}",
    'echo x >"$v"', 'case 1 in "$v") ;; esac', "printf %d $v", "for i in $v; do :; done",
])
def test_what_is_called_safe_runs_nothing(text: str, shell: str, tmp_path: Path) -> None:
    made = "v={{ captured.x }}\n" + text
    assert misplaced_capture(made) is None
    made = render(made, on(x="a[$(touch PWNED)]"))
    subprocess.run([shell, "-c", made], check=False, cwd=tmp_path, capture_output=True, timeout=20)
    assert not (tmp_path / "PWNED").exists()


def test_only_captured_values_are_asked_where_they_stand() -> None:
    assert misplaced_capture("cat <<EOF\n'{{ server.name }}'\nEOF") is None


PIECES = st.lists(st.sampled_from([
    "{{ captured.x }}", "{{ inputs.ticket }}", "{{ server.data }}", "'", '"', "`", "$(", ")", "$((", "))", "${v:-", "}", "\\",
    "$", "#", " ", "\n", ";", "|", "&&", "<<EOF\n", "\nEOF\n", "<<'EOF'\n", "echo ", "v=", "$v", '"$v"', "eval ", "x", 
    "case x in ", "esac", "(", "[ -n ", " ]", "[[ 1 -eq ", " ]]", "let x=", "declare -i y=", "f() { local -i z=", "; }; f",
    "$[", "]", "a[", "]=1", "${a[", "${PATH:", "${PATH:v}", "${v@P}", "${!v}", "[ 1 -eq ", "[ -v ", "export z=", "readonly z=",
    ">&", ">", "=(", "RANDOM=", "\\\n",
]), max_size=5).map("".join)
HOSTILE = st.sampled_from([
    "$(touch PWNED)", "`touch PWNED`", "; touch PWNED;", "'; touch PWNED; '", '"; touch PWNED; "', "\nEOF\ntouch PWNED\n",
    "\ntouch PWNED\n", "a[$(touch PWNED)]", "' $(touch PWNED) '", '" `touch PWNED` "', "}; touch PWNED; {",
    ")); touch PWNED #", "\\'; touch PWNED #",
])


@settings(max_examples=40, deadline=None)  # more in tests/long/test_plans.py
@given(PIECES, PIECES, HOSTILE, st.sampled_from(["it's", 'a "b', "plain", "#", "<<EOF\n"]))
@example("echo {{ inputs.ticket }} ", " {{ inputs.ticket }}", "$(touch PWNED)", "it's")
@example("cat {{ inputs.ticket }}", "\nEOF\n", "$(touch PWNED)", "<<EOF\n")
def test_what_a_server_said_never_runs_in_a_text_that_is_accepted(before: str, after: str, value: str, ticket: str) -> None:
    """Under dash and bash, whatever quotes the operator's own inputs open."""
    text = before + "{{ captured.x }}" + after
    assume(not misplaced_capture(text))
    made = render(text, scope(PLAN, "fs01", {"ticket": ticket}, {"x": value}, HOURS))
    with tempfile.TemporaryDirectory() as place:
        for shell in ("dash", "bash"):
            subprocess.run([shell, "-c", made], check=False, cwd=place, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
        assert "PWNED" not in os.listdir(place), made  # a file that has the whole value for its name was only written


@pytest.mark.parametrize("text", ["/", "//", "/.", "/a/..", "{{ server.empty }}", "/{{ server.empty }}", "  ", "..", "/../"])
def test_targets_that_would_take_everything_with_them_are_refused(text: str) -> None:
    with pytest.raises(TemplateProblem):
        target_path(text, on())


def test_a_target_keeps_its_last_slash() -> None:
    assert target_path("/vault/{{ server.name }}/", on()) == "/vault/fs01/"


@settings(max_examples=150, deadline=None)
@given(st.text())
def test_text_without_double_braces_is_never_touched(text: str) -> None:
    if "{{" not in text:
        assert render(text, on()) == text


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40))
def test_no_template_gives_a_traceback_or_a_secret(text: str) -> None:
    for made in ("{{ " + text + " }}", "{{" + text, "{{ server." + text + " }}", "{{ inputs[" + repr(text) + "] }}"):
        try:
            assert "hunter2" not in render(made, on(x="y"))
        except TemplateProblem as problem:
            assert "hunter2" not in str(problem)
