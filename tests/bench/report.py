# SPDX-License-Identifier: ISC
"""The figures as a table for people and as JSON for programs."""

import json
import platform
import statistics
import time

COLUMNS = (
    ("system", "%-16s", "name"),
    ("msg/s", "%8.0f", "rate"),
    ("min..max", "%13s", "range"),
    ("x Postfix", "%9.2f", "to_reference"),
    ("of limit", "%8.0f%%", "to_limit"),
    ("CPU ms/msg", "%10.3f", "cpu_ms"),
    ("x Postfix", "%9.2f", "cpu_to_reference"),
    ("memory MB", "%9.0f", "memory"),
    ("flush/msg", "%9.2f", "flushes"),
    ("KB/msg", "%7.1f", "kilobytes"),
    ("idle", "%5.0f%%", "idle"),
)


def _median(runs, key):
    values = [r[key] for r in runs if r[key] is not None]
    return statistics.median(values) if values else None


def summarize(runs):
    """Of the runs of one system under one load."""
    rates = [r["rate"] for r in runs]
    return {
        "name": runs[0]["system"],
        "rate": statistics.median(rates),
        "range": "%.0f..%.0f" % (min(rates), max(rates)),
        "cpu_ms": _median(runs, "cpu_ms"),
        "memory": max(r["memory"] for r in runs),
        "flushes": _median(runs, "flushes"),
        "kilobytes": _median(runs, "kilobytes"),
        "idle": _median(runs, "idle"),
        "messages": sum(r["messages"] for r in runs),
    }


def compare(rows, limits, reference):
    """Adds the ratios. limits: the rows of the programs that are the limit;
    the better of them is. reference: the name of the system that the others
    are compared with."""
    limit = max((r["rate"] for r in limits), default=None)
    reference = next((r for r in rows if r["name"] == reference), None)
    for row in rows + limits:
        row["to_limit"] = 100 * row["rate"] / limit if limit else None
        is_other = reference is not None and row is not reference
        row["to_reference"] = (row["rate"] / reference["rate"]
                               if is_other else None)
        row["cpu_to_reference"] = (row["cpu_ms"] / reference["cpu_ms"]
                                   if is_other else None)
    return rows + limits


def _cell(form, value):
    width = len(form % 0) if "s" not in form else len(form % "")
    return "-".rjust(width) if value is None else form % value


def table(load, rows):
    head = []
    for title, form, _ in COLUMNS:
        width = len(_cell(form, None))
        head.append(title.ljust(width) if form.startswith("%-") else
                    title.rjust(width))
    lines = ["", load.title(), " ".join(head)]
    for row in rows:
        lines.append(" ".join(_cell(form, row[key])
                              for _, form, key in COLUMNS))
    return "\n".join(lines)


def machine():
    with open("/proc/cpuinfo") as f:
        models = [x.split(":")[1].strip() for x in f
                  if x.startswith("model name")]
    with open("/proc/loadavg") as f:
        load = f.read().split()[0]
    return {"kernel": platform.release(), "processors": len(models),
            "processor": models[0] if models else platform.machine(),
            "load_at_start": float(load),
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z")}


def write(path, about, results, runs):
    with open(path, "w") as f:
        json.dump({"about": about, "results": results, "runs": runs}, f,
                  indent=1)
        f.write("\n")
