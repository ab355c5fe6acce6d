"""`vgetrandom bench`: every way to get random bytes, measured side by side in one run.

contenders.py   who takes part: files of native/contenders/, libcs, applications
native/         a worker in C: main.c has its requests, measures.h the measures, worker.h what a contender is
building.py     the C workers are compiled on the host where they run, into the cache
worker.py       one process a contender; it works in turns of about a millisecond
latency.py, threads.py, start.py, memory.py, instructions.py, applications.py    what is measured
programs.py     the whole programs that applications.py runs
run.py          one whole run, and what it is told; session.py is one in progress
model.py        what a run found: samples, machine; JSON
statistics.py   medians, pair ratios, noise
tables.py       what a person reads, as plain tables; terminal.py, markdown.py, page.py and plot.py show it
compare.py      two runs beside each other
"""
