"""One contract over every store, then what is particular to each."""

import hashlib
import multiprocessing
import os
import pickle
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.servers import S3Server, free_ports
from vmt.errors import (
    ObjectNotFound,
    PreconditionFailed,
    SettingsError,
    StoreDenied,
    StoreError,
    StoreUnavailable,
    VmtError,
)
from vmt.settings import Settings
from vmt.store import LocalStore, ObjectStore, open_store
from vmt.store.protocol import check_key
from vmt.store.s3 import S3Store


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.server)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty store of each kind."""
    if request.param == "local":
        return open_store(str(tmp_path / "store"))
    server: S3Server = request.getfixturevalue("s3")
    made = open_store(f"s3://{server.bucket}/{tmp_path.name}", server.settings)
    assert isinstance(made, S3Store)
    made.page_size = 7
    made.part_bytes = 5 << 20  # the smallest part that S3 takes
    return made


def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [info.key for info in store.list(prefix)]


class TestContract:
    def test_capabilities_say_where_objects_are(self, store: ObjectStore) -> None:
        able = store.capabilities
        info = store.put("a/b", b"bytes")
        if able.folder is not None:
            assert (able.folder / info.key).read_bytes() == b"bytes"
            assert able.endpoint is None
        else:
            assert able.endpoint is not None
            assert able.public_endpoint is not None
            assert store.share_url("a/b").startswith(able.public_endpoint)

    def test_what_is_put_is_got(self, store: ObjectStore) -> None:
        info = store.put("runs/a/results.csv", b"Epoch\n")
        assert store.get("runs/a/results.csv") == b"Epoch\n"
        assert store.get_with_etag("runs/a/results.csv") == (b"Epoch\n", info.etag)
        head = store.head("runs/a/results.csv")
        assert head is not None
        assert (head.key, head.size, head.etag) == ("runs/a/results.csv", 6, info.etag)
        assert next(store.list("runs/")).etag == info.etag
        assert abs(head.modified.timestamp() - time.time()) < 60

    def test_empty_object(self, store: ObjectStore) -> None:
        assert store.put("empty", b"").size == 0
        assert store.get("empty") == b""

    def test_a_later_put_replaces_and_changes_the_etag(self, store: ObjectStore) -> None:
        etags = [store.put("a", str(number % 10).encode()).etag for number in range(9)]
        assert store.get("a") == b"8"
        assert len(set(etags)) == 9

    @pytest.mark.parametrize(
        "key", ["two words/it's a (song) & more+.mp4", "音乐/影片 1.mp4", "a/ü%20.lab", "a=b/c;d"]
    )
    def test_names_are_text(self, store: ObjectStore, key: str, tmp_path: Path) -> None:
        store.put(key, b"x")
        assert keys(store) == [key]
        assert store.get(key) == b"x"
        store.get_file(key, tmp_path / "copy")
        with urllib.request.urlopen(store.share_url(key, filename="é 音.mp4")) as answer:
            assert answer.read() == b"x"
        store.delete(key)
        assert keys(store) == []

    @pytest.mark.parametrize(
        "key",
        ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "a/.", "a\nb", "a\0b", "\ud800", ".vmt/x"],
    )
    def test_no_key_leaves_the_store(self, store: ObjectStore, key: str, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        for use in (
            lambda: store.put(key, b""),
            lambda: store.put_file(key, tmp_path / "file"),
            lambda: store.get(key),
            lambda: store.get_file(key, tmp_path / "other"),
            lambda: store.head(key),
            lambda: store.delete(key),
            lambda: store.share_url(key),
        ):
            with pytest.raises(StoreError, match="is not a key"):
                use()

    def test_key_too_long(self, store: ObjectStore) -> None:
        with pytest.raises(StoreError, match="too long"):
            store.put("x" * 256, b"")
        with pytest.raises(StoreError, match="too long"):
            store.put("/".join(["x" * 200] * 6), b"")

    def test_missing_objects(self, store: ObjectStore, tmp_path: Path) -> None:
        store.put("there/is", b"")
        assert store.head("nothing") is None
        assert store.head("there") is None
        store.delete("nothing")
        store.delete("there")
        for use in (
            store.get,
            store.get_with_etag,
            lambda key: store.get_file(key, tmp_path / "copy"),
        ):
            for key in ("nothing", "there", "there/is/not"):
                with pytest.raises(ObjectNotFound, match=f"object {key}: none in store"):
                    use(key)
        assert list(tmp_path.glob("*copy*")) == []

    def test_list_pages_and_prefixes(self, store: ObjectStore) -> None:
        names = [f"runs/r{number:02}" for number in range(25)]
        for name in [*names, "run", "s/x"]:
            store.put(name, name.encode())
        assert keys(store, "runs/") == names
        assert keys(store, "runs/r1") == names[10:20]
        assert keys(store, "runs") == names
        assert sorted(keys(store)) == sorted([*names, "run", "s/x"])
        assert keys(store, "nothing/") == []
        assert [info.size for info in store.list("run")][:2] == [3, 8]

    def test_folders(self, store: ObjectStore) -> None:
        for name in [
            "runs/b/x",
            "runs/a/deep/er",
            "runs/a/x",
            "runs/file",
            *(f"runs/c{number}/x" for number in range(10)),
        ]:
            store.put(name, b"")
        assert list(store.folders("runs/")) == ["a", "b", *(f"c{number}" for number in range(10))]
        assert list(store.folders()) == ["runs"]
        assert list(store.folders("runs/a/")) == ["deep"]
        assert list(store.folders("none/")) == []

    def test_delete(self, store: ObjectStore) -> None:
        store.put("a/b/c", b"")
        store.put("a/d", b"")
        store.delete("a/b/c")
        store.delete("a/b/c")
        assert keys(store) == ["a/d"]

    def test_if_absent(self, store: ObjectStore) -> None:
        store.put("a", b"first", if_absent=True)
        with pytest.raises(PreconditionFailed, match="object a exists already"):
            store.put("a", b"second", if_absent=True)
        assert store.get("a") == b"first"

    def test_if_match(self, store: ObjectStore) -> None:
        first = store.put("a", b"first").etag
        second = store.put("a", b"second", if_match=first).etag
        with pytest.raises(PreconditionFailed, match="object a was changed"):
            store.put("a", b"third", if_match=first)
        assert store.get_with_etag("a") == (b"second", second)
        store.delete("a")
        with pytest.raises(PreconditionFailed):
            store.put("a", b"third", if_match=second)
        assert store.head("a") is None

    @pytest.mark.parametrize("condition", ["if_absent", "if_match"])
    def test_of_16_threads_one_wins(self, store: ObjectStore, condition: str) -> None:
        for turn in range(5):
            key = f"pointer{turn}"
            etag = None if condition == "if_absent" else store.put(key, b"old").etag

            def write(number: int, key: str = key, etag: str | None = etag) -> bool:
                try:
                    store.put(key, b"%d" % number, if_absent=etag is None, if_match=etag)
                except PreconditionFailed:
                    return False
                return True

            with ThreadPoolExecutor(16) as pool:
                won = list(pool.map(write, range(16)))
            assert sum(won) == 1
            assert store.get(key) == b"%d" % won.index(True)

    def test_no_update_is_lost(self, store: ObjectStore) -> None:
        store.put("count", b"0")

        def add(_: int) -> None:
            while True:
                data, etag = store.get_with_etag("count")
                try:
                    store.put("count", b"%d" % (int(data) + 1), if_match=etag)
                except PreconditionFailed:
                    continue
                return

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(add, range(24)))
        assert store.get("count") == b"24"

    def test_readers_see_whole_objects(self, store: ObjectStore) -> None:
        size = 300_000
        store.put("big", bytes(size))

        def write(number: int) -> None:
            store.put("big", bytes([number]) * size)

        def read(_: int) -> set[int]:
            data = store.get("big")
            assert len(data) == size
            return set(data)

        with ThreadPoolExecutor(8) as pool:
            writes = pool.map(write, range(1, 13))
            assert all(len(each) == 1 for each in pool.map(read, range(24)))
            list(writes)

    @pytest.mark.parametrize("size", [0, 1000, (11 << 20) + 3])
    def test_files(self, store: ObjectStore, tmp_path: Path, size: int) -> None:
        source, copy = tmp_path / "source", tmp_path / "copy"
        source.write_bytes(os.urandom(size))
        info = store.put_file("videos/a.mp4", source)
        head = store.head("videos/a.mp4")
        assert (info.size, head) == (size, info)
        assert next(store.list("videos/")).etag == info.etag
        store.get_file("videos/a.mp4", copy)
        assert (
            hashlib.sha256(copy.read_bytes()).digest()
            == hashlib.sha256(source.read_bytes()).digest()
        )
        assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
            "copy",
            "source",
        ]

    def test_get_file_replaces_only_when_whole(self, store: ObjectStore, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        copy.write_bytes(b"old")
        with pytest.raises(ObjectNotFound):
            store.get_file("nothing", copy)
        assert copy.read_bytes() == b"old"
        store.put("a", b"new")
        store.get_file("a", copy)
        assert copy.read_bytes() == b"new"

    def test_a_missing_source_is_no_full_disk(self, store: ObjectStore, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="No such file") as raised:
            store.put_file("a", tmp_path / "none")
        assert type(raised.value) is StoreError

    def test_a_full_local_disk(self, store: ObjectStore, tmp_path: Path) -> None:
        store.put("big", bytes(300_000))
        (tmp_path / "down").mkdir()
        code = "\n".join(
            [
                "import pathlib, pickle, resource, sys",
                "from vmt.errors import StoreFull",
                "store = pickle.loads(sys.stdin.buffer.read())",
                "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))",
                "try:",
                "    store.get_file('big', pathlib.Path(sys.argv[1]))",
                "except StoreFull as error:",
                "    print(error)",
            ]
        )
        done = run_python(code, str(tmp_path / "down" / "copy"), feed=pickle.dumps(store))
        assert "no space left to" in done
        assert done.count("\n") == 1
        assert list((tmp_path / "down").iterdir()) == []

    def test_it_travels_to_processes(self, store: ObjectStore) -> None:
        twin = pickle.loads(pickle.dumps(store))
        store.put("a", b"x")
        assert twin.get("a") == b"x"
        assert twin.url == store.url


def run_python(code: str, *arguments: str, feed: bytes = b"") -> str:
    """What a new interpreter prints for `code`; it must not fail."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        input=feed,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@given(st.text(max_size=20))
