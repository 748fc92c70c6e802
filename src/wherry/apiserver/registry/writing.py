"""The stages that every write goes through, in their order: the list `STAGES`.

A `Write` carries the new object from stage to stage; each stage changes it or refuses it (StatusError). After the
last, `commit` makes it durable. An update that lost a race starts again from the newer object.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from wherry.api import Obj, errors, kinds, schema, validation
from wherry.api.errors import StatusError
from wherry.api.kinds import Kind
from wherry.api.patch import managed
from wherry.api.patch.managed import Writer
from wherry.apiserver import admission, encoding, strategies, views, warnings
from wherry.apiserver.admission import quotas
from wherry.apiserver.admission.attributes import Attributes, Operation
from wherry.apiserver.authz import escalation
from wherry.apiserver.core import Api, Call
from wherry.apiserver.options import WriteOptions
from wherry.apiserver.registry import storage
from wherry.apiserver.services import Claim
from wherry.apiserver.strategies.base import Context, Strategy, prepare_create, prepare_update
from wherry.lib import names
from wherry.store import Delete, Mismatch, Put, Record

CHARGE_ATTEMPTS = 10


@dataclass(slots=True)
class Write:
    """One object being written. `old` and `record` are what is there now; None for a create. `kind` is the stored
    kind once a view's object has been converted, `view` the one that the client wrote."""

    api: Api
    call: Call
    kind: Kind
    options: WriteOptions
    new: Obj
    old: Obj | None = None
    record: Record | None = None
    subresource: str = ""
    managed: bool = False  # the change has noted who owns what itself
    claim: Claim | None = None  # what a Service takes from the pools
    seen: dict[Kind, list[Obj]] = field(default_factory=dict)  # what admission wanted to see
    view: Kind | None = None
    _attributes: Attributes | None = None

    @property
    def name(self) -> str:
        return str(self.new["metadata"].get("name", ""))

    @property
    def strategy(self) -> Strategy:
        return strategies.of(self.kind)

    def attributes(self) -> Attributes:
        """For admission; one for the whole write, brought up to date."""
        found = self._attributes
        if found is None:
            found = self._attributes = self._new_attributes()
        found.kind, found.name = self.kind, self.name or self.call.target.name
        found.new, found.old = self.new, self.old
        return found

    def _new_attributes(self) -> Attributes:
        target = self.call.target
        operation: Operation = "CREATE" if self.old is None else "UPDATE"
        return Attributes(
            operation, self.kind, target.namespace, self.name, self.subresource, self.new, self.old, self.call.user,
            self.options.dry_run, self.call.warn, lambda: names.suffix(self.api.random), self.seen,
        )  # fmt: skip

    def context(self) -> Context:
        return Context(self.api.clock.now(), self.call.user, self.api.random, self.call.warn)


def manage(write: Write) -> None:
    """Note who set which fields."""
    if write.managed:
        return
    kind = write.kind
    if kind.stored is not None:  # what its conversion adds is managed, too
        write.new = views.to_view(kind, views.to_stored(kind, write.new))
    node = schema.definition(kind.api_version, kind.kind)
    who = writer(write.api, kind, write.options, write.subresource)
    write.new = managed.update(write.old, write.new, node, who)


def writer(api: Api, kind: Kind, options: WriteOptions, subresource: str) -> Writer:
    """The write at hand as field management knows it."""
    return Writer(
        options.manager,
        kind.api_version,
        kind.kind,
        subresource,
        now=api.clock.now(),
        reset=managed.reset_fields(kind, subresource),
        convert=views.converter(kind),
    )


def convert(write: Write) -> None:
    """From a view's object to the stored kind's."""
    kind = write.kind
    if kind.stored is None:
        return
    write.new = views.to_stored(kind, write.new)
    if write.record is not None:
        write.old = encoding.decode(kind.stored, write.record)
    write.kind, write.view = kind.stored, kind


def mutate(write: Write) -> None:
    """Admission that changes objects."""
    admission.mutate(write.api.mirror, write.attributes())


def allocate(write: Write) -> None:
    """Give a Service its addresses and ports."""
    if write.kind is kinds.SERVICE and not write.subresource:
        write.claim = write.api.services.claim(write.new, write.old, write.options.dry_run)


def prepare(write: Write) -> None:
    """What the kind does to objects on their way in: status, generation, system fields."""
    context = write.context()
    if write.old is None:
        prepare_create(write.strategy, write.new, context)
    else:
        _keep_system_fields(write.new, write.old)
        prepare_update(write.strategy, write.new, write.old, write.subresource, context)


def _keep_system_fields(new: Obj, old: Obj) -> None:
    """An update cannot change these; a uid that is given must match, which validation sees to."""
    mine, theirs = new["metadata"], old["metadata"]
    mine.setdefault("uid", theirs.get("uid"))
    mine["creationTimestamp"] = theirs.get("creationTimestamp")
    mine.pop("deletionTimestamp", None)
    if "deletionTimestamp" in theirs:
        mine["deletionTimestamp"] = theirs["deletionTimestamp"]
        if "deletionGracePeriodSeconds" in theirs:
            mine.setdefault("deletionGracePeriodSeconds", theirs["deletionGracePeriodSeconds"])


