# tests/unit/admin
