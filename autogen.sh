#!/bin/sh
# Make ./configure from configure.ac. Needed once after a checkout.
set -e
cd "$(dirname "$0")"
exec autoreconf --install --force
