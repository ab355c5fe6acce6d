"""`vgetrandom bench`: every way to get random bytes, measured side by side in one run.

contenders.py   who takes part: files of native/contenders/, libcs, applications
building.py     the C workers are compiled on the host where they run, into the cache
worker.py       one process a contender; it works in turns of about a millisecond
latency.py, threads.py, life.py, memory.py, instructions.py, programs.py    what is measured
run.py          one whole run, and what it is told
model.py        what a run found: samples, machine; JSON
statistics.py   medians, pair ratios, noise
tables.py       what a person reads, as plain tables; terminal.py, markdown.py and plot.py show it
compare.py      two runs beside each other
"""