def validate(write: Write) -> None:
    """Every rule of the kind at once."""
    kind = write.view or write.kind
    if write.old is None:
        found = validation.validate_create(kind, write.new)
    else:
        found = validation.validate_update(kind, write.new, write.old, write.subresource)
    if found:
        raise errors.invalid(write.kind, write.name, found)


def warn(write: Write) -> None:
    """Tell the client what is allowed but odd."""
    for text in warnings.of(write.kind, write.new, write.old, write.subresource):
        write.call.warn(text)


async def look_up(write: Write) -> None:
    """Read what admission wants to see beside what the mirror has."""
    for kind, namespace in admission.wants(write.attributes()):
        found = await write.api.store.range(storage.prefix(kind, namespace))
        write.seen[kind] = [encoding.decode(kind, record) for record in found.records]


def admit(write: Write) -> None:
    """Admission that only says yes or no."""
    admission.validate(write.api.mirror, write.attributes())


async def escalate(write: Write) -> None:
    """Nobody gives away more than they may do themselves."""
    call = write.call
    if call.user.is_master or write.subresource:
        return
    namespace, name = call.target.namespace, call.target.name
    question = escalation.permission(call.user, write.kind, write.new, namespace, name)
    if question is None or (await write.api.authorizer.decide(question)).allowed:
        return
    error = escalation.check(write.api.rbac, call.user, write.kind, write.new, write.old, namespace)
    if error:
        raise error


Stage = Callable[[Write], Awaitable[None] | None]

# Before the object gets its identity, and after.
BEGIN: tuple[Stage, ...] = (manage, convert, mutate, escalate)
FINISH: tuple[Stage, ...] = (allocate, prepare, validate, warn, look_up, admit)


async def begin(write: Write) -> None:
    await _run(BEGIN, write)


async def _run(stages: tuple[Stage, ...], write: Write) -> None:
    for stage in stages:
        waiting = stage(write)
        if waiting is not None:
            await waiting


async def finish(write: Write) -> None:
    try:
        await _run(FINISH, write)
    except StatusError:
        _give_back(write)
        raise


def _give_back(write: Write) -> None:
    if write.claim:
        write.claim.give_back()


async def commit(write: Write) -> Record:
    """Make it durable; the record that now stands. A dry run only pretends; what changes nothing is not written.
    Raises Mismatch."""
    try:
        record = await _commit(write)
    except BaseException:
        _give_back(write)
        raise
    if write.claim:
        write.claim.keep()
    return record


async def _commit(write: Write) -> Record:
    new, record = write.new, write.record
    if record is not None and write.old is not None and _same(new, write.old):
        return record
    metadata = new["metadata"]
    key = storage.key(write.kind, metadata.get("namespace", ""), metadata["name"])
    put = Put(key, encoding.encode(new), record.revision if record else 0, _ttl(write))
    if quotas.concerned(write.api.mirror, write.attributes()):
        return await _charge(write, put)
    if write.options.dry_run:
        return Record(key, put.value, put.expect or 0, 0)
    return await _put(write, put)


async def _charge(write: Write, put: Put) -> Record:
    """Commit together with what the object counts against quotas, one write of a namespace at a time."""
    api, attributes = write.api, write.attributes()
    async with api.quotas.lock(attributes.namespace):
        for _ in range(CHARGE_ATTEMPTS):
            changed = quotas.charges(api.mirror, attributes, api.clock.now())
            if write.options.dry_run:
                return Record(put.key, put.value, put.expect or 0, 0)
            puts = [storage.put_of(kinds.RESOURCE_QUOTA, each) for each in changed]
            try:
                return await _put(write, put, puts)
            except Mismatch as mismatch:
                if mismatch.key == put.key or mismatch.current is None:
                    raise
                api.mirror.put(mismatch.current)
    raise errors.conflict(write.kind, write.name)


async def _put(write: Write, put: Put, also: Sequence[Put | Delete] = ()) -> Record:
    claimed = write.claim.operations(write.new, write.api.clock.now()) if write.claim else ()
    return await storage.put(write.api, put, (*claimed, *also))


def _same(new: Obj, old: Obj) -> bool:
    """Whether two versions of an object differ in nothing but the version."""
    mine = {key: value for key, value in new["metadata"].items() if key != "resourceVersion"}
    theirs = {key: value for key, value in old["metadata"].items() if key != "resourceVersion"}
    return mine == theirs and all(
        new.get(key) == old.get(key)
        for key in new.keys() | old.keys()
        if key not in ("metadata", "kind", "apiVersion")
    )


def _ttl(write: Write) -> int | None:
    return write.api.settings.event_ttl if storage.stored_kind(write.kind).plural == "events" else None
