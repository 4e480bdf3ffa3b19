# tests/unit/proto
