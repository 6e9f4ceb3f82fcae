"""`agekit video` and `agekit predict` of videos, through the command line, on drawn videos."""

from __future__ import annotations

import csv
import io
import json
import os
import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest
from agekit_synthfaces import draw, person
from agekit_testkit import check_command
from agekit_video import movie
from agekit_video.footage import Footage, begins_as_video

from agekit.cli import main
from agekit.errors import DataError

MODEL = ["--model", "cen-resnet10-tiny", "--device", "cpu"]
SIZE = (240, 180)


@pytest.fixture(scope="module")
def people():
    return [draw(person(1, 7), 42, 110), draw(person(2, 9), 12, 110)]


def scene(people, k):
    """One moves to the right; from the sixth frame on there is another."""
    picture = np.full((SIZE[1], SIZE[0], 3), 200, np.uint8)
    picture[8:118, 4 + 3 * k : 114 + 3 * k] = people[0]
    if k >= 6:
        picture[60:170, 124:234] = people[1]
    return picture


def write(path, pictures, fps=10.0):
    codec = {".webm": "VP80", ".avi": "MJPG"}.get(path.suffix, "mp4v")
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (width, height))
    for picture in pictures:
        writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


@pytest.fixture(scope="module")
def clip(people, tmp_path_factory):
    path = tmp_path_factory.mktemp("videos") / "two.mp4"
    return write(path, [scene(people, k if k < 6 else 5) for k in range(6)])


def shown(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in arguments])
    out = capsys.readouterr()
    return ended.value.code, out.out, out.err


def frames(path, every=0.0):
    with Footage.of_file(str(path)) as footage:
        return [*footage.frames(every)], footage.notes


def test_a_video_is_answered_by_face_and_drawn(people, tmp_path, capsys):
    path = write(tmp_path / "a.mp4", [scene(people, k) for k in range(12)])
    out, table = tmp_path / "out.webm", tmp_path / "rows.csv"
    line = ["predict", path, *MODEL, "--json", "--plot", out, "--csv", table]
    code, text, told = shown(capsys, *line)
    assert code == 0, told
    [answer] = json.loads(text)
    assert (answer["path"], answer["size"], answer["frames"]) == (str(path), [240, 180], 6)
    first, second = answer["tracks"]
    assert (first["first"], first["last"], first["frames"]) == (0, 1.0, 6)
    assert (second["first"], second["track"]) == (0.6, 2)
    for track in (first, second):
        low, high = track["interval"]
        assert low < track["age"] < high
    rows = list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"))))
    assert len(rows) == first["frames"] + second["frames"]
    assert float(rows[0]["track_age"]) == first["age"]
    pictures, notes = frames(out)
    assert len(pictures) == 12 and notes == []
    assert pictures[0].pixels.shape[:2] == (360, 480), "enlarged so that the text can be read"
    plain = cv2.resize(scene(people, 0), (480, 360), interpolation=cv2.INTER_CUBIC)
    assert np.abs(pictures[0].pixels.astype(int) - plain).max() > 100, "nothing is drawn"
    assert {file.name for file in tmp_path.iterdir()} == {"a.mp4", "out.webm", "rows.csv"}
    assert "1 video: 2 faces in 6 frames" in told


