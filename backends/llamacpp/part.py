"""What one reply puts into a batch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from backends.llamacpp.reply import Reply


@dataclass(frozen=True, slots=True)
class Part:
    """What one reply puts into a batch: its next tokens; the last ``outputs`` of them from ``row`` on give logits.

    The last ``guesses`` tokens are not chosen yet: they stand if the sampler chooses the same.
    """

    reply: Reply
    tokens: list[int]
    row: int
    outputs: int
    guesses: int = 0

    def tell_prompt(self) -> Part:
        """Let the reply say how likely its prompt was; what is left is the row to choose from, if there is one."""
        held = len(self.reply.slot.tokens) if self.reply.slot else 0
        self.reply.tell_prompt(self.row, held - len(self.tokens), len(self.tokens))
        is_complete = held == len(self.reply.tokens)
        return replace(self, row=self.row + self.outputs - 1, outputs=int(is_complete))