def test_keys_are_safe_paths(text: str) -> None:
    try:
        key = check_key(text)
    except StoreError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    path = Path("/root") / key
    assert path.parts[:2] == ("/", "root")
    assert ".." not in path.parts
    assert str(path) == f"/root/{key}"
    key.encode()


class TestAddresses:
    def test_folders_and_urls(self, tmp_path: Path) -> None:
        for url in (str(tmp_path / "a b"), (tmp_path / "a b").as_uri()):
            open_store(url).put("x", b"1")
        assert (tmp_path / "a b" / "x").read_bytes() == b"1"

    def test_nothing_happens_before_first_use(self, tmp_path: Path) -> None:
        store = open_store(str(tmp_path / "new"))
        assert list(store.list()) == list(store.folders()) == []
        assert store.head("a") is None
        assert not (tmp_path / "new").exists()
        assert open_store("s3://no-such-bucket/a/b/", Settings()).url == "s3://no-such-bucket/a/b"

    @pytest.mark.parametrize(
        "url", ["", "  ", "http://a/b", "s3://", "s3:///key", "file://host/a", "s3://a/b?c=d"]
    )
    def test_what_is_no_store(self, url: str) -> None:
        with pytest.raises(SettingsError, match=r"^store.*(write a folder|set VMT_STORE)"):
            open_store(url, Settings())


