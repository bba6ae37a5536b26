"""A centre that lacks something to run."""

from pathlib import Path

from tests.support.cli_site import RULES, CliSite, run_koffert


def test_rules_that_are_not_there_are_told_of(tmp_path: Path) -> None:
    """As on a machine where the package was installed and the rules were not copied."""
    site = CliSite(tmp_path)
    assert site.init().exit_code == 0
    (tmp_path / RULES.name).unlink()
    ended = run_koffert("hub", "run", "--config", str(site.config))
    assert ended.exit_code == 2
    assert RULES.name in ended.error["error"]
    assert "`rules`" in ended.error["next_step"]


def test_init_without_a_terminal_writes_nothing_before_it_has_the_passphrase(
    tmp_path: Path,
) -> None:
    site = CliSite(tmp_path / "site")
    refused = site.hub("hub", "init")
    assert refused.exit_code == 2
    assert "passphrase" in refused.error["error"]
    assert not (tmp_path / "site" / "hub").exists()
