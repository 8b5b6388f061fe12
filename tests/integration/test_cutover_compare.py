"""What is compared while both sides of a cut-over are closed, and that it does not take longer than it may."""

import pytest

from tests.integration.links import MakePair, Pair
from tests.integration.test_cutover import DDL, open_sides, over
from ucrepl.errors import RefusedError
from ucrepl.link.nodes import Nodes
from ucrepl.link.verify.scope import scope
from ucrepl.link.verify.session import open_session

EVENTS = """
    CREATE TABLE calendar_event (
        id serial PRIMARY KEY, partner_id int REFERENCES partner, res_model text, res_id int
    );
"""


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    pair = make_pair(DDL + EVENTS)
    pair.seed_both()
    pair.close_links()
    return pair


def with_settings(pair: Pair, **settings: object) -> None:
    document = pair.config.model_dump()
    links = [{"from": link.source, "to": link.target} for link in pair.config.links]
    pair.config = type(pair.config).model_validate({"nodes": document["nodes"], "links": links, "cutover": settings})


def test_each_row_is_looked_up_by_itself_whatever_the_statistics_say(pair: Pair) -> None:
    pair.b.run("ALTER TABLE ucrepl.identity SET (autovacuum_enabled = off)")
    pair.b.run(
        "INSERT INTO ucrepl.identity SELECT p.peer_id, t, i, t, i"
        " FROM ucrepl.peer AS p, generate_series(1001, 1100) AS t, generate_series(1, 200) AS i"
    )
    pair.b.run("DELETE FROM pg_statistic WHERE starelid = 'ucrepl.identity'::regclass")
    pair.a.run("INSERT INTO partner (name) SELECT 'n' FROM generate_series(1, 300)")
    pair.a.run("INSERT INTO calendar_event (partner_id) SELECT id FROM partner")
    pair.forth()
    with Nodes(pair.config, "test") as nodes, open_session(nodes, pair.config.links[0]) as session:
        [whole], _ = scope(pair.config, session, ["calendar_event"])
        comparison = whole.one_by_one()
        values = {"first": 0, "end": 1000}
        plan = session.on_target("EXPLAIN (ANALYZE) " + comparison.target_chunks(), values).fetchall()
        assert session.on_target(comparison.target_chunks(), values).fetchall() == (
            session.on_source(comparison.source_chunks(), values).fetchall()
        )
    lines = [line for (line,) in plan]
    assert any("rows=302" in line for line in lines)
    assert not [line for line in lines if "Rows Removed by Join Filter" in line]


def test_what_there_is_no_time_for_is_said_and_holds_up_nobody(pair: Pair) -> None:
    with_settings(pair, recent_seconds=0.2)
    pair.a.run("INSERT INTO partner (name) VALUES ('c'); INSERT INTO tag VALUES (1, 'x')")
    with pair.b.another() as reader:

        def told(step: str) -> None:
            if step == "compare":
                reader.execute("LOCK TABLE partner IN ACCESS EXCLUSIVE MODE")
            elif step == "arm":
                reader.rollback()

        report = over(pair, told=told)
    assert (report["outcome"], report["compared"], report["not_compared"]) == ("done", 1, ["partner"])
    assert open_sides(pair) == ["milan"]


def test_without_any_time_nothing_is_compared(pair: Pair) -> None:
    with_settings(pair, recent_seconds=1e-6)
    pair.a.run("INSERT INTO partner (name) VALUES ('c'); INSERT INTO tag VALUES (1, 'x')")
    report = over(pair)
    assert (report["outcome"], report["compared"]) == ("done", 0)
    assert {*report["not_compared"]} == {"partner", "tag"}


def test_the_deadline_is_kept_in_every_step_and_said_with_what_gives_more_time(pair: Pair) -> None:
    pair.a.run("UPDATE ir_sequence SET number_next = 9")
    with pair.b.another() as user:

        def told(step: str) -> None:
            if step == "numbers":
                user.execute("LOCK TABLE ir_sequence IN EXCLUSIVE MODE")
                pair.a.run("SET ucrepl.origin = 'x'; UPDATE ir_sequence SET number_next = 10; RESET ucrepl.origin")

        with pytest.raises(RefusedError, match="the deadline of 2 s passed in the step 'numbers'") as refused:
            over(pair, told=told, deadline=2.0)
    assert "--deadline" in (refused.value.hint or "")
    assert open_sides(pair) == ["turin"]
