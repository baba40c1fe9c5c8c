import subprocess
import sys

MODULES = (
    "dashboard.parts.features",
    "dashboard.parts.forms",
    "dashboard.parts.generating",
    "dashboard.parts.output",
    "dashboard.parts.run",
    "dashboard.ratings",
    "dashboard.server",
)


def test_the_dashboard_imports_no_torch() -> None:
    """It takes half a gigabyte and seconds, and the pages compute nothing."""
    names = (
        "import sys, " + ", ".join(MODULES) + "; print([name for name in ('torch', 'librosa') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", names], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "[]\n"
