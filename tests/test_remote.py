"""Sources at URLs: a real S3-compatible server and a real web server, both on loopback."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import time

import numpy as np
import pandas as pd
import pytest
import soundfile

from earmark.extract import partitioned
from earmark.extract.audio import remote
from earmark.extract.audio.sources import find
from earmark.extract.batch import delivery, run
from earmark.extract.batch.executors import Here
from earmark.extract.errors import WriteError

for module in ("s3fs", "aiohttp", "moto"):
    pytest.importorskip(module, reason="the extra remote is not installed")

EXTRACTION = run.Extraction("loudness")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "music"
    (folder / "b").mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in ("a.wav", "b/c.wav"):
        soundfile.write(folder / name, random.normal(0, 0.1, 22050), 22050)
    return folder


@pytest.fixture
def bucket(music, monkeypatch):
    s3fs = pytest.importorskip("s3fs")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-of-a-test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-a-test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    system = s3fs.S3FileSystem()
    system.makedirs("songs", exist_ok=True)
    system.put(f"{music}/", "songs/music/", recursive=True)
    yield system
    server.stop()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def web(music):
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(music))

        def log_message(self, *arguments):
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_a_bucket_gives_the_table_that_the_folder_gives_and_is_incremental(bucket, music, tmp_path):
    here = run.extract([music], EXTRACTION, executor=Here())
    output = tmp_path / "t.parquet"
    there = run.extract(["s3://songs/music"], EXTRACTION, output=output)
    pd.testing.assert_frame_equal(here.table, there.table)
    assert there.counts.new == 2
    again = run.extract(["s3://songs/music"], EXTRACTION, output=output)
    assert again.counts.unchanged == 2
    soundfile.write(music / "a.wav", np.zeros(44100) + 0.1, 22050)
    bucket.put(f"{music}/a.wav", "songs/music/a.wav")
    changed = run.extract(["s3://songs/music"], EXTRACTION, output=output)
    assert (changed.counts.changed, changed.counts.unchanged) == (1, 1)
    for file in tmp_path.glob("t.*"):
        assert b"secret-of-a-test" not in file.read_bytes()


def test_a_list_on_the_web_is_read_and_no_signature_is_kept(web, music, tmp_path):
    host, asked = web
    (music / "l.m3u8").write_text("#EXTM3U\na.wav?sig=s3cret\nb/c.wav\nb/none.wav?sig=s3cret\n")
    output = tmp_path / "t.parquet"
    result = run.extract([f"http://{host}/l.m3u8?sig=s3cret"], EXTRACTION, output=output)
    assert list(result.table["path"]) == ["a.wav", "c.wav"]
    ((path, stage, _, message),) = result.failures
    assert (path, stage) == (f"http://{host}/b/none.wav", "find")
    assert "does not exist" in message
    assert any("sig=s3cret" in path for path in asked)
    for file in tmp_path.glob("t.*"):
        assert b"s3cret" not in file.read_bytes()
    again = run.extract([f"http://{host}/l.m3u8"], EXTRACTION, output=output)
    assert again.counts.described == 2


def test_a_network_that_fails_is_tried_again_and_then_a_failure(monkeypatch):
    monkeypatch.setattr(remote, "PAUSES", (0.0, 0.0))
    url = "http://me:s3cret@127.0.0.1:9/a.mp3?sig=s3cret"
    tracks, (failure,) = find([url], urls=True)
    assert not tracks
    assert failure.stage == "fetch"
    assert failure.path == "http://127.0.0.1:9/a.mp3"
    assert "s3cret" not in f"{failure!r} {failure} {failure.__context__!r}"


def test_a_file_that_is_too_large_is_not_copied(web, monkeypatch):
    url = f"http://{web[0]}/a.wav"
    with (
        pytest.raises(remote.FetchError, match="is larger than"),
        remote.local_copy(remote.RemoteFile(url, ""), largest=1000),
    ):
        pass


@pytest.mark.parametrize("url", ["file:///etc/passwd.mp3", "simplecache::file:///etc/a.mp3"])
def test_a_list_cannot_name_what_is_on_this_machine(url):
    _, (failure,) = find([url], urls=True)
    assert "of a kind that is not read" in failure.message


@pytest.fixture
def mute():
    """A server that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def take():
            with contextlib.suppress(OSError):
                while True:
                    held.append(server.accept()[0])

        threading.Thread(target=take, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}", held
        for connection in held:
            connection.close()


@pytest.mark.parametrize("kind", ["web", "list", "s3"])
def test_a_server_that_is_silent_holds_nothing_up_and_is_asked_once(mute, monkeypatch, kind):
    host, held = mute
    monkeypatch.setattr(remote, "ANSWER", 0.5)
    monkeypatch.setattr(remote, "PAUSES", (0.0,))
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-of-a-test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-a-test")
    s3fs = pytest.importorskip("s3fs")
    s3fs.S3FileSystem.clear_instance_cache()
    begun = time.monotonic()
    form = {"web": "http://{}/{}.mp3", "list": "http://{}/{}.m3u8", "s3": "s3://music-{}/{}.mp3"}
    count = 1 if kind == "list" else 200
    urls = [form[kind].format("x" if kind == "s3" else host, number) for number in range(count)]
    tracks, failures = find(urls, urls=True)
    assert not tracks
    assert time.monotonic() - begun < 10
    assert [failure.path for failure in failures] == urls
    assert "does not answer" in failures[0].message
    assert all("did not answer before" in failure.message for failure in failures[1:])
    assert len(held) <= 4
    s3fs.S3FileSystem.clear_instance_cache()


