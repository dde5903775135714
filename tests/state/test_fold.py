"""What holds for every night, however odd: folds are total, states move along legal transitions only, nothing is shared."""

import copy

import pytest

from cockpit.journal.events import KINDS, AttemptEnded, AttemptStarted, Fact, PlanAdopted, PromptAnswered, PromptOpened
from cockpit.state import transitions as t
from cockpit.state.fold import HANDLERS, apply, fold
from cockpit.state.model import State
from cockpit.state.snapshot import digest, from_json, pack, to_json, unpack
from tests.state.nights import night

STATES = set(t.LEGAL)


def test_every_known_event_has_a_handler():
    assert set(HANDLERS) == set(KINDS.values())


def test_every_transition_leads_to_a_known_state_and_every_state_can_be_reached():
    reached = {to for moves in t.LEGAL.values() for to in moves.values()}
    assert reached == STATES


@pytest.mark.parametrize("state", sorted(STATES))
def test_nothing_moves_a_finished_task_but_a_person_or_an_undo(state):
    if state in ("done", "skipped"):
        assert set(t.LEGAL[state]) <= {t.RETRY, t.UNDO_DONE}


@pytest.mark.parametrize("seed", range(60))
def test_any_night_folds_and_tasks_move_along_legal_transitions_only(seed):
    state = State()
    for fact in night(seed, 400):
        before = {id_: (task.state, len(task.attempts)) for id_, task in state.tasks.items()}
        apply(state, fact)
        for id_, task in state.tasks.items():
            was, attempts = before.get(id_, (task.state, 0))
            assert task.state == was or task.state in t.LEGAL[was].values()
            assert len(task.attempts) >= attempts
            if task.state == "running":
                assert any(a.purpose == "do" for a in task.attempts)
            if task.state == "unknown":
                assert task.unknown_reason
    assert state.seq == 400


@pytest.mark.parametrize("seed", range(10))
def test_a_fold_keeps_nothing_of_its_facts_and_is_the_same_each_time(seed):
    facts = night(seed, 300)
    untouched = copy.deepcopy(facts)
    first, second = fold(facts), fold(facts)
    assert facts == untouched
    assert digest(first) == digest(second) and first == second
    for fact in facts:  # scribbling over the facts can't reach the state
        for value in vars_of(fact.event):
            if isinstance(value, dict | list):
                value.clear()
    assert digest(first) == digest(second)


def vars_of(event):
    return [getattr(event, name) for name in event.__dataclass_fields__]


@pytest.mark.parametrize("seed", range(10))
def test_a_picture_of_a_state_is_that_state(seed):
    state = fold(night(seed, 300))
    assert from_json(to_json(state)) == state == unpack(pack(state))
    assert digest(from_json(to_json(state))) == digest(state)


@pytest.mark.parametrize("seed", range(4))
def test_going_on_from_a_picture_at_any_fact_is_the_whole_fold(seed):
    facts, state, digests = night(seed, 250), State(), []
    for fact in facts:
        apply(state, fact)
        digests.append(digest(state))
    for start in range(0, len(facts), 10):
        resumed = unpack(pack(fold(facts[:start])))
        for fact, want in zip(facts[start:], digests[start:], strict=True):
            apply(resumed, fact)
            assert digest(resumed) == want


def test_a_picture_of_other_rules_or_a_torn_one_is_passed_over():
    blob = pack(fold(night(1, 50)))
    assert unpack(b"0" + blob) is None and unpack(blob[:-9]) is None and unpack(b"") is None and unpack(b"\xff" * 40) is None


def test_a_digest_tells_states_apart():
    facts = night(3, 200)
    assert len({digest(fold(facts[:n])) for n in range(1, 200)}) == 199


def test_planned_attempts_of_the_same_number_are_kept_once():
    facts = night(5, 1)
    start = AttemptStarted("go", 1, "x")
    state = fold([facts[0], *(type(facts[0])(i, 1.0, x) for i, x in enumerate((start, start, AttemptEnded("go", 1, "done")), 2))])
    assert len(state.tasks["go"].attempts) == 1 and state.illegal == 1
    assert isinstance(facts[0].event, PlanAdopted)


def test_an_open_question_keeps_its_number_and_an_answered_ones_is_not_at_once_anothers():
    state = State()

    def tell(*events):
        for event in events:
            apply(state, Fact(state.seq + 1, float(state.seq), event))
        return {prompt.id: prompt.number for prompt in state.prompts.values()}

    def asks(*names):
        return [PromptOpened(name, "manual", "?") for name in names]

    assert tell(*asks("a", "b", "c")) == {"a": 1, "b": 2, "c": 3}
    assert tell(PromptAnswered("a"), PromptAnswered("c"), *asks("d", "b")) == {"b": 2, "d": 4}
    assert tell(*asks(*"efghi")) == {"b": 2, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8, "i": 9}
    assert tell(*asks("j", "k", "l"))["l"] == 10  # 1 and 3 were free, and no key is left
    assert tell(PromptAnswered("b"))["l"] == 2, "a key that is free goes to the one without"
    assert tell(*(PromptAnswered(name) for name in "defghijkl"), *asks("m")) == {"m": 1}
