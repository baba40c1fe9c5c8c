import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.guides.example import ROOT, example_files, write_files
from vmt.store import LocalStore

RUN = """
import json
import yaml
from flows.commands.arguments import NAMES
from flows.engine.table import DEPLOYMENTS, declared
from flows.measure import DEPLOYMENT, measure_videos
assert "measure" in NAMES
assert DEPLOYMENT in DEPLOYMENTS
entries = yaml.safe_load(declared())["deployments"]
entry = next(entry for entry in entries if entry["name"] == "measure")
size = measure_videos.fn("videos/")
print(json.dumps([DEPLOYMENT.served().name, DEPLOYMENT.flow().name, entry["schedules"], size]))
"""


def test_the_example_is_one_file_and_is_deployed(tmp_path: Path) -> None:
    files = example_files("add-a-deployment")
    assert list(files) == ["flows/measure.py"]
    for name in ("flows", "vmt"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    write_files(files, tmp_path)

    LocalStore(tmp_path / "store").put("videos/a.mp4", bytes(1000))
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "VMT_STORE": str(tmp_path / "store"),
    }
    environment.pop("VMT_TEST_DATA", None)
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    schedule = {"cron": "0 6 * * *", "timezone": "UTC"}
    assert json.loads(done.stdout) == ["measure", "measure", [schedule], 1000]
