"""How does annals compare with what is used from Python?

    python3 benches/python/run.py [--record] [--smoke] [--only SYSTEM,...] [--rounds N]

Each system has an environment of its own below target/python, made at the first run from the pinned
versions below, and a process of its own, which `worker.py` is. They are asked in turns, so that what
else the machine does hits all alike. annals has no Python client: the process that answers for it is
the benchmark `peers`, which is the Rust crate. A system that cannot be installed or started is named
with the reason, and so is everything else that one of them cannot do.

Needs Python 3.10 or newer, cargo, and for Spark itself Java 17.
"""

import argparse
import json
import os
import queue
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENVIRONMENTS = ROOT / "target" / "python"

# What to install, by the name of a system.
PINNED = {
    "DuckDB": ["duckdb==2.0.*", "pyarrow==26.0.*"],
    "delta-rs": ["deltalake==1.6.*", "pyarrow==26.0.*"],
    "MemTable": ["datafusion==55.0.*", "pyarrow==26.0.*"],
    "mock-spark": ["mock-spark==3.14.*"],
    "sparkless": ["sparkless==4.16.*"],
    "pysail": ["pysail==0.7.*", "pyspark-client==4.2.*"],
    "Spark": ["pyspark[connect]==4.3.*"],
}
# What each keeps, in the words of the benchmark.
KEEPS = {"annals": "History", "delta-rs": "History", "DuckDB": "Snapshots"}

ANSWER_SECONDS_MAX = 400
TURN_SECONDS = 1.0
COUNTED = ["reads", "torn", "split", "empty", "missing", "stale", "changes", "lost", "failed"]


class Refused(Exception):
    """A system did not do what it was asked; the text says why."""


class Worker:
    """A system in a process of its own."""

    def __init__(self, name, command):
        self.name = name
        self.directory = tempfile.mkdtemp(prefix="annals-python-")
        self.errors = open(Path(self.directory) / "errors", "w+")
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command,
            cwd=self.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self.lines = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            # Some print what they do; answers begin with a brace.
            if line.startswith("{"):
                self.lines.put(line)
        self.lines.put(None)

    def ask(self, **question):
        if self.process.poll() is not None:
            raise Refused(f"the process ended: {self._last_error()}")
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        try:
            line = self.lines.get(timeout=ANSWER_SECONDS_MAX)
        except queue.Empty:
            self.process.kill()
            raise Refused(f"no answer in {ANSWER_SECONDS_MAX} s") from None
        if line is None:
            raise Refused(f"the process ended: {self._last_error()}")
        answer = json.loads(line)
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer

    def _last_error(self):
        self.errors.seek(0)
        lines = [line.strip() for line in self.errors if line.strip()]
        return lines[-1][:160] if lines else "it said nothing"

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.errors.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def environment(name):
    """Makes a system's environment if it is not there; returns its Python."""
    path = ENVIRONMENTS / name.lower()
    python = path / "bin" / "python"
    done = path / "installed"
    wanted = " ".join(PINNED[name])
    if done.exists() and done.read_text() == wanted:
        return python
    began = time.monotonic()
    shutil.rmtree(path, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(path)], check=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    installed = subprocess.run(command + PINNED[name], capture_output=True, text=True)
    if installed.returncode != 0:
        lines = installed.stderr.strip().splitlines() or ["pip said nothing"]
        raise Refused(f"cannot be installed: {lines[-1][:160]}")
    done.write_text(wanted)
    print(f"  {name}: set up in {time.monotonic() - began:.0f} s", flush=True)
    return python


def rust_binary():
    """Builds the benchmark and returns its path."""
    command = ["cargo", "bench", "--package", "annals-benches", "--features", "peers"]
    command += ["--bench", "peers", "--no-run", "--message-format=json"]
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "peers":
            return message["executable"]
    raise SystemExit("cargo built no benchmark `peers`")