def test_what_cannot_be_read_is_told_and_the_others_answered(clip, tmp_path, capsys):
    whole = clip.read_bytes()
    broken = {
        "empty.mp4": (b"", "the file is empty"),
        "cut.mp4": (whole[: len(whole) // 2], "cut off"),
        "text.mp4": (b"no video at all", "not a video agekit reads"),
        "sound.mp4": (whole.replace(b"vide", b"soun"), "only sound"),
        "list.mp4": (b"#EXTM3U\n/etc/passwd\n", "not a video agekit reads"),
    }
    for name, (data, _) in broken.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    latin = os.fsencode(tmp_path) + b"/caf\xe9.mp4"
    with open(latin, "wb") as file:
        file.write(whole)
    paths = [tmp_path / name for name in broken]
    code, out, told = shown(capsys, "predict", *paths, tmp_path / "gone.mp4", clip, *MODEL)
    assert code == 1
    for name, (_, words) in broken.items():
        [line] = [line for line in told.splitlines() if f"{name}: " in line]
        assert line.startswith("error: ") and words in line
    assert "gone.mp4: cannot be read: No such file" in told
    assert out.count("\n") == 1 and f"{clip}: " in out and "Traceback" not in told
    code, out, _ = shown(capsys, "video", *paths, "--json")
    assert code == 1
    assert all(one["error"] and one["tracks"] == [] for one in json.loads(out))
    code, _, told = shown(capsys, "video", tmp_path / "pipe.mp4", os.fsdecode(latin))
    assert code == 1 and "pipe.mp4: is no file" in told and "is not UTF-8" in told
    target = os.fsdecode(latin).replace(".mp4", ".avi")
    code, _, told = shown(capsys, "video", clip, *MODEL, "--plot", target)
    assert code == 1 and "is not UTF-8" in told
    code, _, told = shown(capsys, "video", tmp_path / "folder.mp4")
    assert code == 1 and "is a folder" in told


def test_what_was_read_otherwise_than_told_is_said(people, tmp_path):
    path = write(tmp_path / "a.avi", [scene(people, 0)] * 10)
    data = path.read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: len(data) // 2])
    found, notes = frames(tmp_path / "cut.avi")
    assert 0 < len(found) < 10
    assert notes == [f"ends early: {len(found)} of about 10 frames are there"]
    assert frames(path)[1] == []
    one = write(tmp_path / "one.mp4", [scene(people, 0)])
    assert [frame.seconds for frame in frames(one)[0]] == [0]


def test_times_are_the_containers(people, tmp_path):
    """Frames of unlike lengths: five of a tenth of a second, then five of a whole one."""
    path = write(tmp_path / "a.mp4", [scene(people, k) for k in range(10)])
    data = bytearray(path.read_bytes())
    at = data.index(b"stts")
    count, entry, length = struct.unpack_from(">III", data, at + 8)
    assert (count, entry) == (1, 10)
    longer = struct.pack(">IIIII", 2, 5, length, 5, 10 * length)
    data[at + 8 : at + 20] = longer
    struct.pack_into(">I", data, data.index(b"elst") + 12, 10_000)
    for box in (b"stts", b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        place = data.index(box) - 4
        struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] + 8)
    path.write_bytes(data)
    found, notes = frames(path)
    assert [frame.seconds for frame in found] == pytest.approx(
        [0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.5, 2.5, 3.5, 4.5], abs=0.01
    )
    assert notes == []
    sampled, _ = frames(path, 1.0)
    assert [round(frame.seconds, 1) for frame in sampled] == [0, 1.5, 2.5, 3.5, 4.5]
    target = tmp_path / "out.mp4"
    with movie.open_movie(target, 10) as made:
        for frame in found:
            made.add(frame.seconds, frame.pixels)
    assert len(frames(target)[0]) == 46, "a picture stays as long as it did"


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_video_is_upright(people, tmp_path, turns):
    """A telephone films sideways and writes the turn into the track's matrix."""
    upright = scene(people, 0)
    path = write(tmp_path / "a.mp4", [np.ascontiguousarray(np.rot90(upright, turns))] * 3)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    one = 0x10000
    a, b, c, d = {1: (0, one, -one, 0), 2: (-one, 0, 0, -one), 3: (0, -one, one, 0)}[turns]
    struct.pack_into(">iii", data, at, a, b, 0)
    struct.pack_into(">iii", data, at + 12, c, d, 0)
    path.write_bytes(data)
    [found, *_], _ = frames(path)
    assert found.pixels.shape == upright.shape
    assert np.abs(found.pixels.astype(int) - upright).mean() < 6


def test_a_video_of_too_many_pixels_is_refused_before_a_frame_is_read(clip, monkeypatch):
    class Huge:
        def __init__(self, *_):
            self.capture = self

        def isOpened(self):
            return True

        def get(self, key):
            return 100_000.0

        def release(self):
            self.released = True

    monkeypatch.setattr(cv2, "VideoCapture", Huge)
    with pytest.raises(DataError, match="the limit is"):
        Footage.of_file(str(clip))


def test_what_is_no_video(tmp_path):
    heic = b"\0\0\0\x18ftypheic" + bytes(400)
    for k, data in enumerate(
        (b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBPVP8 ", b"RIFF\0\0\0\0WAVE", heic)
    ):
        (tmp_path / f"{k}").write_bytes(data)
        assert not begins_as_video(str(tmp_path / f"{k}"))
    packets = (b"\x47" + bytes(187)) * 3
    (tmp_path / "a.ts").write_bytes(packets)
    assert begins_as_video(str(tmp_path / "a.ts"))


def test_lines_that_do_not_go_together(clip, tmp_path, capsys):
    photo = tmp_path / "photo.jpg"
    for line, words in (
        (["predict", clip, photo], "is an image"),
        (["video"], "name a video"),
        (["video", clip, "--camera", "0"], "leave out the files"),
        (["predict", "--camera", "0", "--json", "--csv", "-"], "both answer on stdout"),
        (["video", clip, "--plot", "out.gif"], "name a .mp4"),
        (["video", clip, clip, "--plot", "out.mp4"], "there are 2 videos"),
        (["predict", clip, "--boxes", "x.csv"], "No such option"),
        (["predict", "--camera"], "requires an argument"),
    ):
        code, _, told = shown(capsys, *line)
        assert code == 2 and words in told, told
    code, _, told = shown(capsys, "video", clip, "--plot", clip)
    assert code == 1 and "not overwritten" in told
    code, _, told = shown(capsys, "video", tmp_path / "*.mp4")
    assert code == 1 and "matches no file" in told


def test_photos_still_go_to_predict(people, tmp_path, capsys):
    photo = tmp_path / "photo.mp4"
    cv2.imwrite(str(tmp_path / "a.png"), cv2.cvtColor(scene(people, 0), cv2.COLOR_RGB2BGR))
    (tmp_path / "a.png").rename(photo)
    code, out, told = shown(capsys, "predict", photo, *MODEL, "--json")
    assert code == 0, told
    assert "faces" in json.loads(out)[0]


def test_without_the_plugin_a_video_is_named(clip, monkeypatch, capsys):
    monkeypatch.setenv("AGEKIT_DISABLE_PLUGINS", "agekit-video")
    code, _, told = shown(capsys, "predict", clip, *MODEL)
    assert code == 1 and "a video, which agekit-video reads" in told


class Camera:
    """A camera that gives so many pictures of a scene, one each time it is asked."""

    def __init__(self, pictures):
        self.pictures = iter(pictures)
        self.closed = False

    def isOpened(self):
        return True

    def get(self, key):
        return 0.0

    def grab(self):
        self.next = next(self.pictures, None)
        if isinstance(self.next, BaseException):
            raise self.next
        return self.next is not None

    def retrieve(self):
        return True, cv2.cvtColor(self.next, cv2.COLOR_RGB2BGR)

    def release(self):
        self.closed = True


@pytest.mark.parametrize("stopped", [False, True])
def test_a_camera_is_watched_until_it_ends(people, tmp_path, monkeypatch, capsys, stopped):
    pictures = [scene(people, k) for k in range(3)]
    camera = Camera([*pictures, KeyboardInterrupt()] if stopped else pictures)
    real = cv2.VideoCapture
    fake = lambda place, *how: real(place, *how) if how else camera  # noqa: E731
    monkeypatch.setattr(cv2, "VideoCapture", fake)
    ticks = iter(range(100))
    monkeypatch.setattr("agekit_video.footage.time.monotonic", lambda: next(ticks) / 4)
    out = tmp_path / "out.mp4"
    code, text, told = shown(capsys, "predict", "--camera", "0", *MODEL, "--json", "--plot", out)
    assert code == 0, told
    [answer] = json.loads(text)
    assert (answer["path"], answer["frames"], len(answer["tracks"])) == ("camera 0", 3, 1)
    assert camera.closed
    assert len(frames(out)[0]) >= 3


def test_no_camera_and_no_display_are_told_in_a_line(clip, monkeypatch, capsys):
    code, _, told = shown(capsys, "video", "--camera", "77", *MODEL)
    assert code == 1 and "camera 77 cannot be opened" in told
    monkeypatch.delenv("DISPLAY", raising=False)
    code, _, told = shown(capsys, "video", clip, "--show")
    error, hint = told.splitlines()
    assert code == 1 and error.startswith("error: --show") and "--plot" in hint


def test_a_killed_run_leaves_no_half_video(clip, tmp_path):
    target = tmp_path / "out.mp4"
    program = (
        "import sys, time; from pathlib import Path; from agekit_video.movie import open_movie\n"
        "from agekit_video.footage import Footage\n"
        "with Footage.of_file(sys.argv[1]) as clip, open_movie(Path(sys.argv[2]), 10) as movie:\n"
        "    for frame in clip.frames(0): movie.add(frame.seconds, frame.pixels)\n"
        "    print('half', flush=True); time.sleep(60)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(clip), str(target)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stdout.readline() == "half\n"
    assert not target.exists()
    child.kill()
    child.wait()
    child.stdout.close()
    assert len(os.listdir(tmp_path)) == 1, "what was aside"
    with movie.open_movie(target, 10) as made:
        made.add(0, np.zeros((64, 64, 3), np.uint8))
    assert os.listdir(tmp_path) == ["out.mp4"], "swept by the next"


def test_a_video_that_fails_half_way_leaves_nothing(clip, tmp_path, monkeypatch):
    def fail(*_):
        raise DataError("no more")

    target = tmp_path / "out.mp4"
    with pytest.raises(DataError), movie.open_movie(target, 10) as made:
        made.add(0, np.zeros((64, 64, 3), np.uint8))
        made.add(1, np.zeros((64, 64, 3), np.uint8))
        fail()
    assert not any(tmp_path.iterdir())


def test_the_command_is_a_part():
    check_command("video")
