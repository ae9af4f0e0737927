"""The training run: Muon and AdamW, a cosine over the given minutes, a checkpoint every few minutes."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from starter_model.batches import Batch, DialogRows, ProseWindows
from starter_model.network import Llama
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does; a step learns from rows × length tokens of dialogs and prose_rows × length of prose."""

    minutes: float = 75.0
    steps: int | None = None
    rows: int = 20
    prose_rows: int = 3
    length: int = 256
    long_rows: int = 2
    long_prose_rows: int = 1
    long_length: int = 2048
    long_every: int = 24
    muon_rate: float = 3.5e-3
    adam_rate: float = 2.5e-3
    # The dialogs' loss is soon ten times smaller than the prose's: without a factor prose would own every update.
    dialog_factor: float = 4.0
    weight_decay: float = 0.05
    warm_up: float = 0.02
    final_share: float = 0.01
    checkpoint_seconds: float = 180.0
    seed: int = 0
    compiled: bool = True


class Run:
    """One resumable training run in a folder of its own."""

    def __init__(self, network: Llama, plan: Plan, dialogs: DialogRows, long_dialogs: DialogRows, prose: ProseWindows,
                 folder: Path) -> None:  # fmt: skip
        self.network, self.plan, self.folder = network, plan, folder
        self.dialogs, self.long_dialogs, self.prose = dialogs, long_dialogs, prose
        matrices = [p for n, p in network.named_parameters() if p.ndim == 2 and "embed" not in n]
        others = [p for n, p in network.named_parameters() if p.ndim != 2 or "embed" in n]
        self.muon = torch.optim.Muon(matrices, lr=plan.muon_rate, weight_decay=plan.weight_decay, adjust_lr_fn="match_rms_adamw")
        self.adam = torch.optim.AdamW(others, lr=plan.adam_rate, betas=(0.9, 0.98), weight_decay=0.0)
        self.step, self.seconds, self.tokens = 0, 0.0, 0
        self.stopped = False
        self.loss: Callable[..., Tensor] = torch.compile(network.loss, dynamic=False) if plan.compiled else network.loss

    @property
    def progress(self) -> float:
        """How much of the run is done, 0 to 1: by steps where the plan counts them, else by the clock."""
        if self.plan.steps is not None:
            return self.step / self.plan.steps
        return self.seconds / (self.plan.minutes * 60.0)

    def resume(self) -> bool:
        """Continue from the folder's checkpoint, if there is one."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
        self.step, self.seconds, self.tokens = state["step"], state["seconds"], state["tokens"]
        self.dialogs.next_number, self.long_dialogs.next_number = state["dialogs"], state["long_dialogs"]
        return True

    def start_from(self, folder: Path) -> None:
        """Begin with the weights of a checkpoint as exported (``model.safetensors``), with fresh optimizers."""
        tensors = {
            name.removeprefix("model."): tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()
        }
        self.network.load_state_dict(tensors)

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "network": self.network.state_dict(), "muon": self.muon.state_dict(), "adam": self.adam.state_dict(),
            "step": self.step, "seconds": self.seconds, "tokens": self.tokens,
            "dialogs": self.dialogs.next_number, "long_dialogs": self.long_dialogs.next_number,
        }  # fmt: skip
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.save(state, self.folder / "checkpoint.tmp")
        os.replace(self.folder / "checkpoint.tmp", self.folder / "checkpoint.pt")

    def _set_rates(self) -> None:
        done, plan = min(1.0, self.progress), self.plan
        warm = min(1.0, (done + 1e-4) / plan.warm_up)
        share = plan.final_share + (1 - plan.final_share) * 0.5 * (1 + math.cos(math.pi * done))
        for optimizer, rate in ((self.muon, plan.muon_rate), (self.adam, plan.adam_rate)):
            for group in optimizer.param_groups:
                group["lr"] = rate * warm * share

    def _learn(self, batch: Batch, factor: float) -> float:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            total = self.loss(batch.tokens, batch.targets, batch.weights, batch.mask)
        mean = total / batch.weights.sum()
        (factor * mean).backward()  # type: ignore[no-untyped-call]
        self.tokens += batch.tokens.numel()
        return float(mean.detach())

    def one_step(self) -> tuple[float, float]:
        """Learn from one batch of dialogs and one of prose; return their mean losses in nats."""
        plan = self.plan
        long = self.step % plan.long_every == plan.long_every - 1
        rows, length = (plan.long_rows, plan.long_length) if long else (plan.rows, plan.length)
        spoken = self._learn((self.long_dialogs if long else self.dialogs).draw(rows, length), plan.dialog_factor)
        prose_rows = plan.long_prose_rows if long else plan.prose_rows
        written = self._learn(self.prose.draw(prose_rows, length, self.step), 1.0)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._set_rates()
        for optimizer in (self.muon, self.adam):
            optimizer.step()  # type: ignore[no-untyped-call]
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return spoken, written

    def train(self, report: Callable[[str], None] = print) -> None:
        """Train until the plan is done."""
        last_saved = time.monotonic()
        spoken_mean = written_mean = None
        while self.progress < 1.0 and not self.stopped:
            began = time.monotonic()
            spoken, written = self.one_step()
            self.seconds += time.monotonic() - began
            spoken_mean = spoken if spoken_mean is None else 0.95 * spoken_mean + 0.05 * spoken
            written_mean = written if written_mean is None else 0.95 * written_mean + 0.05 * written
            if self.step % 20 == 0:
                report(
                    f"step {self.step} {self.progress:.1%} dialogs {spoken_mean:.4f} prose {written_mean:.4f} "
                    f"tokens {self.tokens} ({self.tokens / self.seconds:.0f}/s)"
                )
            if time.monotonic() - last_saved > self.plan.checkpoint_seconds:
                self.save()
                last_saved = time.monotonic()
        self.save()

    def stop(self, *_: object) -> None:
        """Ask :meth:`train` to save and return after the present step; fits ``signal.signal``."""
        self.stopped = True

    def facts(self) -> dict[str, object]:
        """Return what the run did, for the model card."""
        return {"plan": asdict(self.plan), "steps": self.step, "seconds": round(self.seconds), "tokens": self.tokens,
                "short_dialogs": self.dialogs.next_number, "long_dialogs": self.long_dialogs.next_number}  # fmt: skip

    def write_facts(self) -> None:
        """Write :meth:`facts` beside the checkpoint."""
        (self.folder / "run.json").write_text(json.dumps(self.facts(), indent=2), encoding="utf-8")
