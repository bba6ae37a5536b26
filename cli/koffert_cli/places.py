"""Where the files beside the code are: in a clone, or as installed."""

import sys
from pathlib import Path

from koffert_cli.output import EXIT_FAILED, UserError


def configuration_folder() -> Path:
    """The folder with the configuration templates; raises UserError when the installation lacks it."""
    clone = Path(__file__).resolve().parents[2] / "config"
    installed = Path(sys.prefix) / "share" / "koffert" / "config"
    for folder in (clone, installed):
        if (folder / "mosquitto").is_dir():
            return folder
    raise UserError(
        "the configuration templates are not here",
        probable_cause="only part of Koffert is installed",
        next_step="pip install 'koffert[hub]'",
        exit_code=EXIT_FAILED,
    )
