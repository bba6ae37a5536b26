"""The box's way to an identity, against the hub's real listener."""

import ssl
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from koffert_agent.enrolment.desk import Desk
from koffert_agent.enrolment.enrol import CLOCK_TOLERANCE_MS, enrol
from koffert_agent.enrolment.failures import REFUSALS, EnrolmentError, Failure
from koffert_agent.enrolment.identity import DamagedIdentity, IdentityFiles, identity_files
from koffert_agent.settings import SettingsError, load_settings
from koffert_hub import registry
from koffert_hub.authority import Authority
from koffert_hub.database import reading
from koffert_hub.technical_alerts import open_alerts
from koffert_wire.enrolment import CodeError, EnrolmentCode, Refusal, in_groups, parse_code
from tests.support.enrolment_desk import SEALING_KEY, EnrolmentDesk
from tests.support.mosquitto import free_port


@pytest.fixture(name="desk", scope="module")
def fixture_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnrolmentDesk]:
    with EnrolmentDesk(tmp_path_factory.mktemp("hub")) as desk:
        yield desk


@pytest.fixture(name="files")
def fixture_files(tmp_path: Path) -> IdentityFiles:
    return identity_files(tmp_path / "data")


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def failure(files: IdentityFiles, code: EnrolmentCode) -> Failure:
    with pytest.raises(EnrolmentError) as failed:
        enrol(files, code, wall_ms)
    assert files.read() is None
    return failed.value.reason


def test_a_code_leads_to_an_identity_that_the_agent_can_use(
    desk: EnrolmentDesk, files: IdentityFiles, tmp_path: Path
) -> None:
    identity = enrol(files, desk.code("koffert-0001"), wall_ms)
    assert (identity.device, identity.broker_host) == ("koffert-0001", "127.0.0.1")
    (tmp_path / "agent.toml").write_text('data_dir = "data"\n')
    settings = load_settings(tmp_path / "agent.toml")
    assert (settings.device, settings.sealing_key) == ("koffert-0001", SEALING_KEY)
    with reading(desk.site.engine) as connection:
        device = registry.devices(connection, ["koffert-0001"])["koffert-0001"]
    assert settings.link_key == device.link_key
    context = ssl.create_default_context(cafile=files.tls.ca)
    context.load_cert_chain(files.tls.certificate, files.tls.key)


def test_only_the_box_can_read_it(desk: EnrolmentDesk, files: IdentityFiles) -> None:
    enrol(files, desk.code("koffert-0002"), wall_ms)
    assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700
    for file in files.folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert not (files.folder / "pending.json").exists()


def test_the_same_code_again_changes_nothing(desk: EnrolmentDesk, files: IdentityFiles) -> None:
    code = desk.code("koffert-0003")
    first = enrol(files, code, wall_ms)
    pem = files.device_pem.read_bytes()
    assert enrol(files, code, wall_ms) == first
    assert files.device_pem.read_bytes() == pem


def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    desk: EnrolmentDesk, files: IdentityFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = desk.code("koffert-0004")
    ask = Desk.ask

    def lose(*arguments: object) -> object:
        ask(*arguments)  # type: ignore[arg-type]
        raise EnrolmentError(Failure.NO_NETWORK, "the link broke")

    with monkeypatch.context() as broken:
        broken.setattr(Desk, "ask", lose)
        assert failure(files, code) is Failure.NO_NETWORK
    assert enrol(files, code, wall_ms).device == "koffert-0004"
    with reading(desk.site.engine) as connection:
        assert [a for a in open_alerts(connection) if a.device == "koffert-0004"] == []


def test_a_new_code_gives_an_enrolled_box_a_new_key(
    desk: EnrolmentDesk, files: IdentityFiles
) -> None:
    enrol(files, desk.code("koffert-0005"), wall_ms)
    link_key, pem = files.link_key.read_bytes(), files.device_pem.read_bytes()
    enrol(files, desk.code("koffert-0005"), wall_ms)
    assert files.link_key.read_bytes() != link_key
    assert files.device_pem.read_bytes() != pem


