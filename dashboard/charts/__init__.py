"""Plain figures in, Plotly figures out (Vega-Lite for what moves). Nothing here imports Streamlit or knows which task it draws.

Colours that differ between light and dark (text, grid, background, the scale of a heatmap) are left to the page's theme; those
set here read well on both and are told apart by colour-blind eyes.
"""
