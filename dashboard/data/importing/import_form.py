"""The import form: choices on the left, a preview of the rows on the right. Nothing is saved before "Save data set"."""

from collections.abc import Mapping

import streamlit as st

from core.datasets.columns import Role, column_reading
from core.datasets.importing.prepare import ImportPlan, Prepared, guess_plan
from core.datasets.importing.prepare_sandboxed import prepare_elsewhere
from core.datasets.importing.sizes import size_of_prepared
from core.datasets.table import Table
from core.errors import InputFileError, UserError
from core.tasks import TASKS, get_task
from dashboard.data.importing import uploads
from dashboard.data.importing.preview import draw_preview
from dashboard.data.importing.reading_choices import draw_reading, reading_options
from dashboard.data.importing.split_choices import draw_splits
from dashboard.shared import formats, state, widgets
from dashboard.shared.cache import kept
from dashboard.shared.escaping import markdown_text
from dashboard.shared.progress import progress_bar

IMPORT = "import"
"""Session key of the current import: ids of its uploads by part (main, validation, test), and the suggested name."""


def draw_upload() -> None:
    """The file uploader; an uploaded file is written to disk first."""
    uploaded = st.file_uploader(
        "CSV, JSON, Parquet, Arrow, Excel, OpenDocument or CoNLL, also zipped; or a zip with one folder of texts per label",
        key="data-upload",
        max_upload_size=state.workspace().settings.max_upload_mib,
    )
    if uploaded is None:
        return
    if st.session_state.get("data-upload-done") == uploaded.file_id:
        return
    st.session_state["data-upload-done"] = uploaded.file_id
    upload = uploads.keep(uploaded)
    uploads.release(uploaded)
    st.session_state[IMPORT] = {"main": upload.id, "name": _name_from(upload.file_name)}
    st.rerun()


def draw_import() -> None:
    """The current import."""
    going = st.session_state[IMPORT]
    upload = uploads.find(going["main"])
    widgets.page_head(
        "New data set",
        "Check that the rows are read correctly, then save. The uploaded file is deleted from the workspace when you save, go "
        "back or close this page, and after one day at the latest.",
    )
    if st.button("Back to all data sets", icon=":material/arrow_back:", type="tertiary", key="import-back"):
        _leave()
        st.rerun()
    if upload is None:
        widgets.show_error(
            "The uploaded file no longer exists; uploads are kept for one day. Go back and upload it again.",
            title="Upload not found",
        )
        return
    left, right = st.columns([4, 7], gap="large")
    with left:
        chosen = _draw_choices(upload)
    if chosen is None:
        return
    tables, plan = chosen
    with right:
        try:
            prepared = _prepared(tables, plan)
        except UserError as error:
            widgets.show_error(str(error), title="This file cannot be imported with these choices")
            _draw_raw(tables["main"])
            return
        draw_preview(prepared)
    with left:
        _draw_save(prepared, str(going["name"]))


def _draw_choices(upload: uploads.Upload) -> tuple[dict[str, Table], ImportPlan] | None:
    st.caption(f"File {markdown_text(upload.file_name, longest=60)}")
    try:
        table = uploads.read(upload, **reading_options())
    except InputFileError as error:
        widgets.show_error(str(error), title="This file cannot be read")
        draw_reading(upload, None)
        return None
    draw_reading(upload, table)
    try:
        return _draw_plan(table)
    except UserError as error:
        widgets.show_error(str(error))
        return None


def _draw_plan(table: Table) -> tuple[dict[str, Table], ImportPlan] | None:
    guessed = guess_plan(table)
    names = list(TASKS)
    task = st.selectbox(
        "Task", names, index=names.index(guessed.task), format_func=lambda name: TASKS[name].title, key="import-task"
    )
    st.caption(get_task(task).summary)
    if task != guessed.task:
        guessed = guess_plan(table, task)
    columns = [str(column) for column in table.rows.columns]
    roles = {
        role.name: chosen
        for role in column_reading(get_task(task)).ROLES
        if (chosen := _draw_role(role, columns, guessed.roles.get(role.name, ()), f"import-role-{task}-{role.name}"))
    }
    missing = [role.title for role in column_reading(get_task(task)).ROLES if role.required and role.name not in roles]
    splits = draw_splits(columns, guessed, st.session_state[IMPORT])
    missing += [splits.missing] if splits.missing else []
    if missing:
        st.warning(f"Choose a column for: {', '.join(missing)}.", icon=":material/arrow_upward:")
        return None
    plan = splits.applied_to(ImportPlan(task=task, roles=roles))
    return {"main": table, **splits.tables}, plan


def _draw_role(role: Role, columns: list[str], guessed: tuple[str, ...], key: str) -> tuple[str, ...]:
    known = [name for name in guessed if name in columns]
    if role.many:
        return tuple(st.multiselect(role.title, columns, default=known, key=key, help=role.help))
    options: list[str | None] = [*columns] if role.required else [None, *columns]
    index = options.index(known[0]) if known else (0 if not role.required else None)
    chosen = st.selectbox(
        role.title,
        options,
        index=index,
        format_func=lambda name: "None" if name is None else name,
        key=key,
        help=role.help,
        placeholder="Choose a column",
    )
    return (chosen,) if chosen else ()


def _prepared(tables: Mapping[str, Table], plan: ImportPlan) -> Prepared:
    """The rows as the plan reads them; the last few plans are cached, so that switching tabs is fast."""
    going, options = st.session_state[IMPORT], reading_options()
    limits = state.workspace().settings.import_limits
    sources = tuple((part, going.get(part)) for part in sorted(tables))

    def make() -> Prepared:
        with progress_bar() as progress:
            work = state.workspace().settings.work_folder
            return prepare_elsewhere(tables, plan, limits=limits, work=work, progress=progress)

    key = ("prepared", sources, tuple(sorted(options.items())), repr(plan), tuple(limits.items()))
    return kept(key, make, size_of_prepared)


def _draw_raw(table: Table) -> None:
    st.caption("First rows of the file, unchanged")
    st.dataframe(table.rows.head(50).astype(object), height=320, key="import-raw", alt="First rows of the file")


def _draw_save(prepared: Prepared, proposed: str) -> None:
    st.divider()
    name = st.text_input("Name of the data set", value=proposed, max_chars=120, key="import-name")
    if st.button("Save data set", type="primary", icon=":material/save:", width="stretch", key="import-save"):
        with widgets.errors_shown():
            with st.spinner("Saving…"):
                record = state.workspace().save_dataset(prepared, name or "")
            _leave()
            state.flash(f"Data set saved with {formats.plural(record.num_examples, 'example')}.")
            state.remember_id("dataset", record.id)
            st.query_params["dataset"] = record.id
            st.rerun()


def _leave() -> None:
    """Discard the current import and its uploads."""
    going = st.session_state.pop(IMPORT, {})
    for part in ("main", "validation", "test"):
        if part in going:
            uploads.discard(going[part])
    for key in [key for key in st.session_state if str(key).startswith("import-")]:
        del st.session_state[key]


def _name_from(file_name: str) -> str:
    stem = file_name.rsplit("/", 1)[-1].rsplit("\\", 1)[-1].rsplit(".", 1)[0]
    return stem.replace("_", " ").replace("-", " ").strip().capitalize()[:120] or "Data set"
