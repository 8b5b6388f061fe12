"""`python -m tests.bench`: runs benchmarks and prints what they find."""

import argparse
from collections.abc import Sequence

from tests.bench import capture, cutover, drain, latency, memory, seed
from tests.bench.figures import print_reports
from tests.bench.servers import EXPLAINED, two_servers
from ucrepl.cli.output import talk

BENCHMARKS = {
    "drain": drain.run,
    "latency": latency.run,
    "capture": capture.run,
    "memory": memory.run,
    "seed": seed.run,
    "cutover": cutover.run,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that are named. 0 also when a figure misses its bound: it is to be read, not to be tested."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measures, on two throw-away servers, and prints figures; ratios are taken in one run, in turns.",
    )
    parser.add_argument(
        "which", nargs="*", choices=[*BENCHMARKS, "all"], default="all", metavar="|".join([*BENCHMARKS, "all"])
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, one round: to see that it works")
    parser.add_argument("--json", action="store_true", help="print all as JSON")
    args = parser.parse_args(arguments)
    names = list(BENCHMARKS) if "all" in args.which else list(dict.fromkeys(args.which))
    reports = []
    for name in names:
        talk(name)
        with two_servers() as sites:
            reports.append(BENCHMARKS[name](sites, quick=args.quick))
    print_reports(reports, EXPLAINED, as_json=args.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
