"""The figures: each function measures on hosts of its own and yields rows of the table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from unittest.mock import patch

from benchmarks.bed import AGENTS, ANSIBLE, HERE, REAL_HASHING, RUNTIME, Bed, Spent, bed
from benchmarks.table import Row, at_most, counted, flat, middle, times_faster
from sandbox.host import Host
from sandbox.plane import passwords


@dataclass(frozen=True)
class Size:
    """How often each figure is measured, and at which size."""

    repeats: int
    requests: int
    hosts: Sequence[int]
    agents: Sequence[int]
    projects: Sequence[int]
    entries: Sequence[int] = (2, 5)
    limit: tuple[int, int] = (4, 1)
    """The number of forms that Plane accepts, and in how many seconds."""

    limited: Sequence[int] = (3, 6)
    """The numbers of agents under that limit."""


FULL = Size(
    repeats=5, requests=300, hosts=(1, 10, 50, 100), agents=(10, 100, 500), projects=(1, 20, 100), entries=(5, 50),
    limit=(10, 60), limited=(10, 25, 100),
)  # fmt: skip
QUICK = Size(repeats=1, requests=20, hosts=(1, 2, 4, 6), agents=(3, 6, 12), projects=(1, 2, 4))

SHORT = 3
"""Factor for the number of short runs: the machine's other work does not get shorter with them."""

SANDBOXES = 20
"""Maximum number of sandbox hosts that the entries of a large inventory lead to."""

STEADY = 2
"""Factor for the number of runs whose differences count: a difference contains the noise of both runs."""

Figure = Callable[[Size, Callable[[str], None]], Iterator[Row]]
Say = Callable[[str], None]


def in_turn(repeats: int, measures: Mapping[str, Callable[[], Spent]], say: Say) -> dict[str, list[Spent]]:
    """Take each measurement once, in turn, and repeat that, so that the machine's other work affects all of them.

    The order alternates, because a long measurement slows down the next one.
    """
    taken: dict[str, list[Spent]] = {name: [] for name in measures}
    names = list(measures)
    for _ in range(repeats):
        for name in names:
            spent = measures[name]()
            say(f"  {name}: {spent.seconds:.2f} s, CPU {spent.cpu:.2f} s, {spent.memory:.0f} MB, {spent.requests}")
            taken[name].append(spent)
        names.reverse()
    return taken


def seconds(taken: Sequence[Spent]) -> float:
    """The median of the seconds."""
    return middle(spent.seconds for spent in taken)


def no_change(size: Size, say: Say) -> Iterator[Row]:
    """A run without changes, ten agents."""
    with bed(2) as made:
        first, second = made.hosts
        made.warm(made.hosts)
        made.deploy([first])
        what, deploy = "no change, ten agents", lambda: made.deploy([first])
        measures = {
            "deploy": deploy,
            "empty": lambda: made.empty([first]),
            "empty, with config.py": lambda: made.deploy([first], str(HERE / "empty.py")),
        }
        taken = in_turn(SHORT * size.repeats, measures, say)
        spent = {name: seconds(each) for name, each in taken.items()}
        yield at_most(what, "an empty deploy", spent["deploy"], spent["empty"], 1.15)
        against = "an empty deploy with this project's config.py"
        yield at_most(what, against, spent["deploy"], spent["empty, with config.py"], 1.15).unrated
        if ANSIBLE.exists():
            made.ansible(second)
            taken = in_turn(size.repeats, {"deploy": deploy, "ansible": lambda: made.ansible(second)}, say)
            yield times_faster(what, "the Ansible playbook", seconds(taken["deploy"]), seconds(taken["ansible"]), 15)


def first_run(size: Size, say: Say) -> Iterator[Row]:
    """A first run, ten agents, passwords scored and hashed as in Plane."""
    # The stand-in keeps the scores of passwords that it has seen, and Plane does not.
    scored = patch.object(passwords, "_score", passwords._score.__wrapped__)
    with bed(3 * size.repeats, REAL_HASHING) as made, scored:
        made.warm(made.hosts)
        fresh = iter(made.hosts)
        measures = {
            "deploy": lambda: made.deploy([next(fresh)]),
            "empty": lambda: made.empty([made.hosts[0]]),
            "bare": lambda: made.bare(next(fresh)),
        }
        if ANSIBLE.exists():
            measures["ansible"] = lambda: made.ansible(next(fresh))
        taken = in_turn(size.repeats, measures, say)
        what, deploy = "first run, ten agents", seconds(taken["deploy"])
        least = seconds(taken["empty"]) + seconds(taken["bare"])
        requests = taken["bare"][0].requests
        yield at_most(what, f"an empty deploy and a bare script of {requests} requests", deploy, least, 0.7)
        if "ansible" in taken:
            yield times_faster(what, "the Ansible playbook", deploy, seconds(taken["ansible"]), 10)