class Contest:
    """What was asked, and the answers."""

    def __init__(self, names, rounds):
        self.names = names
        self.rounds = rounds
        self.workers = {}
        self.out = {}  # why a system does not take part
        self.rows = []
        self.anomalies = {name: dict.fromkeys(COUNTED, 0) for name in names}
        self.remarks = []

    def watch(self, name, answer):
        for what, count in answer.get("anomalies", {}).items():
            self.anomalies[name][what] += count

    def rounds_of(self, ask, rounds=None):
        """Asks everyone in turns. Returns, by name, the answers, or why there are none."""
        taken = {name: [] for name in self.names}
        for name, reason in self.out.items():
            taken[name] = reason
        for turn in range(rounds or self.rounds):
            shift = turn % len(self.names)
            for name in self.names[shift:] + self.names[:shift]:
                if isinstance(taken[name], str):
                    continue
                try:
                    answer = self.workers[name].ask(**ask(name))
                except Refused as refused:
                    taken[name] = str(refused)
                    continue
                self.watch(name, answer)
                taken[name].append(answer)
        return taken

    def enter(self, row, title, unit, kind, taken, figure, note=lambda answers: None):
        """Enters one figure of the answers as a row: the medians, and the ratios to annals."""
        answers = []
        ours = taken["annals"]
        for name in self.names:
            theirs = taken[name]
            if isinstance(theirs, str):
                answers.append({"No": theirs})
                continue
            pairs = [(figure(their), figure(our)) for their, our in zip(theirs, ours)]
            if unit == "PerSecond":
                ratios = [our / max(their, 1e-9) for their, our in pairs]
            else:
                ratios = [their / our for their, our in pairs]
            value = statistics.median(figure(their) for their in theirs)
            ratio = statistics.median(ratios)
            answers.append({"Is": {"figure": value, "ratio": ratio, "note": note(theirs)}})
        self.rows.append(
            {"id": row, "title": title, "unit": unit, "kind": kind, "answers": answers}
        )
        print(f"  {title}")
        for name, answer in zip(self.names, answers):
            if "No" in answer:
                print(f"    {name:<12} n/a: {answer['No']}")
            else:
                value, ratio = answer["Is"]["figure"], answer["Is"]["ratio"]
                print(f"    {name:<12} {value:>16,.0f}   {ratio:,.2f} times as bad as annals")
        sys.stdout.flush()

    def results(self):
        systems = [{"name": name, "keeps": KEEPS.get(name, "Newest")} for name in self.names]
        return {
            "systems": systems,
            "rows": self.rows,
            "anomalies": [self.anomalies[name] for name in self.names],
            "remarks": self.remarks,
        }


def start(contest, binary):
    """Starts everyone; asks each for a first table."""
    taken = {}
    for name in contest.names:
        try:
            if name == "annals":
                command = [binary, "--worker"]
            else:
                command = [str(environment(name)), str(HERE / "worker.py"), name]
            worker = Worker(name, command)
            contest.workers[name] = worker
            contest.watch(name, worker.ask(do="cycles", count=1, rows=10))
            taken[name] = [{"ns": (time.monotonic() - worker.began) * 1e9}]
        except (Refused, OSError, subprocess.CalledProcessError) as failure:
            taken[name] = contest.out[name] = str(failure)
    title = "Start a process, write a first table and read it"
    contest.enter("start", title, "Nanoseconds", "Other", taken, lambda answer: answer["ns"])


def cycles(contest, smoke):
    counts = {}
    for name in contest.names:
        if name in contest.out:
            continue
        # The second time tells how many fill a turn.
        try:
            for _ in range(2):
                answer = contest.workers[name].ask(do="cycles", count=2, rows=10)
        except Refused as refused:
            contest.out[name] = str(refused)
            continue
        per_cycle = answer["ns"] / 1e9
        counts[name] = 2 if smoke else max(2, min(20_000, int(TURN_SECONDS / per_cycle)))
    taken = contest.rounds_of(lambda name: {"do": "cycles", "count": counts[name], "rows": 10})
    title = "saveAsTable in mode overwrite, then read the table on the next line (10 rows)"
    contest.enter("cycle", title, "Nanoseconds", "Other", taken, lambda answer: answer["ns"])


def beside(contest, smoke):
    seconds = 0.2 if smoke else 2.0
    ask = {"do": "beside", "readers": 2, "rows": 10, "seconds": seconds}
    taken = contest.rounds_of(lambda _: ask, min(3, contest.rounds))
    title = "2 readers beside one who overwrites without pause: reads in a second"
    writes = lambda answers: (
        f"{statistics.median(answer['writes'] for answer in answers):,.0f} overwrites/s"
    )
    reads = lambda answer: answer["reads"]
    contest.enter("beside", title, "PerSecond", "Read", taken, reads, writes)
    for what in ("p50", "p99"):
        title = f"2 readers beside one who overwrites without pause: {what} of a read"
        # Who never finished a read has no such figure.
        have = {
            name: "no read ended" if not isinstance(of, str) and not all(a[what] for a in of) else of
            for name, of in taken.items()
        }
        of = lambda answer: answer[what]
        contest.enter(f"beside_{what}", title, "Nanoseconds", "Read", have, of)


