"""What sampling settings and built-in presets are called, in the language of the window."""

from __future__ import annotations

from app.gui.translation import tr


def slider_names() -> dict[str, tuple[str, str]]:
    """For each slider its name and a tip."""
    return {
        "temperature": (tr("Temperature"), tr("Higher is more varied, 0 always takes the likeliest token.")),
        "top_p": ("Top-p", tr("Keeps the likeliest tokens that together reach this probability.")),
        "min_p": ("Min-p", tr("Drops tokens less likely than this share of the likeliest one.")),
        "top_k": ("Top-k", tr("Keeps only this many tokens; 0 keeps all.")),
        "repeat_penalty": (tr("Repeat penalty"), tr("Above 1 makes tokens that were just used less likely.")),
        "typical_p": (tr("Typical-p"), tr("Keeps tokens of typical surprise; 1 is off.")),
        "presence_penalty": (tr("Presence penalty"), tr("Lowers every token that occurred at all.")),
        "frequency_penalty": (tr("Frequency penalty"), tr("Lowers tokens by how often they occurred.")),
        "repeat_last_n": (tr("Penalty window"), tr("How many tokens the penalties look back on.")),
        "dry_multiplier": (tr("DRY strength"), tr("Penalises repeating a sequence; 0 is off.")),
        "dry_base": (tr("DRY base"), tr("How fast the DRY penalty grows with the length of the repetition.")),
        "dry_allowed_length": (tr("DRY allowed length"), tr("Repetitions up to this length cost nothing.")),
        "xtc_probability": (tr("XTC probability"), tr("How often the likeliest choices are left out; 0 is off.")),
        "xtc_threshold": (tr("XTC threshold"), tr("Only choices above this probability are left out.")),
        "top_n_sigma": ("Top-nσ", tr("Keeps tokens within so many standard deviations of the likeliest; 0 is off.")),
        "temperature_range": (tr("Temperature range"), tr("Lets the temperature move by as much; 0 keeps it.")),
        "temperature_exponent": (tr("Temperature exponent"), tr("Bends how the temperature follows the uncertainty.")),
        "mirostat_tau": (tr("Mirostat target"), tr("The surprise that Mirostat steers to.")),
        "mirostat_eta": (tr("Mirostat rate"), tr("How fast Mirostat corrects.")),
    }


def preset_label(name: str) -> str:
    """A built-in preset's name in the language of the window; other names are the person's own."""
    return {
        "Balanced": tr("Balanced"),
        "Precise": tr("Precise"),
        "Creative": tr("Creative"),
        "Deterministic": tr("Deterministic"),
        "Code": tr("Code"),
    }.get(name, name)
