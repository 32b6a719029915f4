"""Filtered lists of runs: the newest matching runs, how many match, and which states, tasks and tags occur.

A workspace that has been used for years holds ten thousand runs, of which a page shows a few hundred; only these are read
completely.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from core.runs.store.engine import reading
from core.runs.store.records import RunRecord, RunState
from core.runs.store.tables import datasets, run_from_row, runs
from core.runs.store.visibility import Visibility

_AT_ONCE = 500
"""Most runs to query by id at once; databases limit the number of parameters."""


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """Which runs are wanted; an empty field does not filter.

    Attributes:
        states, tasks: any of these.
        tags: all of these.
        words: each of them occurs, ignoring case, in the name, the data set's name, the model, the recipe or the tags.
    """

    states: frozenset[RunState] = frozenset()
    tasks: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunsFound:
    """The newest matching runs, and the number of all matching runs."""

    newest: Sequence[RunRecord]
    num_fitting: int


@dataclass(frozen=True, kw_only=True)
class RunsOverview:
    """Counts, tasks and tags of all runs in a workspace.

    Attributes:
        by_state: how many runs are in each state; a state without runs is left out.
        tasks: tasks that have runs.
        tags: every tag in use, sorted alphabetically.
    """

    by_state: Mapping[RunState, int]
    tasks: frozenset[str]
    tags: tuple[str, ...]

    @property
    def num_runs(self) -> int:
        """How many runs there are."""
        return sum(self.by_state.values())


class RunLists:
    """Queries the runs of a database, as one person sees it."""

    def __init__(self, engine: sa.Engine, view: Visibility) -> None:
        self._engine = engine
        self._view = view

    def overview(self) -> RunsOverview:
        """How many runs there are in each state, and their tasks and tags, for filters."""
        counts = sa.select(runs.c.state, runs.c.task, sa.func.count()).where(self._view.seen(runs))
        as_text = sa.cast(runs.c.tags, sa.Text)  # PostgreSQL does not compare JSON
        tagged = sa.select(sa.func.min(runs.c.id)).where(self._view.seen(runs), as_text != "[]").group_by(as_text)
        with reading(self._engine) as connection:
            found = connection.execute(counts.group_by(runs.c.state, runs.c.task)).all()
            tags = connection.execute(sa.select(runs.c.tags).where(runs.c.id.in_(tagged))).scalars().all()
        by_state = {state: sum(count for raw, _, count in found if raw == state.value) for state in RunState}
        return RunsOverview(
            by_state={state: count for state, count in by_state.items() if count},
            tasks=frozenset(task for _, task, _ in found),
            tags=tuple(sorted({tag for some in tags for tag in some})),
        )

    def newest(self, wanted: RunFilter | None = None, *, limit: int) -> RunsFound:
        """The newest matching runs, newest first.

        Args:
            wanted: which runs match; all unless given.
            limit: most runs to return.
        """
        wanted = wanted or RunFilter()
        conditions = [self._view.seen(runs)]
        if wanted.states:
            conditions.append(runs.c.state.in_([state.value for state in wanted.states]))
        if wanted.tasks:
            conditions.append(runs.c.task.in_(wanted.tasks))
        newest_first = (runs.c.created_at.desc(), runs.c.id.desc())
        with reading(self._engine) as connection:
            if not (wanted.words or wanted.tags):
                count = connection.execute(sa.select(sa.func.count()).select_from(runs).where(*conditions)).scalar_one()
                rows = connection.execute(sa.select(runs).where(*conditions).order_by(*newest_first).limit(limit))
                return RunsFound(newest=[run_from_row(row) for row in rows], num_fitting=count)
            searched = sa.select(runs.c.id, runs.c.tags, runs.c.name, runs.c.model, runs.c.recipe, datasets.c.name)
            searched = searched.outerjoin(datasets, datasets.c.id == runs.c.dataset_id)
            rows_searched = connection.execute(searched.where(*conditions).order_by(*newest_first))
            ids = [run_id for run_id, tags, *texts in rows_searched if _fits(texts, tags, wanted)]
            return RunsFound(newest=list(_by_id(connection, ids[:limit])), num_fitting=len(ids))

    def num_of_datasets(self) -> dict[str, int]:
        """Id of a data set -> how many runs use it; one without runs is left out."""
        number = sa.func.count().label("number")
        query = sa.select(runs.c.dataset_id, number).where(self._view.seen(runs)).group_by(runs.c.dataset_id)
        with reading(self._engine) as connection:
            return {row.dataset_id: row.number for row in connection.execute(query)}


def _fits(texts: Iterable[str | None], tags: Sequence[str], wanted: RunFilter) -> bool:
    if not wanted.tags <= set(tags):
        return False
    text = " ".join([*(text or "" for text in texts), *tags]).casefold()
    return all(word.casefold() in text for word in wanted.words)


def _by_id(connection: sa.Connection, ids: Sequence[str]) -> Iterator[RunRecord]:
    """Runs in the order of their ids."""
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        found = {row.id: row for row in connection.execute(sa.select(runs).where(runs.c.id.in_(some)))}
        yield from (run_from_row(found[run_id]) for run_id in some if run_id in found)
