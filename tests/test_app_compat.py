"""What the app relies on within Streamlit is still there."""

from __future__ import annotations

import inspect
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from streamlit import config, runtime
from streamlit.testing.v1 import AppTest

from earmark.classify.app import _compat

ROOT = Path(__file__).parent.parent


def test_outside_a_server_there_is_no_session():
    assert _compat.session_id() is None
    assert not _compat.is_connected("nobody")
    assert _compat.serve_media(Path(__file__), "audio/wav", "key") is None
    _compat.forget_uploads(["nothing"])


def test_a_runtime_is_asked_whether_a_session_is_connected(monkeypatch):
    assert list(inspect.signature(runtime.Runtime.is_active_session).parameters) == [
        *("self", "session_id")
    ]

    class Runtime:
        def is_active_session(self, session_id):
            return session_id == "mine"

    monkeypatch.setattr(runtime, "exists", lambda: True)
    monkeypatch.setattr(runtime, "get_instance", Runtime)
    assert _compat.is_connected("mine")
    assert not _compat.is_connected("other")


def test_the_size_of_uploads_can_be_set():
    before = config.get_option("server.maxUploadSize")
    try:
        _compat.limit_uploads(before + 1)
        assert config.get_option("server.maxUploadSize") == before + 1
    finally:
        _compat.limit_uploads(before)


def uploading():
    import streamlit as st

    from earmark.classify.app import _compat

    file = st.file_uploader("file")
    st.text(_compat.session_id())
    if file is not None:
        st.text(file.file_id)
        _compat.forget_uploads([file.file_id])


def test_an_upload_is_forgotten(monkeypatch):
    from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager as Manager

    removed = []
    monkeypatch.setattr(Manager, "remove_file", lambda _, *named: removed.append(named))
    app = AppTest.from_function(uploading).run()
    app.file_uploader[0].upload("a.wav", b"RIFF", "audio/wav").run()
    assert not app.exception
    session, file = (text.value for text in app.text)
    assert (session, file) in removed


def playing(file):
    from pathlib import Path

    import streamlit as st

    from earmark.classify.app import _compat

    st.text(_compat.serve_media(Path(file), "audio/wav", "key"))


@pytest.mark.parametrize("base", ["", "/music/"])
def test_a_file_is_served_below_the_address_of_the_app(tmp_path, base):
    file = tmp_path / "a.wav"
    file.write_bytes(b"RIFF")
    before = config.get_option("server.baseUrlPath")
    config.set_option("server.baseUrlPath", base)
    try:
        app = AppTest.from_function(playing, args=(str(file),)).run()
    finally:
        config.set_option("server.baseUrlPath", before)
    assert not app.exception
    address = app.text[0].value
    assert address.startswith("/music/mock/media/" if base else "/mock/media/")
    assert address.endswith(".wav")


SERVER = """
import sys
from pathlib import Path
from earmark.classify.app import _compat
options = {"server_port": int(sys.argv[2]), "server_headless": True, "server_address": "127.0.0.1"}
_compat.run_server(Path(sys.argv[1]), options | {"browser_gatherUsageStats": False})
"""


def test_a_server_starts_and_knows_its_folder(tmp_path):
    (tmp_path / ".streamlit").mkdir()
    # A file of options beside the script is read: the folder of the script is known.
    (tmp_path / ".streamlit" / "config.toml").write_text("[server]\nbaseUrlPath = 'here'\n")
    script = tmp_path / "app.py"
    script.write_text("import streamlit as st\nst.text('hello')\n", encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(script), str(port)], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        address = f"http://127.0.0.1:{port}/here/_stcore/health"
        assert _answer(address, server) == b"ok"
    finally:
        server.kill()
        server.wait(60)


def _answer(address, server, seconds=60):
    """Return what a server answers, once it does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return answer.read()
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not answer")
