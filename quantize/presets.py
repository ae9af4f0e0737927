"""What people choose from: types in plain words, from a copy to the smallest that still makes sense."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """``name`` is said in the window; ``advice`` is a sentence on when to take it. ``wants_imatrix``: much better with one."""

    name: str
    file_type: str
    advice: str
    wants_imatrix: bool = False


PRESETS: tuple[Preset, ...] = (
    Preset("As good as the original", "Q8_0", "Half the size, and no difference that can be measured in answers."),
    Preset("Hardly a difference", "Q6_K", "For those who have the room and want no doubts."),
    Preset("Very good", "Q5_K_M", "A little smaller, a little quicker, still hard to tell apart."),
    Preset("Balanced", "Q4_K_M", "What most people take: a third of the size, small losses."),
    Preset("Small", "IQ4_XS", "The smallest with four bits; take it with an importance matrix.", True),
    Preset("Tight", "IQ3_M", "Where four bits do not fit: losses begin to show.", True),
    Preset("Tiny", "IQ2_M", "Only for large models that would not fit otherwise.", True),
)


def find_preset(file_type: str) -> Preset | None:
    """The preset of a type, or None."""
    return next((preset for preset in PRESETS if preset.file_type == file_type.upper()), None)
