EXTRA_DIST += tests/unit/mta/peer.h
