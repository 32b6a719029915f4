"""Plotly figures from plain numbers (Vega-Lite for live charts). Nothing here imports Streamlit or depends on the task.

Colours that differ between light and dark mode (text, grid, background, heatmap scale) are left to the page's theme. The colours
set here are readable in both and distinguishable for colour-blind people.
"""
