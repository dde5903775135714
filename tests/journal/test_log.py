"""The log against a plain model of it: any cuts, any streams, any filter, as of any time.

Twenty-five logs here, more in tests/long/test_journal.py.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.journal.log import LINE_LIMIT, LogFilter
from cockpit.journal.reader import Reader
from cockpit.journal.records import Output
from cockpit.journal.store import Batch, Store

STREAMS = [("a@s", 1, "out"), ("a@s", 1, "err"), ("b@s", 1, "out"), ("a@t", 2, "out"), ("gate", 1, "note")]
FILTERS = [
    LogFilter(), LogFilter(server="s"), LogFilter(step="a"), LogFilter(task="a@s", n=1), LogFilter(n=2),
    LogFilter(streams=frozenset({"err", "note"})), LogFilter(server="nobody"),
]
PIECES = st.lists(
    st.tuples(st.integers(0, 4), st.binary(max_size=12).map(lambda b: bytes(b"ab\n\n\r\xff"[x % 6] for x in b))), max_size=40
)


class Model:
    """Lines where they began; each remembers its stream, so that later pieces make it longer."""

    def __init__(self):
        self.lines, self.open = [], {}

    def feed(self, stream, at, data):
        if stream[2] == "note" and not data.endswith(b"\n"):
            data += b"\n"
        for piece in data.splitlines(keepends=True) if b"\r" not in data else keep_cr(data):
            line = self.open.get(stream)
            if line is None:
                line = self.open[stream] = [stream, at, b"", True]
                self.lines.append(line)
            line[2] += piece.rstrip(b"\n") if piece.endswith(b"\n") else piece
            if piece.endswith(b"\n"):
                line[3] = False
                del self.open[stream]

    def shown(self, filter):
        return [(s, at, text, partial) for s, at, text, partial in self.lines if filter.passes(*s)]


def keep_cr(data):
    parts = data.split(b"\n")
    return [p + b"\n" for p in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def shown(lines):
    return [((x.task, x.n, x.stream), x.at, x.text, x.partial) for x in lines]


some = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@some
@given(pieces=PIECES)
def test_every_window_of_every_filter_is_what_was_printed(tmp_path_factory, pieces):
    path = tmp_path_factory.mktemp("log") / "journal.db"
    store, model, offsets, past = Store.open(path), Model(), {}, []
    views = None
    for at, (which, data) in enumerate(pieces):
        stream = STREAMS[which]
        store.commit(Batch(outputs=[Output(float(at), *stream, offsets.get(stream, 0), data)]))
        offsets[stream] = offsets.get(stream, 0) + len(data)
        if data or stream[2] == "note":
            model.feed(stream, float(at), data)
        views = views or [Reader.open(path).log(f) for f in FILTERS]  # opened early: they have to follow
        past.append([model.shown(f) for f in FILTERS])
    for view, filter in zip(views or [], FILTERS, strict=False):
        want = model.shown(filter)
        assert view.count() == len(want)
        assert shown(view.lines(0, 1000)) == want
        for first in range(0, len(want), 3):
            assert shown(view.lines(first, 2)) == want[first : first + 2]
    for at in range(0, len(pieces), 5):
        for view, want in zip(views, past[at], strict=True):
            assert view.count(float(at)) == len(want)
            assert shown(view.lines(0, 1000, float(at))) == want
    store.close()


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path / "journal.db")
    yield store
    store.close()


def test_a_line_of_ten_megabytes_is_shown_cut_and_kept_whole(store, tmp_path):
    store.commit(Batch(outputs=[Output(1.0, "a@s", 1, "out", 0, b"x" * 10_000_000 + b"\nnext\n")]))
    reader = Reader.open(tmp_path / "journal.db")
    long, following = reader.log().lines(0, 10)
    assert (len(long.text), long.partial, following.text) == (LINE_LIMIT, True, b"next")
    assert sum(map(len, reader.attempt_output("a@s", 1))) == 10_000_006


def test_a_row_of_dots_printed_one_by_one_is_one_line(store, tmp_path):
    for i in range(3_000):
        store.commit(Batch(outputs=[Output(float(i), "a@s", 1, "out", i, b".")]))
    [line] = Reader.open(tmp_path / "journal.db").log().lines(0, 10)
    assert (line.text, line.partial, line.at) == (b"." * 3_000, True, 0.0)


def test_a_line_keeps_its_number_over_many_blocks(store, tmp_path):
    reader = Reader.open(tmp_path / "journal.db")
    one, every = reader.log(LogFilter(task="a@s3")), reader.log()
    for turn in range(4):
        store.commit(Batch(outputs=[
            Output(float(turn * 1000 + i), f"a@s{i % 7}", 1, "note", 0, b"%d" % (turn * 1000 + i)) for i in range(1000)
        ]))
        assert every.count() == (turn + 1) * 1000
    assert [x.text for x in every.lines(2046, 4)] == [b"2046", b"2047", b"2048", b"2049"]
    mine = [i for t in range(4) for i in range(t * 1000, t * 1000 + 1000) if (i % 1000) % 7 == 3]
    assert [int(x.text) for x in one.lines(0, 10_000)] == mine
    assert [int(x.text) for x in one.lines(300, 5)] == mine[300:305]
    assert one.count(2500.0) == len([i for i in mine if i <= 2500])
    assert every.lines(4000, 5) == [] and every.lines(-5, 1)[0].text == b"0"
