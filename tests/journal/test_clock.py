import pytest

from cockpit.journal.clock import LiveClock, ReplayClock


class Hand:
    def __init__(self, at):
        self.at = at

    def __call__(self):
        return self.at


def test_set_forward_the_live_clock_follows_at_once_set_back_it_never_runs_backwards():
    wall, ticks = Hand(1000.0), Hand(0.0)
    clock = LiveClock(wall, ticks)
    seen = [clock.now()]
    for step, jump in ((10, 0), (10, 3600), (10, -3600), (3600, 0), (3590, 0), (100, 0)):
        ticks.at += step
        wall.at += step + jump
        seen.append(clock.now())
    assert seen == sorted(seen)
    assert seen[2] == 4620.0
    assert seen[3] == 4625.0  # half speed while the wall is behind
    assert seen[-1] == wall.at
    assert clock.until() is None


def test_a_replay_plays_pauses_seeks_and_changes_speed_without_a_jump():
    ticks = Hand(50.0)
    clock = ReplayClock(1000.0, 2000.0, speed=60, ticks=ticks)
    ticks.at += 5
    assert clock.now() == 1000.0 and not clock.playing
    clock.play()
    ticks.at += 2
    assert clock.now() == clock.until() == 1120.0
    clock.speed = 10
    assert clock.now() == 1120.0
    ticks.at += 1
    assert clock.now() == 1130.0
    clock.pause()
    ticks.at += 100
    assert clock.now() == 1130.0
    clock.seek(1500.0)
    assert clock.now() == 1500.0 and not clock.playing


def test_a_replay_stays_within_its_night():
    ticks = Hand(0.0)
    clock = ReplayClock(1000.0, 2000.0, ticks=ticks)
    clock.play()
    ticks.at += 5000
    assert clock.now() == 2000.0 and not clock.playing
    clock.seek(1990.0)
    ticks.at += 5
    assert clock.now() == 1995.0 and clock.playing
    clock.seek(0.0)
    assert clock.now() == 1000.0
    with pytest.raises(ValueError):
        clock.speed = 0
