"""The command, the files it writes and serves, and where the runtime is fetched from."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from agekit_demo import runtime
from agekit_demo import site as site_module
from agekit_demo.cli import demo
from agekit_demo.site import make_site, write_site
from agekit_testkit import check_command
from agekit_testkit.hub import LoopbackHub
from click.testing import CliRunner
from huggingface_hub import HfApi

import agekit
from agekit.cli import agekit as agekit_command
from agekit.errors import ConfigError, ModelError


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """A runtime that is there already, of files that nobody runs."""
    there = tmp_path / "onnxruntime-web"
    there.mkdir()
    for name in runtime.FILES:
        (there / name).write_bytes(b"not run here")
    monkeypatch.setattr(site_module, "_BUILT", there)


@pytest.fixture
def registry(monkeypatch):
    """A registry of npm on loopback that gives something else."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"evil")

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_port}/npm/")
        yield asked
        server.shutdown()


def test_the_command_keeps_to_the_contract():
    check_command("demo")


@pytest.mark.usefixtures("offline")
def test_a_page_is_written_whole(tmp_path):
    out = tmp_path / "page"
    done = CliRunner().invoke(demo, ["--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{out}\n"
    about = json.loads((out / "model.json").read_text())
    assert about["name"] == "sord-lite0"
    assert about["detects"]
    assert len(about["target"]) == 5
    assert (about["ager"]["name"], about["ager"]["ages"]) == ("prototypes", [1, 85])
    assert (out / about["ager"]["file"]).read_bytes()[:1] == b"\x08", "an ONNX file"
    _, header, words = (out / "README.md").read_text().split("---\n")
    assert yaml.safe_load(header)["sdk"] == "static"
    assert "non-commercial research only" in words
    assert "Microsoft" in (out / "NOTICE.txt").read_text()
    names = {path.name for path in out.iterdir()}
    for script in [*out.glob("*.js"), out / "index.html", out / "style.css"]:
        text = script.read_text()
        assert names.issuperset(re.findall(r'(?:from|src=|href=) ?"\.?/?([\w.-]+)"', text))
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    with pytest.raises(ConfigError, match="is there already"):
        write_site(make_site(None), out)


@pytest.mark.usefixtures("offline")
def test_models_without_an_onnx_file_are_refused(tmp_path):
    with pytest.raises(ModelError):
        make_site(str(tmp_path / "none.onnx"))
    with pytest.raises(ModelError, match="zoo"):
        make_site("no-such-model")


def test_a_folder_that_is_written_is_not_served():
    done = CliRunner().invoke(demo, ["--out", "page", "--port", "80"])
    assert done.exit_code == 2
    assert "--out serves nothing" in done.output


def test_another_package_is_refused(registry, monkeypatch, tmp_path):
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match="damaged or another: sha512"):
        make_site(None)
    assert registry == [f"/npm/onnxruntime-web/-/onnxruntime-web-{runtime.VERSION}.tgz"]
    assert [*tmp_path.rglob("*.mjs")] == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/", "nowhere", "file:///none/"])
def test_a_registry_out_of_reach_is_one_line(monkeypatch, tmp_path, address):
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path))
    monkeypatch.setenv("npm_config_registry", address)
    with pytest.raises(ConfigError, match="cannot be fetched from npm's registry") as raised:
        make_site(None)
    assert "\n" not in raised.value.message


def test_a_registry_that_nothing_names_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    for variable in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConfigError, match="install npm, or set npm_config_registry"):
        make_site(None)


SERVE = """
import sys
from pathlib import Path
from agekit_demo import site
site._BUILT = Path(sys.argv[1])
from agekit_demo.cli import demo
demo(["--no-open"])
"""


@pytest.mark.slow
@pytest.mark.usefixtures("offline")
def test_it_serves_its_own_files_alone_until_ctrl_c(tmp_path):
    call = [sys.executable, "-c", SERVE, str(tmp_path / "onnxruntime-web")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(call, **pipes) as process:
        address = process.stdout.readline().strip()
        with urllib.request.urlopen(address) as answer:
            assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
            assert b"<title>" in answer.read()
        with urllib.request.urlopen(address + "model.onnx") as answer:
            digest = hashlib.sha256(answer.read()).hexdigest()
        assert digest == hashlib.sha256(make_site(None)["model.onnx"].read_bytes()).hexdigest()
        for name in ("../site.py", "site.py", "%2e%2e/site.py", "/etc/passwd"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(address + name)
        process.send_signal(signal.SIGINT)
        _, words = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in words


@pytest.mark.slow
@pytest.mark.usefixtures("offline")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:httpx")
@pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")
def test_a_push_puts_the_page_beside_the_model(monkeypatch, tmp_path):
    with LoopbackHub() as hub:
        for name, value in hub.env.items():
            monkeypatch.setenv(name, value)
        model = str(Path(agekit.__file__).parents[1] / "zoo" / "sord-lite0")
        done = CliRunner().invoke(
            agekit_command, ["zoo", "push", model, "org/ages", "--space", "--json"]
        )
        assert done.exit_code == 0, done.output
        answer = json.loads(done.stdout)
        assert answer["repo"] == "org/ages"
        assert answer["space"].startswith(hub.endpoint)
        there = HfApi(hub.endpoint, hub.token).list_repo_files("org/ages", repo_type="space")
        assert {"index.html", "README.md", "model.onnx", "page.js"} <= {*there}


@pytest.mark.usefixtures("offline")
def test_a_page_without_an_ager_and_what_is_none(tmp_path):
    done = CliRunner().invoke(demo, ["--ager", "none", "--out", str(tmp_path / "page")])
    assert done.exit_code == 0, done.output
    assert "ager" not in json.loads((tmp_path / "page/model.json").read_text())
    assert not (tmp_path / "page/ager.onnx").exists()
    for name, told in (("sord-lite0", "ager"), ("none-such", "there is no model")):
        with pytest.raises((ConfigError, ModelError), match=told):
            make_site(None, name)
