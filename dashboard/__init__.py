"""The screens of Tuneboard: Streamlit pages that show the state of ``core`` and pass user actions on to it."""
