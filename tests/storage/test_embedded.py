"""The embedded PostgreSQL against real processes: restarts, kills, locks, file modes, root and ordinary user.

As root these tests also act as the ordinary user `nobody`: a child imports what it needs and only then
changes its uid, since the interpreter itself often lies in a closed /root.
"""

import json
import os
import pwd
import select
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from conftest import PATIENCE_SECONDS, free_port
from scratch import open_directory
from vinr_server.storage.postgres.embedded import (
    EmbeddedRefused,
    EmbeddedServer,
    binary,
    default_data_dir,
    start_embedded,
)

IS_ROOT = os.geteuid() == 0
NOBODY_UID = pwd.getpwnam("nobody").pw_uid
NOBODY_GID = pwd.getpwnam("nobody").pw_gid
# Whom PostgreSQL runs as here, as arguments of Popen.
POSTGRES_UID = NOBODY_UID if IS_ROOT else None
POSTGRES_GID = NOBODY_GID if IS_ROOT else None

needs_root = pytest.mark.skipif(not IS_ROOT, reason="shows what root alone can do")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="the death signal and pidfd are Linux's")
starter_users = pytest.mark.parametrize(
    "is_nobody", [False, pytest.param(True, marks=needs_root)], ids=["as_this_user", "as_nobody"]
)

