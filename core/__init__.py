"""Everything of Tuneboard that is not a screen: data sets, tasks, models, training, evaluation and runs.

Nothing below this package imports streamlit. torch and transformers are imported only under ``models``, ``training``,
``inference`` and inside those functions of ``tasks`` that compute with tensors.
"""

__version__ = "0.1.0"
