"""The configuration, as a package: ``pkg://spectral_repro.conf`` for other programs that use Hydra."""