# Starts a server, says its pid and url in a line of JSON, and stops it once stdin is closed.
STARTER = f"""
import json, os, sys
from pathlib import Path
from vinr_server.storage.postgres.embedded import EmbeddedRefused, start_embedded
if sys.argv[2] == "nobody":
    os.setgroups([])
    os.setgid({NOBODY_GID})
    os.setuid({NOBODY_UID})
try:
    server = start_embedded(Path(sys.argv[1]))
except EmbeddedRefused as refused:
    print(json.dumps({{"refused": str(refused)}}), flush=True)
    raise SystemExit(1)
print(json.dumps({{"pid": server.pid, "url": server.url}}), flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture(name="open_directory")
def fixture_open_directory() -> Iterator[Path]:
    with open_directory("embedded") as directory:
        yield directory


@pytest.fixture
def data_dir(open_directory: Path) -> Path:
    return open_directory / "data"


class Starters:
    """Processes that run STARTER; all that still live are ended after the test."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[str]] = []

    def begin(
        self, data_dir: Path, *, is_nobody: bool = False, environment: Mapping[str, str] = {}
    ) -> subprocess.Popen[str]:
        if is_nobody:
            data_dir.mkdir(exist_ok=True)
            os.chown(data_dir, NOBODY_UID, NOBODY_GID)
        process = subprocess.Popen(
            [sys.executable, "-c", STARTER, str(data_dir), "nobody" if is_nobody else "same"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | dict(environment),
            text=True,
        )
        self.processes.append(process)
        return process

    def answer(self, process: subprocess.Popen[str]) -> dict[str, str]:
        assert process.stdout is not None
        answer: dict[str, str] = json.loads(process.stdout.readline())
        return answer

    def end(self, process: subprocess.Popen[str]) -> None:
        process.communicate(timeout=PATIENCE_SECONDS)


@pytest.fixture
def starters() -> Iterator[Starters]:
    starters = Starters()
    yield starters
    for process in starters.processes:
        starters.end(process)


class Servers:
    """Servers of this process; all that still live are stopped after the test."""

    def __init__(self) -> None:
        self.started: list[EmbeddedServer] = []

    def start(self, data_dir: Path, *, settings: Mapping[str, str] = {}) -> EmbeddedServer:
        server = start_embedded(data_dir, settings=settings)
        self.started.append(server)
        return server


@pytest.fixture
def servers() -> Iterator[Servers]:
    servers = Servers()
    yield servers
    for server in servers.started:
        server.stop()


def write_note(url: str, note: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("create table if not exists note (text text)")
        connection.execute("insert into note values (%s)", [note])


def read_notes(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [text for (text,) in connection.execute("select text from note order by text")]


def show(url: str, setting: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("select current_setting(%s)", [setting]).fetchone()
    assert row is not None
    return str(row[0])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def has_ended(pid: int, *, within_seconds: float) -> bool:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], within_seconds)[0])
    finally:
        os.close(handle)


class TestStartEmbedded:
    def test_keeps_data_and_password_over_a_restart(self, data_dir: Path, servers: Servers) -> None:
        first = servers.start(data_dir)
        write_note(first.url, "kept")
        first.stop()

        second = servers.start(data_dir)

        assert not first.is_alive()
        assert second.is_alive()
        assert read_notes(second.url) == ["kept"]
        assert second.url.split("@")[0] == first.url.split("@")[0]
        assert second.url.startswith("postgresql://vinr:")
        assert second.url.endswith("/vinr")

    def test_lets_settings_override_its_own_and_leaves_durability_alone(self, data_dir: Path, servers: Servers) -> None:
        server = servers.start(data_dir, settings={"max_connections": "17", "work_mem": "5MB"})

        assert show(server.url, "max_connections") == "17"
        assert show(server.url, "work_mem") == "5MB"
        assert show(server.url, "random_page_cost") == "1.1"
        durability = ("fsync", "synchronous_commit", "full_page_writes", "data_checksums")
        assert {setting: show(server.url, setting) for setting in durability} == dict.fromkeys(durability, "on")

    def test_listens_on_127_0_0_1_alone_and_asks_for_the_password(self, data_dir: Path, servers: Servers) -> None:
        server = servers.start(data_dir)

        assert show(server.url, "listen_addresses") == "127.0.0.1"
        assert show(server.url, "unix_socket_directories") == ""
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url.replace("vinr:", "vinr:wrong"))

    def test_refuses_a_setting_it_chooses_itself(self, data_dir: Path) -> None:
        with pytest.raises(EmbeddedRefused, match="sets port itself"):
            start_embedded(data_dir, settings={"port": "5432"})

        assert not data_dir.exists()

    def test_shows_the_log_when_postgres_ends_and_leaves_the_directory_free(
        self, data_dir: Path, servers: Servers
    ) -> None:
        with pytest.raises(EmbeddedRefused, match='invalid value for parameter "work_mem"'):
            start_embedded(data_dir, settings={"work_mem": "much"})

        assert servers.start(data_dir).is_alive()

    def test_refuses_a_second_process_and_names_the_first(
        self, data_dir: Path, starters: Starters, servers: Servers
    ) -> None:
        holder = starters.begin(data_dir)
        starters.answer(holder)

        with pytest.raises(EmbeddedRefused, match=rf"in use by another vinr, pid {holder.pid}\."):
            start_embedded(data_dir)

        starters.end(holder)
        assert servers.start(data_dir).is_alive()

    def test_keeps_its_secrets_from_others(self, data_dir: Path, servers: Servers) -> None:
        umask = os.umask(0)
        try:
            server = servers.start(data_dir)
        finally:
            os.umask(umask)

        password = server.url.split(":")[2].split("@")[0]
        assert json.loads((data_dir / "postgres.json").read_text())["password"] == password
        assert {path.name: mode(path) for path in data_dir.iterdir()} == {
            "lock": 0o600,
            "postgres": 0o700,
            "postgres.json": 0o600,
            "postgres.log": 0o600,
        }

    def test_refuses_when_the_password_is_lost(self, data_dir: Path, servers: Servers) -> None:
        servers.start(data_dir).stop()
        (data_dir / "postgres.json").unlink()

        with pytest.raises(EmbeddedRefused, match=r"postgres\.json is missing"):
            start_embedded(data_dir)

    def test_refuses_soon_when_the_password_is_wrong(self, data_dir: Path, servers: Servers) -> None:
        servers.start(data_dir).stop()
        (data_dir / "postgres.json").write_text('{"password": "wrong"}')

        with pytest.raises(EmbeddedRefused, match="password authentication failed"):
            start_embedded(data_dir)

    @pytest.mark.parametrize("version", ["17", None])
    def test_refuses_data_of_another_major(self, data_dir: Path, version: str | None) -> None:
        pgdata = data_dir / "postgres"
        pgdata.mkdir(parents=True)
        if version is not None:
            (pgdata / "PG_VERSION").write_text(f"{version}\n")
        if IS_ROOT:
            os.chown(pgdata, NOBODY_UID, NOBODY_GID)

        with pytest.raises(EmbeddedRefused, match=rf"PG_VERSION: {version or 'none'}"):
            start_embedded(data_dir)

        assert [path.name for path in data_dir.iterdir()] == ["postgres"]

    def test_starts_anew_after_an_initdb_cut_short(self, data_dir: Path, starters: Starters, servers: Servers) -> None:
        for _ in range(10):  # initdb may be done before it is noticed and killed: then it is cut short another time
            starter = starters.begin(data_dir)
            while not list(data_dir.glob("new.postgres.*/pgdata/PG_VERSION")) and not (data_dir / "postgres").exists():
                assert starter.poll() is None
            starter.kill()
            starter.wait()
            if not (data_dir / "postgres").exists():
                break
            servers.start(data_dir).stop()  # ends what the killed one left
            shutil.rmtree(data_dir)
        assert not (data_dir / "postgres").exists()

        server = servers.start(data_dir)

        write_note(server.url, "works")
        assert read_notes(server.url) == ["works"]

    def test_sweeps_what_a_killed_start_left(self, data_dir: Path, servers: Servers) -> None:
        leftover = data_dir / "new.postgres.cut" / "pgdata"
        leftover.mkdir(parents=True)
        (leftover / "PG_VERSION").write_text("18\n")

        servers.start(data_dir)

        assert list(data_dir.glob("new.*")) == []

    def test_outlives_the_thread_that_started_it(self, data_dir: Path, servers: Servers) -> None:
        thread = threading.Thread(target=servers.start, args=[data_dir])
        thread.start()
        thread.join()

        assert not has_ended(servers.started[0].pid, within_seconds=0.5)
        assert show(servers.started[0].url, "fsync") == "on"

    def test_ignores_postgres_variables_of_the_environment(
        self, data_dir: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in {"PGHOSTADDR": "192.0.2.1", "PGSSLMODE": "require", "PGDATA": "/none"}.items():
            monkeypatch.setenv(name, value)

        server = servers.start(data_dir)

        assert server.is_alive()


@needs_linux
class TestRecovery:
    @starter_users
    def test_postgres_shuts_down_when_its_starter_is_killed(
        self, data_dir: Path, starters: Starters, is_nobody: bool
    ) -> None:
        starter = starters.begin(data_dir, is_nobody=is_nobody)
        pid = int(starters.answer(starter)["pid"])

        starter.kill()

        assert has_ended(pid, within_seconds=PATIENCE_SECONDS)
        assert "database system is shut down" in (data_dir / "postgres.log").read_text()

    @starter_users
    def test_a_start_right_after_the_starter_was_killed_has_the_data(
        self, data_dir: Path, starters: Starters, is_nobody: bool
    ) -> None:
        starter = starters.begin(data_dir, is_nobody=is_nobody)
        write_note(starters.answer(starter)["url"], "kept")
        starter.kill()
        starter.wait()

        successor = starters.begin(data_dir, is_nobody=is_nobody)

        assert read_notes(starters.answer(successor)["url"]) == ["kept"]

    @starter_users
    def test_a_start_after_postgres_was_killed_has_the_data(
        self, data_dir: Path, starters: Starters, is_nobody: bool
    ) -> None:
        starter = starters.begin(data_dir, is_nobody=is_nobody)
        answer = starters.answer(starter)
        write_note(answer["url"], "kept")
        os.kill(int(answer["pid"]), signal.SIGKILL)
        starters.end(starter)
        assert (data_dir / "postgres" / "postmaster.pid").exists()

        successor = starters.begin(data_dir, is_nobody=is_nobody)

        assert read_notes(starters.answer(successor)["url"]) == ["kept"]

    def test_the_same_process_starts_again_after_postgres_was_killed(self, data_dir: Path, servers: Servers) -> None:
        first = servers.start(data_dir)
        write_note(first.url, "kept")
        os.kill(first.pid, signal.SIGKILL)
        first.stop()

        second = servers.start(data_dir)

        assert not first.is_alive()
        assert read_notes(second.url) == ["kept"]

    def test_ends_a_query_that_outlived_its_postmaster(self, data_dir: Path, servers: Servers) -> None:
        first = servers.start(data_dir)
        endless = psycopg.connect(first.url)
        endless.pgconn.send_query(b"do $$ begin loop end loop; end $$")
        with psycopg.connect(first.url, autocommit=True) as connection:
            is_active = "select state = 'active' and query like 'do %%' from pg_stat_activity where pid = %s"
            while connection.execute(is_active, [endless.info.backend_pid]).fetchone() != (True,):
                assert first.is_alive()
        os.kill(first.pid, signal.SIGKILL)
        first.stop()

        second = servers.start(data_dir)

        assert second.is_alive()
        assert has_ended(endless.info.backend_pid, within_seconds=10), "of itself it never would"

    def test_ends_an_orphan_of_an_earlier_start(self, data_dir: Path, servers: Servers) -> None:
        servers.start(data_dir).stop()
        postgres = [str(binary("postgres")), "-D", str(data_dir / "postgres")]
        orphan = subprocess.Popen(
            [
                *postgres,
                "-clisten_addresses=127.0.0.1",
                "-cunix_socket_directories=",
                f"-cport={free_port()}",
            ],
            stderr=subprocess.PIPE,
            cwd="/",
            text=True,
            user=POSTGRES_UID,
            group=POSTGRES_GID,
        )
        assert orphan.stderr is not None
        while "ready to accept connections" not in orphan.stderr.readline():
            assert orphan.poll() is None

        server = servers.start(data_dir)

        assert orphan.wait(timeout=PATIENCE_SECONDS) == 0
        assert server.is_alive()

    def test_believes_no_stale_pid_file_and_spares_the_process_that_got_the_pid(
        self, data_dir: Path, servers: Servers
    ) -> None:
        servers.start(data_dir).stop()
        stranger = subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd="/", user=POSTGRES_UID, group=POSTGRES_GID)
        (data_dir / "postgres" / "postmaster.pid").write_text(f"{stranger.pid}\n{data_dir / 'postgres'}\n")

        server = servers.start(data_dir)

        assert server.is_alive()
        assert stranger.poll() is None
        stranger.communicate(timeout=PATIENCE_SECONDS)


