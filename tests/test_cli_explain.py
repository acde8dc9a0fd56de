"""`n3 explain`, `n3 diagnose` and `n3 report`: JSON that says what was found, files whole, one line on bad input."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.command_line import refused, run, run_json, save_tiny_checkpoint

TEXTS = {
    "red": "A square of bright red cloth, round dots in rows, slightly worn.",
    "blue": "A square of deep blue cloth with a broad white border and a star.",
    "grey": "It varies widely.",
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_checkpoint(tmp_path_factory.mktemp("cli-explain") / "checkpoint")


@pytest.fixture(autouse=True)
def surroundings(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N3_CHECKPOINT", str(checkpoint))
    monkeypatch.delenv("N3_DATA", raising=False)


@pytest.fixture
def descriptions(tmp_path: Path) -> Path:
    path = tmp_path / "texts.json"
    path.write_text(json.dumps(TEXTS))
    return path


def test_one_image_is_explained_by_words_pixels_and_layers(descriptions: Path, image_folder: Path) -> None:
    image = image_folder / "blue" / "1.png"
    found = run_json("explain", "--descriptions", descriptions, "--image", image, "--target", "red", "--words", 3)
    assert found["class_names"] == list(TEXTS) and found["data"] is None
    (row,) = found["images"]
    assert row["image"] == str(image) and row["true"] is None
    assert row["class"] == row["probabilities"][0]["class"]
    assert sum(entry["probability"] for entry in row["probabilities"]) == pytest.approx(1, abs=1e-4)
    evidence = row["evidence"]
    assert evidence["target"] == "red" == evidence["positive"]["class"]
    words = evidence["positive"]["words"]
    assert len(words) == 3 and all(TEXTS["red"][word["start"] : word["end"]] == word["word"] for word in words)
    assert [word["magnitude"] for word in words] == sorted((word["magnitude"] for word in words), reverse=True)
    assert {entry["class"] for entry in evidence["ruled_out"]} == {"blue", "grey"}
    for network in ("adapted", "fc_only"):
        saliency = row["saliency"][network]
        assert saliency["method"] == "gradient" and saliency["largest"] > 0
        assert 0.1 < saliency["top_tenth"] <= 1 and all(0 < place < 1 for place in saliency["centre"])
    assert row["saliency"]["adapted"] != row["saliency"]["fc_only"]
    assert found["layers"][-1]["kind"] == "fc" and found["layers"][0]["relative"] > 0


def test_all_images_of_a_dataset_are_explained_at_once(descriptions: Path, image_folder: Path) -> None:
    found = run_json("explain", "--data", image_folder, "--descriptions", descriptions, "--target", "true")
    assert len(found["images"]) == 18
    assert [row["true"] for row in found["images"]] == [row["evidence"]["target"] for row in found["images"]]
    assert [(entry["class"], entry["images"]) for entry in found["words"]] == [(name, 6) for name in TEXTS]
    single = run_json("explain", "--descriptions", descriptions, "--image", image_folder / "red" / "2.png",
                      "--target", "red")["images"][0]  # fmt: skip
    assert single["evidence"] == found["images"][2]["evidence"], "what stands beside an image changes nothing"
    table = run("explain", "--data", image_folder, "--split", "all", "--target", "true")
    assert table.exit_code == 0 and "evidence in 24 images" in table.stdout and "green" in table.stdout


def test_drawn_pictures_tell_the_share_of_each_part() -> None:
    found = run_json("explain", "--data", "fieldbook-flowers", "--split", "test", "--limit", 1)
    shares = found["images"][0]["saliency"]["adapted"]["shares"]
    assert found["provenance"]["limit"] == 1 and found["provenance"]["data_version"]
    assert shares["object"]["saliency"] + shares["background"]["saliency"] == pytest.approx(1, abs=1e-3)


def test_classes_are_found_in_the_spellings_that_evaluate_knows(image_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "plants"
    texts = dict(zip(("001.Colts_foot", "cat's ear", "ox-eye"), TEXTS.values(), strict=True))
    for old, new in (("red", "001.Colts_foot"), ("blue", "002.Cats_ear"), ("grey", "003.Ox_eye")):
        shutil.copytree(image_folder / old, folder / new)
    (folder / "descriptions.json").write_text(json.dumps(texts))
    found = run_json("diagnose", "--data", folder, "--descriptions", folder / "descriptions.json")
    assert found["images"] == 18 and len(found["ranking"]) == 3
    (tmp_path / "classes.txt").write_text("cat's ear\nox eye\n")
    assert run_json("diagnose", "--data", folder, "--classes", tmp_path / "classes.txt")["images"] == 12
    (tmp_path / "task.json").write_text(json.dumps({**texts, "violet": "A violet."}))
    some = run("diagnose", "--data", folder, "--descriptions", tmp_path / "task.json")
    assert some.exit_code == 0 and "warning: plants has no images of 'violet'" in some.stderr
    (tmp_path / "twice.json").write_text(json.dumps({"colt's foot": "One.", "Colts foot": "Two."}))
    assert "are the same class" in refused("diagnose", "--data", folder, "--descriptions", tmp_path / "twice.json")


def test_a_task_file_leads_to_the_dataset_beside_it(image_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(image_folder, tmp_path / "proj" / "cloth")
    (tmp_path / "proj" / "cloth" / "descriptions.json").rename(tmp_path / "proj" / "own.json")
    classes = [{"name": name, "description": text} for name, text in TEXTS.items()]
    for name, pictures in (("cloth", 18), ("./cloth::own.json", 18), ("fieldbook-flowers", None)):
        (tmp_path / "proj" / "task.json").write_text(json.dumps({"dataset": name, "classes": classes}))
        arguments = ("diagnose", "--descriptions", tmp_path / "proj" / "task.json")
        if pictures:
            assert run_json(*arguments)["images"] == pictures
        else:
            assert "has none of the classes" in refused(*arguments)


@pytest.mark.parametrize(
    "name", ["/home/alice/silk", r"C:\Users\alice\silk", "silk", "/home/alice/silk::/home/alice/own.json"]
)
def test_a_task_file_of_another_machine_works_from_its_texts(name: str, image_folder: Path, tmp_path: Path) -> None:
    classes = [{"name": name, "description": text} for name, text in TEXTS.items()]
    (tmp_path / "task.json").write_text(json.dumps({"dataset": name, "classes": classes}))
    task = ("--descriptions", tmp_path / "task.json")
    result = run("diagnose", *task, "--json")
    (line,) = result.stderr.splitlines()
    assert result.exit_code == 0 and json.loads(result.stdout)["images"] == 0
    assert line.startswith("warning: task.json names the dataset 'silk") and "--data PATH" in line
    assert "alice" not in line
    assert run_json("explain", *task, "--image", image_folder / "red" / "0.png")["images"]
    assert run("report", *task, "--out", tmp_path / "report.html").exit_code == 0
    assert "alice" not in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "no dataset" in refused("diagnose", "--split", "test", *task), "a split is of a dataset"
    assert "no dataset '/nowhere'" in refused("diagnose", "--data", "/nowhere", *task)


def test_diagnose_ranks_with_reasons(descriptions: Path, image_folder: Path) -> None:
    found = run_json("diagnose", "--data", image_folder, "--descriptions", descriptions)
    assert found["images"] == 18 and [entry["rank"] for entry in found["ranking"]] == [1, 2, 3]
    assert found["split"] is None and found["classes_file"] == found["provenance"]["descriptions"] == "texts.json"
    scores = [entry["score"] for entry in found["ranking"]]
    assert scores == sorted(scores, reverse=True)
    grey = next(entry for entry in found["ranking"] if entry["class"] == "grey")
    assert {"few visual words", "too short"} & {reason["kind"] for reason in grey["reasons"]}
    assert all(reason["sentence"] and reason["points"] > 0 for reason in grey["reasons"])
    assert sum(map(sum, found["confusion"])) == 18
    assert found["per_class_accuracy"] == pytest.approx(
        sum(100 * found["confusion"][k][k] / 6 for k in range(3)) / 3, abs=1e-3
    )


def test_diagnose_says_something_without_labels_and_without_images(descriptions: Path, image_folder: Path) -> None:
    texts = run_json("diagnose", "--descriptions", descriptions)
    assert texts["provenance"]["data_version"] is None
    assert texts["images"] == 0 and texts["confusion"] is None and texts["ranking"][0]["class"] == "grey"
    images = [part for number in range(4) for part in ("--image", image_folder / "red" / f"{number}.png")]
    unlabelled = run_json("diagnose", "--descriptions", descriptions, *images)
    assert unlabelled["images"] == 4 and unlabelled["confusion"] is None
    assert sum(entry["drawn"] for entry in unlabelled["ranking"]) == 4
    table = run("diagnose", "--descriptions", descriptions)
    assert table.exit_code == 0 and "grey" in table.stdout and "varies widely" in table.stdout


def test_what_is_measured_shows_in_the_ranking(descriptions: Path, image_folder: Path) -> None:
    quick = ("diagnose", "--data", image_folder, "--descriptions", descriptions, "--limit", 2)
    plain, measured = run_json(*quick), run_json(*quick, "--measure")
    kinds = {reason["basis"] for entry in measured["ranking"] for reason in entry["reasons"]}
    assert "measured" in kinds
    assert "measured" not in {reason["basis"] for entry in plain["ranking"] for reason in entry["reasons"]}


def test_report_writes_a_page_or_an_archive(descriptions: Path, image_folder: Path, tmp_path: Path) -> None:
    options = ("report", "--data", image_folder, "--descriptions", descriptions, "--limit", 2, "--examples", 1)
    result = run(*options, "--no-controls", "--out", tmp_path / "new" / "report.html")
    assert result.exit_code == 0 and "3 classes, 6 images" in result.stdout
    page = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    assert "6, labelled; at most 2 of each class" in page
    assert "It varies widely." in page and "http" not in page.replace("http-equiv", "")
    found = run_json(*options, "--out", tmp_path / "all.zip", "--example", "red/3.png")
    assert found["out"] == str(tmp_path / "all.zip") and found["examples"][0]["image"] == "red/3.png"
    assert set(found["evaluation"]["controls"]) == {"shuffled", "name_only", "empty"}
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert "report.html" in archive.namelist()
    assert run_json(*options, "--no-controls")["out"] is None


def test_a_task_file_brings_its_dataset(image_folder: Path, tmp_path: Path) -> None:
    classes = [{"name": name, "description": text} for name, text in TEXTS.items()]
    path = tmp_path / "task.json"
    path.write_text(json.dumps({"title": "[red]Cloth", "dataset": str(image_folder), "classes": classes}))
    assert run_json("diagnose", "--descriptions", path)["images"] == 18
    found = run_json("report", "--descriptions", path, "--limit", 1, "--examples", 0, "--no-controls")
    assert found["title"] == "[red]Cloth" and found["examples"] == []


def test_bad_input_is_one_line_each(descriptions: Path, image_folder: Path, tmp_path: Path) -> None:
    both = ("--data", image_folder, "--descriptions", descriptions)
    assert "nothing to work on" in refused("explain")
    assert "no picture to explain" in refused("explain", "--descriptions", descriptions)
    assert "'mauve' is no class" in refused("explain", *both, "--target", "mauve")
    assert "'magic'" in refused("explain", *both, "--method", "magic")
    assert "'joy'" in refused("report", *both, "--quantity", "joy", "--json")
    assert "nowhere to write" in refused("report", *both)
    assert "must end in" in refused("report", *both, "--out", tmp_path / "report.pdf")
    assert "'nowhere.png'" in refused("report", *both, "--example", "nowhere.png", "--json")
    alone = ("report", "--descriptions", descriptions, "--json")
    assert "--measure needs images" in refused(*alone, "--measure")
    assert "--example needs images" in refused(*alone, "--example", "a.png")
    assert "no dataset" in refused("diagnose", "--data", tmp_path / "nowhere", "--descriptions", descriptions)
    assert "no checkpoint" in refused("diagnose", *both, "--checkpoint", tmp_path)
    assert "--measure needs" in refused("diagnose", "--descriptions", descriptions, "--measure")
    image = image_folder / "red" / "0.png"
    assert "'true' needs" in refused("explain", "--descriptions", descriptions, "--image", image, "--target", "true")
    (tmp_path / "text.png").write_text("no image")
    assert "text.png" in refused("explain", "--descriptions", descriptions, "--image", tmp_path / "text.png")
    assert "device 'tpu'" in refused("explain", *both, "--device", "tpu")
    descriptions.write_text("[[[")
    assert "json" in refused("report", *both, "--out", tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
