"""Every error raised on purpose: the tree, and what each tells a program."""

from __future__ import annotations

import inspect
import pickle

import pytest

from outlast import errors
from outlast.errors import ClientError, Conflict, InvalidRequest, NotFound, WaitTimeout

TABLE = {
    # class          code               exit  http  retryable
    "ClientError": ("internal", 1, 500, False),
    "InvalidRequest": ("invalid_request", 2, 422, False),
    "Conflict": ("conflict", 2, 422, False),
    "NotFound": ("not_found", 5, 404, False),
    "Expired": ("expired", 5, 410, False),
    "NotTerminal": ("not_terminal", 2, 409, False),
    "Unauthorized": ("unauthorized", 1, 401, False),
    "Forbidden": ("forbidden", 1, 403, False),
    "Unavailable": ("unavailable", 1, 503, True),
    "HomeRefused": ("home_refused", 1, 503, False),
    "SchemaOlder": ("schema_older", 1, 503, True),
    "BadAnswer": ("bad_answer", 1, 502, False),
    "WaitTimeout": ("job_timeout", 3, 504, True),
    "Internal": ("internal", 1, 500, False),
    "IllegalMove": ("illegal_move", 1, 500, False),
    "StaleAttempt": ("stale_attempt", 1, 500, False),
    "StaleWrite": ("stale_write", 1, 500, True),
}
CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, ClientError)
}


def drawn() -> list[tuple[int, str]]:
    """The tree in the module's docstring: how deep, and which name."""
    lines = (inspect.getdoc(errors) or "").splitlines()
    return [
        ((len(line) - len(line.lstrip())) // 2, line.split()[1])
        for line in lines
        if line.lstrip().startswith(("* ", "- "))
    ]


def grown(kind: type[ClientError], depth: int = 0) -> list[tuple[int, str]]:
    """The tree as Python has it, branches in the order in which they are defined."""
    return [(depth, kind.__name__)] + [
        leaf
        for child in kind.__subclasses__()
        if child.__module__ == errors.__name__
        for leaf in grown(child, depth + 1)
    ]


def test_the_tree_is_drawn_as_it_grew() -> None:
    """The tree at the top of `errors` is the tree of the classes."""
    assert drawn() == grown(ClientError)


def test_each_error_has_one_parent() -> None:
    """Whoever catches a class knows what it catches."""
    for kind in CLASSES.values():
        assert 1 == len(kind.__bases__), kind


@pytest.mark.parametrize("name", TABLE)
def test_what_an_error_tells_is_pinned(name: str) -> None:
    """Code, exit code, HTTP status and whether to try again are public and stable."""
    kind = CLASSES[name]

    assert TABLE[name] == (kind.code, kind.exit_code, kind.http_status, kind.retryable)


def test_the_table_has_every_error() -> None:
    """An error that is added without saying what it tells is caught here."""
    assert set(TABLE) == set(CLASSES)


def test_codes_are_unique() -> None:
    """A code stands for one class; the root's own is that of an internal error."""
    codes = [kind.code for name, kind in CLASSES.items() if name != "ClientError"]

    assert sorted(set(codes)) == sorted(codes)
    assert ClientError.code == errors.Internal.code


def test_a_wait_that_ended_is_told_with_its_job() -> None:
    """The root and a code suffice to tell a wait that ended from a failure."""
    with pytest.raises(ClientError, match="after 30s") as told:
        raise WaitTimeout("still running after 30s", job_id="job_1")

    assert ("job_timeout", "job_1", None) == (
        told.value.code,
        told.value.job_id,
        told.value.suggestion,
    )


def test_every_fault_of_a_request_is_kept() -> None:
    """One error carries all faults, apart and in one sentence."""
    error = InvalidRequest("cwd is no directory", "timeout is negative", suggestion="see --help")

    assert ("cwd is no directory", "timeout is negative") == error.faults
    assert "cwd is no directory; timeout is negative" == str(error) == error.message
    assert "see --help" == error.suggestion


@pytest.mark.parametrize(
    "error",
    [
        NotFound("no such job", job_id="job_1", suggestion="outlast job list"),
        Conflict("one fault", "another", suggestion="take another key"),
    ],
    ids=["plain", "with faults"],
)
def test_an_error_survives_the_way_to_another_process(error: ClientError) -> None:
    """A pickled error comes back with all that it told."""
    back = pickle.loads(pickle.dumps(error))

    assert (type(error), str(error), vars(error)) == (type(back), str(back), vars(back))
