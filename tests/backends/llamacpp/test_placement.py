"""Options of placement arrive in C's structs, single tensors move, layers are fitted to memory, and threads are tried out."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pytest
from gguf import GGUFWriter

from backends.devices import Device
from backends.llamacpp.backend import LlamaCppBackend
from backends.llamacpp.library import NativeLibrary
from backends.llamacpp.model import NativeModel, fill_context_options
from backends.llamacpp.placement import Placement, Places, choose_places, fall_back, place_layers, plan_gpu_layers
from backends.llamacpp.thread_choice import ThreadChoice
from backends.options import LoadOptions
from models.errors import EngineUnavailable, InvalidOption
from models.gguf_header import read_header
from tests.backends.requests import complete, run, text_of

MB = 1 << 20


@pytest.fixture(scope="module")
def library() -> NativeLibrary:
    return NativeLibrary()


def fill(library: NativeLibrary, **options: Any) -> tuple[Any, Placement]:
    parameters = library.api.llama_model_default_params()
    placement = Placement(library, LoadOptions(**options))
    placement.fill(parameters)
    return parameters, placement


class Override(ctypes.Structure):
    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


def overrides_of(parameters: Any) -> list[bytes]:
    array = ctypes.cast(parameters.tensor_buft_overrides, ctypes.POINTER(Override))
    found = []
    while array[len(found)].pattern is not None:
        assert array[len(found)].buffer_type
        found.append(array[len(found)].pattern)
    return found


def test_model_options_arrive_in_the_struct(library: NativeLibrary) -> None:
    parameters, _ = fill(library, gpu_layers=7, split_mode="row", main_gpu=2, tensor_split=(3, 1))
    assert (parameters.n_gpu_layers, parameters.split_mode, parameters.main_gpu) == (7, 2, 2)
    assert list(parameters.tensor_split[:2]) == [3.0, 1.0]
    default = library.api.llama_model_default_params()
    plain, _ = fill(library)
    assert plain.split_mode == default.split_mode
    assert not plain.tensor_split
    assert not plain.tensor_buft_overrides
    cpu, _ = fill(library, device="cpu")
    assert cpu.n_gpu_layers == 0


def test_overrides_and_experts_arrive_as_a_list_that_ends(library: NativeLibrary) -> None:
    parameters, _placement = fill(library, tensor_overrides=(("attn_q", "CPU"),), cpu_experts=2)
    experts = rb"\.ffn_(up|down|gate|gate_up)_(ch|)exps"
    assert overrides_of(parameters) == [b"attn_q", rb"blk\.0" + experts, rb"blk\.1" + experts]
    parameters, _placement = fill(library, cpu_experts=-1)
    assert overrides_of(parameters) == [experts]


def test_context_options_arrive_in_the_struct(library: NativeLibrary) -> None:
    parameters = library.api.llama_context_default_params()
    fill_context_options(parameters, LoadOptions(threads=3, kv_type="q8_0", flash_attention=True, kv_offload=False))
    assert (parameters.n_threads, parameters.n_threads_batch, parameters.type_k, parameters.type_v) == (3, 3, 8, 8)
    assert (parameters.flash_attn_type, parameters.offload_kqv) == (1, False)


@pytest.mark.parametrize(("mmap", "mlock", "mode"), [(True, False, 1), (False, False, 0), (False, True, 2), (True, True, 3)])
def test_mapping_and_locking_arrive(library: NativeLibrary, mmap: bool, mlock: bool, mode: int) -> None:
    from backends.llamacpp.model import _load_mode

    assert _load_mode(LoadOptions(use_mlock=mlock), maps=mmap) == mode


def test_a_model_with_moved_tensors_says_the_same(tiny_model: Path) -> None:
    texts = []
    for options in ({}, {"tensor_overrides": ((r"blk\.0\.ffn", "CPU"),), "use_mmap": False, "numa": "distribute"}):
        backend = LlamaCppBackend()
        backend.load(str(tiny_model), LoadOptions(threads=1, context_length=512, **options), lambda fraction: True)  # type: ignore[arg-type]
        texts.append(text_of(run(backend, complete("Once", max_tokens=20, temperature=0.0))))
        backend.close()
    assert texts[0] == texts[1]


def test_what_this_build_does_not_have_is_refused(library: NativeLibrary, tiny_model: Path) -> None:
    with pytest.raises(InvalidOption, match="CPU"):
        fill(library, tensor_overrides=(("ffn", "CUDA7"),))
    if not library.api.llama_supports_rpc():
        with pytest.raises(EngineUnavailable, match="RPC"):
            fill(library, rpc_servers=("127.0.0.1:50052",))


@pytest.mark.parametrize(
    "wrong",
    [
        {"split_mode": "diagonal"},
        {"main_gpu": -1},
        {"tensor_split": (-1.0,)},
        {"tensor_overrides": (("(", "CPU"),)},
        {"tensor_overrides": (("ffn",),)},
        {"cpu_experts": -2},
        {"numa": "everywhere"},
        {"rpc_servers": ("no port",)},
    ],
    ids=str,
)
def test_nonsense_is_refused_before_c_sees_it(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        LoadOptions(**wrong)


def test_a_device_that_is_gone_leaves_the_processor_with_a_word(tiny_model: Path) -> None:
    backend = LlamaCppBackend()
    facts = backend.load(str(tiny_model), LoadOptions(threads=1, device="CUDA9"), lambda fraction: True)
    assert facts.device == "CPU"
    assert "CUDA9" in facts.notice
    assert text_of(run(backend, complete("Once", max_tokens=5)))
    backend.close()
    facts = backend.load(str(tiny_model), LoadOptions(threads=1), lambda fraction: True)
    assert facts.notice == ""
    backend.close()


def make_layers(path: Path, layers: int = 10, experts: int = 0) -> Path:
    """A header with ten layers of a megabyte and an output of two, its weights left out of the count of time."""
    import numpy as np

    writer = GGUFWriter(path, "llama")
    writer.add_block_count(layers)
    writer.add_embedding_length(64)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_context_length(4096)
    writer.add_feed_forward_length(64)
    writer.add_vocab_size(256)
    writer.add_tensor("token_embd.weight", np.zeros((4096, 64), np.float32))
    writer.add_tensor("output.weight", np.zeros((8192, 64), np.float32))
    for layer in range(layers):
        name = "ffn_up_exps" if layer < experts else "ffn_up"
        writer.add_tensor(f"blk.{layer}.{name}.weight", np.zeros((4096, 64), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_as_many_layers_as_fit_go_to_the_gpu(tmp_path: Path) -> None:
    headers = [read_header(make_layers(tmp_path / "model.gguf"))]

    def plan(free: int, **options: Any) -> int:
        gpu = Device("CUDA0", "", "gpu", 300 * MB, 256 * MB + free)  # 256 MB stay free
        return plan_gpu_layers(headers, LoadOptions(**options), 1024, [gpu])

    plans = [plan(free * MB // 4) for free in range(4, 100)]
    assert plans[0] == 0
    assert plans[-1] == -1
    fitting = [11 if layers == -1 else layers for layers in plans]
    assert fitting == sorted(fitting)
    assert {2, 5, 10} <= set(plans)
    assert plan_gpu_layers(headers, LoadOptions(), 1024, []) == 0
    two = [Device(f"CUDA{number}", "", "gpu", 300 * MB, 256 * MB + 7 * MB) for number in range(2)]
    assert plan_gpu_layers(headers, LoadOptions(), 1024, two) > plan_gpu_layers(headers, LoadOptions(), 1024, two[:1])
    assert plan(9 * MB, kv_type="f32") < plan(9 * MB, kv_type="q8_0")


def test_experts_that_stay_take_no_room(tmp_path: Path) -> None:
    headers = [read_header(make_layers(tmp_path / "model.gguf", experts=10))]
    gpu = [Device("CUDA0", "", "gpu", 300 * MB, 256 * MB + 8 * MB)]
    plain, some, all_of_them = (plan_gpu_layers(headers, LoadOptions(cpu_experts=count), 1024, gpu) for count in (0, 4, -1))
    assert 0 < plain < 10
    assert some == plain  # the last layers go first, and theirs do not stay
    assert all_of_them == -1


def test_places_are_told_and_a_full_gpu_gives_way(library: NativeLibrary, tiny_model: Path) -> None:
    headers = [read_header(tiny_model)]
    assert choose_places(library, headers, LoadOptions(gpu_layers=0)).device == "CPU"
    if not library.api.llama_supports_gpu_offload():
        assert choose_places(library, headers, LoadOptions()).options.gpu_layers == 0
    tried = Places(LoadOptions(), "CUDA0")
    elsewhere = fall_back(tried)
    assert elsewhere is not None
    assert (elsewhere.device, elsewhere.options.gpu_layers, bool(elsewhere.notice)) == ("CPU", 0, True)
    assert fall_back(elsewhere) is None
    assert fall_back(Places(LoadOptions(gpu_layers=20), "CUDA0")) is None  # that was somebody's wish


def gpu(name: str, free: int, kind: Any = "gpu") -> Device:
    """A device of 300 MB of which 256 are always left free."""
    return Device(name, "", kind, 300 * MB, 256 * MB + free * MB)


def test_an_integrated_gpu_counts_only_where_no_other_is(tmp_path: Path) -> None:
    headers = [read_header(make_layers(tmp_path / "model.gguf"))]
    small, shared = gpu("Vulkan0", 7), gpu("Vulkan1", 40, "integrated_gpu")
    alone = plan_gpu_layers(headers, LoadOptions(), 1024, [small])
    assert 0 < alone < 11
    assert plan_gpu_layers(headers, LoadOptions(), 1024, [small, shared]) == alone
    assert plan_gpu_layers(headers, LoadOptions(), 1024, [shared]) == -1
    assert place_layers(headers, LoadOptions(context_length=1024), [small, shared]).device == "Vulkan0"
    both = place_layers(headers, LoadOptions(context_length=1024, device="Vulkan0,Vulkan1"), [small, shared])
    assert both.device == "Vulkan0,Vulkan1"  # who names it has it


def test_only_the_gpus_that_take_layers_are_counted(tmp_path: Path) -> None:
    headers = [read_header(make_layers(tmp_path / "model.gguf"))]
    small, large = gpu("CUDA0", 7), gpu("CUDA1", 40)

    def plan(*devices: Device, **options: Any) -> int:
        return plan_gpu_layers(headers, LoadOptions(**options), 1024, devices)

    first = plan(small)
    assert plan(small, large, split_mode="none") == first
    assert plan(small, large, split_mode="none", main_gpu=1) == -1
    assert plan(small, large, tensor_split=(1, 0)) == first
    assert plan(small, large, tensor_split=(0, 1)) == -1
    assert plan(small, large, tensor_split=(1,)) == first  # what is not named takes nothing
    assert first < plan(small, large, tensor_split=(1, 1)) < 11  # the half of the first fills it
    assert first < plan(small, large) < 11  # in proportion to all that is free, as llama.cpp splits


def test_rows_that_are_split_fill_each_gpu_by_its_share(tmp_path: Path) -> None:
    headers = [read_header(make_layers(tmp_path / "model.gguf"))]
    devices = [gpu("CUDA0", 9), gpu("CUDA1", 40)]
    for mode in ("row", "tensor"):
        assert plan_gpu_layers(headers, LoadOptions(split_mode=mode, tensor_split=(1, 3)), 1024, devices) == -1
        assert 0 < plan_gpu_layers(headers, LoadOptions(split_mode=mode, tensor_split=(9, 1)), 1024, devices) < 11


def test_a_projector_and_a_draft_model_are_counted(tmp_path: Path) -> None:
    headers = [read_header(make_layers(tmp_path / "model.gguf"))]
    beside = tmp_path / "beside.gguf"
    beside.write_bytes(bytes(3 * MB))
    devices = [gpu("CUDA0", 9)]
    plain = place_layers(headers, LoadOptions(context_length=1024), devices).options.gpu_layers
    seeing = place_layers(headers, LoadOptions(context_length=1024), devices, str(beside)).options.gpu_layers
    guessing = place_layers(headers, LoadOptions(context_length=1024, draft_model=str(beside)), devices).options.gpu_layers
    assert 0 < seeing == guessing < plain


def test_the_name_of_a_device_may_be_written_in_any_case(tmp_path: Path) -> None:
    headers = [read_header(make_layers(tmp_path / "model.gguf"))]
    places = place_layers(headers, LoadOptions(device="cuda1, Cuda0"), [gpu("CUDA0", 40), gpu("CUDA1", 40)])
    assert (places.device, places.options.device, places.notice) == ("CUDA1,CUDA0", "CUDA1,CUDA0", "")


def test_what_needs_a_gpu_is_told_where_there_is_none(tmp_path: Path) -> None:
    headers = [read_header(make_layers(tmp_path / "model.gguf"))]
    processor = Device("CPU", "", "cpu", MB, MB)
    wished = {"gpu_layers": 20, "split_mode": "tensor", "main_gpu": 5, "tensor_split": (1, 2)}
    for devices in ([], [processor]):
        for name, value in wished.items():
            places = place_layers(headers, LoadOptions(**{name: value}), devices)  # type: ignore[arg-type]
            assert (places.device, places.options.split_mode, places.options.main_gpu) == ("CPU", "", 0)
            assert name in places.notice
        assert place_layers(headers, LoadOptions(), devices).notice == ""
        assert place_layers(headers, LoadOptions(device="CPU", split_mode="tensor"), devices).options.split_mode == ""


def test_a_model_split_by_tensors_loads_on_a_processor_with_a_word(library: NativeLibrary, tiny_model: Path) -> None:
    if library.api.llama_supports_gpu_offload():
        pytest.skip("this build has GPUs")
    backend = LlamaCppBackend()
    facts = backend.load(str(tiny_model), LoadOptions(threads=1, context_length=512, split_mode="tensor"), lambda fraction: True)
    assert facts.device == "CPU"
    assert "split_mode" in facts.notice
    backend.close()


def test_gpus_beyond_those_that_are_here_are_told_or_refused(tmp_path: Path) -> None:
    headers = [read_header(make_layers(tmp_path / "model.gguf"))]
    devices = [gpu("CUDA0", 40), gpu("CUDA1", 40)]
    for mode in ("none", "row"):
        with pytest.raises(InvalidOption, match=r"from 0 to 1.*CUDA0, CUDA1"):
            place_layers(headers, LoadOptions(split_mode=mode, main_gpu=5), devices)
    places = place_layers(headers, LoadOptions(main_gpu=5, tensor_split=(1, 1, 2)), devices)
    assert (places.options.main_gpu, places.options.tensor_split) == (0, (1, 1))
    assert [word in places.notice for word in ("main_gpu is 5", "tensor_split has 3 shares")] == [True, True]
    named = place_layers(headers, LoadOptions(device="CUDA1", split_mode="none", main_gpu=1), devices)
    assert (named.device, named.options.main_gpu) == ("CUDA1", 0)


def test_a_full_gpu_is_tried_with_half_of_the_layers_before_the_processor(tmp_path: Path) -> None:
    headers = [read_header(make_layers(tmp_path / "model.gguf"))]
    places = place_layers(headers, LoadOptions(context_length=1024), [gpu("CUDA0", 40)])
    assert places.options.gpu_layers == -1
    half = fall_back(places)
    assert half is not None
    assert (half.device, half.options.gpu_layers) == ("CUDA0", 5)
    assert "5 of 11" in half.notice
    last = fall_back(half)
    assert last is not None
    assert (last.device, last.options.gpu_layers) == ("CPU", 0)
    assert fall_back(last) is None
    told = place_layers(headers, LoadOptions(gpu_layers=9, tensor_split=(1, 1)), [gpu("CUDA0", 40)])
    assert told.notice
    assert fall_back(told) is None  # the number was somebody's wish, whatever else was told


def test_the_fastest_number_of_threads_is_kept() -> None:
    used: list[int] = []
    cost = {7: 1.0, 8: 1.5, 4: 0.8}
    choice = ThreadChoice(7, 8, used.append)
    for _ in range(100):
        choice.note(cost[used[-1] if used else 7])
    assert used == [8, 4, 4]
    assert choice.chosen == 4
    close = ThreadChoice(7, 8, used.append)
    for _ in range(100):
        close.note(0.99 if used[-1] != 7 else 1.0)
    assert close.chosen == 7  # what is not clearly faster changes nothing
    assert ThreadChoice(1, 1, used.append).chosen == 1


def test_a_model_tries_threads_only_where_nobody_chose_them(
    library: NativeLibrary, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("YANMO_THREADS", raising=False)
    for threads, gpu_layers, is_tried in ((0, 0, True), (1, 0, False), (0, -1, False)):
        model = NativeModel(library, str(tiny_model), LoadOptions(threads=threads, gpu_layers=gpu_layers), lambda _: True)
        assert (model.threads is not None) == is_tried
        model.close()
    backend = LlamaCppBackend()
    backend.load(str(tiny_model), LoadOptions(context_length=512, device="CPU"), lambda fraction: True)
    assert text_of(run(backend, complete("Once", max_tokens=60, temperature=0.0, logit_bias=((264, -1000.0),))))
    threads = backend._loaded()[0].threads
    assert threads is not None
    assert threads.chosen >= 1  # 0 while it is tried
    backend.close()
