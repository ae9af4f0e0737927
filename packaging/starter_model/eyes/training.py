"""The training run: first what lies where, by the tower alone, then pictures and words together; resumable at any time."""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from starter_model.eyes.dialogs import LANGUAGES, Exchange, Questions
from starter_model.eyes.drawing import draw_for_training
from starter_model.eyes.network import Seer, Shape
from starter_model.eyes.scenes import COLOURS, SHAPES, WORDS, Scene, draw_crowd, draw_scene
from starter_model.eyes.tokens import Row, Writer, make_mask
from tokenizers import Tokenizer
from torch import Tensor

KINDS = ("", *SHAPES, *(str(digit) for digit in range(10)), "word")
HEADS = {"kind": len(KINDS), "colour": len(COLOURS) + 1, "word": len(WORDS) + 1}
"""What the training heads tell of each field: what lies there, its colour, and which word its part belongs to."""
CROWD_FREE = 0.35
"""How many of the pictures that the tower alone learns from are such as are asked about later."""
LONELY_AGAIN = 0.75
"""How many of the pictures with a single thing are drawn again where words are learnt: they are known first."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does; a step learns from ``rows`` pictures, each with as many questions as fit into ``length`` tokens."""

    minutes: float = 95.0
    rows: int = 32
    length: int = 128
    looking_share: float = 0.3
    muon_rate: float = 3e-3
    adam_rate: float = 2e-3
    weight_decay: float = 0.03
    warm_up: float = 0.02
    final_share: float = 0.01
    heads_weight: float = 0.4
    question_weight: float = 0.02
    checkpoint_seconds: float = 120.0
    seed: int = 0
    compiled: bool = True


@dataclass(slots=True)
class Batch:
    """Pictures (rows, 3, side, side), what lies on their fields, and rows of text (rows, length)."""

    pictures: Tensor
    fields: dict[str, Tensor]
    text: dict[str, Tensor]


class Examples:
    """Makes batches; example number *i* depends on the seed and *i* alone."""

    def __init__(self, tokenizer: Tokenizer, shape: Shape, seed: int) -> None:
        self.writer, self.shape, self.seed = Writer(tokenizer, shape.tokens), shape, seed
        self.questions = Questions()
        self.next_number = 0

    def draw(self, rows: int, length: int, *, with_text: bool) -> Batch:
        """Return the next batch."""
        pixels, texts = [], []
        fields = {name: np.zeros((rows, self.shape.tokens), dtype=np.int64) for name in HEADS}
        for row in range(rows):
            rng = random.Random(f"{self.seed} {self.next_number}")
            self.next_number += 1
            scene = draw_scene(rng) if with_text or rng.random() < CROWD_FREE else draw_crowd(rng)
            if with_text and scene.kind == "shapes" and len(scene.things) == 1 and rng.random() < LONELY_AGAIN:
                scene = draw_scene(rng)
            picture, places = draw_for_training(scene, rng)
            pixels.append(picture)
            for thing, place in zip(scene.things, places, strict=True):
                fields["kind"][row, place] = KINDS.index("word" if thing.name in WORDS else thing.name)
                fields["colour"][row, place] = COLOURS.index(thing.colour) + 1
                if thing.name in WORDS:
                    fields["word"][row, :] = WORDS.index(thing.name) + 1
            if with_text:
                texts.append(self._write(scene, length, rng))
        values = np.stack(pixels).transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1.0
        return Batch(
            torch.from_numpy(values), {name: torch.from_numpy(found) for name, found in fields.items()},
            _stack(texts) if with_text else {},
        )  # fmt: skip

    def _write(self, scene: Scene, length: int, rng: random.Random) -> Row:
        draw = rng.random()
        if draw < 0.07:
            talk = [self.questions.talk(rng.choice(LANGUAGES), rng, has_picture=False) for _ in range(6)]
            return self.writer.side_by_side(talk, length, rng, has_picture=False)
        language = rng.choice(LANGUAGES)
        exchanges = []
        while len(exchanges) < 8:
            tongue = language if rng.random() < 0.5 else rng.choice(LANGUAGES)
            found: Exchange | None = self.questions.ask(scene, tongue, rng)
            if rng.random() < 0.02:
                found = self.questions.talk(tongue, rng, has_picture=True)
            if found:
                exchanges.append(found)
        if draw < 0.75:
            return self.writer.side_by_side(exchanges, length, rng, has_picture=True)
        return self.writer.conversation(exchanges, length, rng)