class TestLocal:
    def test_byte_order_over_folders(self, tmp_path: Path) -> None:
        store = LocalStore(tmp_path)
        names = ["a!/x", "a/b", "a/b.x", "a/c/d", "a.txt", "B", "é", "a-b/c"]
        for name in names:
            store.put(name, b"")
        assert keys(store) == sorted(names)
        assert keys(store, "a") == sorted(name for name in names if name.startswith("a"))

    def test_files_laid_in_by_hand(self, tmp_path: Path) -> None:
        (tmp_path / "videos").mkdir()
        (tmp_path / "empty" / "deep").mkdir(parents=True)
        (tmp_path / "videos" / "a.mp4").write_bytes(b"abc")
        store = LocalStore(tmp_path)
        (info,) = store.list()
        assert (info.key, info.size) == ("videos/a.mp4", 3)
        assert list(store.folders()) == ["videos"]
        store.put("videos/a.mp4", b"new", if_match=info.etag)

    def test_its_own_folder_is_never_listed(self, tmp_path: Path) -> None:
        store = LocalStore(tmp_path)
        store.put("a", b"")
        assert (tmp_path / ".vmt").is_dir()
        assert keys(store) == ["a"]
        assert keys(store, ".v") == []
        assert list(store.folders()) == []
        assert list((tmp_path / ".vmt" / "tmp").iterdir()) == []

    def test_empty_folders_go(self, tmp_path: Path) -> None:
        store = LocalStore(tmp_path)
        store.put("a/b/c", b"")
        store.delete("a/b/c")
        assert not (tmp_path / "a").exists()
        assert list(store.folders()) == []

    def test_one_process_of_eight_wins(self, tmp_path: Path) -> None:
        context = multiprocessing.get_context("spawn")
        with context.Pool(4) as pool:
            for turn in range(5):
                won = pool.starmap(
                    _claim,
                    [(str(tmp_path), f"k{turn}", number) for number in range(16)],
                    chunksize=1,
                )
                assert sum(won) == 1

    def test_a_full_disk_leaves_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "big").write_bytes(bytes(300_000))
        code = "\n".join(
            [
                "import pathlib, resource, sys",
                "from vmt.errors import StoreFull",
                "from vmt.store import LocalStore",
                "store = LocalStore(pathlib.Path(sys.argv[1]))",
                "store.put('a', b'old')",
                "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))",
                "big = pathlib.Path(sys.argv[2])",
                "for write in (lambda: store.put('a', bytes(300_000)), lambda: "
                "store.put_file('a', big)):",
                "    try:",
                "        write()",
                "    except StoreFull as error:",
                "        print(error)",
            ]
        )
        done = run_python(code, str(tmp_path / "store"), str(tmp_path / "big"))
        assert done.count("no space left to write a") == 2
        assert done.count("\n") == 2
        store = LocalStore(tmp_path / "store")
        assert keys(store) == ["a"]
        assert store.get("a") == b"old"
        assert list((tmp_path / "store" / ".vmt" / "tmp").iterdir()) == []

    def test_a_file_in_the_way(self, tmp_path: Path) -> None:
        store = LocalStore(tmp_path)
        store.put("a", b"")
        with pytest.raises(StoreError, match=r"cannot write a/b"):
            store.put("a/b", b"")
        store.put("c/d", b"")
        with pytest.raises(StoreError, match=r"cannot write c "):
            store.put("c", b"")
        with pytest.raises(StoreError, match=r"cannot (write|look at)"):
            LocalStore(tmp_path / "a").put("x", b"")

    def test_share_url_of_a_relative_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        store = open_store("here")
        store.put("a b.mp4", b"")
        assert store.share_url("a b.mp4") == (tmp_path / "here" / "a b.mp4").as_uri()