def starting(size: Size, say: Say) -> Iterator[Row]:
    """An empty deploy in the environment that deploys, against the one with the tests' packages."""
    with bed(1) as made:
        made.warm(made.hosts)
        measures = {
            "requirements.txt": lambda: made.empty(made.hosts, RUNTIME),
            "requirements-dev.txt": lambda: made.empty(made.hosts),
        }
        lean, whole = map(seconds, in_turn(SHORT * size.repeats, measures, say).values())
        yield at_most("an empty deploy", "with the packages for tests installed", lean, whole, 1).unrated


def form_limit(size: Size, say: Say) -> Iterator[Row]:
    """A first run on a Plane that limits its forms, against the waits that the limit asks for."""
    forms, period = size.limit
    unit = "minute" if period == 60 else "second"
    with bed(2 * len(size.limited), version="1.4.2") as made:
        made.warm(made.hosts)
        fresh = iter(made.hosts)

        def first(number: int, rate: str) -> float:
            rates = {"AUTHENTICATION_RATE_LIMIT": rate, "API_KEY_RATE_LIMIT": "1000000/minute"}
            return made.deploy([next(fresh)], data={"plane_agents": agents(number), "plane_env_extra": rates}).seconds

        start = made.empty(made.hosts[:1]).seconds
        for number in size.limited:
            # The admin's form, which sets the instance up, has no limit.
            waits = (number - 1) // forms * period
            least = max(first(number, "1000000/minute"), start + waits)
            spent = first(number, f"{forms}/{unit}")
            say(f"  {number} agents: {spent:.1f} s, at least: {least:.1f} s, of which waits: {waits} s")
            what = f"first run, {number} agents, {forms} forms a {unit}"
            against = "an empty deploy and the limit's waits" if waits else "the same without the limit"
            yield at_most(what, against, spent, least, 1.1)


