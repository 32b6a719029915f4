"""Data: import a file as a data set, and open, rename and delete data sets."""

import streamlit as st

from core.errors import NotFoundError
from dashboard.data.dataset_list import draw_list
from dashboard.data.dataset_page import draw_dataset
from dashboard.data.importing import uploads
from dashboard.data.importing.import_form import IMPORT, draw_import, draw_upload
from dashboard.data.importing.samples import draw_samples
from dashboard.shared import state, widgets
from dashboard.shared.database_notice import say_lost_folders

workspace = state.workspace()


def draw_home() -> None:
    """The list of data sets, and the ways to add one."""
    widgets.page_head("Data", "Data sets of labelled text. A saved data set never changes; repairs and corrections add versions.")
    records = workspace.dataset_records()
    if records:
        draw_list(records)
        st.subheader("Add a data set", anchor=False)
    else:
        say_lost_folders()
        st.subheader("Start with your own file or a sample", anchor=False)
    draw_upload()
    st.caption("No file at hand? Load one of the samples that come with Tuneboard.")
    sample = draw_samples()
    if sample is not None:
        st.session_state[IMPORT] = {"main": uploads.keep_sample(sample.file_name).id, "name": sample.title}
        st.rerun()


opened = state.id_in_url("dataset")
if st.session_state.get(IMPORT):
    draw_import()
elif opened:
    try:
        record = workspace.dataset_record(opened)
    except NotFoundError:
        del st.query_params["dataset"]
        draw_home()
    else:
        state.remember_id("dataset", record.id)
        draw_dataset(record)
else:
    draw_home()
