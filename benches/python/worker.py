"""One system as a process that `run.py` asks: a line of JSON in, one out.

Rows carry the number of the write that wrote them, so that whoever reads can tell whether rows of
two writes were seen together, and whether a write was missed. What a system has no way to do is
refused, with the reason.
"""

import json
import os
import sys
import tempfile
import threading
import time

COUNTED = ["reads", "torn", "empty", "missing", "stale", "failed", "lost"]


class Refused(Exception):
    """What was asked cannot be done; the text says why."""


class Missing(Exception):
    """There is no such table."""


class Found:
    """What should not have been seen, counted."""

    def __init__(self):
        self.counts = dict.fromkeys(COUNTED, 0)

    def check(self, read, rows, write):
        """Reads, and checks what is seen of `rows` rows not older than `write`."""
        self.counts["reads"] += 1
        try:
            count, first, last = read()
        except Missing:
            self.counts["missing"] += 1
            return
        except Exception as failure:  # whatever a system raises is a failed call
            print(f"failed: {failure}"[:300].replace("\n", " "), file=sys.stderr)
            self.counts["failed"] += 1
            return
        if count == 0:
            self.counts["empty"] += 1
        elif count != rows or first != last:
            self.counts["torn"] += 1
        elif first < write:
            self.counts["stale"] += 1

    def add(self, other):
        for what, count in other.counts.items():
            self.counts[what] += count


class System:
    """What there is in every system: write, and read by name.

    `prepare` makes rows ready, which is not timed; `save` replaces a table by them; `read` returns
    how many rows a table has, and the smallest and largest number of a write among them.
    """

    def for_thread(self):
        """The same system, for another thread."""
        return self

    def appends(self, count):
        raise Refused("not asked")

    def commit_three(self, count, rows):
        raise Refused("has no commit of several tables")

    def scan(self, rows, times):
        raise Refused("not asked")

    def tables(self, count, finds):
        raise Refused("not asked")

    def old_version(self, versions, times):
        raise Refused("keeps no older versions")


class SparkLike(System):
    """Whatever has Spark's `DataFrame.write.saveAsTable` and `spark.table`."""

    def __init__(self, name):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        if name == "mock-spark":
            from mock_spark import SparkSession
            from mock_spark import functions

            self.spark = SparkSession.builder.appName("bench").getOrCreate()
        elif name == "sparkless":
            from sparkless.sql import SparkSession
            from sparkless.sql import functions

            self.spark = SparkSession.builder.appName("bench").getOrCreate()
        elif name == "pysail":
            from pyspark.sql import SparkSession, functions
            from pysail.spark import SparkConnectServer

            self.server = SparkConnectServer()
            self.server.start(background=True)
            _, port = self.server.listening_address
            self.spark = SparkSession.builder.remote(f"sc://localhost:{port}").getOrCreate()
        else:
            from pyspark.sql import SparkSession, functions

            builder = SparkSession.builder.master(f"local[{os.cpu_count()}]")
            settings = {
                "spark.ui.enabled": "false",
                "spark.sql.shuffle.partitions": str(os.cpu_count()),
                "spark.sql.warehouse.dir": os.path.abspath("warehouse"),
                "spark.driver.bindAddress": "127.0.0.1",
                "spark.driver.host": "127.0.0.1",
            }
            for key, value in settings.items():
                builder = builder.config(key, value)
            self.spark = builder.getOrCreate()
            self.spark.sparkContext.setLogLevel("OFF")
        self.functions = functions
        self.spark.sql("CREATE SCHEMA IF NOT EXISTS seed")

    def prepare(self, write, rows):
        return self.spark.createDataFrame([(write, row) for row in range(rows)], ["write", "row"])

    def save(self, name, prepared):
        prepared.write.mode("overwrite").saveAsTable(f"seed.{name}")

    def read(self, name):
        try:
            table = self.spark.table(f"seed.{name}")
            rows = table.collect()
            column = list(table.columns).index("write")
        except Exception as failure:
            text = str(failure).lower()
            if "not found" in text or "cannot be found" in text or "not_found" in text:
                raise Missing from failure
            raise
        writes = [row[column] for row in rows]
        return len(rows), min(writes, default=0), max(writes, default=0)

    def failing(self):
        functions = self.functions

        def fail(row):
            if row == 2:
                raise ValueError("the source ran dry in the middle")
            return row

        made = self.prepare(2, 3)
        return made.withColumn("row", functions.udf(fail, "bigint")(functions.col("row")))


