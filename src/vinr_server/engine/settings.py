"""Settings from the environment, all under VINR_; documented in docs/settings.md, which is made from them."""

from __future__ import annotations

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from vinr_server.engine.sealing import read_keys

# "aaaaaaaaaaaaaaaa" and "1212121212121212" are long enough but no secrets. 32 random hex digits always have at least 6
# different ones.
DIFFERENT_CHARACTERS_MIN = 6


class Settings(BaseSettings):
    """What a production process needs to know."""

    model_config = SettingsConfigDict(env_prefix="VINR_")

    database_url: str = Field(description="postgresql://user:password@host:port/database")
    key_pepper: str = Field(
        min_length=16, description="secret under which API keys are hashed; the same on every server"
    )
    secrets_key: str = Field(
        description="32 random bytes in base64 (`openssl rand -base64 32`) under which webhook secrets are sealed; the"
        " same on every server. Give two with a comma between to replace a key: the first seals, both open"
    )
    database_wait_seconds: float = Field(
        default=60,
        ge=0,
        le=86_400,
        description="how long `vinr serve` and `vinr worker` wait at startup for a database that does not answer,"
        " before they exit with code 1",
    )
    readers: int = Field(default=4, ge=1, le=50, description="connections for reading, per process")
    rate_limit_per_second: int = Field(
        default=1000, ge=0, le=1_000_000, description="requests per second of one API key, per process; 0 for no limit"
    )
    is_distributed: bool = Field(default=False, description="the database is a Citus cluster")
    drain_seconds: float = Field(
        default=5,
        ge=0,
        le=300,
        description="after SIGTERM, how long the process still takes requests while /readyz answers 503;"
        " choose longer than the load balancer needs to notice",
    )
    log_requests: bool = Field(
        default=False, description="log a line for every request; failed and slow requests are always logged"
    )
    slow_seconds: float = Field(default=1, gt=0, description="a request that takes longer is always logged")
    metrics_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="serve Prometheus metrics at /metrics on this port, without a key; each further process uses the"
        " next free port. Off unless set",
    )
    metrics_host: str = Field(
        default="127.0.0.1", description="address for metrics; anybody who can reach it can read them"
    )
    allow_unsafe_database: bool = Field(
        default=False,
        description="accept a database server whose fsync, full_page_writes or synchronous_commit is off, so that a"
        " crash may lose acknowledged data; for tests",
    )

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: str) -> str:
        if not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("must start with postgresql://")
        return value

    @field_validator("key_pepper")
    @classmethod
    def _is_random(cls, value: str) -> str:
        if len(set(value)) < DIFFERENT_CHARACTERS_MIN:
            raise ValueError("is not random; make one with: openssl rand -hex 32")
        return value

    @field_validator("secrets_key")
    @classmethod
    def _can_seal(cls, value: str) -> str:
        read_keys(value)
        return value
