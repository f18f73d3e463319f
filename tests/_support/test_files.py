"""Files: any legal name, nothing left behind, nothing waited for, and the permissions of the source."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import compresslab
from compresslab import Dataset, TokenTree
from compresslab._support.files import (
    check_file,
    name_beside,
    open_file,
    put,
    read_buffer,
    temporary_folder,
    unreadable,
    write_atomic,
)
from compresslab._support.temporaries import part_file, part_folder, remove_stale
from compresslab.coding import compress_file, decompress_file, recover_file
from compresslab.data.readers import find_files, read_files, read_jsonl
from compresslab.errors import UnreadableFile

pytestmark = pytest.mark.usefixtures("compiled_byte_model")

Run = Callable[..., tuple[int, str, str]]
SOURCE = str(Path(compresslab.__file__).parents[1])


@given(length=st.integers(240, 255), two_bytes=st.booleans())
def test_every_legal_name_can_be_written(
    tmp_path_factory: pytest.TempPathFactory, length: int, two_bytes: bool
) -> None:
    folder = tmp_path_factory.getbasetemp() / "names"
    folder.mkdir(exist_ok=True)
    name = "é" * (length // 2) + "x" * (length % 2) if two_bytes else "x" * length
    write_atomic(folder / name, [b"held"])
    with temporary_folder(beside=folder / name) as beside:
        assert beside.parent == folder
    assert os.listdir(folder) == [name]
    (folder / name).unlink()


@pytest.mark.parametrize("length", [246, 251])
def test_a_file_with_a_long_name_is_compressed_and_comes_back(run: Run, tmp_path: Path, length: int) -> None:
    file = tmp_path / ("n" * length)
    file.write_bytes(b"to be or not to be\n" * 20)
    assert run("compress", file, "-q")[0] == 0
    held = file.read_bytes()
    file.unlink()
    assert run("decompress", f"{file}.clz", "-q")[0] == 0
    assert file.read_bytes() == held
    code, _, err = run("compress", file, "-q", "--out", f"{file}{'n' * 10}")
    assert code == 1
    assert err.endswith(": file name too long\n")


def test_trees_and_journals_take_the_longest_names(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "b.txt"):
        Path(name).write_text("to be or not to be\n" * 20)
    tree, journal = "t" * 255, "j" * 255
    assert run("tree", "a.txt", "--save", tree)[0] == 0
    assert run("rate", "a.txt", "b.txt", "--model", f"tree:{tree}", "--resume", journal)[0] == 0
    journals = [name for name in os.listdir() if name.startswith("j")]
    assert len(journals) == 2
    assert max(map(len, journals)) <= 255


@given(name=st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1), ending=st.just(".work"))
def test_a_name_beside_is_legal_says_its_ending_and_tells_names_apart(name: str, ending: str) -> None:
    name = name * 60
    if len(name.encode()) > 255 or name in (".", ".."):
        return
    found = name_beside(Path("/tmp") / name, ending).name
    assert found.endswith(ending)
    assert len(found.encode()) <= 255
    assert found == name + ending or name_beside(Path("/tmp") / (name[:-1] + "!"), ending).name != found


def test_a_killed_writer_leaves_a_part_that_the_next_one_removes(tmp_path: Path) -> None:
    script = (
        "import os, sys; from compresslab._support.files import write_atomic, temporary_folder\n"
        "def chunks():\n"
        "    yield b'x'; print(len(os.listdir('.')), flush=True); sys.stdin.read()\n"
        "with temporary_folder(beside='made'): write_atomic('made', chunks())"
    )
    users = [".made.abcd.part", ".compresslab-00000000-abcdefgh.part", "compresslab.part", ".compresslab-x.part"]
    for name in users:
        (tmp_path / name).write_bytes(b"not ours")
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, env={**os.environ, "PYTHONPATH": SOURCE},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == b"%d\n" % (len(users) + 2)
        remove_stale.cache_clear()
        write_atomic(tmp_path / "other", [b"y"])  # while it lives
        assert len(os.listdir(tmp_path)) == len(users) + 3
        process.kill()
        process.wait()
    assert len(os.listdir(tmp_path)) == len(users) + 3
    remove_stale.cache_clear()
    write_atomic(tmp_path / "other", [b"z"])
    assert sorted(os.listdir(tmp_path)) == sorted([*users, "other"])


def test_parts_that_are_in_use_stay_and_leave_with_their_block(tmp_path: Path) -> None:
    with part_file(tmp_path) as (file, path), part_folder(tmp_path) as folder:
        remove_stale.cache_clear()
        remove_stale(str(tmp_path))
        assert os.path.exists(path)
        assert folder.is_dir()
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        file.write(b"x")
    assert os.listdir(tmp_path) == []


def test_a_part_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    with part_folder(tmp_path) as folder:
        name = folder.name
    kept = tmp_path / "kept"
    kept.write_text("a user's")
    (tmp_path / name).symlink_to(kept)
    remove_stale.cache_clear()
    remove_stale(str(tmp_path))
    assert kept.read_text() == "a user's"


@pytest.fixture
def specials(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.jsonl")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(tmp_path / "socket"))
    (tmp_path / "a.txt").write_text("to be\n")
    (tmp_path / "b.JSONL").write_text('{"text": "or not"}\n')
    (tmp_path / "again").symlink_to(".")
    return tmp_path


def test_pipes_sockets_and_loops_in_a_folder_are_passed_over(specials: Path) -> None:
    assert [path.name for path in find_files(specials)] == ["a.txt", "b.JSONL"]
    assert list(read_files(specials).texts) == [b"to be\n", b'{"text": "or not"}\n']
    assert list(read_jsonl(specials).texts) == [b"or not"]
    (specials / "self").symlink_to("self")
    with pytest.raises(UnreadableFile, match="self: too many levels of symbolic links"):
        read_files(specials)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("pipe", "it is a pipe"),
        ("socket", "it is a socket"),
        ("again", "is a directory"),
        ("/dev/zero", "it is a device"),
    ],
)
def test_a_path_that_is_not_a_file_is_refused_by_name_without_waiting(specials: Path, name: str, what: str) -> None:
    for read in (check_file, open_file, read_buffer, compress_file, decompress_file, TokenTree.load):
        given = {"target": specials / "t"} if read in (compress_file, decompress_file) else {}
        with pytest.raises(UnreadableFile, match=f"{name}: {what}"):
            read(specials / name, **given)  # type: ignore[operator]
    with pytest.raises(UnreadableFile, match="it is a pipe"):
        TokenTree.load(specials / "pipe", mapped=True)


@pytest.mark.parametrize(("name", "what"), [("pipe", "a pipe"), ("socket", "a socket"), ("/dev/full", "a device")])
def test_only_a_file_is_replaced_by_a_file(specials: Path, name: str, what: str) -> None:
    with pytest.raises(UnreadableFile, match=f"cannot write .*{name}: it is {what}, give the name of a file"):
        write_atomic(specials / name, [b"to be"])


@pytest.mark.parametrize(
    "command",
    [
        "rate pipe", "tree pipe", "rate a.txt --model tree:pipe", "compress pipe", "decompress pipe --out x",
        "info pipe", "verify pipe", "tree --tokens pipe.bin", "tree --tokens pipe.npy", "rate /dev/zero",
        "elasticity --pretrain pipe --align a.txt --perturb a.txt", "rate a.txt --model tree:T --resume pipe",
        "experiment resistance --data pipe.jsonl --out o", "experiment rebound --out folder",
    ],
)  # fmt: skip
def test_no_command_waits_for_a_pipe(run: Run, specials: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    if "tokens" in command:
        pytest.importorskip("numba", reason="token files need numba (the extra 'scale')")
    monkeypatch.chdir(specials)
    for name in ("pipe.bin", "pipe.npy"):
        os.mkfifo(name)
    Path("folder").mkdir()
    os.mkfifo("folder/spec.json")
    TokenTree.build(Dataset.from_texts(["to be"]), 2).save("T")
    signal.alarm(60)  # should it wait after all
    try:
        code, _, err = run(*command.split(), "-q")
    finally:
        signal.alarm(0)
    assert code == 1
    assert ("it is a device" if "/dev" in command else "it is a pipe, give the name of a file") in err
    assert err.count("\n") == 1


@given(mode=st.integers(0, 0o777).map(lambda mode: mode | 0o400))
def test_permissions_and_times_are_kept_there_and_back(tmp_path_factory: pytest.TempPathFactory, mode: int) -> None:
    folder = tmp_path_factory.mktemp("modes")
    file, coded, back, saved = (folder / name for name in ("a", "a.clz", "b", "c"))
    file.write_bytes(b"to be or not to be")
    os.utime(file, (981173106, 981173106))
    file.chmod(mode)
    compress_file(file)
    decompress_file(coded, back)
    recover_file(coded, saved)
    for made in (coded, back, saved):
        assert stat.S_IMODE(made.stat().st_mode) == mode
        assert made.stat().st_mtime == 981173106


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    file, tree = tmp_path / "file", tmp_path / "tree"
    before = os.umask(0o027)
    try:
        write_atomic(file, [b"one"])
        assert stat.S_IMODE(file.stat().st_mode) == 0o640
    finally:
        os.umask(before)
    file.chmod(0o600)
    old = file.stat().st_mtime_ns
    time.sleep(0.01)
    write_atomic(file, [b"two"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_mtime_ns > old
    TokenTree.build(Dataset.from_texts(["to be"]), 2).save(tree)
    tree.chmod(0o600)
    TokenTree.build(Dataset.from_texts(["or not"]), 2).save(tree)
    assert stat.S_IMODE(tree.stat().st_mode) == 0o600


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_root_leaves_a_file_to_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"to be")
    os.chown(file, 1234, 1235)
    compress_file(file)
    made = (tmp_path / "a.clz").stat()
    assert (made.st_uid, made.st_gid) == (1234, 1235)


def test_another_group_may_do_no_more_than_everyone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, made = tmp_path / "source", tmp_path / "made"
    for path in (source, made):
        path.write_bytes(b"")
    source.chmod(0o674)
    fields = list(source.stat())
    fields[5] += 1  # the group

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "chown", refused)
    put(made, tmp_path / "there", like=os.stat_result([*fields, *[0] * 9]))
    assert stat.S_IMODE((tmp_path / "there").stat().st_mode) == 0o644


def test_only_one_module_names_what_lies_in_shared_folders() -> None:
    package = Path(compresslab.__file__).parent
    sources = {path.name: path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    found = [name for name, source in sources.items() if re.search(r"^import tempfile$", source, re.M)]
    assert found == ["temporaries.py"]  # whose names are drawn at random


def test_a_reason_is_given_once(tmp_path: Path, run: Run) -> None:
    inner = unreadable("a", OSError(2, "No such file or directory"))
    assert str(unreadable("b", inner, "use")) == "cannot read a: no such file or directory"
    for arguments in (("report", tmp_path), ("rate", __file__, "--model", "tree:x", "--resume", tmp_path)):
        code, _, err = run(*arguments)
        assert (code, err.count("cannot ")) == (1, 1)
