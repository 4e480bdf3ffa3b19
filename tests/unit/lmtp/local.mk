# tests/unit/lmtp
