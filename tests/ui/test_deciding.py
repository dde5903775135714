"""Acting: every dialog names what it is about, takes no key from before it was drawn, and its answer reaches the engine whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.journal.events import AttemptEnded, AttemptStarted, CheckFinished, Held, PromptOpened, RetryAsked, TaskSkipped
from cockpit.ui.dialogs import Dialog
from tests.ui.console import Console, console, middle


async def _open(c: Console, *keys: str) -> str:
    """Press, and wait until the dialog listens (it says so by showing its keys) and all of it is drawn."""
    await c.press(*keys)
    await c.sees("leave it as it is")
    await c.pilot.pause()
    return c.text()


async def test_skip_names_step_and_server_and_asks_for_a_reason(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await c.press("j", "j", "tab")
        text = await _open(c, "s")
        assert "Skip Prove the backup [prove] on dc01?" in text
        await c.press("y", "enter")
        await c.sees("A reason is needed")
        await c.type("known difference")
        await c.press("enter")
        asked = await c.asked("skip")
        assert (asked["target"], asked["why"], asked["as"]) == ("prove@dc01", "known difference", "lead")
        await c.sees("skip prove@dc01: heard")


async def test_keys_typed_before_the_dialog_was_drawn_decide_nothing(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await c.press("j", "j", "tab")
        await c.sees("━━ dc01")
        c.burst("r", "y", "y", "enter", "r", "y")  # what was typed at the screen before
        await c.sees("run it again, attempt 2")
        assert isinstance(c.app.screen, Dialog)
        assert c.engine.asked == []
        await c.press("y")
        assert (await c.asked("retry"))["target"] == "prove@dc01"


@pytest.mark.parametrize(("key", "pane", "row"), [
    ("r", "steps", "prove@dc01"), ("o", "steps", "go-wipe"), ("x", "servers", "fs02"), ("p", "transfers", "backup@fs01"),
])  # fmt: skip
async def test_no_trigger_is_its_own_confirmation(tmp_path: Path, key: str, pane: str, row: str) -> None:
    """Holding a key down, or a bouncing keyboard, decides nothing: a dialog stands after it, and stays."""
    night, clock = await middle(tmp_path)
    gate, again = "gate-go-wipe", "start-groundwork@fs01"
    await night.writer.append(
        PromptOpened(gate, "gate", "go or no-go?", "go-wipe", None, ["go", "no-go"]), Held("fs02"),
        PromptOpened(again, "start", "Groundwork: start it?", "groundwork@fs01", "fs01", ["start"]),
    )
    async with console(tmp_path, night=(night, clock)) as c:
        board = c.app.board
        board.go_to_server(row.partition("@")[2] or "fs02")
        board.go_to(pane)
        await c.until(lambda: board.here.id == pane and bool(board.night and board.night.state.held))
        board.here.select(row)
        await _open(c, key)
        await c.press(*[key] * 5)
        assert isinstance(c.app.screen, Dialog) and c.engine.asked == []
        await c.press("escape")
        await c.sees("Nothing was changed")
        assert c.engine.asked == []
    await night.writer.close()


async def test_esc_leaves_everything_as_it_is(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await c.press("j", "j", "tab")
        await _open(c, "s")
        await c.press("escape")
        await c.sees("Nothing was changed")
        assert c.engine.asked == []


async def test_what_cannot_be_asked_now_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await c.press("tab", "s")
        await c.sees("is running: cancel it first (c)")
        await c.press("o")
        await c.sees("No gate asks now")
        c.engine.refuse = "backup@fs01 was cancelled by anna at 03:12:00"
        await _open(c, "c")
        await c.press("y")
        await c.type("too slow")
        await c.press("enter")
        await c.sees("was cancelled by anna")


async def test_a_gate_takes_go_with_the_name_of_who_says_it(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    await night.writer.append(AttemptStarted("go-wipe", 1, "g"), PromptOpened(
        "gate-go-wipe", "gate", "Go for the teardown: go or no-go? Needs 1 approval.", "go-wipe", None, ["go", "no-go"]))
    async with console(tmp_path, night=(night, clock)) as c:
        text = await _open(c, "o")
        for words in ("Go for the teardown [go-wipe]", "g  go", "n  no-go", "b  back the night out"):
            assert words in text
        await c.press("g")
        await c.sees("who says so")
        await c.press("tab", *["backspace"] * 4)
        await c.type("anna")
        await c.press("enter")
        asked = await c.asked("answer")
        assert (asked["target"], asked["value"], asked["as"]) == ("gate-go-wipe", "go", "anna")
    await night.writer.close()


async def test_a_go_that_comes_too_late_asks_for_the_reason_that_the_engine_wants(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    clock.at = night.opens + 6 * 3600  # the plan's `by` is an hour ago
    await night.writer.append(PromptOpened("gate-go-wipe", "gate", "go or no-go?", "go-wipe", None, ["go", "no-go"]))
    async with console(tmp_path, night=(night, clock)) as c:
        assert "A go made sense until 09:00: it needs a reason now." in await _open(c, "o")
        await c.press("g", "enter")
        await c.sees("A reason is needed")
        assert c.engine.asked == []
        await c.type("the window was moved")
        await c.press("enter")
        assert (await c.asked("answer"))["why"] == "the window was moved"
    await night.writer.close()


async def test_a_go_over_what_was_skipped_asks_for_the_reason_that_the_engine_wants(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    await night.writer.append(TaskSkipped("prove@dc01", False, "known"), who="anna", why="known")
    await night.writer.append(PromptOpened("gate-go-wipe", "gate", "go or no-go?", "go-wipe", None, ["go", "no-go"]))
    async with console(tmp_path, night=(night, clock)) as c:
        assert "prove@dc01 was skipped by anna: a go needs a reason." in await _open(c, "o")
        await c.press("g", "enter")
        await c.sees("A reason is needed")
    await night.writer.close()


@pytest.mark.parametrize(("letter", "verb", "value"), [("n", "answer", "no-go"), ("b", "backout", None)])
async def test_no_go_and_backing_out_need_a_reason(tmp_path: Path, letter: str, verb: str, value: str | None) -> None:
    night, clock = await middle(tmp_path)
    await night.writer.append(PromptOpened("gate-go-wipe", "gate", "go or no-go?", "go-wipe", None, ["go", "no-go"]))
    async with console(tmp_path, night=(night, clock)) as c:
        await _open(c, "o")
        await c.press(letter, "enter")
        await c.sees("A reason is needed")
        await c.type("dc01 differs")
        await c.press("enter")
        if verb == "backout":  # a reason typed a field too early may have chosen it
            await c.sees("The night of all servers ends", "Enter once more")
            await c.press("enter")
        asked = await c.asked(verb)
        assert (asked["why"], asked.get("value")) == ("dc01 differs", value)
    await night.writer.close()


async def test_a_password_is_hidden_while_it_is_typed_and_reaches_the_engine(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    await night.writer.append(PromptOpened("sudo-sudo_password", "sudo", "sudo on the file servers", None, "fs01", [], True))
    async with console(tmp_path, night=(night, clock)) as c:
        await c.press("3")
        await c.sees("hidden while typed", "Enter  do it")
        await c.type("hunter2")
        assert "hunter2" not in c.text() and "•••••••" in c.text()
        await c.press("enter")
        assert (await c.asked("answer"))["value"] == "hunter2"
    await night.writer.close()


async def test_what_is_typed_at_once_stands_in_the_only_field_and_nothing_is_no_answer(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    await night.writer.append(PromptOpened("input-ticket", "input", "The change ticket", None, None, []))
    async with console(tmp_path, night=(night, clock)) as c:
        await c.press("3", *"CHG")
        await c.sees("answer:", "CHG")
        await c.press(*["backspace"] * 3, "enter")
        await c.sees("Nothing was typed")
        await c.type("CHG0031337")
        await c.press("enter")
        assert (await c.asked("answer"))["value"] == "CHG0031337"
    await night.writer.close()


async def test_a_numbered_item_opens_its_question_with_its_choices(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        text = await _open(c, "2")
        assert "Host key for fs02" in text and "old SHA256:9yQ" in text and "a  accept" in text
        await c.press("a", "enter")
        await c.sees("A reason is needed")
        await c.type("compared by phone")
        await c.press("enter")
        asked = await c.asked("answer")
        assert (asked["target"], asked["value"], asked["why"]) == ("host-key-fs02", "accept", "compared by phone")
        await c.press("9")
        await c.sees("Nothing has the number 9 now")


async def test_what_is_open_keeps_its_number_when_another_is_answered(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await _open(c, "1")
        await c.press("r")
        await c.sees("!3 NEED YOU [2] fs02: fs02 shows", "[4] fs02 backup")
        await c.press("1")
        await c.sees("Nothing has the number 1 now: 2, 3, 4 need you.")
        await c.night.writer.append(PromptOpened("sudo-x", "sudo", "sudo on fs01", None, "fs01", []))
        await c.sees("!4 NEED YOU [2] fs02")
        assert "sudo on fs01" in await _open(c, "3")  # 1 may still be under somebody's finger
        await c.press("escape")
        assert "Host key for fs02" in await _open(c, "2")


@pytest.mark.parametrize(("key", "name"), [("enter", "Enter"), ("tab", "Tab"), ("x", "x"), ("space", "Space")])
async def test_a_key_that_answers_nothing_says_which_do(tmp_path: Path, key: str, name: str) -> None:
    async with console(tmp_path, (80, 23)) as c:
        await _open(c, "2", key)
        await c.press(key)
        await c.sees(f"{name} does nothing here: a or r answers.", "Esc  leave it as it is")
        await c.press("a")
        await c.lost("does nothing here")
        assert c.engine.asked == []


async def test_holding_goes_at_once_and_releasing_asks(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await c.press("j", "x")
        assert (await c.asked("hold"))["target"] == "fs02"
        await c.until(lambda: _held(c, "fs02"))
        text = await _open(c, "x")
        assert "Release fs02?" in text and "starts at once" in text
        assert [r["verb"] for r in c.engine.asked] == ["hold"]
        await c.press("y")
        assert (await c.asked("release"))["target"] == "fs02"


def _held(c: Console, target: str) -> bool:
    """The screen knows that it is held."""
    return c.app.board.night is not None and target in c.app.board.night.state.held


async def test_holding_everything_asks_and_so_does_releasing_it(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        for title, verb in (("Hold everything?", "hold"), ("Release everything?", "release")):
            await c.press("colon")
            await c.type("hold all")
            await c.press("enter")
            assert title in await c.sees("leave it as it is", title)
            assert verb not in [r["verb"] for r in c.engine.asked]
            await c.press("y")
            assert (await c.asked(verb)).get("target", "") == ""
            await c.until(lambda verb=verb: _held(c, "") == (verb == "hold"))


async def test_a_note_and_an_acknowledgement_carry_the_name(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        await c.press("at")
        await c.sees("Who is at the keys?", "Enter  do it")
        await c.type("anna")
        await c.press("enter")
        await c.sees("anna is at the keys", "LIVE anna")
        await c.press("m")
        await c.sees("Enter  do it")
        await c.type("mail may come last")
        await c.press("enter")
        note = await c.asked("note")
        assert (note["value"], note["target"], note["as"]) == ("mail may come last", "fs01", "anna")
        await c.press("a")
        ack = await c.asked("ack")
        assert ack["as"] == "anna"
        assert ack["target"].startswith("stalled:backup@fs02#"), "two decisions are older, and no alarms"


async def test_without_a_commander_every_acting_key_is_off_and_says_so(tmp_path: Path) -> None:
    async with console(tmp_path, acting=False) as c:
        text = await c.sees("acting keys are off", "WATCH")
        assert "Space start" not in text
        await c.press("tab", "space", "r", "s", "c", "x", "o", "a", "m")
        assert not isinstance(c.app.screen, Dialog) and c.engine.asked == []
        await c.press("question_mark")
        await c.sees("(off: only looking)")


async def test_without_an_engine_a_command_says_what_to_do(tmp_path: Path) -> None:
    async with console(tmp_path) as c:
        c.night.session.socket_path.unlink()
        await c.press("x")
        await c.sees("No engine listens", "cockpit resume")


async def test_a_gate_shows_what_its_proofs_say(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    await night.writer.append(PromptOpened("gate-go-wipe", "gate", "go or no-go?", "go-wipe", None, ["go", "no-go"]))
    async with console(tmp_path, night=(night, clock)) as c:
        text = await _open(c, "o")
        assert "prove: 0 of 7 checks pass and are fresh." in text
    await night.writer.close()


async def test_a_gate_counts_checks_only_of_what_proves_and_names_what_a_person_skipped(tmp_path: Path) -> None:
    """A run step that it required had "0 of 0 checks"; what was left out before it stood nowhere."""
    night, clock = await middle(tmp_path)
    await night.writer.append(TaskSkipped("park@fs02", False, "no disks"), TaskSkipped("proof@web01", False, "late"), who="anna")
    await night.writer.append(TaskSkipped("image@fs01", True, "when: not here"), TaskSkipped("finalize@fs01", False, "x"))
    await night.writer.append(PromptOpened("gate-go-final", "gate", "go or no-go?", "go-final", None, ["go", "no-go"]))
    async with console(tmp_path, night=(night, clock)) as c:
        text = await _open(c, "o")
        assert "proof/ssh: 0 of 7 checks pass and are fresh." in text and "0 of 0" not in text
        assert "Skipped before it: park@fs02, by anna." in text and "proof@web01 was skipped by anna: a go needs" in text
    await night.writer.close()


async def test_a_proof_that_passed_can_be_had_again(tmp_path: Path) -> None:
    """r says whether it is needed: what was proven is stale once its data has changed."""
    night, clock = await middle(tmp_path)
    await night.writer.append(RetryAsked("prove@dc01", by_plan=True), AttemptStarted("prove@dc01", 2, "p2"))
    read = CheckFinished("prove@dc01", 2, "compare", "compare", "pass", "all the same", clock.at, [["dc01", "/srv/data"]])
    await night.writer.append(read, AttemptEnded("prove@dc01", 2, "done"))
    async with console(tmp_path, night=(night, clock)) as c:
        await c.press("j", "j", "tab")
        c.app.board.here.select("prove@dc01")
        assert "It passed, and is still fresh." in await _open(c, "r")
        await c.press("escape")
        clock.at += 60
        await night.writer.append(RetryAsked("backup@dc01", by_plan=True), AttemptStarted("backup@dc01", 2, "b2"))
        await c.until(lambda: bool(c.app.board.night and c.app.board.night.stale))
        assert "it proves nothing any longer" in await _open(c, "r")
        await c.press("y")
        assert (await c.asked("retry"))["target"] == "prove@dc01"
    await night.writer.close()


async def test_what_an_undo_left_behind_is_asked_about(tmp_path: Path) -> None:
    night, clock = await middle(tmp_path)
    text = "freeze@sql01 was done, and its undo failed: exit 1"
    await night.writer.append(PromptOpened("undo-freeze@sql01", "undo", text, "freeze@sql01", "sql01", ["undo", "retry", "keep"]))
    async with console(tmp_path, night=(night, clock)) as c:
        asked = await _open(c, "3")
        assert "Freeze the applications [freeze] on sql01" in asked and "its undo failed: exit 1" in asked
        assert "u  undo it again" in asked and "k  keep it" in asked
        await c.press("k")
        await c.sees("why (may stay empty)")
        await c.press("enter")
        answer = await c.asked("answer")
        assert (answer["target"], answer["value"]) == ("undo-freeze@sql01", "keep")
    await night.writer.close()
