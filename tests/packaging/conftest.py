"""Makes the recipe in packaging/starter_model importable; packaging itself is never a package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging"))