def test_every_url_has_a_name_and_schemes_are_in_any_case(web):
    host, _ = web
    tracks, failures = find([f"HTTP://{host}/b/", f"HTTP://{host}/a.wav"], urls=True)
    assert not failures
    assert [track.path for track in tracks] == ["b", "a.wav"]
    assert run.extract([f"HTTP://{host}/a.wav"], EXTRACTION, executor=Here()).described == 1


def test_no_credential_is_logged_even_where_everything_else_is(web, bucket, caplog):
    caplog.set_level("DEBUG")
    url = f"http://me:pass-of-a-test@{web[0]}/a.wav?sig=sign-of-a-test"
    assert run.extract([url, "s3://songs/music"], EXTRACTION, executor=Here()).described == 3
    assert caplog.text
    assert "of-a-test" not in caplog.text


def test_a_table_goes_to_a_bucket_and_is_gone_on_with_there(bucket, music, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    output = "s3://songs/tables/t.parquet"
    (music / "bad.wav").write_bytes(b"RIFF and no more")
    for counts in ({"new": 3, "unchanged": 0}, {"failed_before": 1, "unchanged": 2}):
        with delivery.here(output) as table:
            result = run.extract([music], EXTRACTION, output=table)
            expected = result.table
        assert {name: getattr(result.counts, name) for name in counts} == counts
    bucket.invalidate_cache()
    sent = {name.rpartition("/")[2] for name in bucket.ls("songs/tables")}
    assert sent == {"t.parquet", "t.failures.csv", "t.files.parquet", "t.report.json"}
    pd.testing.assert_frame_equal(
        pd.read_parquet(output).reset_index(drop=True), expected, check_dtype=False
    )
    # What failed is mended: no failures are left there.
    soundfile.write(music / "bad.wav", np.zeros(44100) + 0.2, 22050)
    with delivery.here(output) as table:
        assert run.extract([music], EXTRACTION, output=table).counts.failed == 0
    bucket.invalidate_cache()
    assert not bucket.exists("songs/tables/t.failures.csv")
    assert not list((tmp_path / "cache" / "earmark" / "outputs").iterdir())


def test_a_table_in_parts_goes_to_a_bucket(cli, bucket, music, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(run, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr(partitioned, "ROWS", 1)
    order = ("extract", "s3://songs/music", "--set", "loudness", "-q", "-o", "s3://songs/out/t/")
    status, out, said = cli(*order)
    assert status == 0, said
    assert "s3://songs/out/t/" in out
    bucket.invalidate_cache()
    assert sorted(name.rpartition("/")[2] for name in bucket.ls("songs/out/t")) == [
        "part-00000.parquet",
        "part-00001.parquet",
    ]
    bucket.rm("songs/music/a.wav")
    status, _, said = cli(*order, "--prune")
    assert status == 0, said
    bucket.invalidate_cache()
    assert [name.rpartition("/")[2] for name in bucket.ls("songs/out/t")] == ["part-00000.parquet"]


def test_predictions_go_to_a_bucket(cli, bucket, music, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    status, _, said = cli("classify", music, "-m", "light", "-q", "-o", "s3://songs/out/p.csv")
    assert status == 0, said
    with bucket.open("songs/out/p.csv") as file:
        assert len(pd.read_csv(file)) == 2


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("s3://no-such-bucket/t.parquet", "its bucket or folder does not exist"),
        ("https://me:s3cret@host/t.parquet", "nothing is written to URLs of this kind"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    bucket, tmp_path, monkeypatch, output, why
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(WriteError, match=why) as refused, delivery.here(output):
        pytest.fail("the work began")
    assert "s3cret" not in str(refused.value)


def test_what_could_not_be_sent_is_kept_and_sent_by_the_next_run(
    bucket, music, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(remote, "PAUSES", ())
    send = remote.send

    def broken(path, url):
        if path.suffix == ".parquet":
            raise WriteError(url, "cannot be written: the network is gone")
        send(path, url)

    output = "s3://songs/kept/t.parquet"
    with monkeypatch.context() as patch:
        patch.setattr(remote, "send", broken)
        with pytest.raises(WriteError, match="is kept in"), delivery.here(output) as table:
            run.extract([music], EXTRACTION, output=table)
    with delivery.here(output) as table:
        assert run.extract([music], EXTRACTION, output=table).counts.unchanged == 2
    bucket.invalidate_cache()
    assert bucket.exists("songs/kept/t.parquet")
