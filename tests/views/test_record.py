"""What a report says of servers that were lost."""

from __future__ import annotations

from cockpit.journal.events import Event, Fact, ServerContacted, ServerLost
from cockpit.views.record import Record


def recorded(*events: tuple[float, Event]) -> tuple[list[list[str]], str]:
    """The rows of trouble, and what stands for the server's contact."""
    record = Record(0.0)
    for seq, (at, event) in enumerate(events, start=1):
        record.add(Fact(seq, at, event))
    what, trouble = record.servers()
    assert what.table and trouble.table
    return [[cell.text for cell in row.cells][2:] for row in trouble.table.rows], what.table.rows[0].cells[4].text


def test_an_outage_whose_reason_changes_is_one_loss_and_ends_once() -> None:
    gone, refused = ServerLost("a", "unreachable", "broke"), ServerLost("a", "unreachable", "refused")
    back = ServerContacted("a", "boot")
    rows, contact = recorded((0.0, back), (10.0, gone), (11.0, refused), (20.0, refused), (40.0, back), (50.0, gone))
    assert rows == [["unreachable: broke; then unreachable: refused", "30s"], ["unreachable: broke", "to the end"]]
    assert contact == "lost 2 times"
