import subprocess
import sys

MODULES = (
    "dashboard.pages.dataset.video",
    "dashboard.pages.jobs.forms",
    "dashboard.pages.jobs.generate_form",
    "dashboard.pages.listen.soundtrack",
    "dashboard.pages.runs.run",
    "dashboard.pages.compare.ratings",
    "dashboard.http.server",
)


def test_the_dashboard_imports_no_torch() -> None:
    """It takes half a gigabyte and seconds, and the pages compute nothing."""
    names = (
        "import sys, "
        + ", ".join(MODULES)
        + "; print([name for name in ('torch', 'librosa') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", names], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "[]\n"