def requests(size: Size, say: Say) -> Iterator[Row]:
    """The number of requests that reach Plane."""
    numbers = (len(AGENTS) // 2, len(AGENTS), 2 * len(AGENTS))
    firsts, others = [], []
    with bed(len(numbers)) as made:
        for host, number in zip(made.hosts, numbers, strict=True):
            firsts.append(made.deploy([host], data={"plane_agents": agents(number)}).requests)
            others.append(made.deploy([host], data={"plane_agents": agents(number)}).requests)
            say(f"  {number} agents: {firsts[-1]} and {others[-1]} requests")
    what = ", ".join(map(str, numbers)) + " agents"
    yield counted(f"requests of a first run, {what}", "14 + 5 an agent", firsts, [14 + 5 * n for n in numbers])
    yield counted(f"requests without a change, {what}", "at most 2 + 1 an agent", others, [2 + n for n in numbers])


def channel(size: Size, say: Say) -> Iterator[Row]:
    """The additional cost of a request through the SSH connection."""
    with bed(1) as made:
        [host] = made.hosts
        report = made.directory / "channel.json"
        differences, medians = [], []
        for _ in range(size.repeats):
            made.deploy(
                made.hosts,
                str(HERE / "channel.py"),
                {
                    "bench_url": f"http://127.0.0.1:{host.plane_port}",
                    "bench_report": str(report),
                    "bench_requests": size.requests,
                },
            )
            found = json.loads(report.read_text())
            medians.append((found["through"] * 1000, found["past"] * 1000))
            differences.append(medians[-1][0] - medians[-1][1])
            say(f"  {medians[-1][0]:.2f} ms through the channel, {medians[-1][1]:.2f} ms past it")
    more = middle(differences)
    through, past = (f"{middle(values):.2f} ms" for values in zip(*medians, strict=True))
    yield Row(
        "a request over the SSH channel", "without it", through, past, f"{more:+.2f} ms", "at most 2 ms more", more <= 2
    )


def hosts(size: Size, say: Say) -> Iterator[Row]:
    """The cost of each further host on the controller, without changes."""
    _, few, some, many = size.hosts
    with bed(many) as made:
        made.warm(made.hosts)
        made.deploy(made.hosts)
        deploys = in_turn(STEADY * size.repeats, {str(n): _over(made, made.deploy, n) for n in size.hosts}, say)
        empties = in_turn(STEADY * size.repeats, {str(n): _over(made, made.empty, n) for n in size.hosts}, say)
    # The second is pyinfra's own, for comparison: it has no limit.
    for what, taken, rated in (("no change", deploys, True), ("an empty deploy", empties, False)):
        cpu = {n: middle(spent.cpu for spent in taken[str(n)]) * 1000 for n in size.hosts}
        memory = {n: middle(spent.memory for spent in taken[str(n)]) for n in size.hosts}
        say(f"  {what}: " + ", ".join(f"{n} hosts: CPU {cpu[n]:.0f} ms, {memory[n]:.0f} MB" for n in size.hosts))
        for name, unit, values in (("CPU", "ms", cpu), ("memory", "MB", memory)):
            near, far = _slopes([few, some, many], values)
            row = flat(f"{what}, {name} for each further host, {some} to {many}", f"{few} to {some}", far, near, unit)
            yield row if rated else row.unrated
        each = (cpu[many] - cpu[few]) / (many - few)
        words = f"{what}, CPU for each further host, {few} to {many}"
        row = Row(words, "", f"{each:.0f} ms", "", "", "at most 25 ms", each <= 25)
        yield row if rated else row.unrated
        each = (memory[many] - memory[few]) / (many - few)
        words = f"{what}, memory for each further host, {few} to {many}"
        row = Row(words, "", f"{each:.2f} MB", "", "", "at most 1 MB", each <= 1)
        yield row if rated else row.unrated


def thousand(size: Size, say: Say) -> Iterator[Row]:
    """A thousand hosts against a hundred, without changes."""
    # A sandbox of so many hosts does not fit on a machine, so each of twenty is in the inventory several times. A run
    # that changes nothing takes no lock, and costs the controller the same.
    with bed(min(size.hosts[-1], SANDBOXES)) as made:
        made.warm(made.hosts)
        made.deploy(made.hosts)
        runs = {str(n): partial(made.deploy, made.hosts, entries=n) for n in (1, *size.entries)}
        taken = in_turn(max(1, size.repeats // 2), runs, say)
        numbers = [n * len(made.hosts) for n in (1, *size.entries)]
    few, some, many = numbers
    cpu = {n: middle(spent.cpu for spent in found) * 1000 for n, found in zip(numbers, taken.values(), strict=True)}
    memory = {n: middle(spent.memory for spent in found) for n, found in zip(numbers, taken.values(), strict=True)}
    near, far = _slopes(numbers, cpu)
    what, against = f"for each further host, {some} to {many} entries", f"{few} to {some}"
    yield flat(f"no change, CPU {what}", against, far, near, "ms")
    each = (memory[many] - memory[some]) / (many - some)
    yield Row(f"no change, memory {what}", "", f"{each:.2f} MB", "", "", "at most 1 MB", each <= 1)
    yield Row(f"no change, memory of pyinfra, {many} entries", "", f"{memory[many]:.0f} MB", "", "", "", True)


def _slopes(numbers: Sequence[int], values: Mapping[int, float]) -> tuple[float, float]:
    """The cost of each further one, from the first number to the second, and from there to the third."""
    low, middling, high = numbers
    near = (values[middling] - values[low]) / (middling - low)
    return near, (values[high] - values[middling]) / (high - middling)


def _over(made: Bed, command: Callable[[Sequence[Host]], Spent], number: int) -> Callable[[], Spent]:
    return lambda: command(made.hosts[:number])


def many_agents(size: Size, say: Say) -> Iterator[Row]:
    """The cost of each further agent."""
    data = {n: {"plane_agents": agents(n)} for n in size.agents}
    yield from _growth("agent", data, "community", size, say)


def many_projects(size: Size, say: Say) -> Iterator[Row]:
    """The cost of each further project with four custom fields."""
    data = {n: {"plane_projects": projects(n)} for n in size.projects}
    yield from _growth("project with four fields", data, "commercial", size, say)


def _growth(thing: str, data: Mapping[int, Mapping[str, object]], edition: str, size: Size, say: Say) -> Iterator[Row]:
    low, middling, high = data
    with bed(len(data) * STEADY * size.repeats, edition=edition) as made:
        made.warm(made.hosts)
        fresh = iter(made.hosts)
        finished: dict[int, Host] = {}

        def first(number: int) -> Spent:
            finished[number] = next(fresh)
            return made.deploy([finished[number]], data=data[number])

        def again(number: int) -> Spent:
            return made.deploy([finished[number]], data=data[number])

        firsts = in_turn(STEADY * size.repeats, {str(number): partial(first, number) for number in data}, say)
        others = in_turn(SHORT * size.repeats, {str(number): partial(again, number) for number in data}, say)
    for what, found in (("first run", firsts), ("no change", others)):
        times = {number: seconds(found[str(number)]) * 1000 for number in data}
        asked = {number: middle(spent.requests for spent in found[str(number)]) for number in data}
        for name, unit, at in (("time", "ms", times), ("requests", "requests", asked)):
            near, far = _slopes(list(data), at)
            yield flat(
                f"{what}, {name} for each further {thing}, {middling} to {high}",
                f"{low} to {middling}",
                far,
                near,
                unit,
            )


def agents(number: int) -> list[dict[str, str]]:
    """This many agents, the concierge first."""
    names = [*AGENTS, *(f"agent{each}" for each in range(len(AGENTS), number))][:number]
    return [{"name": name, "role": "admin" if name == "concierge" else "member"} for name in names]


def projects(number: int) -> list[dict[str, object]]:
    """This many projects, each with four custom fields."""
    fields = [
        {"name": "agent_id", "type": "text"},
        {"name": "cost_estimate", "type": "number"},
        {"name": "confidence_score", "type": "number"},
        {"name": "session_id", "type": "text"},
    ]
    return [
        {"name": f"Project {each}", "identifier": f"P{each}", "custom_fields": fields} for each in range(1, number + 1)
    ]


FIGURES: Mapping[str, Figure] = {
    "no-change": no_change,
    "first-run": first_run,
    "starting": starting,
    "form-limit": form_limit,
    "requests": requests,
    "channel": channel,
    "hosts": hosts,
    "thousand": thousand,
    "agents": many_agents,
    "projects": many_projects,
}
