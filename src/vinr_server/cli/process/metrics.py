"""What a process has counted, as Prometheus metrics on its own port (docs/decisions/0009)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from vinr_server.api.edge.asgi import Server
from vinr_server.engine.figures import DeliveryFigures, Distribution, DueFigures
from vinr_server.engine.settings import Settings
from vinr_server.engine.writer import Writer

log = logging.getLogger("vinr.metrics")

# So many processes on one machine each find a port.
PORTS_TRIED = 64

Families = Callable[[], Iterator[Metric]]


class _Figures(Collector):
    """Metrics computed from the figures when they are asked for."""

    def __init__(self, families: Iterable[Families]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterator[Metric]:
        """All metric families. Called by the metrics thread: figures are copied before they are read."""
        for families in self._families:
            yield from families()


def of_server(server: Server) -> Iterator[Metric]:
    """Requests of one process' API, and its connections."""
    seconds = HistogramMetricFamily("vinr_request_seconds", "Time to an answer.", labels=["operation", "status"])
    for (operation, status), distribution in list(server.requests.figures.latency.items()):
        _add(seconds, [operation, str(status)], distribution)
    yield seconds
    refusals = CounterMetricFamily("vinr_refusals", "Requests refused, by error code.", labels=["code"])
    for code, count in list(server.requests.figures.refusals.items()):
        refusals.add_metric([code], count)
    yield refusals
    connections = GaugeMetricFamily("vinr_reader_connections", "Connections for reading.", labels=["state"])
    total, idle = server.reader_connections()
    connections.add_metric(["idle"], idle)
    connections.add_metric(["busy"], total - idle)
    yield connections


def of_writer(writer: Writer) -> Iterator[Metric]:
    """One writer's queue and batches."""
    figures = writer.figures
    yield GaugeMetricFamily("vinr_queue_depth", "Commands waiting for a batch.", value=writer.queue_depth)
    yield GaugeMetricFamily("vinr_writer_up", "Whether commands are being decided.", value=int(writer.is_alive))
    for name, what, distribution in (
        ("vinr_batch_size", "Commands in a batch.", figures.batch_size),
        ("vinr_batch_seconds", "From taking a batch to its answers, retries included.", figures.batch_seconds),
        ("vinr_lock_hold_seconds", "From a batch's locks and rows to the answer to COMMIT.", figures.lock_seconds),
        ("vinr_commit_seconds", "From a batch's write to the answer to COMMIT.", figures.commit_seconds),
    ):
        family = HistogramMetricFamily(name, what)
        _add(family, [], distribution)
        yield family
    retries = CounterMetricFamily("vinr_batch_retries", "Batches run again whole, by SQLSTATE.", labels=["sqlstate"])
    for state, count in list(figures.retries.items()):
        retries.add_metric([state], count)
    yield retries
    yield CounterMetricFamily("vinr_batch_reloads", "Batches loaded again with more rows.", value=figures.reloads)
    yield CounterMetricFamily("vinr_batch_halvings", "Batches halved to find a culprit.", value=figures.halvings)
    yield CounterMetricFamily(
        "vinr_lost_connections", "Batches that lost the database.", value=figures.lost_connections
    )
    yield CounterMetricFamily(
        "vinr_catalogue_reads", "Catalogues read, newer ones included.", value=figures.catalogue_reads
    )


def of_due_work(figures: DueFigures) -> Iterator[Metric]:
    """What a worker writes."""
    lag = "How late the latest work of the last round was, without test clocks."
    yield GaugeMetricFamily("vinr_due_lag_seconds", lag, value=figures.lag_seconds)
    yield CounterMetricFamily("vinr_due_accounts", "Accounts whose expiries were written.", value=figures.accounts)
    yield CounterMetricFamily("vinr_due_clocks", "Test clocks that became ready.", value=figures.clocks)


def of_deliveries(figures: DeliveryFigures) -> Iterator[Metric]:
    """What a sender of webhooks does. The queue is that of all senders, as this one saw it within 5 seconds."""
    attempts = CounterMetricFamily("vinr_webhook_attempts", "Attempts to deliver, by outcome.", labels=["outcome"])
    for outcome, count in list(figures.attempts.items()):
        attempts.add_metric([outcome], count)
    yield attempts
    for name, what, distribution in (
        ("vinr_webhook_lag_seconds", "From an event to the answer to its first attempt.", figures.lag_seconds),
        ("vinr_webhook_attempt_seconds", "Time a receiver took.", figures.attempt_seconds),
    ):
        family = HistogramMetricFamily(name, what)
        _add(family, [], distribution)
        yield family
    yield GaugeMetricFamily("vinr_webhook_queue_depth", "Deliveries that are due, up to 10,001.", value=figures.due)
    late = "How long the first of them has been due."
    yield GaugeMetricFamily("vinr_webhook_queue_seconds", late, value=figures.due_seconds)
    disabled = "Endpoints that were disabled: removed, or failing for days."
    yield CounterMetricFamily("vinr_webhook_disabled", disabled, value=figures.disabled)


def _add(family: HistogramMetricFamily, labels: list[str], distribution: Distribution) -> None:
    upper = [*(str(float(bound)) for bound in distribution.bounds), "+Inf"]
    summed = accumulate(list(distribution.counts))
    family.add_metric(labels, list(zip(upper, summed, strict=True)), distribution.total)


def serve_metrics(settings: Settings, *families: Families) -> int | None:
    """Metrics are served at /metrics on VINR_METRICS_PORT or the next free port, which is returned; None if off."""
    if settings.metrics_port is None:
        return None
    registry = CollectorRegistry()
    registry.register(_Figures(families))
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    for port in range(settings.metrics_port, settings.metrics_port + PORTS_TRIED):
        try:
            start_http_server(port, addr=settings.metrics_host, registry=registry)
        except OSError:
            continue
        log.info("metrics at http://%s:%d/metrics", settings.metrics_host, port)
        return port
    log.error("no free port for metrics from %d on; this process serves no metrics", settings.metrics_port)
    return None