@needs_root
class TestAsRoot:
    def test_runs_postgres_as_nobody(self, data_dir: Path, servers: Servers) -> None:
        server = servers.start(data_dir)

        assert Path(f"/proc/{server.pid}").stat().st_uid == NOBODY_UID
        assert (data_dir / "postgres").stat().st_uid == NOBODY_UID
        assert data_dir.stat().st_uid == 0

    def test_refuses_a_closed_parent_and_changes_nothing(self, open_directory: Path) -> None:
        closed = open_directory / "home"
        closed.mkdir(mode=0o700)

        with pytest.raises(EmbeddedRefused, match=rf"^{closed} is closed to .*--data /var/lib/vinr"):
            start_embedded(closed / "clone" / ".vinr")

        assert mode(closed) == 0o700
        assert list(closed.iterdir()) == []

    def test_makes_directories_postgres_can_reach_whatever_the_umask(
        self, open_directory: Path, servers: Servers
    ) -> None:
        umask = os.umask(0o077)
        try:
            server = servers.start(open_directory / "made" / "here")
        finally:
            os.umask(umask)

        assert server.is_alive()
        assert mode(open_directory / "made" / "here") == 0o755

    def test_leaves_an_ordinary_user_their_files(self, data_dir: Path, starters: Starters, servers: Servers) -> None:
        first = starters.begin(data_dir, is_nobody=True)
        write_note(starters.answer(first)["url"], "kept")
        starters.end(first)

        servers.start(data_dir).stop()

        second = starters.begin(data_dir, is_nobody=True)
        assert read_notes(starters.answer(second)["url"]) == ["kept"]
        assert {path.stat().st_uid for path in data_dir.iterdir()} == {NOBODY_UID}

    def test_refuses_data_owned_by_root(self, data_dir: Path) -> None:
        (data_dir / "postgres").mkdir(parents=True)

        with pytest.raises(EmbeddedRefused, match="belongs to uid 0"):
            start_embedded(data_dir)

    def test_copies_the_programs_out_of_a_closed_virtualenv(
        self, open_directory: Path, data_dir: Path, starters: Starters
    ) -> None:
        package = binary("postgres").parents[2]
        closed = open_directory / "virtualenv"
        shutil.copytree(package, closed / package.name, ignore=shutil.ignore_patterns("pginstall"))
        shutil.copytree(f"{package}.libs", closed / f"{package.name}.libs")
        closed.chmod(0o700)

        starter = starters.begin(data_dir, environment={"PYTHONPATH": str(closed)})

        pid = starters.answer(starter)["pid"]
        assert Path(f"/proc/{pid}/exe").readlink().is_relative_to(data_dir)
        assert mode(closed) == 0o700


