"""Which state of which recovery point is taken for which lost object."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from canvasback.clouds.aws_recovery_points import AwsRecoveryPoint, LostObject, State, choose_states


def day(number: float) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=number)


def point(number: float) -> AwsRecoveryPoint:
    return AwsRecoveryPoint(arn=f"point-{number}", vault="vault", since=day(number))


def continuous(begin: float, end: float) -> AwsRecoveryPoint:
    return AwsRecoveryPoint(arn="continuous", vault="vault", since=day(begin), until=day(end))


def lost(key: str, since: float, until: float | None = None) -> LostObject:
    return LostObject(key=key, since=day(since), until=None if until is None else day(until))


def chosen(objects: list[LostObject], points: list[AwsRecoveryPoint]) -> dict[str, str]:
    states = choose_states(objects, points)
    return {item.key: state.point.arn for state, items in states.items() for item in items}


POINTS = [point(number) for number in (3, 1, 5, 2, 4)]


def test_the_first_point_after_the_commit_is_taken() -> None:
    """It is the least likely to be of a time after the damage, where nobody knows when that was."""
    assert chosen([lost("a", 2.5)], POINTS) == {"a": "point-3"}


def test_a_point_of_the_time_of_the_commit_has_it() -> None:
    assert chosen([lost("a", 3)], POINTS) == {"a": "point-3"}


def test_no_point_is_taken_that_was_made_before_the_commit_or_after_the_damage() -> None:
    objects = [lost("new", 5.5), lost("short-lived", 2.2, 2.8), lost("damaged as it was saved", 2.5, 3)]
    assert choose_states(objects, POINTS) == {}


def test_one_point_serves_all_whose_times_allow_it() -> None:
    objects = [lost("a", 0), lost("b", 1.5), lost("c", 3.5), lost("early", 0.5, 2.5)]
    assert chosen(objects, POINTS) == {"a": "point-4", "b": "point-4", "c": "point-4", "early": "point-1"}


def test_what_no_point_holds_does_not_stand_in_the_way_of_the_others() -> None:
    assert chosen([lost("new", 9), lost("a", 2.5)], POINTS) == {"a": "point-3"}


def test_a_continuous_point_brings_back_what_was_there_just_before_a_known_damage() -> None:
    states = choose_states([lost("a", 1, 4)], [continuous(0, 6)])
    assert [state.at for state in states] == [day(4) - timedelta(seconds=2)]


def test_a_continuous_point_brings_back_what_was_just_committed_where_the_damage_is_not_known() -> None:
    states = choose_states([lost("a", 1)], [continuous(0, 6)])
    assert [state.at for state in states] == [day(1) + timedelta(minutes=5)]


def test_a_continuous_point_is_asked_for_no_time_outside_of_its_own() -> None:
    states = choose_states([lost("old", -3), lost("new", 5.999)], [continuous(0, 6)])
    assert {item.key: state.at for state, items in states.items() for item in items} == {
        "new": day(6),
        "old": day(6),
    }
    assert [state.at for state in choose_states([lost("old", -3)], [continuous(0, 6)])] == [day(0)]
    assert choose_states([lost("gone before", -3, -1)], [continuous(0, 6)]) == {}


def test_a_time_is_cut_to_a_second() -> None:
    item = LostObject(key="a", since=day(1), until=day(2) + timedelta(milliseconds=2250))
    assert [state.at for state in choose_states([item], [continuous(0, 6)])] == [day(2)]


def test_what_was_damaged_in_a_point_is_looked_for_in_older_ones_only() -> None:
    item = lost("a", 0.5).damaged_in(State(point(3), day(3)))
    assert chosen([item], POINTS) == {"a": "point-1"}
    assert chosen([item.damaged_in(State(point(1), day(1)))], POINTS) == {}


def test_what_was_gone_long_after_its_commit_is_not_looked_for_in_newer_ones() -> None:
    assert chosen([lost("a", 0.5).absent_from(State(point(1), day(1)))], POINTS) == {}


def test_what_was_absent_just_after_its_commit_is_looked_for_in_the_next() -> None:
    """The clock of who commits may be behind that of S3."""
    item = LostObject(key="a", since=day(1) - timedelta(minutes=1)).absent_from(State(point(1), day(1)))
    assert chosen([item], POINTS) == {"a": "point-2"}


def test_whoever_names_a_point_knows_better() -> None:
    assert chosen([lost("a", 9).in_any(), lost("b", 0, 1).in_any()], [point(3)]) == {"a": "point-3", "b": "point-3"}