def parallel(contest):
    taken = contest.rounds_of(lambda _: {"do": "parallel", "tables": 10})
    title = "10 threads each write a table and read it on the next line: all of it"
    contest.enter("parallel", title, "Nanoseconds", "Other", taken, lambda answer: answer["ns"])


def failed_overwrite(contest):
    """What is left of a table when its overwrite fails; not a figure, so a remark."""
    words = []
    for name in contest.names:
        if name in contest.out:
            words.append(f"{name} was not there")
            continue
        try:
            answer = contest.workers[name].ask(do="failed_overwrite")
        except Refused as refused:
            words.append(f"{name}: {refused}")
            continue
        if not answer["failed"]:
            words.append(f"{name} could not be made to fail")
        elif answer["survives"]:
            words.append(f"{name} keeps the table as it was")
        else:
            words.append(f"**{name} loses the table**")
    contest.remarks.append("After an overwrite whose rows cannot be made: " + "; ".join(words) + ".")
    print("  " + contest.remarks[-1])


def more(contest, smoke):
    """Questions of the other benchmark, for those that are there from Python alone."""
    versions, times = (3, 2) if smoke else (100, 50)
    taken = contest.rounds_of(
        lambda _: {"do": "old_version", "versions": versions, "times": times}, 1
    )
    title = "Read version 2 of a table that has 100"
    ns = lambda answer: answer["ns"]
    contest.enter("old_version", title, "Nanoseconds", "Read", taken, ns)

    count = 5 if smoke else 100
    taken = contest.rounds_of(lambda _: {"do": "appends", "count": count}, 1)
    contest.enter("append", "Append one row, 100 times over", "Nanoseconds", "Other", taken, ns)
    title = "Scan the table of 100 appends of one row"
    scan = lambda answer: answer["scan_ns"]
    contest.enter("append_scan", title, "Nanoseconds", "Read", taken, scan)

    count = 5 if smoke else 200
    taken = contest.rounds_of(lambda _: {"do": "commit_three", "count": count, "rows": 100})
    title = "Overwrite three tables of 100 rows in one commit"
    contest.enter("commit_three", title, "Nanoseconds", "Other", taken, ns)

    rows = 1_000 if smoke else 10_000_000
    taken = contest.rounds_of(lambda _: {"do": "scan", "rows": rows, "times": 5}, 1)
    title = "Scan 10,000,000 rows, one column summed, one compared"
    contest.enter("scan", title, "Nanoseconds", "Read", taken, ns)

    count = 100 if smoke else 1_000
    taken = contest.rounds_of(lambda _: {"do": "tables", "count": count, "finds": 1_000}, 1)
    title = "Create 1,000 tables of one row: each"
    contest.enter("tables_create", title, "Nanoseconds", "Other", taken, ns)
    title = "Find one of 1,000 tables and read its row"
    find = lambda answer: answer["find_ns"]
    contest.enter("tables_find", title, "Nanoseconds", "Read", taken, find)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", action="store_true", help="write into docs/benchmarks")
    parser.add_argument("--smoke", action="store_true", help="only show that it works")
    parser.add_argument("--only", default=",".join(PINNED), help="these systems")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--remark", default="", help="a line about the run, for the page")
    parser.add_argument("--binary", help="the benchmark `peers`, already built")
    given = parser.parse_args()

    print("how does annals compare with what is used from Python?")
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    binary = os.path.abspath(given.binary) if given.binary else rust_binary()
    names = ["annals"] + [name for name in PINNED if name in given.only.split(",")]
    contest = Contest(names, 1 if given.smoke else given.rounds)
    contest.remarks.append(
        f"Measured on {os.cpu_count()} cores. annals has no Python client: its figures are of the "
        "Rust crate, without what a client would add; read the ratios with that in mind. The other "
        "figures are what a Python program sees."
    )
    if given.remark:
        contest.remarks.append(given.remark)
    try:
        start(contest, binary)
        cycles(contest, given.smoke)
        beside(contest, given.smoke)
        parallel(contest)
        failed_overwrite(contest)
        more(contest, given.smoke)
    finally:
        for worker in contest.workers.values():
            worker.close()
    if given.smoke:
        return
    file = ENVIRONMENTS / "results.json"
    file.write_text(json.dumps(contest.results()))
    command = [binary, "--report", str(file)] + (["--record"] if given.record else [])
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
