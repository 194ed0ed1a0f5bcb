"""Where a setting comes from, and what is said of a wrong one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, SecretStr

from documents.errors import ConfigurationError
from exporters.settings import (
    RateLimit,
    SourceSettings,
    describe_settings,
    load_settings,
    variable_name,
)


class ChatSettings(SourceSettings):
    base_url: str = Field(default="https://chat.example/api/", description="Where it answers.")
    lookback_days: int = Field(default=14, ge=0, description="Days looked back.")
    pin: SecretStr = Field(default=SecretStr("0000"), min_length=4, description="A secret.")
    rate_limits: Mapping[str, RateLimit] = Field(
        default={
            "tier2": RateLimit(per_minute=20, burst=5),
            "tier3": RateLimit(per_minute=50, burst=10),
        },
        description="Limits.",
    )


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATA_GETTERS_CONFIG", raising=False)
    return tmp_path


def load(**explicit: Any) -> ChatSettings:
    return load_settings(ChatSettings, "chat", **explicit)


def test_defaults_are_used_where_nothing_is_given() -> None:
    settings = load()
    assert settings.page_size == 100
    assert settings.rate_limits["tier2"].burst == 5


def test_an_argument_beats_the_environment_beats_the_file_beats_the_default(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_folder / "data-getters.toml").write_text(
        "[chat]\npage_size = 1\nmax_attempts = 1\nread_timeout = 1\n[other]\npage_size = 9\n"
    )
    monkeypatch.setenv("DATA_GETTERS_CHAT__PAGE_SIZE", "2")
    monkeypatch.setenv("DATA_GETTERS_CHAT__MAX_ATTEMPTS", "2")
    settings = load(page_size=3)
    assert (settings.page_size, settings.max_attempts, settings.read_timeout) == (3, 2, 1.0)
    assert settings.lookback_days == 14


def test_the_file_is_where_the_variable_says(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_folder / "data-getters.toml").write_text("[chat]\npage_size = 1\n")
    (own_folder / "mine.toml").write_text("[chat]\npage_size = 2\n")
    monkeypatch.setenv("DATA_GETTERS_CONFIG", str(own_folder / "mine.toml"))
    assert load().page_size == 2


def test_an_argument_of_none_counts_as_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_GETTERS_CHAT__PAGE_SIZE", "2")
    assert load(page_size=None).page_size == 2


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_GETTERS_CHAT__PAGE_SIZE", "")
    assert load().page_size == 100


def test_variables_of_other_programs_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGE_SIZE", "7")
    monkeypatch.setenv("DATA_GETTERS_OTHER__PAGE_SIZE", "7")
    monkeypatch.setenv("DATA_GETTERS_CHAT__TOKEN", "a credential, read elsewhere")
    assert load().page_size == 100
    assert ChatSettings().page_size == 100


def test_one_number_of_a_rate_limit_can_be_changed_alone(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_folder / "data-getters.toml").write_text("[chat.rate_limits.tier2]\nper_minute = 1\n")
    monkeypatch.setenv("DATA_GETTERS_CHAT__RATE_LIMITS__TIER3__BURST", "2")
    limits = load().rate_limits
    assert limits["tier2"] == RateLimit(per_minute=1, burst=5)
    assert limits["tier3"] == RateLimit(per_minute=50, burst=2)


def test_rate_limits_can_be_given_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_GETTERS_CHAT__RATE_LIMITS", '{"a.b": {"per_minute": 3}}')
    assert load().rate_limits["a.b"] == RateLimit(per_minute=3)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("PAGE_SIZE", "many", ["DATA_GETTERS_CHAT__PAGE_SIZE", "'many'", "integer", "items"]),
        ("PAGE_SIZE", "0", ["'0'", "greater than or equal to 1"]),
        ("READ_TIMEOUT", "nan", ["READ_TIMEOUT", "finite number", "seconds"]),
        ("USE_ENVIRONMENT_PROXY", "maybe", ["USE_ENVIRONMENT_PROXY", "'maybe'", "boolean"]),
        ("BASE_URL", "chat.example", ["BASE_URL", "begins with https://"]),
        ("BASE_URL", "https://u:pw123456@h/", ["BASE_URL", "without a user name"]),
        ("RATE_LIMITS", "{", ["RATE_LIMITS", "not JSON"]),
        ("RATE_LIMITS", '{"a": {"per_minute": 0}}', ["RATE_LIMITS", "`a.per_minute`", "0"]),
        ("RATE_LIMITS", '{"a": {"burst": 2}}', ["`a.per_minute`", "missing"]),
        ("RATE_LIMITS", '{"a": {"per_min": 2, "per_minute": 2}}', ["`a.per_min`"]),
    ],
)
def test_a_wrong_variable_is_named_with_what_was_found_and_what_is_expected(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: list[str]
) -> None:
    monkeypatch.setenv(f"DATA_GETTERS_CHAT__{variable}", value)
    with pytest.raises(ConfigurationError) as caught:
        load()
    for word in words:
        assert word in str(caught.value)
    assert "pw123456" not in caught.value.sentence()


def test_a_wrong_value_in_the_file_is_named_with_the_file_and_the_key(own_folder: Path) -> None:
    (own_folder / "data-getters.toml").write_text("[chat]\npage_size = 'x'\n")
    with pytest.raises(ConfigurationError, match=r"`page_size` in \[chat\] of .*toml is 'x'"):
        load()


def test_a_wrong_argument_is_called_an_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_GETTERS_CHAT__PAGE_SIZE", "2")
    with pytest.raises(ConfigurationError, match="The argument `page_size` is -1"):
        load(page_size=-1)


def test_an_unknown_key_in_the_file_is_an_error_with_the_nearest_name(own_folder: Path) -> None:
    (own_folder / "data-getters.toml").write_text("[chat]\npagesize = 3\n")
    with pytest.raises(ConfigurationError, match="`pagesize`") as caught:
        load()
    assert "`page_size`" in caught.value.hint


def test_a_slip_in_a_variables_name_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_GETTERS_CHAT__PAGESIZE", "3")
    with pytest.raises(ConfigurationError, match="DATA_GETTERS_CHAT__PAGESIZE") as caught:
        load()
    assert "`page_size`" in caught.value.hint


def test_an_unknown_argument_lists_what_is_known() -> None:
    with pytest.raises(ConfigurationError, match="`zzz`") as caught:
        load(zzz=1)
    assert "base_url" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "words"),
    [("[chat\n", "is not TOML"), ("chat = 3\n", "must be a section"), (None, "cannot be read")],
)
def test_a_file_that_is_no_settings_file_is_named(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, words: str
) -> None:
    path = own_folder / "broken{name}.toml"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("DATA_GETTERS_CONFIG", str(path))
    with pytest.raises(ConfigurationError, match=words) as caught:
        load()
    assert str(path) in str(caught.value)


def test_a_secret_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_GETTERS_CHAT__PIN", "123")
    with pytest.raises(ConfigurationError, match="PIN") as caught:
        load()
    assert "123" not in caught.value.sentence()


def test_a_setting_without_a_default_must_be_given() -> None:
    with pytest.raises(ConfigurationError, match="`base_url` of chat is missing") as caught:
        load_settings(SourceSettings, "chat")
    assert "DATA_GETTERS_CHAT__BASE_URL" in caught.value.hint


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().page_size = 3


def test_every_setting_is_described_for_the_documentation() -> None:
    described = {one.name: one for one in describe_settings(ChatSettings, "chat")}
    assert described["read_timeout"].variable == variable_name("chat", "read_timeout")
    assert described["read_timeout"].unit == "seconds"
    assert described["page_size"].default == "100"
    assert described["pin"].default == ""
    assert '"tier2": {"per_minute": 20.0, "burst": 5}' in described["rate_limits"].default
    assert all(one.description for one in described.values())
    counted = {"lookback_days", "pin", "base_url", "rate_limits", "use_environment_proxy"}
    assert all(one.unit for one in described.values() if one.name not in counted)
