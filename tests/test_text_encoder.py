"""The embedded MiniLM: states belong to words, padding and the cache change nothing, truncation is told."""

from __future__ import annotations

import copy
import json
import logging
import os
import resource
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from n3core.config import TextConfig
from n3core.errors import InputError
from n3core.text_encoder import TextEncoder
from n3core.token_states import TokenCache, TokenStates, join_states
from tests.processes import start_process

SHORT = "A small bird with a red throat."
LONG = "The bank of the river is lined with willows, and the bill of the heron is long, yellow and dagger-shaped."


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder.load("minilm")


@pytest.fixture(scope="module")
def saved_encoder(encoder: TextEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    encoder._model.save_pretrained(folder)
    encoder._tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def static_encoder() -> TextEncoder:
    return TextEncoder.load("minilm", "static")


def states_of(found: TokenStates, row: int) -> torch.Tensor:
    return found.states[row][found.mask[row]]


def state_of_word(encoder: TextEncoder, text: str, word: str) -> torch.Tensor:
    found = encoder.encode([text])
    spans = [text[start:end].lower() for start, end in found.offsets[0]]
    return found.states[0, spans.index(word)]


def test_shapes_and_mask(encoder: TextEncoder) -> None:
    found = encoder.encode([SHORT, LONG])
    assert found.states.shape == (2, len(found.offsets[1]), 384)
    assert found.states.dtype == torch.float32
    assert found.mask.sum(1).tolist() == [len(found.offsets[0]), len(found.offsets[1])]
    assert not found.states[0, len(found.offsets[0]) :].any()
    assert found.dropped_words == (0, 0)


def test_offsets_point_at_words(encoder: TextEncoder) -> None:
    found = encoder.encode([LONG])
    pieces = [LONG[start:end] for start, end in found.offsets[0]]
    assert pieces[0] == pieces[-1] == ""
    assert {"bank", "river", "heron", "yellow", "dagger"} <= set(pieces)
    assert "".join(pieces) == LONG.replace(" ", "")


def test_padding_changes_nothing(encoder: TextEncoder) -> None:
    alone, together = encoder.encode([SHORT]), encoder.encode([SHORT, LONG])
    assert together.states.shape[1] > alone.states.shape[1]
    torch.testing.assert_close(states_of(together, 0), states_of(alone, 0), atol=2e-5, rtol=0)


def test_order_and_repetition_of_texts(encoder: TextEncoder) -> None:
    found = encoder.encode([LONG, SHORT, LONG])
    torch.testing.assert_close(found.states[0], found.states[2], atol=0, rtol=0)
    torch.testing.assert_close(states_of(found, 1), states_of(encoder.encode([SHORT]), 0), atol=2e-5, rtol=0)


def test_context_reaches_a_word_only_in_contextual_mode(encoder: TextEncoder, static_encoder: TextEncoder) -> None:
    river, money = "The bank of the river.", "The bank lends money."
    contextual = [state_of_word(encoder, text, "bank") for text in (river, money)]
    static = [state_of_word(static_encoder, text, "bank") for text in (river, money)]
    assert (contextual[0] - contextual[1]).norm() > 0.1 * contextual[0].norm()
    torch.testing.assert_close(static[0], static[1], atol=0, rtol=0)
    assert static[0].shape == contextual[0].shape == (384,)


def test_cache_hit_is_identical_and_computes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = TextEncoder(TextConfig(), tmp_path)
    first = encoder.encode([SHORT, LONG])
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2
    again = TextEncoder(TextConfig(), tmp_path)
    monkeypatch.setattr(again, "_model", None)
    second = again.encode([SHORT, LONG])
    assert torch.equal(first.states, second.states)
    assert torch.equal(first.mask, second.mask)
    assert first.offsets == second.offsets


def test_cache_is_keyed_by_text_and_mode(tmp_path: Path) -> None:
    contextual = TextEncoder(TextConfig(), tmp_path).encode([SHORT])
    static = TextEncoder(TextConfig(mode="static"), tmp_path).encode([SHORT])
    other = TextEncoder(TextConfig(), tmp_path).encode([SHORT.replace("red", "blue")])
    assert not torch.allclose(contextual.states, static.states)
    assert not torch.allclose(contextual.states, other.states)


def test_damaged_cache_file_is_computed_again(tmp_path: Path) -> None:
    encoder = TextEncoder(TextConfig(), tmp_path)
    first = encoder.encode([SHORT])
    (file,) = tmp_path.rglob("*.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    assert torch.equal(encoder.encode([SHORT]).states, first.states)
    assert file.stat().st_size > 100


def test_truncation_counts_the_words_it_drops(encoder: TextEncoder, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = encoder.encode(["bird " * 600, "bird " * 510])
    assert found.mask.sum(1).tolist() == [512, 512]
    assert found.dropped_words == (90, 0)
    assert [record.getMessage() for record in caplog.records if "90 words" in record.getMessage()]
    assert len(caplog.records) == 1


def test_truncation_is_remembered_by_the_cache(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    encoder = TextEncoder(TextConfig(), tmp_path)
    encoder.encode(["bird " * 600])
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert encoder.encode(["bird " * 600]).dropped_words == (90,)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("text", ["", " ", "\U0001f426", "word " * 3, "超長い鳥", "a" * 5000])
def test_odd_texts_yield_finite_states(encoder: TextEncoder, text: str) -> None:
    found = encoder.encode([text])
    assert found.states.isfinite().all()
    assert 2 <= found.mask.sum() <= 512


def test_threads_get_what_one_would(encoder: TextEncoder) -> None:
    texts = [f"A bird with {count} stripes on a wing, {'and a long tail ' * (count % 4)}." for count in range(12)]
    expected = [encoder.encode([text]).states for text in texts]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: encoder.encode([text]).states, texts * 2))
    for one, other in zip(expected * 2, found, strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=0)


def test_cache_is_keyed_by_the_weights_of_the_encoder(encoder: TextEncoder, tmp_path: Path) -> None:
    folder, cache = tmp_path / "encoder", tmp_path / "cache"
    encoder._tokenizer.save_pretrained(folder)
    encoder._model.save_pretrained(folder)
    first = TextEncoder.load(str(folder), cache_folder=cache).encode([SHORT])
    changed = copy.deepcopy(encoder._model)
    with torch.no_grad():
        changed.encoder.layer[-1].output.dense.weight.mul_(1.5)
    changed.save_pretrained(folder)
    second = TextEncoder.load(str(folder), cache_folder=cache).encode([SHORT])
    assert not torch.allclose(first.states, second.states, atol=1e-3)


def test_join_states_is_what_encoding_together_gives(encoder: TextEncoder) -> None:
    together = encoder.encode([SHORT, LONG])
    joined = join_states([encoder.encode([SHORT]), encoder.encode([LONG])])
    torch.testing.assert_close(joined.states, together.states, atol=2e-5, rtol=0)
    assert torch.equal(joined.mask, together.mask)
    assert joined.offsets == together.offsets


def test_encoder_takes_no_gradient(encoder: TextEncoder) -> None:
    assert not any(parameter.requires_grad for parameter in encoder._model.parameters())
    assert not encoder._model.training


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (TextConfig(mode="spoken"), ("spoken", "contextual", "static")),
        (TextConfig(name="no-such/encoder"), ("no-such/encoder", "local folder")),
        (TextConfig(hidden_size=768), ("minilm", "384", "768")),
    ],
)
def test_unusable_encoder_is_one_line(config: TextConfig, words: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        TextEncoder(config)
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words)


