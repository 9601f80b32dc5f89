"""The one writer of a process: takes what has queued up, commits it as a batch, answers, and starts over.

No timer: while a batch commits the next one gathers. It begins as soon as the last one has sent its COMMIT, on a second
connection (docs/decisions/0005), unless it names something that the last one wrote.
"""

from __future__ import annotations

import asyncio
from collections import deque

from vinr_server.engine.batch import Catalogues
from vinr_server.engine.clock import Clock, wall_clock
from vinr_server.engine.figures import EngineFigures
from vinr_server.engine.ids import Ids
from vinr_server.engine.lane import Connect, Lane, Waiting
from vinr_server.engine.submission import Outcome, Submission, Unavailable

# Above 256 a batch holds its locks for longer than it saves round trips; see bench/results.
BATCH_MAX = 256
# Sixteen full batches: what would wait longer should rather come back later.
QUEUE_MAX = 4096


class Writer:
    """Group commit over two connections: one decides while the other waits for the disk."""

    def __init__(self, connect: Connect, *, clock: Clock = wall_clock, is_distributed: bool = False) -> None:
        self.clock, self.is_distributed = clock, is_distributed
        self._queue: deque[Waiting] = deque()
        self._arrived = asyncio.Event()
        self.figures = EngineFigures()
        self.catalogues, ids = Catalogues(self.figures), Ids()
        self.lanes = [
            Lane(
                connect,
                clock=clock,
                catalogues=self.catalogues,
                ids=ids,
                is_distributed=is_distributed,
                figures=self.figures,
            )
            for _ in range(2)
        ]
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False
        self.batch_sizes: dict[int, int] = {}

    async def start(self) -> None:
        """The writer is connected and takes submissions."""
        await self.lanes[0].open()
        self._task = asyncio.create_task(self._run(), name="vinr writer")

    @property
    def queue_depth(self) -> int:
        """How many commands wait to be taken into a batch."""
        return len(self._queue)

    @property
    def is_alive(self) -> bool:
        """Whether a command that is enqueued now will be decided."""
        return self._task is not None and not self._task.done() and not self._is_stopping

    async def stop(self) -> None:
        """Everything submitted so far is answered, and the connections are closed."""
        self._is_stopping = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        for lane in self.lanes:
            await lane.close()

    async def submit(self, submission: Submission) -> Outcome:
        """The command's outcome, once it is committed. Raises Unavailable if nothing was decided."""
        return await self.enqueue(submission)

    def enqueue(self, submission: Submission) -> asyncio.Future[Outcome]:
        """Put the command into the queue; the future is its outcome. A canceled waiter does not stop the command."""
        if self._is_stopping or len(self._queue) >= QUEUE_MAX:
            reason = "The engine is shutting down" if self._is_stopping else "The engine's queue is full"
            raise Unavailable(f"{reason}. Nothing was done; try again.")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append((submission, future))
        self._arrived.set()
        return future

    async def enqueue_patiently(self, submission: Submission) -> asyncio.Future[Outcome]:
        """Like enqueue, but one of many submissions waits for room instead of being shed."""
        while len(self._queue) >= QUEUE_MAX // 2 and not self._is_stopping:
            await asyncio.sleep(0.005)
        return self.enqueue(submission)

    async def _run(self) -> None:
        last, other = self.lanes
        while await self._has_work():
            await last.until_decided()
            lane, other = (last, other) if last.is_free else (other, last)
            await lane.until_free()
            taken: list[Waiting] = []
            self._take_into(taken)
            if not last.is_free and last.is_touched_by(taken):
                await last.until_free()
                self._take_into(taken)
            self.batch_sizes[len(taken)] = self.batch_sizes.get(len(taken), 0) + 1
            self.figures.batch_size.observe(len(taken))
            lane.start(taken)
            last = lane

    async def _has_work(self) -> bool:
        """Wait until something is in the queue; false if nothing more will come."""
        while not self._queue:
            if self._is_stopping:
                return False
            self._arrived.clear()
            await self._arrived.wait()
        return True

    def _take_into(self, taken: list[Waiting]) -> None:
        """The batch has what waits and fits into it; a command that is decided alone has a batch to itself."""
        while self._queue and len(taken) < BATCH_MAX:
            if taken and (_is_alone(taken[-1]) or _is_alone(self._queue[0])):
                return
            taken.append(self._queue.popleft())


def _is_alone(waiting: Waiting) -> bool:
    return waiting[0].command.is_alone