class Duck(System):
    """DuckDB in memory; a cursor for each thread."""

    def __init__(self, connection=None):
        import duckdb

        self.duckdb = duckdb
        self.connection = connection or duckdb.connect(":memory:")

    def for_thread(self):
        return Duck(self.connection.cursor())

    def prepare(self, write, rows):
        import pyarrow

        numbers = list(range(rows))
        values = [row * 31 % 97 for row in numbers]
        return pyarrow.table({"write": [write] * rows, "row": numbers, "value": values})

    def save(self, name, prepared):
        self.connection.register("prepared", prepared)
        self.connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM prepared")

    def read(self, name):
        query = f'SELECT count(*), min("write"), max("write"), sum("value") FROM {name}'
        try:
            # All of them: a result that is not read to its end occupies the connection.
            [(count, first, last, _)] = self.connection.execute(query).fetchall()
        except self.duckdb.CatalogException as failure:
            raise Missing from failure
        return count, first or 0, last or 0

    def failing(self):
        return None

    def save_failing(self, name):
        rows = "(VALUES (2, '0'), (2, '1'), (2, 'ran dry')) AS rows(w, r)"
        query = f'SELECT w AS "write", CAST(r AS BIGINT) AS "row", w AS "value" FROM {rows}'
        self.connection.execute(f"CREATE OR REPLACE TABLE {name} AS {query}")

    def appends(self, count):
        fresh = Duck()
        columns = '"write" BIGINT, "row" BIGINT, "value" BIGINT'
        fresh.connection.execute(f"CREATE TABLE log ({columns})")
        rows = [fresh.prepare(row, 1) for row in range(count)]
        began = time.monotonic_ns()
        for row in rows:
            fresh.connection.register("prepared", row)
            fresh.connection.execute("INSERT INTO log SELECT * FROM prepared")
        append = (time.monotonic_ns() - began) / count
        began = time.monotonic_ns()
        seen, _, _ = fresh.read("log")
        scan = time.monotonic_ns() - began
        return {"ns": append, "scan_ns": scan, "anomalies": {"reads": 1, "lost": count - seen}}

    def commit_three(self, count, rows):
        fresh = Duck()
        prepared = [fresh.prepare(write, rows) for write in range(count)]
        began = time.monotonic_ns()
        for of in prepared:
            fresh.connection.begin()
            for name in ("one", "two", "three"):
                fresh.save(name, of)
            fresh.connection.commit()
        return {"ns": (time.monotonic_ns() - began) / count}

    def scan(self, rows, times):
        fresh = Duck()
        select = 'SELECT 1::BIGINT AS "write", range AS "row", range * 31 % 97 AS "value"'
        fresh.connection.execute(f"CREATE TABLE large AS {select} FROM range({rows})")
        took, found = [], Found()
        for _ in range(times):
            began = time.monotonic_ns()
            found.check(lambda: fresh.read("large"), rows, 1)
            took.append(time.monotonic_ns() - began)
        return {"ns": sorted(took)[times // 2], "anomalies": found.counts}

    def tables(self, count, finds):
        fresh = Duck()
        row = fresh.prepare(1, 1)
        began = time.monotonic_ns()
        fresh.connection.begin()
        for table in range(count):
            fresh.save(f"table_{table:07}", row)
        fresh.connection.commit()
        create = (time.monotonic_ns() - began) / count
        found, at = Found(), 0
        began = time.monotonic_ns()
        for _ in range(finds):
            at = (at + 7_368_787) % count
            found.check(lambda: fresh.read(f"table_{at:07}"), 1, 1)
        find = (time.monotonic_ns() - began) / finds
        return {"ns": create, "find_ns": find, "anomalies": found.counts}


class Delta(System):
    """Delta tables by delta-rs, in a directory that is in memory if the machine has one such."""

    def __init__(self):
        import deltalake
        import pyarrow

        self.deltalake, self.pyarrow = deltalake, pyarrow
        shared = "/dev/shm"
        above = shared if os.access(shared, os.W_OK) else None
        self.directory = tempfile.TemporaryDirectory(prefix="annals-delta-", dir=above)

    def at(self, name):
        return os.path.join(self.directory.name, name)

    def prepare(self, write, rows):
        numbers = list(range(rows))
        values = [row * 31 % 97 for row in numbers]
        return self.pyarrow.table({"write": [write] * rows, "row": numbers, "value": values})

    def save(self, name, prepared):
        self.deltalake.write_deltalake(self.at(name), prepared, mode="overwrite")

    def read(self, name, version=None):
        try:
            table = self.deltalake.DeltaTable(self.at(name), version=version)
        except self.deltalake.exceptions.TableNotFoundError as failure:
            raise Missing from failure
        writes = self.pyarrow.table(table.to_pyarrow_table()).column("write").to_pylist()
        return len(writes), min(writes, default=0), max(writes, default=0)

    def failing(self):
        good = self.prepare(2, 3)

        def batches():
            yield from good.to_batches()
            raise ValueError("the source ran dry in the middle")

        return self.pyarrow.RecordBatchReader.from_batches(good.schema, batches())

    def appends(self, count):
        fresh = Delta()
        rows = [fresh.prepare(row, 1) for row in range(count)]
        began = time.monotonic_ns()
        for row in rows:
            fresh.deltalake.write_deltalake(fresh.at("log"), row, mode="append")
        append = (time.monotonic_ns() - began) / count
        began = time.monotonic_ns()
        seen, _, _ = fresh.read("log")
        scan = time.monotonic_ns() - began
        return {"ns": append, "scan_ns": scan, "anomalies": {"reads": 1, "lost": count - seen}}

    def old_version(self, versions, times):
        fresh = Delta()
        for write in range(versions):
            fresh.save("old", fresh.prepare(write, 10))
        found = Found()
        began = time.monotonic_ns()
        for _ in range(times):
            # Version 1 is the second: the first is 0.
            found.check(lambda: fresh.read("old", version=1), 10, 1)
        return {"ns": (time.monotonic_ns() - began) / times, "anomalies": found.counts}


class MemTables(System):
    """DataFusion's `MemTable` in its memory catalog, which has no overwrite: the name is taken out
    and registered anew."""

    def __init__(self):
        import datafusion
        import pyarrow

        self.pyarrow = pyarrow
        self.context = datafusion.SessionContext()

    def prepare(self, write, rows):
        numbers = list(range(rows))
        columns = {"write": [write] * rows, "row": numbers, "value": numbers}
        return self.pyarrow.table(columns).to_batches()

    def save(self, name, prepared):
        self.context.deregister_table(name)
        self.context.register_record_batches(name, [prepared])

    def read(self, name):
        try:
            table = self.context.table(name)
        except KeyError as failure:
            raise Missing from failure
        writes = [write for batch in table.collect() for write in batch.column(0).to_pylist()]
        return len(writes), min(writes, default=0), max(writes, default=0)

    def failing(self):
        raise Refused("takes rows only when they are made")


class Asked:
    """The questions, asked of a system."""

    def __init__(self, system):
        self.system = system
        self.written = 0

    def cycles(self, count, rows):
        found, took = Found(), 0
        for _ in range(count):
            self.written += 1
            prepared = self.system.prepare(self.written, rows)
            began = time.monotonic_ns()
            self.system.save("cycle", prepared)
            found.check(lambda: self.system.read("cycle"), rows, self.written)
            took += time.monotonic_ns() - began
        return {"ns": took / count, "anomalies": found.counts}

    def beside(self, readers, rows, seconds):
        self.written += 1
        self.system.save("beside", self.system.prepare(self.written, rows))
        state = {"stop": False, "newest": self.written}
        latencies, found, lock = [], Found(), threading.Lock()

        def read():
            system, mine, seen = self.system.for_thread(), [], Found()
            while not state["stop"]:
                acknowledged = state["newest"]
                began = time.monotonic_ns()
                seen.check(lambda: system.read("beside"), rows, acknowledged)
                mine.append(time.monotonic_ns() - began)
            with lock:
                latencies.extend(mine)
                found.add(seen)

        threads = [threading.Thread(target=read) for _ in range(readers)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        writes = 0
        while time.monotonic() - began < seconds:
            self.written += 1
            prepared = self.system.prepare(self.written, rows)
            try:
                self.system.save("beside", prepared)
                state["newest"] = self.written
            except Exception as failure:
                print(f"failed: {failure}"[:300].replace("\n", " "), file=sys.stderr)
                found.counts["failed"] += 1
            writes += 1
        state["stop"] = True
        for thread in threads:
            thread.join()
        took = time.monotonic() - began
        latencies.sort()
        part = lambda of: latencies[int(len(latencies) * of)] if latencies else None
        return {
            "reads": len(latencies) / took,
            "writes": writes / took,
            "p50": part(0.5),
            "p99": part(0.99),
            "anomalies": found.counts,
        }

    def parallel(self, tables):
        found, lock = Found(), threading.Lock()

        def write_and_read(table):
            system, seen = self.system.for_thread(), Found()
            name = f"parallel_{table}"
            try:
                system.save(name, system.prepare(table, 1))
            except Exception as failure:
                print(f"failed: {failure}"[:300].replace("\n", " "), file=sys.stderr)
                seen.counts["failed"] += 1
            seen.check(lambda: system.read(name), 1, table)
            with lock:
                found.add(seen)

        began = time.monotonic_ns()
        threads = [threading.Thread(target=write_and_read, args=(table,)) for table in range(tables)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"ns": time.monotonic_ns() - began, "anomalies": found.counts}

    def failed_overwrite(self):
        self.system.save("survivor", self.system.prepare(1, 3))
        failed = False
        try:
            failing = self.system.failing()
            if failing is None:
                self.system.save_failing("survivor")
            else:
                self.system.save("survivor", failing)
        except Refused:
            raise
        except Exception as failure:
            print(f"as was asked: {failure}"[:300].replace("\n", " "), file=sys.stderr)
            failed = True
        try:
            survives = self.system.read("survivor") == (3, 1, 1)
        except Exception:
            survives = False
        return {"failed": failed, "survives": survives}

    def appends(self, count):
        return self.system.appends(count)

    def commit_three(self, count, rows):
        return self.system.commit_three(count, rows)

    def scan(self, rows, times):
        return self.system.scan(rows, times)

    def tables(self, count, finds):
        return self.system.tables(count, finds)

    def old_version(self, versions, times):
        return self.system.old_version(versions, times)


def main():
    # Whatever the systems print must not stand among the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    name = sys.argv[1]
    of_their_own = {"DuckDB": Duck, "delta-rs": Delta, "MemTable": MemTables}
    make = of_their_own.get(name)
    asked = Asked(make() if make else SparkLike(name))
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = getattr(asked, question.pop("do"))(**question)
        except Refused as refused:
            answer = {"refused": str(refused)}
        except Exception as failure:
            answer = {"refused": f"{type(failure).__name__}: {failure}"[:160].replace("\n", " ")}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
    # Threads of a system do not keep the process.
    sys.stdout.flush()
    os._exit(0)
