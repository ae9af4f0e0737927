"""What a model would take, asked of the server."""

from __future__ import annotations

from tests.app.api.conftest import Served


def test_a_plan_has_the_planners_numbers_and_follows_the_options(served: Served) -> None:
    planner, library = served.workstation.planner, served.workstation.library
    short = served.post("/api/yanmo/fit", {"model": served.starter, "context_length": 512, "kv_type": "f16"}).json()
    long = served.post("/api/yanmo/fit", {"model": served.starter, "context_length": 2048, "kv_type": "f16"}).json()
    assert short["verdict"] == "fits" and short["layer_count"] == planner.shape_of(library.find(served.starter)).layer_count
    assert long["needed_bytes"] > short["needed_bytes"] > library.find(served.starter).size_bytes
    assert long["devices"][0]["kv_cache"] == 4 * short["devices"][0]["kv_cache"]
    assert sum(device["needed"] for device in long["devices"]) == long["needed_bytes"]


def test_what_cannot_be_planned_is_refused_with_the_reason(served: Served) -> None:
    for body, status in (
        ({"model": "nothing"}, 404),
        ({"model": served.starter, "kv_type": "q9"}, 400),
        ({"model": served.starter, "context_length": -4}, 400),
    ):
        reply = served.post("/api/yanmo/fit", body)
        assert reply.status_code == status and reply.json()["error"]["message"]
