import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.guides.example import ROOT, example_files
from vmt.catalog.records import loads
from vmt.catalog.records.runs import Champion

USE = """
import sys
from pathlib import Path
from vmt.catalog import describe
from vmt.catalog.records import dumps, loads
from vmt.catalog.records.runs import Champion
old = loads(Champion, Path(sys.argv[1]).read_bytes(), "models/champion.json")
assert old.reason == ""
assert "| `reason` | text | why it was promoted" in describe.render()
new = Champion(old.run, old.epoch, old.since, old.history, reason="brighter")
assert loads(Champion, dumps(new), "models/champion.json") == new
print(dumps(new).decode())
"""


def test_the_example_is_one_file_and_old_and_new_versions_read_the_record(tmp_path: Path) -> None:
    files = example_files("add-a-record-field")
    (path,) = files
    source = (ROOT / path).read_text()
    old_class = re.search(
        r"^@dataclass\(frozen=True\)\nclass Champion\(Record\):\n(?:(?: {4}.*)?\n)*",
        source + "\n",
        re.MULTILINE,
    )
    assert old_class is not None
    shutil.copytree(ROOT / "vmt", tmp_path / "vmt", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / path).write_text(source.replace(old_class[0].rstrip(), files[path].rstrip()))

    golden = ROOT / "tests/catalog/golden/v0.1.0/models/champion.json"
    done = subprocess.run(
        [sys.executable, "-c", USE, str(golden)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["reason"] == "brighter"

    # The version before the change reads what the version after it wrote.
    before = loads(Champion, done.stdout.encode(), "models/champion.json")
    assert before == loads(Champion, golden.read_bytes(), "models/champion.json")
