"""From a cell to rows: plan, images, training, files; with Hydra's sweeper and launchers."""
