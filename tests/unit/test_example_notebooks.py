"""The notebooks that a newcomer finds, and how they come into the notebook folder."""

import json
import re

from components.zeppelin.examples import example_notebooks
from components.zeppelin.files import seed_notebooks


class TestSeedNotebooks:
    def test_each_example_comes_once_and_covers_nothing(self, tmp_path):
        (tmp_path / "source").write_text(example_notebooks([("gdr3", "/data/gaia/GDR3")], ["spark", "spark-large"]))
        folder = tmp_path / "notebook"
        for path, notebook in json.loads((tmp_path / "source").read_text()).items():
            assert re.fullmatch(r"Examples/[\w ]+_2[A-Z0-9]{8}\.zpln", path)
            assert notebook["path"] == "/" + path.rsplit("_", 1)[0]
        seed_notebooks.main(str(tmp_path / "source"), str(folder))
        first, second = sorted((folder / "Examples").iterdir())
        assert (first.name[:9], second.name[:7]) == ("Read gdr3", "Welcome")
        first.unlink()
        second.write_text("mine")
        seed_notebooks.main(str(tmp_path / "source"), str(folder))
        assert [path.read_text() for path in (folder / "Examples").iterdir()] == ["mine"]


def test_the_welcome_says_what_one_may_write_and_a_bucket_is_read_by_spark():
    plain = example_notebooks([("gdr3", "/data/gaia/GDR3")], ["spark"])
    assert "Where you can write" not in plain
    notes = json.loads(example_notebooks([("dr2", "s3a://gaia/dr2")], ["spark"], ["gaia-dmp-x-results"], space=True))
    texts = {note["name"]: [p["text"] for p in note["paragraphs"]] for note in notes.values()}
    assert "`/user/<your name>`" in texts["Welcome"][0]
    assert "`s3a://gaia-dmp-x-results`" in texts["Welcome"][0]
    assert "os.walk" not in "".join(texts["Read dr2"])
    assert 'root = "s3a://gaia/dr2"' in texts["Read dr2"][1]


def test_a_catalogue_on_a_disk_is_scored_where_there_are_models():
    datasets = [("dr2", "s3a://gaia/dr2"), ("gdr3", "/data/gaia/GDR3")]
    for models, wanted in ((False, []), (True, ["Score gdr3"])):
        notes = json.loads(example_notebooks(datasets, ["spark"], models=models))
        assert [note["name"] for note in notes.values() if note["name"].startswith("Score")] == wanted
    with_space, without = (example_notebooks(datasets, ["spark"], space=space, models=True) for space in (True, False))
    assert ("/user/{me}/scores" in with_space, "/user/{me}/scores" in without) == (True, False)


def test_a_paragraph_is_python_and_its_text_is_for_the_notebook():
    notes = json.loads(example_notebooks([("gdr3", "/data/gaia/GDR3")], ["spark"], space=True, models=True))
    (texts,) = [[p["text"] for p in note["paragraphs"]] for note in notes.values() if note["name"] == "Score gdr3"]
    for text in texts[1:]:
        compile(text.removeprefix("%spark.pyspark"), "paragraph", "exec")
        # What is for a laptop, or for those who write this project.
        for word in ("# %%", "noqa", "sys.argv", "addArtifacts", "getOrCreate"):
            assert word not in text
