"""Following a journal, live and in replay: the same state at every fact, with and without checkpoints."""

import pytest

from cockpit.journal import events as e
from cockpit.journal.clock import LiveClock, ReplayClock
from cockpit.journal.reader import Reader
from cockpit.journal.writer import Writer
from cockpit.state.fold import apply
from cockpit.state.model import State
from cockpit.state.snapshot import digest, pack
from cockpit.state.tail import Tail
from tests.state.nights import night

COUNT = 300


async def written(path, checkpoints):
    """A random night, and the digest of the engine's own state after each of its facts."""
    writer, state, digests = Writer.open(path), State(), {0: digest(State())}
    for fact in night(7, COUNT):
        for given in await writer.append(fact.event, who=fact.who, why=fact.why, at=100.0 + fact.at):
            apply(state, given)
        digests[state.seq] = digest(state)
        if checkpoints and state.seq % 25 == 0:
            await writer.checkpoint(state.seq, pack(state))
    await writer.close()
    return digests


@pytest.mark.parametrize("checkpoints", [True, False])
async def test_replay_has_the_engines_state_at_every_fact(tmp_path, checkpoints):
    digests = await written(tmp_path / "journal.db", checkpoints)
    forward = Tail(Reader.open(tmp_path / "journal.db"))
    jumping = Tail(Reader.open(tmp_path / "journal.db"))
    for seq in range(1, COUNT + 1):
        assert [f.seq for f in forward.poll(1)] == [seq]
        assert digest(forward.state) == digests[seq]
        there = (seq * 173) % (COUNT + 1)
        jumping.seek(seq=there)
        assert (jumping.state.seq, digest(jumping.state)) == (there, digests[there])
    assert forward.poll() == []


async def test_a_checkpoint_that_cannot_be_read_is_only_a_cache(tmp_path):
    digests = await written(tmp_path / "journal.db", True)
    writer = Writer.open(tmp_path / "journal.db")
    for seq in (COUNT, COUNT - 25, COUNT - 50):
        await writer.checkpoint(seq, b"0 of other rules\n...")
    await writer.close()
    tail = Tail(Reader.open(tmp_path / "journal.db"))
    tail.seek()
    assert digest(tail.state) == digests[COUNT]


async def test_live_and_replay_are_told_apart_by_their_clock_alone(tmp_path):
    digests = await written(tmp_path / "journal.db", True)
    ticks = [0.0]
    live, clock = LiveClock(), ReplayClock(100.0, 100.0 + COUNT, speed=10, ticks=lambda: ticks[0])
    tail = Tail(Reader.open(tmp_path / "journal.db"))
    tail.advance(live.until())
    assert tail.state.seq == COUNT
    assert tail.advance(clock.until()) == [] and tail.state.seq == 0
    clock.play()
    for seconds in (0.05, 1, 2, 15):
        ticks[0] += seconds
        before = tail.state.seq
        assert [f.seq for f in tail.advance(clock.until())] == list(range(before + 1, tail.state.seq + 1))
        assert tail.state.seq == int(ticks[0] * 10) and digest(tail.state) == digests[tail.state.seq]
    clock.seek(150.0)
    tail.advance(clock.until())
    assert (tail.state.seq, digest(tail.state)) == (50, digests[50])


async def test_a_live_tail_sees_each_fact_once_as_it_comes(tmp_path):
    writer = Writer.open(tmp_path / "journal.db")
    tail = Tail(Reader.open(tmp_path / "journal.db"))
    assert tail.poll() == []
    for i in range(5):
        given = await writer.append(e.NoteAdded(str(i)), who="lead")
        assert tail.poll() == given
    assert [n.text for n in tail.state.notes] == list("01234") and tail.state.decisions == 5
    await writer.close()


async def test_seeking_before_the_first_and_after_the_last_fact(tmp_path):
    digests = await written(tmp_path / "journal.db", True)
    tail = Tail(Reader.open(tmp_path / "journal.db"))
    tail.seek(time=1e12)
    assert digest(tail.state) == digests[COUNT]
    tail.seek(time=0.0)
    assert tail.state == State()
    tail.seek(seq=COUNT + 99)
    assert tail.state.seq == COUNT
