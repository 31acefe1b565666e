# Runs the benchmark suites of a build and gathers their rows into one JSON list; a suite is a program bin/bench_<suite>.
import argparse
import json
import os
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--build", required=True, help="the build folder, build/release")
parser.add_argument("--suite", help="only this one: dispatch, gemm, ...")
parser.add_argument("--json", help="file that gets the rows")
options = parser.parse_args()

programs = os.path.join(options.build, "bin")
suites = sorted(f.removeprefix("bench_") for f in os.listdir(programs) if f.startswith("bench_"))
if options.suite:
    if options.suite not in suites:
        sys.exit(f"bench: no suite {options.suite}; there are: {', '.join(suites)}")
    suites = [options.suite]
# What is measured must not depend on what an earlier run left in the user's cache.
environment = {**os.environ, "BURIN_CACHE_BYTES": os.environ.get("BURIN_CACHE_BYTES", "0")}
rows, failed = [], []
for suite in suites:
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        done = subprocess.run([os.path.join(programs, f"bench_{suite}"), "--json", file.name], env=environment)
        if done.returncode:
            failed.append(suite)
        else:
            rows += json.load(open(file.name, encoding="utf-8"))
if options.json:
    with open(options.json, "w", encoding="utf-8") as out:
        json.dump(rows, out, indent=1)
        out.write("\n")
if failed:
    sys.exit(f"bench: failed: {', '.join(failed)}")
