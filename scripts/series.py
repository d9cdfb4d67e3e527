"""series: what is one figure over time, which way is better, and when has it become worse? scripts/alert and scripts/report ask.

A results file holds one record a line, as scripts/results writes them; bench/README.md lists the members. A series is all records
of one figure on one kind of machine: figures of another CPU, compiler or OpenSSL are never compared with it. It knows no files
of the benches, and prints nothing but complaints about lines that it cannot read."""
import json
import os
import sys

NEEDED = {"commit", "date", "cpu", "compiler", "openssl", "bench", "case", "metric", "unit", "value", "low", "high", "n"}
FIGURE = ("bench", "case", "metric", "unit", "stack")
MACHINE = ("cpu", "compiler", "openssl")

# Whatever else is measured (times, instructions, memory), less of it is better.
MORE_IS_BETTER = {"Gbit/s", "Mbit/s", "kbit/s", "MB/s", "messages/s", "packets/s", "handshakes/s", "messages/packet"}

PERCENTILES = ("p50", "p90", "p99", "p99.9", "p99.99", "max")

# What a change has to exceed, in percent, before it is news. Instructions and the simulator's networks hardly vary from run to
# run. Times of one binary do, by the state of the machine; the slowest of thousands of messages most of all, and a few seconds of a
# line that loses packets.
PERCENT = {"instructions": 1, "networks": 1, "memory": 5, "latency": 25, "lines": 25}
PERCENT_OF_OTHERS = 10
VARIES = {"peers", "lines", "latency", "cpu", "throughput", "times"}
OURS = "sluice"


def group_of(record):
    """The part of the report to which a record belongs."""
    unit, metric = record["unit"], record["metric"]
    if record["bench"] == "peers":
        return "peers"
    if record["bench"] in ("wan", "fair"):
        return "networks"
    if record["bench"] == "link":
        return "lines"
    if metric in PERCENTILES:
        return "latency"
    if unit == "instr":
        return "instructions"
    if unit == "s/GB" or metric.startswith("CPU"):
        return "cpu"
    if unit in MORE_IS_BETTER:
        return "throughput"
    if unit in ("bytes", "kB", "KiB", "MB", "MiB"):
        return "memory"
    return "times"


def more_is_better(record):
    better = record.get("better")
    return better == "more" if better else record["unit"] in MORE_IS_BETTER


def complain(path, line, what):
    print(f"{os.path.basename(sys.argv[0])}: {path}:{line}: {what}; left out", file=sys.stderr)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value and abs(value) != float("inf")


def records_of(path):
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError:
                complain(path, number, "no JSON")
                continue
            if not isinstance(record, dict) or not NEEDED <= record.keys():
                complain(path, number, "a member is missing")
            elif not all(is_number(record[name]) for name in ("value", "low", "high", "n")):
                complain(path, number, "value, low, high and n have to be numbers")
            else:
                yield record


def read(folders):
    """All records of the folders' *.jsonl, the oldest first. A folder that is not there holds none."""
    paths = [os.path.join(folder, name) for folder in folders if os.path.isdir(folder) for name in sorted(os.listdir(folder))]
    records = [record for path in paths if path.endswith(".jsonl") for record in records_of(path)]
    return sorted(records, key=lambda record: record["date"])


def series_of(records):
    """Lists of records, each of one figure on one kind of machine, in the records' order. Instructions are counted on the CPU that
    valgrind shows, which is the same everywhere."""
    found = {}
    for record in records:
        machine = MACHINE[1:] if record["unit"] == "instr" else MACHINE
        found.setdefault(tuple(record.get(name) for name in FIGURE + machine), []).append(record)
    return list(found.values())


def change(before, after):
    """How much more it is, in percent; None: from nothing."""
    return None if before["value"] == 0 else 100 * (after["value"] - before["value"]) / abs(before["value"])


def is_worse(before, after, percent=None):
    """Is the later record worse beyond both ranges, and by more than so many percent? What varies needs more than one value to have
    a range, and what other stacks do is not judged."""
    if not after.get("stack", OURS).startswith(OURS) or group_of(after) in VARIES and min(before["n"], after["n"]) < 2:
        return False
    if percent is None:
        percent = PERCENT.get(group_of(after), PERCENT_OF_OTHERS)
    if more_is_better(after):
        return after["high"] < before["low"] and change(before, after) < -percent
    by = change(before, after)
    return after["low"] > before["high"] and (by is None or by > percent)
