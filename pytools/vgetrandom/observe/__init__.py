"""Demand on a running host: which processes enter the getrandom system call, and what the library would save them."""
