# tests/unit/mta
