"""Settings from the environment, all under VINR_; documented in the README and in `vinr serve --help`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What a process of production needs to know."""

    model_config = SettingsConfigDict(env_prefix="VINR_")

    database_url: str = Field(description="postgresql://user:password@host:port/database")
    key_pepper: str = Field(
        min_length=16, description="secret under which API keys are hashed; the same on every server"
    )
    readers: int = Field(default=4, ge=1, le=50, description="connections for reading, per process")
    is_distributed: bool = Field(default=False, description="the database is a Citus cluster")
    drain_seconds: float = Field(
        default=5,
        ge=0,
        le=300,
        description="after SIGTERM, how long requests are still taken while /readyz answers 503;"
        " longer than the load balancer needs to notice",
    )
