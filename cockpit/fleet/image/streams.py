"""The streams of a job: pairs of a source and a target, one of each pair behind its own ssh, made again when they break.

Runs on the servers (Python 3.6). Shares out tasks; knows not what a task does.
"""

import functools
import os
import sys
import threading
import time
from typing import Any, Callable, Deque, Tuple

from cockpit.fleet.image.blocks import Facts
from cockpit.fleet.image.calls import call
from cockpit.fleet.image.ends import FarSource, FarTarget, Here
from cockpit.fleet.image.faults import Broken
from cockpit.fleet.image.source import Source
from cockpit.fleet.image.target import Target
from cockpit.fleet.image.telling import Stopped
from cockpit.fleet.image.wire import Wire

PAYS = 4  # times a login: what is left for all streams that run, before another is called
LEAVING = 2  # seconds for an ssh to end by itself
AGAIN = (0.5, 1, 2, 4, 8, 15)  # seconds before a broken stream is made again; a task that is done starts this anew


Question = Tuple[Any, ...]  # a verb and its arguments


def _nothing() -> None:
    pass


class Stream:
    """One pair of ends, once it is open. ahead: for the task under way to call when it has asked for what it moves: asks for what
    the next task will."""

    def __init__(self, spec: Facts, number: int) -> None:
        """number: the job's own, by which a target tells its streams from an earlier job's."""
        self.shell, self.push = spec["shell"], spec["way"] == "push"
        self.sources = [bytes.fromhex(path) for path in spec["sources"]]
        self.targets = [bytes.fromhex(path) for path in spec["targets"]]
        self.number = number
        self.opened = False
        self.ahead = _nothing  # type: Callable[[], None]
        self._call = None  # type: Any
        self.source = Here(Source(self.sources))  # type: Here | FarSource
        self.target = Here(Target(self.targets))  # type: Here | FarTarget

    def open(self) -> None:
        """Broken, when there is no way; Fault."""
        self.close()
        if self.shell is not None:
            self._call = call(self.shell)
            wire = Wire(self._call.into, self._call.out)
            if self.push:
                self.target = FarTarget(wire)
            else:
                self.source = FarSource(wire)
        self.opened = True
        self.target.call("job", self.number)

    def leave(self) -> None:
        """Nothing more will be asked: what is at the other end ends too."""
        for end in (self.source, self.target):
            end.close()
        self.opened = False

    def close(self) -> None:
        self.leave()
        if self._call is not None:
            self._call.end(LEAVING)
            self._call = None

    def both(self, ours: Question, theirs: Question) -> "tuple[Any, Any]":
        """The answers of source and target: the remote one works while the one here does."""
        if isinstance(self.source, FarSource):
            later = self.source.later(*ours)
            there = self.target.call(*theirs)
            return later(), there
        later = self.target.later(*theirs)
        here = self.source.call(*ours)
        return here, later()


Task = Tuple[Any, ...]


class Streams:
    """All of them. Every call raises Fault, and Broken when a stream will not come back."""

    def __init__(self, spec: Facts) -> None:
        number = int.from_bytes(os.urandom(7), "big")
        self.all = [Stream(spec, number) for _ in range(spec["streams"])]
        self.running = 0  # of the streams among which work is shared: those that still have some
        self.stop = threading.Event()
        self._began, self._login = time.monotonic(), 0.0
        self._calling = threading.Lock()
        self._problem = None  # type: Exception | None

    def close(self) -> None:
        self.stop.set()
        for stream in self.all:  # before any is waited for
            stream.leave()
        for stream in self.all:
            stream.close()

    def answered(self) -> None:
        """The first stream's other end has spoken: so long a login takes."""
        self._login = time.monotonic() - self._began

    def one(self, work: "Callable[..., Any]", *args: Any) -> Any:
        """work(stream, *args), over the first stream alone."""
        return self._kept(self.all[0], work, args)

    def share(self, todo: "Deque[Task]", work: "Callable[..., Any]", ahead: "Callable[..., Any] | None" = None) -> None:
        """work(stream, *task): each stream takes what is next, until nothing is left. ahead(stream, *task): what `Stream.ahead`
        does, with the stream's next task. Streams that are not open yet are, one after another, as soon as a task has shown that
        what is left takes longer than their logins: of those the servers have more than enough work."""
        threads = []  # type: list[threading.Thread]

        def more(took: float) -> bool:
            with self._calling:
                n = len(threads)
                if n == len(self.all) or not (n == 0 or self.all[n].opened or len(todo) * took > n * PAYS * self._login):
                    return False
                threads.append(threading.Thread(target=self._turns, args=(self.all[n], todo, work, ahead, more)))
                threads[n].daemon = True
                self.running += 1
                threads[n].start()
            return True

        while more(0.0):
            pass
        for thread in threads:  # each is there before the one ends that has started it
            thread.join()
        if self._problem is not None:
            raise self._problem

    def flush(self) -> None:
        """What each stream's target has not receipted yet. One that is broken has nothing more to say."""
        for stream in self.all:
            try:
                if stream.opened:
                    stream.target.call("flush")
            except Broken:
                stream.close()

    def _turns(
        self, stream: Stream, todo: "Deque[Task]", work: "Callable[..., Any]", ahead: "Callable[..., Any] | None",
        more: "Callable[[float], bool]",
    ) -> None:  # fmt: skip
        try:
            task = _next(todo)
            while task is not None and not self.stop.is_set():
                after, began = _next(todo) if ahead else None, time.monotonic()
                stream.ahead = functools.partial(ahead, stream, *after) if ahead and after else _nothing
                self._kept(stream, work, task)
                more(time.monotonic() - began)
                task = after or _next(todo)
        except Stopped:
            pass
        except Exception as problem:  # one stream's end is the job's
            self._problem = self._problem or problem
            self.stop.set()
        finally:
            with self._calling:
                self.running -= 1

    def _kept(self, stream: Stream, work: "Callable[..., Any]", args: Task) -> Any:
        for pause in AGAIN + (None,):
            try:
                if not stream.opened:
                    stream.open()
                return work(stream, *args)
            except Broken as broken:
                stream.close()
                if pause is None:
                    raise
                sys.stderr.write("image: %s; trying again in %s s\n" % (broken, pause))
                sys.stderr.flush()
            if self.stop.wait(pause):
                raise Stopped()
        raise AssertionError


def _next(todo: "Deque[Task]") -> "Task | None":
    try:
        return todo.popleft()
    except IndexError:
        return None
