"""Learning rates that were chosen by validation accuracy (``rates=tuned``), kept in ``<results_dir>/rates.yaml``."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from spectral_repro.errors import ConfigError, UserError

#: By protocol, data set and :func:`way`.
Rates = Mapping[str, Mapping[str, Mapping[str, float]]]


def rates_file(results_dir: Path) -> Path:
    """Written by ``make report`` from the rows of ``experiment=rates``."""
    return results_dir / "rates.yaml"


def way(method: str, masking: str | None, protocol: str | None) -> str:
    """What has a rate of its own: a method, of sparse networks with the name of its masking: ``direct/rigl``.

    Dense networks have that of the cut-off under the protocol of the sparse ones.
    """
    masking = masking or ("cutoff" if protocol == "sparse" else None)
    return f"{method}/{masking}" if masking else method


def read_rates(results_dir: Path) -> Rates:
    """The rates of a results folder; none if there is no such file.

    Raises:
        UserError: if the file is not one of ours.
    """
    path = rates_file(results_dir)
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {p: {d: {w: float(lr) for w, lr in ways.items()} for d, ways in ds.items()} for p, ds in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise UserError(f"{path}: is no table of learning rates ({type(error).__name__})") from error


def tuned_rate(
    results_dir: Path, protocol: str, data: str, like: str | None, method: str, masking: str | None
) -> float:
    """The rate that was chosen for ``data``, or else for the data set ``like``.

    Raises:
        ConfigError: if none was.
    """
    of_data, name = read_rates(results_dir).get(protocol, {}), way(method, masking, protocol)
    alike = of_data.get(like, {}) if like else {}
    rate = of_data.get(data, {}).get(name, alike.get(name))
    if rate is None:
        what = f"{name} on {data}, protocol {protocol}"
        raise ConfigError(
            "rates",
            "tuned",
            f"{rates_file(results_dir)} has none for {what}; first experiment=rates, then spectral-repro-report",
        )
    return rate
