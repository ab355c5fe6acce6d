"""The conformance suite: cases (C programs), targets (libcs to ask), a runner and its results."""