class TestFailures:
    """Each has its own reason, and none of them leaves half an identity."""

    def test_a_code_that_another_box_used(self, desk: EnrolmentDesk, files: IdentityFiles) -> None:
        code = desk.code("koffert-0006")
        enrol(IdentityFiles(files.folder.with_name("other")), code, wall_ms)
        assert failure(files, code) is Failure.USED_TOKEN

    def test_a_code_that_was_replaced(self, desk: EnrolmentDesk, files: IdentityFiles) -> None:
        code = desk.code("koffert-0007")
        desk.code("koffert-0007")
        assert failure(files, code) is Failure.UNKNOWN_TOKEN

    def test_another_hub_at_the_address(
        self, desk: EnrolmentDesk, files: IdentityFiles, tmp_path: Path
    ) -> None:
        with EnrolmentDesk(tmp_path / "impostor") as impostor:
            port = impostor.site.provisioning.port
            code = msgspec.structs.replace(desk.code("koffert-0008"), port=port)
            assert failure(files, code) is Failure.WRONG_AUTHORITY
        assert not files.folder.exists()  # not even a key was made for it

    def test_a_server_that_shows_the_right_root_and_cannot_prove_it(
        self, files: IdentityFiles, tmp_path: Path
    ) -> None:
        desk = EnrolmentDesk(tmp_path / "impostor")
        foreign = Authority.create("foreign", desk.now()).issue_server(("127.0.0.1",), desk.now())
        desk.site.pki.server.certificate.write_bytes(foreign.certificate_pem)
        desk.site.pki.server.key.write_bytes(foreign.key_pem)
        with desk:
            assert failure(files, desk.code()) is Failure.WRONG_AUTHORITY

    def test_no_hub_at_all(self, desk: EnrolmentDesk, files: IdentityFiles) -> None:
        code = msgspec.structs.replace(desk.code("koffert-0010"), port=free_port())
        assert failure(files, code) is Failure.NO_NETWORK

    @pytest.mark.parametrize("off_ms", [-2 * CLOCK_TOLERANCE_MS, 2 * CLOCK_TOLERANCE_MS])
    def test_a_clock_that_is_wrong(
        self, desk: EnrolmentDesk, files: IdentityFiles, off_ms: int
    ) -> None:
        with pytest.raises(EnrolmentError) as failed:
            enrol(files, desk.code("koffert-0011"), lambda: wall_ms() + off_ms)
        assert failed.value.reason is Failure.WRONG_CLOCK

    def test_the_clock_of_a_first_boot(self, desk: EnrolmentDesk, files: IdentityFiles) -> None:
        with pytest.raises(EnrolmentError) as failed:
            enrol(files, desk.code("koffert-0012"), lambda: 0)
        assert failed.value.reason is Failure.WRONG_CLOCK

    def test_every_refusal_of_the_hub_has_a_name_here(self) -> None:
        assert set(REFUSALS) == set(Refusal)

    def test_damaged_files(self, desk: EnrolmentDesk, files: IdentityFiles, tmp_path: Path) -> None:
        enrol(files, desk.code("koffert-0013"), wall_ms)
        (files.folder / "identity.json").write_bytes(b"{")
        with pytest.raises(DamagedIdentity):
            files.read()
        (tmp_path / "agent.toml").write_text('data_dir = "data"\n')
        with pytest.raises(SettingsError, match=r"identity\.json"):
            load_settings(tmp_path / "agent.toml")


class TestCodes:
    """What is scanned, copied from a chat or typed from paper."""

    CODE = EnrolmentCode("koffert.dalane.example", 8443, "A2B3" * 6, bytes(range(32)))

    def test_round_trip_whatever_happens_to_blanks_and_case(self) -> None:
        text = self.CODE.text()
        assert parse_code(text) == self.CODE
        assert parse_code(f"  {in_groups(text.lower())}\n") == self.CODE

    @pytest.mark.parametrize(
        "damage",
        [
            lambda text: text[:-1],
            lambda text: text + "A",
            lambda text: text.replace("KOFFERT1", "KOFFERT2"),
            lambda text: text.replace(":8443", ":0"),
            lambda text: text.replace(":8443", ":99999"),
            lambda text: text.replace("A2B3", "A1B0", 1),
            lambda _text: "",
            lambda _text: "https://koffert.dalane.example",
        ],
    )
    def test_what_is_not_whole_is_refused(self, damage: "object") -> None:
        assert callable(damage)
        with pytest.raises(CodeError):
            parse_code(damage(self.CODE.text()))


def test_an_enrolled_box_may_keep_its_own_words_in_agent_toml(
    desk: EnrolmentDesk, files: IdentityFiles, tmp_path: Path
) -> None:
    enrol(files, desk.code("koffert-0014"), wall_ms)
    (tmp_path / "agent.toml").write_text('data_dir = "data"\n[hub]\nkeepalive_s = 60\n')
    assert load_settings(tmp_path / "agent.toml").endpoint.keepalive_s == 60


def test_a_box_without_identity_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text('data_dir = "data"\n')
    with pytest.raises(SettingsError, match="koffert agent enrol"):
        load_settings(tmp_path / "agent.toml")
