"""Templates of well-known families, rendered as the transformers library renders them."""

from __future__ import annotations

import pytest

from backends.chat_template import IMAGE_MARKER, PLAIN_TRANSCRIPT, ChatTemplate, fold_system_prompt, show_marks
from backends.messages import (
    FilePart,
    ImagePart,
    Message,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    make_text_message,
)
from backends.reasoning import find_continued_format
from models.errors import TemplateFailed

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system = messages[0]['content'] %}"
    "{% else %}{% set loop_messages = messages %}{% set system = false %}{% endif %}"
    "{% for message in loop_messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if loop.index0 == 0 and system %}{% set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if message['role'] == 'assistant' %}{% set role = 'model' %}"
    "{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)
PARTS = (
    "{% for message in messages %}[{{ message.role }}]{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}[end]{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
HELLO = make_text_message("user", "Hello")
TURNS = (make_text_message("system", "Be brief."), HELLO, make_text_message("assistant", "Hi!"), make_text_message("user", "Bye"))


def test_chatml() -> None:
    assert ChatTemplate(CHATML).render(TURNS) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
        "<|im_start|>assistant\nHi!<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n"
    )


def test_llama_2() -> None:
    assert ChatTemplate(LLAMA2, begin="<s>", end="</s>").render(TURNS) == (
        "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHello [/INST] Hi! </s><s>[INST] Bye [/INST]"
    )


def test_a_template_without_a_system_role_gets_it_in_the_first_user_message() -> None:
    assert ChatTemplate(GEMMA, begin="<bos>").render(TURNS) == (
        "<bos><start_of_turn>user\nBe brief.\n\nHello<end_of_turn>\n<start_of_turn>model\nHi!<end_of_turn>\n"
        "<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n"
    )


def test_a_template_that_wants_parts_gets_parts() -> None:
    assert ChatTemplate(PARTS).render((HELLO,)) == "[user]Hello[end][assistant]"


def test_a_refusal_is_told_in_the_templates_own_words() -> None:
    with pytest.raises(TemplateFailed) as caught:
        ChatTemplate(LLAMA2).render((HELLO, HELLO))
    assert "roles must alternate" in caught.value.english()


@pytest.mark.parametrize("source", ["{% for %}", "{{ x", "{% endif %}", "{{ 'a' * }}", "{% generation %}"])
def test_what_is_no_template_is_refused_when_it_is_compiled(source: str) -> None:
    with pytest.raises(TemplateFailed):
        ChatTemplate(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages.append(1) }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages[99].content }}",
        "{{ 1 / 0 }}",
        "{{ range(999999999) | list }}",
        "{{ messages[0].content + 1 }}",
    ],
)
def test_a_template_that_misbehaves_is_an_error(source: str) -> None:
    with pytest.raises(TemplateFailed):
        ChatTemplate(source).render((HELLO,))


def test_the_functions_that_templates_expect_are_there() -> None:
    source = (
        "{{ {'b': '<é>', 'a': 1} | tojson }}|{{ [1] | tojson(indent=2) }}|{{ strftime_now('%Y') | length }}|"
        "{% generation %}x{% endgeneration %}{% for i in [1, 2, 3] %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}"
    )
    assert ChatTemplate(source).render((HELLO,)) == '{"b": "<é>", "a": 1}|[\n  1\n]|4|x1'


def test_blocks_are_trimmed_as_transformers_does() -> None:
    assert ChatTemplate("{% if true %}\n  {% if true %}\nx\n  {% endif %}\n{% endif %}\n").render((HELLO,)) == "x\n"


@pytest.mark.parametrize("partial", ["Once upon", "ends with space ", "im_end", "", "<think>half"])
def test_continuing_ends_the_prompt_with_the_partial_answer(partial: str) -> None:
    text = ChatTemplate(CHATML).render((HELLO, make_text_message("assistant", partial)), continue_last=True)
    assert text == f"<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n{partial}"


THINKING = (
    "{% for m in messages %}<|{{ m.role }}|>{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}"
    "{{ m.content }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def test_continuing_thoughts_opens_them_again() -> None:
    stopped = Message("assistant", (ReasoningPart("so far"),))
    text = ChatTemplate(THINKING).render((HELLO, stopped), continue_last=True)
    assert text == "<|user|>Hello<|assistant|><think>\nso far"
    found = find_continued_format(stopped, text)
    assert found is not None
    assert found.close == "</think>"
    opened = ChatTemplate(THINKING + "{% if add_generation_prompt %}<think>\n{% endif %}").render(
        (HELLO, stopped), continue_last=True
    )
    assert opened == "<|user|>Hello<|assistant|><think>\nso far"


def test_continuing_an_answer_keeps_the_thoughts_before_it() -> None:
    turn = Message("assistant", (ReasoningPart("hm"), TextPart("Once")))
    assert ChatTemplate(THINKING).render((HELLO, turn), continue_last=True).endswith("<think>hm</think>Once")
    assert find_continued_format(turn, "") is None


def test_continuing_a_template_that_hides_the_last_answer_still_works() -> None:
    source = (
        "{% for m in messages if m.role == 'user' %}U:{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}A:{% endif %}"
    )
    text = ChatTemplate(source).render((HELLO, make_text_message("assistant", "Once")), continue_last=True)
    assert text == "U:Hello\nA:Once"


def test_all_kinds_of_parts_reach_the_model() -> None:
    message = Message("user", (FilePart("/x", "notes.txt", "the text"), ImagePart("/y.png"), TextPart("What is it?")))
    text = show_marks(ChatTemplate(CHATML).render((message,)))
    assert text.startswith(f"<|im_start|>user\nnotes.txt:\n\nthe text\n\n{IMAGE_MARKER}What is it?<|im_end|>")


def test_reasoning_and_tools_are_given_as_templates_expect_them() -> None:
    source = (
        "{% for m in messages %}{{ m.reasoning_content }}|{% if m.tool_calls %}"
        "{{ m.tool_calls[0].function.name }}({{ m.tool_calls[0].function.arguments.city }}){% endif %}"
        "{{ m.tool_call_id }}{{ m.content }};{% endfor %}"
    )
    turns = (
        Message("assistant", (ReasoningPart("hm"), ToolCallPart("1", "weather", '{"city": "Paris"}'))),
        Message("tool", (ToolResultPart("1", "rain"),)),
    )
    assert ChatTemplate(source).render(turns) == "hm|weather(Paris);|1rain;"


def test_no_message_is_an_error() -> None:
    with pytest.raises(TemplateFailed):
        ChatTemplate(CHATML).render(())


def test_the_transcript_for_base_models() -> None:
    assert ChatTemplate(PLAIN_TRANSCRIPT).render(TURNS) == "Be brief.\n\nUser: Hello\nAssistant: Hi!\nUser: Bye\nAssistant:"


def test_folding_needs_a_system_prompt_and_a_user() -> None:
    assert fold_system_prompt((HELLO,)) is None
    assert fold_system_prompt(TURNS[:1]) is None
