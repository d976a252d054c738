"""``xbopt campaign``: from a plan to money that is really spent, and back."""

import getpass
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from xbopt.cli.options import (
    JsonOption,
    ScenarioArgument,
    SetOption,
    StoreOption,
    TodayOption,
    load_with_notes,
    policy_or_bundle,
    today_of,
)
from xbopt.cli.terminal import print_json, result_console, say, stage_bar, table, terminal_numbers
from xbopt.core.errors import UsageError

if TYPE_CHECKING:
    from xbopt.campaigns.books.campaign_book import CampaignBook
    from xbopt.campaigns.opening import DecidingPolicy
    from xbopt.core.decisions.plan import ScheduledPolicy
    from xbopt.simulator.parameters import MarketParameters

app = typer.Typer(
    help="A running campaign: its money, what really came, and what to do next.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_WAIT_SECONDS = 30.0
_Read = TypeVar("_Read")
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the campaign.")]
ByOption = Annotated[
    str | None,
    typer.Option("--by", envvar="XBOPT_ACTOR", help="Who does it; your name on this machine where left out."),
]


def need_campaigns() -> None:
    """Check that what campaigns are built on is installed, before anything of it is loaded.

    Raises:
        UsageError: It is not; the message says how to install it.
    """
    from xbopt.core.extras import need_extra

    need_extra("serve", "msgspec", "psycopg")


@contextmanager
def campaigns_of(store: str, use: Literal["begin", "add", "read"] = "add") -> "Generator[CampaignBook]":
    """The campaigns of a store, by its URL.

    Args:
        store: The URL.
        use: To ``begin`` a campaign, which makes a store where there is none; to ``add`` to one; to ``read``.

    Raises:
        UsageError: The URL names no store, or there is none.
        StoreError: The store cannot be opened.
    """
    need_campaigns()
    from xbopt.campaigns.books.campaign_book import CampaignBook
    from xbopt.service.store.opening import open_store

    if use == "add":
        open_store(store, wait_seconds=_WAIT_SECONDS, read_only=True).close()  # so that a mistyped name makes no file
    opened = open_store(store, wait_seconds=_WAIT_SECONDS, read_only=use == "read")
    try:
        yield CampaignBook(opened)
    finally:
        opened.close()


def read_campaigns(store: str, read: "Callable[[CampaignBook], _Read]") -> _Read:
    """What is read of the campaigns of a store; read anew where somebody wrote meanwhile.

    Raises:
        UsageError: The URL names no store, or there is none.
        StoreError: The store cannot be read, or was written to all the time.
    """
    from xbopt.service.store.interface import ChangedStoreError
    from xbopt.service.store.opening import AGAIN_SECONDS

    until = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            with campaigns_of(store, "read") as book:
                return read(book)
        except ChangedStoreError:
            if time.monotonic() >= until:
                raise
            time.sleep(AGAIN_SECONDS)


def who(by: str | None) -> str:
    """Name of whoever acts.

    Raises:
        UsageError: It is empty, or holds what does not print.
    """
    if by is not None:
        return printed("--by (or XBOPT_ACTOR)", by, "say who does it, or leave it out")
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a process without a name
        return ""
    return printed("Your name on this machine", name, "say who does it with --by")


def printed(what: str, text: str, instead: str) -> str:
    """A text that is stored and shown to others, without the blanks around it.

    Raises:
        UsageError: It is empty, or holds control or invisible characters, which terminals and pages would obey or hide.
    """
    kept = text.strip()
    if not kept or not kept.isprintable():
        wrong = "holds characters that do not print" if kept else "is empty"
        raise UsageError(f"{what} {wrong}; {instead}.")
    return kept


@app.command(name="open", epilog="Example: xbopt campaign open quickstart --name spring --plan planner --store shop.db")
def open_command(
    scenario: ScenarioArgument,
    name: Annotated[str, typer.Option("--name", help="Name of the campaign: letters, digits, dots, dashes.")],
    store: StoreOption,
    plan: Annotated[
        str | None, typer.Option("--plan", help="What is done: a built-in plan (planner, baseline, ...) or its file.")
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option("--bundle", help="A policy that decides each day: a bundle, a training run, or replan."),
    ] = None,
    four_eyes: Annotated[
        bool, typer.Option("--four-eyes", help="Somebody else than who proposed has to approve.")
    ] = False,
    by: ByOption = None,
    changes: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Begin a campaign: a scenario, and a plan whose money is committed at once or a policy that decides each day."""
    if plan is None and policy is None:
        raise UsageError("Say what is done: --plan planner, --plan FILE.csv, or --bundle for a policy that decides.")
    need_campaigns()
    from xbopt.campaigns.books.campaign_book import check_name

    check_name(name)  # before a store is made for it
    actor = who(by)
    loaded = load_with_notes(scenario, changes)
    from xbopt.agents.policies import PolicyShelf
    from xbopt.campaigns.opening import cut_sentences, opening
    from xbopt.simulator.build import build_market

    market = build_market(loaded)
    shelf = PolicyShelf(market)
    with stage_bar(quiet=as_json) as on_progress:
        on_progress("making the plan", 0, 0)
        chosen: ScheduledPolicy = shelf.plan(plan or "baseline")
        deciding = None if policy is None else _deciding(policy, market)
    event = opening(market, chosen, policy=deciding, four_eyes=four_eyes)
    with campaigns_of(store, "begin") as book:
        record = book.open(name, event, actor=actor)
    money = float(record.plan.spend_base.sum())
    if as_json:
        print_json(
            {
                "campaign": record.name,
                "scenario": {"name": loaded.name, "hash": loaded.hash},
                "first_day": str(loaded.start),
                "last_day": str(loaded.date_of(loaded.days - 1)),
                "currency": loaded.base_currency,
                "budget": loaded.limits.total_base,
                "decides": event.decides,
                "policy": event.policy,
                "planned_spend": money,
                "committed": float(record.ledger.committed_base.sum()),
                "cut": event.cut_base,
                "cut_discounts": event.cut_discounts,
                "four_eyes": four_eyes,
            }
        )
        return
    numbers = terminal_numbers(loaded.base_currency)
    console = result_console()
    console.print(
        f"The campaign {record.name} is open: {loaded.start} to {loaded.date_of(loaded.days - 1)}, "
        f"{numbers.money(money)} of {numbers.money(loaded.limits.total_base)} planned.",
        markup=False,
    )
    if event.decides == "policy":
        console.print(f"{event.policy} decides; a day's money is committed when it is approved.", markup=False)
    for sentence in cut_sentences(event, numbers.money):
        say(f"Note: {sentence}")
    say(f"Next: xbopt campaign actuals {record.name} FILE... tells what was spent and sold, day by day.")


def _deciding(name: str, market: "MarketParameters") -> "DecidingPolicy":
    from xbopt.agents.policies import NAMES, REACTING, PolicyShelf
    from xbopt.campaigns.opening import DecidingPolicy
    from xbopt.core.decisions.plan import ScheduledPolicy
    from xbopt.core.files import sha256_of_content

    if name in NAMES and name not in REACTING:
        raise UsageError(f"{name} is a plan that does not react: give it as --plan {name}.")
    asked = policy_or_bundle(name)
    made = PolicyShelf(market).policy(asked) if isinstance(asked, str) else asked
    if isinstance(made, ScheduledPolicy):
        raise UsageError(f"{name} is a plan that does not react: give it as --plan.")
    if name in REACTING:
        return DecidingPolicy(name=made.name, source=name, address="")
    path = Path(name)
    content = path / "policy" if path.is_dir() and (path / "policy").is_dir() else path
    return DecidingPolicy(name=made.name, source=str(path.resolve()), address=sha256_of_content(content))


@app.command(name="list")
def list_command(store: StoreOption, as_json: JsonOption = False) -> None:
    """The campaigns of a store."""
    records = read_campaigns(store, lambda book: [book.load(name) for name in book.names()])
    rows = [
        {
            "campaign": one.name,
            "first_day": str(one.scenario.start),
            "last_day": str(one.scenario.date_of(one.scenario.days - 1)),
            "known_days": len([day for day in one.days if day >= 0]),
            "budget": one.scenario.limits.total_base,
            "spent": one.ledger.known_spend_base,
            "currency": one.scenario.base_currency,
            "closed": one.closed,
        }
        for one in records
    ]
    if as_json:
        print_json({"campaigns": rows})
        return
    if not rows:
        say("There is no campaign in this store; xbopt campaign open begins one.")
        return
    shown = table("Campaigns", "campaign", "first day", "last day", "known days", "spent", "budget", "state")
    for one, row in zip(records, rows, strict=True):
        numbers = terminal_numbers(one.scenario.base_currency)
        shown.add_row(
            one.name,
            str(row["first_day"]),
            str(row["last_day"]),
            str(row["known_days"]),
            numbers.money(one.ledger.known_spend_base),
            numbers.money(one.scenario.limits.total_base),
            "open" if one.closed is None else f"closed: {one.closed}",
        )
    result_console().print(shown)


@app.command(name="approve", epilog="Example: xbopt campaign approve spring p1 --store shop.db")
def approve_command(
    name: NameArgument,
    proposal: Annotated[str, typer.Argument(metavar="ID", help="The proposal, as p1.")],
    store: StoreOption,
    today: TodayOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a proposal the plan of its days, and commit its money."""
    asked, actor = today_of(today), who(by)
    with campaigns_of(store) as book:
        record = book.approve(name, proposal, actor=actor, today=asked)
    approved = record.proposal(proposal)
    first, last = (record.scenario.date_of(day) for day in (approved.days.first_day, approved.days.end_day - 1))
    money = float(approved.days.spend_base.sum())
    if as_json:
        print_json(
            {
                "campaign": name,
                "proposal": proposal,
                "approved_by": approved.approved_by,
                "first_day": str(first),
                "last_day": str(last),
                "committed": money,
                "currency": record.scenario.base_currency,
            }
        )
        return
    committed = terminal_numbers(record.scenario.base_currency).money(money)
    result_console().print(f"{proposal} is the plan of {first} to {last} now: {committed} are committed.", markup=False)
    say(f"Next: xbopt campaign book {name} {proposal} --for PLATFORM writes the sheets to upload.")
