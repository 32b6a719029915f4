"""The screens of Tuneboard: Streamlit pages that show what ``core`` knows and pass on what a person asks for."""