def test_folder_without_an_encoder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        TextEncoder.load(str(tmp_path))
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"model.safetensors": b"junk" * 99}, "header too large"),
        ({"model.safetensors": b""}, "header too small"),
        ({"config.json": b"[]"}, "model_type"),
        ({"config.json": {"hidden_size": 768}}, "another shape than its config.json says"),
        ({"config.json": {"num_hidden_layers": 9}}, r"its weights lack encoder\.layer\.6"),
        ({"config.json": {"hidden_size": "x"}}, "'hidden_size'"),
        ({"tokenizer.json": b"[]"}, "integer"),
        ({"tokenizer_config.json": b"[]"}, "'list' object"),
        ({"tokenizer.json": None, "tokenizer_config.json": None}, "no vocabulary"),
    ],
)
def test_a_damaged_encoder_is_one_line(
    damage: dict[str, bytes | dict[str, object] | None],
    words: str,
    saved_encoder: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "encoder"
    folder.mkdir()
    for file in saved_encoder.iterdir():
        (folder / file.name).symlink_to(file)
    for name, content in damage.items():
        (folder / name).unlink(missing_ok=True)
        if isinstance(content, dict):
            content = json.dumps(json.loads((saved_encoder / name).read_text()) | content).encode()
        if content is not None:
            (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        TextEncoder.load(str(folder))
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)
    assert capfd.readouterr().err == ""


def test_local_directory_gives_the_states_of_the_embedded_encoder(encoder: TextEncoder, saved_encoder: Path) -> None:
    local = TextEncoder.load(str(saved_encoder))
    torch.testing.assert_close(local.encode([SHORT]).states, encoder.encode([SHORT]).states, atol=1e-6, rtol=0)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hosts that were looked up, by a client of the hub as talkative as it can be."""
    hosts: list[str] = []

    def refuse(host: str, *rest: object, **options: object) -> None:
        hosts.append(host)
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", False)
    monkeypatch.setattr("huggingface_hub.utils._detect_agent._registry", None, raising=False)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    return hosts


@pytest.mark.parametrize("name", ["nobody/no-such-encoder", "no hub id: a/b/c", "\0", "x" * 5000])
def test_an_encoder_that_a_checkpoint_names_is_not_asked_for_elsewhere(name: str, asked: list[str]) -> None:
    with pytest.raises(InputError, match="is not on this machine; fetch it with: hf download") as caught:
        TextEncoder(TextConfig(name))
    assert "\n" not in str(caught.value)
    assert not asked


def test_the_embedded_encoder_is_loaded_without_asking(asked: list[str]) -> None:
    TextEncoder(TextConfig())
    assert not asked


def test_an_earlier_download_is_loaded_without_asking(
    encoder: TextEncoder, saved_encoder: Path, tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    download = tmp_path / "models--some--encoder"
    shutil.copytree(saved_encoder, download / "snapshots" / "abc")
    (download / "refs").mkdir()
    (download / "refs" / "main").write_text("abc")
    local = TextEncoder(TextConfig("some/encoder", hidden_size=384))
    torch.testing.assert_close(local.encode([SHORT]).states, encoder.encode([SHORT]).states, atol=1e-6, rtol=0)
    assert not asked


def test_code_in_the_folder_of_an_encoder_is_not_run(saved_encoder: Path, tmp_path: Path) -> None:
    folder, mark = tmp_path / "encoder", tmp_path / "it ran"
    shutil.copytree(saved_encoder, folder)
    (folder / "own.py").write_text(f"open({str(mark)!r}, 'w')\n")
    for name, key in (("config.json", "AutoModel"), ("tokenizer_config.json", "AutoTokenizer")):
        values = json.loads((folder / name).read_text())
        entry: object = "own.Thing" if key == "AutoModel" else ["own.Thing", "own.Thing"]
        (folder / name).write_text(json.dumps({**values, "auto_map": {key: entry, "AutoConfig": "own.Thing"}}))
    assert TextEncoder(TextConfig(str(folder))).encode([SHORT]).states.shape[2] == 384
    assert not mark.exists()


def encode_on_a_full_disk(folder: Path, log: Path) -> None:
    """Encode where no file may grow to the size of one text's states; for a process of its own."""
    torch.set_num_threads(1)
    sys.dont_write_bytecode = True
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT), sys.stderr.fileno())
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    assert TextEncoder(TextConfig(), folder).encode([SHORT]).states.shape == (1, 10, 384)


