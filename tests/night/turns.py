"""A short night that does not go as planned: a rebuild with a new host key, a reboot, a cancel, an undo, a server that is
dropped, a no-go and the way back. Killed, resumed and judged as the night of `crashes`; the person is played here too.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from cockpit.journal.events import HostKeyAccepted
from cockpit.journal.reader import Reader
from cockpit.state.model import DONE, RUNNING, State
from cockpit.state.standing import dropped
from tests.hosts import Hosts
from tests.night.crashes import Ground, Night, steps

STEPS = """
[[steps]]
id = "rebuild"
on = "fs01"
new_host_key = true
run = '''
MARK
while [ ! -e {{ server.place }}/go ]; do sleep 0.05; done
'''

[[steps]]
id = "restart"
on = "fs01"
reboot = true

[[steps]]
id = "work"
on = "all"
run = '''
MARK
'''
undo = "echo undone >> {{ server.place }}/ran.undo"

[[steps]]
id = "long"
on = "db01"
run = '''
MARK
exec sleep 100
'''

[[steps]]
id = "look"
manual = "Look around"

[[steps]]
id = "go"
gate = { approvers = 1 }

[[steps]]
id = "use"
on = "all"
run = '''
MARK
'''

[[backout]]
id = "back"
on = "all"
run = '''
MARK
'''
"""

RAN = {
    "fs01": {"rebuild": 1, "work": 1, "back": 1, "undo": 0, "use": 0},
    "db01": {"work": 2, "undo": 1, "long": 1, "back": 1, "use": 0},
    "web01": {"work": 1, "back": 0, "undo": 0, "use": 0},
}
STATES = {
    "rebuild@fs01": "done", "restart@fs01": "done", "work@fs01": "done", "work@db01": "done", "work@web01": "done",
    "long@db01": "skipped", "look": "done", "back@fs01": "done", "back@db01": "done",
}  # fmt: skip


def turned(hosts: Hosts, place: Path) -> Ground:
    """A ground for it: three servers, one of which will be lost on the way."""
    place.mkdir(parents=True, exist_ok=True)
    return Ground(place, {name: hosts(name, user="root") for name in ("fs01", "db01", "web01")})


class Turns(Night):
    EXIT: ClassVar[int] = 1

    def __post_init__(self) -> None:
        # The night before has dropped it, and left its lock there.
        self.ground.hosts["web01"].run("rm -f /root/.cockpit/claim /var/tmp/cockpit-night~*")
        self.boots = self.ground.hosts["fs01"].boot_count
        self.key: str | None = None
        super().__post_init__()

    def paper(self) -> tuple[str, str]:
        return "", steps(STEPS)

    # --- the person

    def answer(self) -> None:
        state = self.state()
        if not state.tasks:
            return
        self._rebuild(state)
        long = state.tasks["long@db01"]
        if long.state == RUNNING and not long.cancel_asked and self.ran("db01", "long"):
            self.ask(verb="cancel", target="long@db01")
        for prompt in list(state.prompts.values()):
            if prompt.kind == "host-key":
                self.ask(verb="answer", target=prompt.id, value="accept")
            elif prompt.id == "failed-long@db01":
                self.ask(verb="skip", target="long@db01", why="not tonight")
            elif prompt.id == "failed-work@db01":
                self.ask(verb="retry", target="work@db01")
            elif prompt.kind == "manual":
                self._look(state)
            elif prompt.kind == "gate":
                self.ask(verb="no-go", target="go")
            elif prompt.kind == "no-go":
                self.ask(verb="answer", target=prompt.id, value="backout", why="too late")
            else:
                raise AssertionError(f"nobody should be asked this: {prompt}\n{self.story()}")

    def _rebuild(self, state: State) -> None:
        host = self.ground.hosts["fs01"]
        if self.key is None and self.ran("fs01", "rebuild"):
            self.key = host.swap_host_key()
            host.drop_connections()
        if self.key is not None and state.servers["fs01"].accepted_key == self.key:
            host.path(f"{self.on_host}/go").touch()

    def _look(self, state: State) -> None:
        """Undone, done again, and then a server is lost."""
        work = state.tasks["work@db01"]
        if work.state != DONE or work.undo_asked or work.attempt is None or work.attempt.ended is None:
            return
        if len(work.attempts) == 1:
            self.ask(verb="undo", target="work@db01")
        elif not dropped(state, "web01"):
            self.ask(verb="drop", target="web01", why="it burns")
        else:
            self.ask(verb="done", target="look")

    # --- judging it

    def judge(self, state: State) -> None:
        assert state.outcome == "backed-out"
        assert {name: state.tasks[name].state for name in STATES} == STATES
        assert {t.id: len(t.attempts) for t in state.tasks.values() if len(t.attempts) > 1} == {"work@db01": 3}
        assert {name: {step: self.ran(name, step) for step in ran} for name, ran in RAN.items()} == RAN
        assert self.ground.hosts["fs01"].boot_count == self.boots + 1
        assert self._accepted() == [self.key]

    def _accepted(self) -> list[str]:
        reader = Reader.open(self.session().journal_path)
        try:
            return [f.event.key for f in reader.facts(0, None, 100_000) if isinstance(f.event, HostKeyAccepted)]
        finally:
            reader.close()

    def leftovers(self) -> list[str]:
        """A server that was dropped keeps its lock: nobody goes there any more. What was backed out keeps its records."""
        return [found for found in super().leftovers() if "web01" not in found and "/.cockpit/jobs/" not in found]
