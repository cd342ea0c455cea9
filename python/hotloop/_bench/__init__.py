"""C++ against NumPy: the benchmark behind ``hotloop bench`` and ``bench/compare.py``.

Nothing here is imported by ``import hotloop``. The rooms:

==============  ===============================================================
``workloads``   networks as plain data: layers, weights, batch, FLOP count
``ops``         calls of ``hotloop.functional`` as plain data: arrays, keywords
``steps``       one training step in plain NumPy, and the same with a model
``measure``     agreement, interleaved timing, machine facts, tables
``compare``     the table of C++ against NumPy
==============  ===============================================================
"""
