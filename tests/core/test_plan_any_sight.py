"""What holds of every plan, whatever is seen of whichever node."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from outlast.core import events as ev
from outlast.core import sight
from outlast.core.job import Job, Node
from outlast.core.plan import Launch, Stop, Watch, plan
from outlast.core.state import NodeStatus, Reason
from outlast.core.transition import settle, transition

from .lives import a_job, later
from .sights import NODES, SIGHTS, exited

END = later(60)


def done(job: Job, node: Node, seen: sight.Sight | None) -> Node:
    """The node after everything in the plan that is to be recorded."""
    for action in plan(job, node, seen, now=END):
        if isinstance(action, ev.Event):
            node = transition(node, action)
        elif isinstance(action, ev.Aftermath):
            node = settle(node, action)
    return node


ENDINGS: st.SearchStrategy[dict[str, int]] = st.one_of(
    st.fixed_dictionaries({"exit_code": st.integers(0, 255)}),
    st.fixed_dictionaries({"signal": st.integers(1, 64)}),
    st.just({}),
)
ANY_EXIT = st.builds(
    lambda ending, reason, ran: exited(
        **ending, reason=reason, started_at=later(1) if ran else None
    ),
    ENDINGS,
    st.none() | st.sampled_from(Reason),
    st.booleans(),
)
ANY_SIGHT = ANY_EXIT | st.sampled_from(list(SIGHTS.values()))
ANY_NODE = st.sampled_from(list(NODES.values()))


@given(ANY_NODE, ANY_SIGHT)
def test_a_plan_can_always_be_carried_out(node: Node, seen: sight.Sight | None) -> None:
    """No plan holds an illegal move, and hearing the same news again changes nothing more."""
    job = a_job(node)
    once = done(job, node, seen)

    assert once == done(job, once, seen)


@given(ANY_NODE, ANY_SIGHT)
def test_no_exit_code_is_ever_made_up(node: Node, seen: sight.Sight | None) -> None:
    """A code is the one that was seen, or -1 for a killing of ours at a limit of time, or null."""
    after = done(a_job(node), node, seen)
    true_code = seen.exit_code if isinstance(seen, sight.Exited) else None

    if node.is_terminal or not after.is_terminal:
        assert node.exit_code == after.exit_code
    elif after.reason in (Reason.TIMEOUT, Reason.IDLE_TIMEOUT):
        assert after.exit_code == -1
    elif after.started_at is None or after.status == NodeStatus.CANCELLED:
        assert after.exit_code is None
    else:
        assert true_code == after.exit_code
    assert after.late_exit_code in (None, true_code)
    earlier = (each.signal for each in node.earlier)  # one that cannot be ended was the last
    assert after.signal in (None, node.signal, getattr(seen, "signal", None), *earlier)
    if after.status == NodeStatus.COMPLETE != node.status:
        assert true_code == 0
        assert after.started_at is not None


@given(ANY_NODE, ANY_SIGHT)
def test_only_what_is_not_known_to_run_is_launched(node: Node, seen: sight.Sight | None) -> None:
    """Nothing that runs, has run or was cancelled is ever launched; nothing unended is stopped."""
    actions = plan(a_job(node), node, seen, now=END)

    is_begun = node.status == NodeStatus.PENDING and node.is_claimed
    assert (Launch() in actions) == (seen is None and is_begun)
    assert (Watch() in actions) <= (not is_begun)
    if any(isinstance(each, Stop) for each in actions):
        assert node.is_terminal or node.is_between
        assert isinstance(seen, sight.Alive) or (
            seen is None and node.status == NodeStatus.CANCELLED
        )


@given(ANY_NODE, ANY_EXIT)
def test_a_verdict_never_changes(node: Node, seen: sight.Exited) -> None:
    """Of an ended node, only what is learnt of its aftermath may change."""
    after = done(a_job(node), node, seen)

    if node.is_terminal:
        learnt = replace(node, late_exit_code=after.late_exit_code, stopped_at=after.stopped_at)
        assert learnt == after
