import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.guides.example import ROOT, example_files
from vmt.store import LocalStore

OPEN = """
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file(sys.argv[1], default_timeout=60).run()
app.switch_page("pages/space/page.py")
app.query_params["lang"] = sys.argv[2]
app.run()
assert not app.exception, app.exception
print(app.title[0].value)
print(app.dataframe[0].value.to_csv(index=False))
"""


def test_the_example_is_a_package_and_its_texts_and_opens(tmp_path: Path) -> None:
    files = example_files("add-a-page")
    package = [path for path in files if path.startswith("dashboard/pages/space/")]
    languages = sorted(path.name for path in (ROOT / "vmt" / "i18n").glob("*.toml"))
    assert len(package) == 2
    assert sorted(files) == sorted([*package, *(f"vmt/i18n/{name}" for name in languages)])

    for name in ("dashboard", "vmt"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for path, text in files.items():
        target = tmp_path / path
        target.parent.mkdir(exist_ok=True)
        known = target.read_text(encoding="utf-8") if target.exists() else ""
        target.write_text(f"{known}\n{text}" if known else text, encoding="utf-8")
    for name in languages:
        tomllib.loads((tmp_path / "vmt" / "i18n" / name).read_text(encoding="utf-8"))

    store = LocalStore(tmp_path / "store")
    store.put("videos/a.mp4", bytes(2_000_000))
    store.put("runs/r/results.csv", bytes(500_000))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "VMT_STORE": store.url}
    environment.pop("VMT_TEST_DATA", None)
    for language, title, column in (("en", "Space", "Folder"), ("zh", "空间", "文件夹")):
        done = subprocess.run(
            [sys.executable, "-c", OPEN, str(tmp_path / "dashboard" / "app.py"), language],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        lines = done.stdout.split("\n")
        assert lines[0] == title
        assert lines[1].startswith(column)
        assert lines[2:4] == ["videos,2.0", "runs,0.5"]