@needs_root
class TestAsOrdinaryUser:
    def test_refuses_a_directory_it_may_not_write(self, open_directory: Path, starters: Starters) -> None:
        data_dir = open_directory / "owned_by_root"
        data_dir.mkdir()
        starter = subprocess.run(
            [sys.executable, "-c", STARTER, str(data_dir), "nobody"], capture_output=True, text=True
        )

        assert "Permission denied" in json.loads(starter.stdout)["refused"]

    def test_runs_postgres_as_that_user_with_private_data(self, data_dir: Path, starters: Starters) -> None:
        starter = starters.begin(data_dir, is_nobody=True)

        pid = starters.answer(starter)["pid"]

        assert Path(f"/proc/{pid}").stat().st_uid == NOBODY_UID
        assert mode(data_dir / "postgres") == 0o700
        assert mode(data_dir / "postgres.json") == 0o600


class TestDefaultDataDir:
    def test_is_in_an_open_clone(self, open_directory: Path) -> None:
        assert default_data_dir(open_directory) == open_directory / ".vinr"

    @needs_root
    def test_is_in_var_lib_for_root_in_a_closed_clone(self, open_directory: Path) -> None:
        clone = open_directory / "home" / "loyalty"
        clone.mkdir(parents=True)
        clone.parent.chmod(0o700)

        data_dir = default_data_dir(clone)

        assert data_dir.parent == Path("/var/lib/vinr")
        assert data_dir.name.startswith("loyalty-")
        assert len(data_dir.name) == len("loyalty-") + 8
        assert mode(clone.parent) == 0o700
