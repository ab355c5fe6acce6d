#!/bin/sh
# What after-install.sh made is no file of the package.
find /usr/lib/vgetrandom -depth -name __pycache__ -exec rm -rf {} \; 2>/dev/null || true