def _stack(rows: list[Row]) -> dict[str, Tensor]:
    found = {name: np.stack([getattr(row, name) for row in rows]) for name in ("ids", "weights", "soft", "positions", "owners")}
    mask = make_mask(found["owners"], found["soft"])
    tensors = {name: torch.from_numpy(value) for name, value in found.items()}
    tensors["mask"] = torch.zeros(mask.shape, dtype=torch.bfloat16).masked_fill_(torch.from_numpy(~mask), float("-inf"))[:, None]
    return tensors


class Run:
    """One resumable training run in a folder of its own."""

    def __init__(self, plan: Plan, shape: Shape, tokenizer: Tokenizer, folder: Path) -> None:
        self.plan, self.folder = plan, folder
        self.network = Seer(shape, HEADS, plan.seed)
        self.examples = Examples(tokenizer, shape, plan.seed)
        named = list(self.network.named_parameters())
        is_matrix = {
            name: p.ndim == 2 and not any(part in name for part in ("embed_tokens", "position", "heads.")) for name, p in named
        }
        self.muon = torch.optim.Muon(
            [p for name, p in named if is_matrix[name]],
            lr=plan.muon_rate,
            weight_decay=plan.weight_decay,
            adjust_lr_fn="match_rms_adamw",
        )
        self.adam = torch.optim.AdamW(
            [p for name, p in named if not is_matrix[name]], lr=plan.adam_rate, betas=(0.9, 0.98), weight_decay=0.0
        )
        self.step, self.seconds, self.pictures, self.questions = 0, 0.0, 0, 0
        self.earlier: dict[str, Any] = {}
        self.stopped = False
        self._look: Callable[..., Any] = torch.compile(self.network.look, dynamic=False) if plan.compiled else self.network.look
        self._read: Callable[..., Any] = torch.compile(self.network.read, dynamic=False) if plan.compiled else self.network.read

    @property
    def progress(self) -> float:
        """How much of the run is done, 0 to 1, by the clock."""
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
        for name in ("step", "seconds", "pictures", "questions"):
            setattr(self, name, state[name])
        self.examples.next_number = state["examples"]
        self.earlier = json.loads(state.get("earlier", "{}"))
        return True

    def begin_from(self, weights: dict[str, Tensor], earlier: dict[str, Any], batches: int = 80) -> None:
        """Begin with the weights of a finished run, whose facts are kept; the heads, which no finished run has, learn alone first."""
        left = self.network.load_state_dict(weights, strict=False)
        if left.unexpected_keys or any(not name.startswith("heads.") for name in left.missing_keys):
            raise ValueError(f"these are the weights of another network: {left}")
        self.earlier = earlier
        optimizer = torch.optim.AdamW(self.network.heads.parameters(), lr=1e-2, weight_decay=0.0)
        for _ in range(batches):
            batch = self.examples.draw(self.plan.rows, self.plan.length, with_text=False)
            with torch.no_grad():
                pooled = self.network.tower(batch.pictures)
            heads = {name: head(pooled) for name, head in self.network.heads.items()}
            loss, _ = self._judge_heads(heads, batch.fields)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "network": self.network.state_dict(), "muon": self.muon.state_dict(), "adam": self.adam.state_dict(), "step": self.step,
            "seconds": self.seconds, "pictures": self.pictures, "questions": self.questions, "examples": self.examples.next_number,
            "earlier": json.dumps(self.earlier),
        }  # fmt: skip
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.save(state, self.folder / "checkpoint.tmp")
        os.replace(self.folder / "checkpoint.tmp", self.folder / "checkpoint.pt")
        (self.folder / "run.json").write_text(json.dumps(self.facts(), indent=2), encoding="utf-8")

    def one_step(self) -> dict[str, float]:
        """Learn from one batch; return losses in nats, and how often the heads and the answers' tokens were right."""
        plan = self.plan
        is_looking = self.progress < plan.looking_share
        batch = self.examples.draw(plan.rows, plan.length, with_text=not is_looking)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            soft, heads = self._look(batch.pictures)
            loss, told = self._judge_heads(heads, batch.fields)
            if not is_looking:
                words, told["words"], told["right"] = self._judge_words(soft, batch.text)
                loss = words + plan.heads_weight * (1.0 - 0.8 * min(1.0, self.progress)) * loss
                self.questions += int((batch.text["weights"][:, 1:] > batch.text["weights"][:, :-1]).sum())
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._set_rates()
        for optimizer in (self.muon, self.adam):
            optimizer.step()  # type: ignore[no-untyped-call]
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.pictures += plan.rows
        return told

    def _judge_heads(self, heads: dict[str, Tensor], fields: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        loss, told = torch.zeros(()), {}
        is_there = fields["kind"] > 0
        for name, found in heads.items():
            wanted = fields[name]
            loss = loss + F.cross_entropy(found.float().flatten(0, 1), wanted.flatten())
            where = is_there if name != "word" else wanted > 0
            told[name] = float((found.argmax(-1) == wanted)[where].float().mean()) if bool(where.any()) else 1.0
        told["heads"] = float(loss.detach())
        return loss, told

    def _judge_words(self, soft: Tensor, text: dict[str, Tensor]) -> tuple[Tensor, float, float]:
        hidden = self._read(text["ids"], soft, text["soft"], text["positions"], text["mask"])
        # each token is the target of the one before it, of its own question
        weights = text["weights"][:, 1:].clone()
        every = (text["owners"][:, 1:] > 0) | ((text["owners"][:, 1:] == 0) & (text["soft"][:, 1:] < 0))
        weights[(weights == 0) & every & (torch.arange(len(weights)) % 4 == 0)[:, None]] = self.plan.question_weight
        same = text["owners"][:, 1:] == text["owners"][:, :-1]
        weights[~same] = 0.0
        chosen = weights.flatten().nonzero()[:, 0]
        logits = self.network.logits(hidden[:, :-1].flatten(0, 1)[chosen]).float()
        wanted, weight = text["ids"][:, 1:].flatten()[chosen], weights.flatten()[chosen]
        losses = F.cross_entropy(logits, wanted, reduction="none")
        is_answer = weight == 1.0
        right = float((logits.argmax(-1) == wanted)[is_answer].float().mean())
        return (losses * weight).sum() / weight.sum(), float(losses[is_answer].mean().detach()), right

    def _set_rates(self) -> None:
        done, plan = min(1.0, self.progress), self.plan
        warm = min(1.0, (done + 1e-4) / plan.warm_up)
        share = plan.final_share + (1 - plan.final_share) * 0.5 * (1 + math.cos(math.pi * done))
        for optimizer, rate in ((self.muon, plan.muon_rate), (self.adam, plan.adam_rate)):
            for group in optimizer.param_groups:
                group["lr"] = rate * warm * share

    def train(self, report: Callable[[str], None] = print) -> None:
        """Train until the plan is done."""
        last_saved = time.monotonic()
        means: dict[str, float] = {}
        while self.progress < 1.0 and not self.stopped:
            began = time.monotonic()
            told = self.one_step()
            # the first steps of a process compile; that is no part of the plan
            self.seconds += min(time.monotonic() - began, 5.0)
            for name, value in told.items():
                means[name] = value if name not in means else 0.97 * means[name] + 0.03 * value
            if self.step % 50 == 0:
                words = " ".join(f"{name} {value:.4f}" for name, value in means.items())
                report(
                    f"step {self.step} {self.progress:.1%} {words} pictures {self.pictures} ({self.pictures / self.seconds:.0f}/s)"
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
        return {"plan": asdict(self.plan), "shape": self.network.shape.as_dict(), "steps": self.step, "seconds": round(self.seconds),
                "pictures": self.pictures, "questions": self.questions, "earlier": self.earlier}  # fmt: skip