def test_full_disk_costs_the_cache_and_nothing_else(tmp_path: Path) -> None:
    process = start_process(encode_on_a_full_disk, tmp_path / "texts", tmp_path / "log")
    process.join(500)
    told = (tmp_path / "log").read_text()
    assert process.exitcode == 0, told
    assert "not cached" in told
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_cache_that_cannot_be_written_is_told_of_once(
    encoder: TextEncoder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    own = TextEncoder(encoder.config, tmp_path / "file")
    for text in ("One.", "Two."):
        own.encode([text])
    (told,) = [record.message for record in caplog.records if "not cached" in record.message]
    assert "$N3_CACHE" in told


def test_a_cache_is_bounded_while_it_is_used(
    encoder: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("n3core.token_states._KEPT_TEXTS", 3)
    monkeypatch.setattr("n3core.token_states._WRITTEN_BETWEEN", 2)
    own = TextEncoder(encoder.config, tmp_path)
    own.encode(["The first."])
    (first,) = tmp_path.glob("*/*.safetensors")
    for number in range(5):
        own.encode([f"Number {number}."])
        os.utime(first, (1, 1))
        own.encode(["The first."])
    assert first.exists(), "what is read again is not the oldest"
    assert len(list(tmp_path.glob("*/*.safetensors"))) == 3


def test_a_cache_forgets_its_oldest_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("n3core.token_states._KEPT_TEXTS", 2)
    for age, name in enumerate(("new", "middle", "old")):
        path = tmp_path / name[:2] / f"{name}.safetensors"
        path.parent.mkdir()
        path.write_bytes(b"x")
        os.utime(path, (1000 - age, 1000 - age))
    TokenCache(tmp_path, "an encoder")
    assert sorted(path.stem for path in tmp_path.glob("*/*")) == ["middle", "new"]
