"""The command ``spectral-repro``: Hydra composes, ``job`` trains one cell, ``main`` reports errors in one line."""

import os
import sys

# OpenMP threads that sleep between the short products of small networks cost a third of the time.
os.environ.setdefault("GOMP_SPINCOUNT", "100000")

import hydra
from omegaconf import DictConfig, OmegaConf

from spectral_repro.compose import config_folder


@hydra.main(config_path=str(config_folder()), config_name="config", version_base="1.3")
def job(config: DictConfig):
    """Trains the missing realizations of one cell."""
    from spectral_repro.run import run_job

    return run_job(OmegaConf.to_container(config, resolve=True))


def main() -> None:
    """Entry point; errors that are the user's to mend are one line on stderr and exit code 2 (1: cells failed)."""
    from spectral_repro.messages import one_line

    # Hydra's parser takes -m anywhere but between overrides.
    sys.argv[1:] = sorted(sys.argv[1:], key=lambda a: a not in ("-m", "--multirun"))
    wants_trace = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra is to raise, not to print
    try:
        job()
    except KeyboardInterrupt:
        sys.exit(_say("interrupted; finished realizations are kept, the same command goes on from there", 130))
    except Exception as error:
        if wants_trace:
            raise
        sys.exit(_say(one_line(error), 2))


def _say(message: str, code: int) -> int:
    print(f"\nspectral-repro: {message}" if code == 130 else f"spectral-repro: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
