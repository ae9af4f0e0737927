"""What was chosen for a model holds for other programs too."""

from __future__ import annotations

from tests.app.api.conftest import Served


def test_what_a_request_leaves_open_is_as_was_chosen_for_the_model(served: Served) -> None:
    defaults = served.workstation.defaults
    defaults.set_sampling(served.tiny, {"temperature": 0.0, "top_k": 5})
    try:
        question = {"model": served.tiny, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 4}
        calls = (
            ("/v1/chat/completions", question, (0.0, 5)),
            ("/v1/chat/completions", {**question, "temperature": 0.8}, (0.8, 5)),
            ("/v1/completions", {"model": served.tiny, "prompt": "abc", "max_tokens": 4, "top_k": 9}, (0.0, 9)),
            ("/v1/messages", {**question, "temperature": 0.3}, (0.3, 5)),
            ("/v1/responses", {"model": served.tiny, "input": "hi", "max_output_tokens": 4}, (0.0, 5)),
            ("/api/chat", {**question, "stream": False, "options": {"temperature": 0.6, "num_predict": 4}}, (0.6, 5)),
        )
        for path, body, wanted in calls:
            assert served.post(path, body).status_code == 200, path
            request = served.workstation.server.log.list()[-1].request
            assert request is not None
            sampling = request.options.sampling
            assert (sampling.temperature, sampling.top_k) == wanted, path
        greedy = [served.post("/v1/chat/completions", question).json()["choices"][0]["message"] for _ in range(2)]
        assert greedy[0] == greedy[1]
    finally:
        defaults.forget(served.tiny)
