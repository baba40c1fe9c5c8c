"""The losses of every run in a store, read through the catalog.

    VMT_STORE=vmt-data python examples/losses_of_runs.py

`vmt.catalog` has a typed reader for every object of the store; docs/bucket.md lists them.
"""

from vmt.catalog.runs import runs
from vmt.settings import load_settings
from vmt.store import open_store


def main() -> None:
    """Print a line for each run, with its best epoch."""
    settings = load_settings()
    store = open_store(settings.store, settings)

    for run in runs(store):
        results = run.results()
        if not results:
            print(f"{run.name}: no epoch yet")
            continue

        # Each row of results.csv has three losses: total, chord, emotion.
        best = min(results, key=lambda result: result.validation[1])
        print(
            f"{run.name}: {results[-1].epoch} epochs, lowest validation chord loss "
            f"{best.validation[1]:.4f} at epoch {best.epoch}"
        )


if __name__ == "__main__":
    main()