def _claim(root: str, key: str, number: int) -> bool:
    try:
        LocalStore(Path(root)).put(key, b"%d" % number, if_absent=True)
    except PreconditionFailed:
        return False
    return True


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def each_use(store: ObjectStore, path: Path) -> list[tuple[str, VmtError]]:
    """The error of each method, by name."""
    uses = {
        "put": lambda: store.put("a", b""),
        "put_file": lambda: store.put_file("a", path),
        "get": lambda: store.get("a"),
        "get_file": lambda: store.get_file("a", path.with_name("copy")),
        "head": lambda: store.head("a"),
        "list": lambda: next(store.list(), None),
        "folders": lambda: next(store.folders(), None),
        "delete": lambda: store.delete("a"),
    }
    found = []
    for name, use in uses.items():
        with pytest.raises(VmtError) as raised:
            use()
        assert "\n" not in str(raised.value), name
        found.append((name, raised.value))
    return found


class TestS3Unreached:
    def test_nobody_listens(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"x")
        endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
        store = open_store("s3://b", keyed(endpoint))
        started = time.monotonic()
        for name, error in each_use(store, tmp_path / "file"):
            assert isinstance(error, StoreUnavailable), name
            assert endpoint in str(error)
            assert error.transient
        assert time.monotonic() - started < 20

    def test_no_keys_at_all(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"x")
        store = open_store("s3://b", Settings(s3_endpoint_url="http://127.0.0.1:1"))
        for name, error in each_use(store, tmp_path / "file"):
            assert isinstance(error, StoreDenied), name
            assert "VMT_S3_ACCESS_KEY_ID" in str(error)

    def test_bucket_name_of_no_bucket(self) -> None:
        with pytest.raises(StoreError, match="check VMT_STORE"):
            open_store("s3://not a bucket", keyed("http://127.0.0.1:1")).put("a", b"")

    def test_share_url_needs_no_network(self) -> None:
        settings = keyed("http://127.0.0.1:1").model_copy(
            update={"s3_public_endpoint_url": "https://media.example"}
        )
        url = open_store("s3://b/p", settings).share_url("a b.mp4", 60, filename="my video.mp4")
        assert url.startswith("https://media.example/b/p/a%20b.mp4?")
        assert "X-Amz-Expires=60" in url
        assert "my%2520video.mp4" in url

    def test_aws_needs_no_endpoint(self) -> None:
        settings = Settings(
            s3_access_key_id="a", s3_secret_access_key=SecretStr("b"), s3_region="eu-north-1"
        )
        url = open_store("s3://music", settings).share_url("a")
        assert url.startswith("https://music.s3.")


