"""The operations of campaigns: from a body to an answer, with all work beside the event loop.

Reading a campaign, following it and deciding a day take milliseconds to seconds, and a proposal longer. So all of it is
done in threads, and what they store goes through the group commit of the loop like everything else. One thread is for
what takes long: it keeps nobody's decision waiting.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

import msgspec

from xbopt.campaigns.http.asked import (
    Approve,
    AskDecision,
    AskProposal,
    Close,
    OpenCampaign,
    RollOut,
    TellActuals,
    Withdraw,
)
from xbopt.campaigns.http.bodies import CampaignDecision, Money
from xbopt.campaigns.http.loop_store import LoopStore
from xbopt.campaigns.http.metrics import CampaignMetrics
from xbopt.core.errors import CampaignError, CampaignRecordError, OverspendError, XboptError
from xbopt.service.deciding.requests import RequestError
from xbopt.service.http.bodies import decoded, json_answer, need_ready
from xbopt.service.http.engine import Engine
from xbopt.service.http.json_limits import check_values
from xbopt.service.http.problems import ProblemError
from xbopt.service.http.routes import Answer, Call
from xbopt.service.store.interface import RefusedEntryError, StoreError, TamperedStoreError

if TYPE_CHECKING:
    from xbopt.campaigns.http.proposing import Proposer
    from xbopt.campaigns.http.work import CampaignWork, Clock, StatusTeller

Body = TypeVar("Body")
Done = TypeVar("Done")
_THREADS = 4
_MOST_WAITING = 256
_MOST_BYTES = 4 << 20
_MOST_VALUES = 500_000


class CampaignOperations:
    """What the routes of campaigns do.

    Args:
        engine: The service.
        tell_status: Puts a status into words.
        propose: Proposes days; as on the command line where None.
        today: The day of asking; by the clock where None.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        tell_status: "StatusTeller",
        propose: "Proposer | None" = None,
        today: "Clock | None" = None,
    ) -> None:
        self._tell_status, self._propose, self._today = tell_status, propose, today
        self._engine, self._metrics = engine, CampaignMetrics(engine.metrics.registry)
        self._quick = ThreadPoolExecutor(_THREADS, thread_name_prefix="xbopt-campaigns")
        self._slow = asyncio.Semaphore(1)
        self._writing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._made: CampaignWork | None = None
        self._waiting = self._quickly = 0
        engine.before_stop.append(self._stop)

    async def open(self, call: Call) -> Answer:
        """Begin a campaign."""
        asked, allocator = await self._read(call, OpenCampaign), self._engine.allocator
        written = await self._write(asked.name, lambda work: work.open(asked, allocator, call.actor), slow=True)
        return self._told(written, written.campaign, written.money)

    async def tell(self, call: Call) -> Answer:
        """Take what really came."""
        asked = await self._read(call, TellActuals)
        written = await self._write(call.name, lambda work: work.tell(call.name, asked, call.actor))
        return self._told(written, call.name, written.money)

    async def withdraw(self, call: Call) -> Answer:
        """Take back what an event told."""
        asked = await self._read(call, Withdraw)
        written = await self._write(call.name, lambda work: work.withdraw(call.name, asked, call.actor))
        return self._told(written, call.name, written.money)

    async def propose(self, call: Call) -> Answer:
        """Propose days; nobody waits for it but who asked."""
        asked, allocator = await self._read(call, AskProposal), self._engine.allocator
        kill = self._engine.kill_switch.mode
        told = await self._do(lambda work: work.propose(call.name, asked, allocator, kill, call.actor), slow=True)
        return json_answer(told)

    async def approve(self, call: Call) -> Answer:
        """Make a proposal the plan of its days."""
        asked = await self._read(call, Approve)
        written = await self._write(call.name, lambda work: work.approve(call.name, asked, call.actor))
        return self._told(written, call.name, written.money)

    async def roll_out(self, call: Call) -> Answer:
        """Let the policy take another share of the decisions."""
        asked = await self._read(call, RollOut)
        written = await self._write(call.name, lambda work: work.roll_out(call.name, asked, call.actor))
        return self._told(written, call.name, written.money)

    async def close(self, call: Call) -> Answer:
        """End a campaign."""
        asked = await self._read(call, Close)
        written = await self._write(call.name, lambda work: work.close(call.name, asked, call.actor))
        return self._told(written, call.name, written.money)

    async def allocate(self, call: Call) -> Answer:
        """Decide a day of a campaign, and commit its money."""
        asked, engine = await self._read(call, AskDecision), self._engine
        allocator, kill = engine.allocator, engine.kill_switch.mode
        done, propensity, money = await self._write(
            call.name, lambda work: work.decide(call.name, asked, allocator, kill, call.actor)
        )
        try:
            told = await engine.answering.tell_stored(done.entry, done.made, allocator)
        except StoreError as error:
            raise engine.answering.unstored("The decision is stored and cannot be read now", error) from error
        self._metrics.tell_money(call.name, money)
        self._metrics.conflicted(call.name, done.conflicts)
        if done.made is not None:
            self._metrics.decided(call.name, done.event.arm)
        return json_answer(
            CampaignDecision(
                campaign=call.name,
                arm=done.event.arm,
                share=done.event.share,
                arm_propensity=propensity,
                decision=told,
                left_base=money.left_base,
            )
        )

    async def stands(self, call: Call) -> Answer:
        """Where a campaign stands."""
        told = await self._do(lambda work: work.stands(call.name))
        return self._told(told, call.name, told.money)

    async def status(self, call: Call) -> Answer:
        """How a campaign does; nobody waits for it but who asked."""
        return json_answer(await self._do(lambda work: work.status(call.name), slow=True))

    async def names(self, _call: Call) -> Answer:
        """The campaigns of the store."""
        return json_answer(await self._do(lambda work: work.names()))

    def _told(self, answer: msgspec.Struct, name: str, money: Money) -> Answer:
        self._metrics.tell_money(name, money)
        return json_answer(answer)

    async def _read(self, call: Call, kind: type[Body]) -> Body:
        """A body, read beside the loop.

        Raises:
            ProblemError: 400, 413 or 422.
        """
        body = call.body
        if len(body) > _MOST_BYTES:
            raise ProblemError(413, f"At most {_MOST_BYTES} bytes are taken here.")

        def read(_: "CampaignWork") -> Body:
            check_values(body, _MOST_VALUES)
            return decoded(msgspec.json.Decoder(kind).decode, body)

        return await self._do(read)

    async def _write(self, name: str, work: "Callable[[CampaignWork], Done]", *, slow: bool = False) -> Done:
        """Do something to a campaign, one after the other here; other replicas may do something meanwhile."""
        lock = self._writing.setdefault(name, asyncio.Lock())
        async with lock:
            return await self._do(work, slow=slow)

    async def _do(self, work: "Callable[[CampaignWork], Done]", *, slow: bool = False) -> Done:
        """Do something in a thread.

        Raises:
            ProblemError: What a client is told of whatever went wrong.
        """
        need_ready(self._engine)
        if self._waiting >= _MOST_WAITING:
            raise ProblemError(503, f"{_MOST_WAITING} requests about campaigns are in work; try again.")
        loop = asyncio.get_running_loop()
        self._waiting += 1
        try:
            if slow:
                async with self._slow:
                    return await _aside(lambda: work(self._work(loop)))
            self._quickly += 1
            try:
                return await loop.run_in_executor(self._quick, lambda: work(self._work(loop)))
            finally:
                self._quickly -= 1
        except (ProblemError, RequestError, CampaignRecordError, TamperedStoreError):
            raise
        except RefusedEntryError as error:
            raise self._engine.answering.refused(error) from error
        except StoreError as error:
            self._engine.metrics.store_failures.labels("refused").inc()
            raise self._engine.answering.unstored(
                "Nothing is told, because it cannot be stored or read; the same request again is safe", error
            ) from error
        except (CampaignError, OverspendError) as error:
            raise ProblemError(409, str(error)) from error
        except XboptError as error:
            if error.exit_code == 1:
                raise
            raise ProblemError(422, str(error)) from error
        finally:
            self._waiting -= 1

    def _work(self, loop: asyncio.AbstractEventLoop) -> "CampaignWork":
        """Made by the first who asks, in a thread: the market's code takes a second to load, which most never need."""
        if self._made is None:
            from xbopt.campaigns.http.proposing import proposed_as_stands
            from xbopt.campaigns.http.work import CampaignWork, by_the_clock

            store = LoopStore(self._engine.commit, loop)
            self._made = CampaignWork(
                store,
                tell_status=self._tell_status,
                propose=self._propose or proposed_as_stands,
                today=self._today or by_the_clock,
            )
        return self._made

    async def _stop(self) -> None:
        """Let what is short end; what waits is not begun, and nobody waits for what takes long."""
        self._quick.shutdown(wait=False, cancel_futures=True)
        while self._quickly:
            await asyncio.sleep(0.01)


async def _aside(work: Callable[[], Done]) -> Done:
    """Do something long in a thread that does not keep a process that ends."""
    loop, done = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

    def tell(put: Callable[[Any], None], value: object) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if done.done() else put(value))

    def run() -> None:
        try:
            found = work()
        except BaseException as error:  # noqa: BLE001 - whoever waits hears of it
            tell(done.set_exception, error)
        else:
            tell(done.set_result, found)

    threading.Thread(target=run, name="xbopt-proposals", daemon=True).start()
    return await done