def keyed(endpoint: str) -> Settings:
    return Settings(
        s3_endpoint_url=endpoint, s3_access_key_id="a", s3_secret_access_key=SecretStr("b")
    )


@pytest.mark.server
class TestS3:
    def test_missing_bucket(self, s3: S3Server, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"x")
        for name, error in each_use(open_store("s3://no-bucket/p", s3.settings), tmp_path / "file"):
            assert "no bucket no-bucket; create it, or correct VMT_STORE" in str(error), name

    @pytest.mark.parametrize(
        "wrong", [{"s3_secret_access_key": SecretStr("wrong")}, {"s3_access_key_id": "nobody"}]
    )
    def test_wrong_keys(self, s3: S3Server, tmp_path: Path, wrong: dict[str, object]) -> None:
        (tmp_path / "file").write_bytes(b"x")
        store = open_store(f"s3://{s3.bucket}", s3.settings.model_copy(update=wrong))
        for name, error in each_use(store, tmp_path / "file"):
            assert isinstance(error, StoreDenied), name
            assert "check the keys in VMT_S3_*" in str(error)

    def test_keys_of_boto3s_own_chain(self, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret_key)
        store = open_store(f"s3://{s3.bucket}/chain", Settings(s3_endpoint_url=s3.endpoint))
        store.put("a", b"x")
        assert store.get("a") == b"x"

    def test_more_than_one_full_page(self, s3: S3Server) -> None:
        store = open_store(f"s3://{s3.bucket}/pages", s3.settings)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: store.put(f"o/{number:04}", b""), range(1100)))
        assert keys(store) == [f"o/{number:04}" for number in range(1100)]

    def test_two_prefixes_keep_apart(self, s3: S3Server) -> None:
        one, two = (
            open_store(f"s3://{s3.bucket}/apart/{name}", s3.settings) for name in ("a", "ab")
        )
        one.put("x", b"1")
        two.put("y", b"2")
        assert (keys(one), keys(two)) == (["x"], ["y"])

    def test_a_large_file_goes_in_checked_parts(self, s3: S3Server, tmp_path: Path) -> None:
        store = open_store(f"s3://{s3.bucket}/parts", s3.settings)
        assert isinstance(store, S3Store)
        store.part_bytes = 5 << 20
        (tmp_path / "file").write_bytes(os.urandom(12 << 20))
        info = store.put_file("a.mp4", tmp_path / "file")
        assert info.etag.endswith("-3")
        answer = s3.client().head_object(
            Bucket=s3.bucket, Key="parts/a.mp4", ChecksumMode="ENABLED"
        )
        assert "ChecksumCRC32" in answer
        assert answer["ContentType"] == "video/mp4"

    def test_a_killed_upload_is_never_visible(self, s3: S3Server, tmp_path: Path) -> None:
        store = open_store(f"s3://{s3.bucket}/killed", s3.settings)
        client = s3.client()
        upload = client.create_multipart_upload(Bucket=s3.bucket, Key="killed/a.mp4")
        client.upload_part(
            Bucket=s3.bucket,
            Key="killed/a.mp4",
            UploadId=upload["UploadId"],
            PartNumber=1,
            Body=bytes(5 << 20),
        )
        assert keys(store) == []
        assert store.head("a.mp4") is None
        (tmp_path / "file").write_bytes(b"whole")
        store.put_file("a.mp4", tmp_path / "file")
        assert store.get("a.mp4") == b"whole"

    def test_shared_urls_play(self, s3: S3Server) -> None:
        store = open_store(f"s3://{s3.bucket}/share", s3.settings)
        store.put("a.flac", bytes(range(100)))
        request = urllib.request.Request(
            store.share_url("a.flac", filename="x.flac"), headers={"Range": "bytes=10-19"}
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 206
            assert answer.read() == bytes(range(10, 20))
            assert answer.headers["Content-Type"] == "audio/flac"
            assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''x.flac"
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{s3.endpoint}/{s3.bucket}/share/a.flac")

    def test_a_deaf_server_is_given_up(
        self, deaf_port: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("vmt.store.s3.READ_TIMEOUT_S", 0.5)
        with pytest.raises(StoreUnavailable, match="does not answer"):
            open_store("s3://b", keyed(f"http://127.0.0.1:{deaf_port}")).head("a")


LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
SOON = datetime(2100, 1, 1, tzinfo=UTC)


def begin_upload(store: ObjectStore) -> None:
    """What a writer that is killed in the middle leaves behind."""
    if isinstance(store, LocalStore):
        folder = store.root / ".vmt" / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "half").write_bytes(b"half of it")
    else:
        assert isinstance(store, S3Store)
        name = f"{store.url.partition(store.bucket + '/')[2]}/half"
        store._client().create_multipart_upload(Bucket=store.bucket, Key=name)


def test_unfinished_uploads_are_found_and_given_back(store: ObjectStore) -> None:
    store.put("whole", b"all of it")
    assert list(store.unfinished(SOON)) == []
    begin_upload(store)
    assert list(store.unfinished(LONG_AGO, remove=True)) == [], "it may still be going on"
    assert len(list(store.unfinished(SOON))) == 1
    assert "half" in next(iter(store.unfinished(SOON, remove=True)))
    assert list(store.unfinished(SOON)) == []
    assert [each.key for each in store.list()] == ["whole"]


def test_an_unknown_scheme_is_refused_with_the_known_addresses() -> None:
    for url in ("gopher://a/b", "protocol://a", "s3://", "file://elsewhere/a"):
        with pytest.raises(
            SettingsError, match=r"write a folder, file:///folder or s3://bucket/prefix"
        ):
            open_store(url)


def test_a_local_store_is_opened_without_boto3() -> None:
    code = (
        "import sys; from vmt.store import open_store\n"
        "open_store('x'); print('boto3' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
