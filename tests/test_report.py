"""The report of a training: what it says, that it stands alone, and names of every kind."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from earmark.classify.evaluation import metrics, report
from earmark.classify.evaluation.model_card import model_card
from earmark.classify.evaluation.result import Evaluation
from earmark.classify.evaluation.summary import summary
from earmark.classify.html import plotting
from earmark.classify.model import storage
from earmark.extract.errors import WriteError

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "two\nlines | and a pipe",
    "\x1b[31mred\x07",
    "民谣 摇滚",
    "موسيقى عربية",
    "‮turned round",
    r"$\frac{1}{0}$ %s {0} `code`",
    "",
]

# Folders may be called so, though no table can hold it.
NOT_TEXT = ["not UTF-8 \udcff", "a lone half \ud800", "two\nlines"]


def evaluation(genres, tracks=200, seed=0, never=None, wrong=1.0, paths=None, **numbers):
    """Return an evaluation of made-up predictions; the genre `never` is never predicted."""
    rng = np.random.default_rng(seed)
    truth = np.arange(tracks) % len(genres)
    logits = wrong * rng.normal(size=(tracks, len(genres)))
    logits[np.arange(tracks), truth] += 2
    if never is not None:
        logits[:, genres.index(never)] = -20
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = [genres[place] for place in truth]
    owners = [f"artist {index // 3}" for index in range(tracks)]
    paths = paths or [f"{owner}/{index}.mp3" for index, owner in enumerate(owners)]
    known = pd.DataFrame({"label": labels, "group": owners}, pd.Index(paths))
    found = metrics.per_genre(labels, chances, genres)
    right = metrics.ranks(labels, chances, genres) == 0
    about = {
        **metrics.evaluate(labels, chances, genres),
        "interval": {"accuracy": list(metrics.interval(right, owners))},
        "spread": {"accuracy": 0.0123},
        "commonest": 1 / len(genres),
        "folds": 5,
        "repeats": 3,
        "grouped_by": "artist",
        "tracks": tracks,
        "groups": len(set(owners)),
        "genres": {
            genre: {
                "tracks": int(row["tracks"]),
                "groups": 1,
                "recall": None if np.isnan(row["recall"]) else row["recall"],
                "precision": None if np.isnan(row["precision"]) else row["precision"],
            }
            for genre, row in found.iterrows()
        },
    }
    chances = pd.DataFrame(chances, known.index, genres)
    nothing = pd.DataFrame(columns=["path", "genre", "feature", "value", "contribution"])
    return Evaluation(about | numbers, known, chances, 0.5, 1.25, nothing)


class Page(HTMLParser):
    """Checks that tags match and notes which there are, their attributes and the text."""

    VOID = ("meta", "img", "br", "hr")

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(page.decode())
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += " " + data


def page(found, **others):
    return Page(report.render(title="Genre model", evaluation=found, **others)["report.html"])


@pytest.mark.parametrize("count", [2, 3, 31, 114])
@pytest.mark.slow
def test_a_report_of_few_and_of_many_genres_is_written_whole(tmp_path, count):
    genres = [f"genre {place}" for place in range(count)]
    importances = pd.Series(np.full(40, 1 / 40), [f"column_{place}" for place in range(40)])
    report.write(
        tmp_path,
        title="Genre model",
        evaluation=evaluation(genres),
        importances=importances,
        card="# A card\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(storage.REPORT)
    for name in storage.REPORT[1:]:
        picture = imread(io.BytesIO((tmp_path / name).read_bytes()))
        assert min(picture.shape[:2]) > 150
        # Something is drawn: ink, and paper.
        assert 0.01 < (picture[..., :3].min(axis=2) < 0.9).mean() < 0.7
    found = Page((tmp_path / "report.html").read_bytes())
    assert found.tags.count("img") == 4
    assert all(genre in found.text for genre in genres)
    assert f"The {report.COLUMNS} most important of 40 columns" in found.text
    assert "A card" in found.text
    assert ("first three" in found.text) == (count > 3)


def test_without_importances_there_is_no_picture_of_them():
    files = report.render(title="Genre model", evaluation=evaluation(["a", "b"]))
    assert list(files) == list(storage.REPORT[:-1])


def test_the_page_loads_nothing_and_runs_nothing():
    found = evaluation(["a", "b"])
    card = "[link](https://example.org) ![picture](https://example.org/a.png) <b onclick=x>b</b>"
    for given in (page(found), page(found, card=card)):
        # `a` stands for a link, that only a card can have; following it is the reader's choice.
        assert not {"script", "link", "iframe", "object", "form", "b onclick"} & set(given.tags)
        assert not [name for name, _ in given.attributes if name.startswith("on")]
        sources = [value for name, value in given.attributes if name == "src"]
        assert len(sources) == 3
        assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    text = report.render(title="Genre model", evaluation=found)["report.html"].decode()
    assert not re.search(r"https?:|url\(|@import|<script", text)


def test_the_same_evaluation_gives_the_same_bytes():
    def files():
        return report.render(title="Genre model", evaluation=evaluation(["a", "b", "c"]))

    assert files() == files()


@pytest.mark.slow
def test_a_large_report_stays_small_enough_to_be_mailed():
    genres = [f"a genre with a rather long name {place}" for place in range(114)]
    paths = [f"Some Artist/Some Album/{place:05d} – a track.mp3" for place in range(5000)]
    found = evaluation(genres, tracks=5000, paths=paths)
    files = report.render(title="Genre model", evaluation=found)
    assert len(files["report.html"]) < 3e6
    shown = Page(files["report.html"])
    # Long tables are folded.
    assert "details" in shown.tags
    assert ("open", None) not in shown.attributes


def test_hostile_names_are_shown_and_do_nothing(tmp_path):
    genres = [*HOSTILE, "plain"]
    paths = [f"{HOSTILE[place % len(HOSTILE)]} {place}.mp3" for place in range(120)]
    found = evaluation(genres, tracks=120, paths=paths, wrong=3.0)
    wrong = found.probabilities.idxmax(axis=1)[lambda own: own != found.tracks["label"]]
    explained = pd.DataFrame(
        {
            "path": wrong.index,
            "genre": wrong.to_numpy(),
            "feature": "<i>tempo</i>",
            "value": 1.5,
            "contribution": 0.25,
        }
    )
    shared = {"file": {"tracks": 2, "examples": [(paths[0], paths[1])]}}
    numbers = found.metrics | {"duplicate_tracks": shared}
    found = Evaluation(numbers, found.tracks, found.probabilities, 0.5, 1.0, explained)
    card = model_card(HOSTILE[0], numbers, [f"Genres: {', '.join(HOSTILE)}."])
    importances = pd.Series([0.6, 0.4], HOSTILE[:2])
    given = {"evaluation": found, "explanations": explained, "importances": importances}
    report.write(tmp_path, title=HOSTILE[0], card=card, **given)
    shown = Page((tmp_path / "report.html").read_bytes())
    assert not {"script", "i"} & set(shown.tags)
    # As many pictures as there are files: none of a name.
    assert shown.tags.count("img") == 4
    assert not [name for name, _ in shown.attributes if name.startswith("on")]
    for name in (HOSTILE[0], HOSTILE[1], "民谣 摇滚", "موسيقى عربية"):
        assert name in shown.text
    assert "<i>tempo</i> = 1.5 (+0.25)" in shown.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", shown.text)
    # Names that read from right to left turn nothing but themselves round.
    assert shown.tags.count("bdi") > 100


def test_names_that_the_font_cannot_write_are_numbered_in_pictures_and_listed_below():
    names = ["rock", "民谣", "x" * 60, "\ud800", "a\nb", ""]
    found = plotting.labels(names)
    assert [found[0], found[1], found[3], found[4], found[5]] == [
        "rock",
        "no. 2",
        "no. 4",
        "a b",
        "no. 6",
    ]
    assert len(found[2]) == plotting.LONGEST
    shown = page(evaluation(["rock", "民谣"]))
    assert re.search(r"no\. [12] =\s+民谣", shown.text)


def test_a_genre_that_is_never_predicted_has_no_precision():
    found = evaluation(["a", "b", "polka"], never="polka")
    assert found.metrics["genres"]["polka"]["precision"] is None
    text = page(found).text
    row = re.search(r"3\s+polka\s+66\s+1\s+0\s%\s+–\s+0\.00", text)
    assert row, text


@pytest.mark.slow
def test_the_first_that_is_said_is_the_honest_number_and_then_the_leaky_one():
    found = evaluation(
        ["a", "b"],
        accuracy=0.512,
        leaky={"accuracy": 0.883, "interval": {"accuracy": [0.8, 0.95]}},
        duplicates={"accuracy": 0.532},
        duplicate_tracks={"recoded": {"tracks": 4, "examples": [["one.mp3", "two.ogg"]]}},
    )
    text = " ".join(page(found).text.split())
    assert "On tracks whose artist it was not trained on this model names the right genre" in text
    assert "5 times in 10 (51.2 %)" in text
    assert text.index("51.2 %") < text.index("88.3 %") < text.index("+2.0 points")
    assert "95 % interval 80–95 %" in text
    assert "the same audio at another bit rate or in another format 4 one.mp3 , two.ogg" in text
    assert "200 tracks, 67 groups, 5 folds, 3 times" in text
    without = " ".join(page(evaluation(["a", "b"])).text.split())
    assert "would have said" not in without
    assert "Doubles" not in without


def test_what_may_be_too_high_is_not_called_honest():
    text = " ".join(page(evaluation(["a", "b"], grouped_by="track")).text.split())
    assert "at most" in text
    assert "no artists are known" in text
    assert "what to expect of new music" not in text
    assert "what to expect of new music" in page(evaluation(["a", "b"])).text


def test_one_repeat_has_no_spread_and_one_fold_is_not_all():
    text = " ".join(page(evaluation(["a", "b"], folds=1, repeats=1, tested=40)).text.split())
    assert "200 tracks, 40 of them tested, 67 groups, 1 fold" in text
    assert "± repeats" not in text
    assert "± repeats" in page(evaluation(["a", "b"])).text


def test_the_worst_confusions_and_the_surest_errors_are_named_with_reasons():
    chances = pd.DataFrame(
        [[0.9, 0.05, 0.05], [0.05, 0.15, 0.8], [0.1, 0.3, 0.6], [0.2, 0.7, 0.1], [0, 0, 1]],
        ["right.mp3", "sure.mp3", "unsure.mp3", "other.mp3", "good.mp3"],
        ["a", "b", "c"],
    )
    tracks = pd.DataFrame({"label": ["a", "b", "b", "a", "c"], "group": "x"}, chances.index)
    base = evaluation(["a", "b", "c"])
    explained = pd.DataFrame(
        [
            ("sure.mp3", "c", "tempo", 123.456, 0.4),
            ("sure.mp3", "c", "loudness", -7.0, 0.9),
            ("sure.mp3", "c", "key", 3, -0.8),
            ("sure.mp3", "b", "energy", 0.1, 2.0),
        ],
        columns=["path", "genre", "feature", "value", "contribution"],
    )
    found = Evaluation(base.metrics, tracks, chances, 0.5, 1.0, explained)
    text = " ".join(page(found, explanations=explained).text.split())
    confusions, errors = text.split("Worst confusions")[1].split("Surest errors")
    assert "b → c 2 100 % sure.mp3 unsure.mp3 a → b 1 50 % other.mp3" in confusions
    errors = errors.split("Calibration")[0]
    # What spoke against it, or for another genre, is no reason.
    reasons = "loudness = −7 (+0.90) tempo = 123.5 (+0.40)"
    assert f"sure.mp3 b 15 % c 80 % {reasons} other.mp3 a 20 % b 70 % unsure.mp3" in errors
    assert not {"right.mp3", "good.mp3", "key", "energy"} & set(errors.split())
    assert "what spoke for it" not in page(found).text


def test_a_model_without_errors_has_none_to_show():
    text = page(evaluation(["a", "b"], wrong=0.0)).text
    assert "No track was mistaken" in text
    assert "Surest errors" not in text


def test_a_report_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError, match="file"):
        report.write(tmp_path / "file", title="t", evaluation=evaluation(["a", "b"]))


def test_a_card_says_what_is_known():
    numbers = evaluation(["a", "b", "c", "d"], leaky={"accuracy": 0.9}).metrics
    card = model_card("Genre model x", numbers, ["Trained on music."])
    assert card.startswith("# Genre model x\n\nTrained on music.\n")
    assert "5-fold cross-validation in which no artist is on both sides,\n3 times" in card
    low, high = numbers["interval"]["accuracy"]
    accuracy = f"| accuracy | {numbers['accuracy']:.3f} ± 0.012 | {low:.3f}–{high:.3f} |"
    assert accuracy in card
    assert "| true genre among the first three |" in card
    assert "| accuracy that a random split would have said | 0.900 | – |" in card
    assert card.count("| 50 | 1 |") == 4


def test_a_card_of_an_older_bundle_says_what_that_has():
    numbers = {
        "accuracy": 0.5,
        "macro_f1": 0.4,
        "commonest": 0.3,
        "folds": 5,
        "repeats": 1,
        "grouped_by": "album",
        "genres": {
            "a|b": {"tracks": 1, "groups": 1, "recall": 0.5, "precision": 0.0},
            "c": {"tracks": 1, "groups": 1, "recall": 0.5, "precision": None},
        },
    }
    card = model_card("old", numbers, [])
    assert "| accuracy | 0.500 | – |" in card
    assert r"| a\|b | 1 | 1 | 0.50 | 0.00 |" in card
    assert "| c | 1 | 1 | 0.50 | – |" in card
    assert not re.search("random split|first three|±|nan|None", card)


@pytest.mark.parametrize("title", NOT_TEXT)
def test_whatever_a_model_is_called_its_page_can_be_written(title):
    files = report.render(title=title, evaluation=evaluation(["a", "b"]), card=f"# {title}")
    text = Page(files["report.html"]).text
    assert any(
        name in text for name in (r"not UTF-8 \xff", "a lone half \N{REPLACEMENT CHARACTER}", "two")
    )


@pytest.mark.parametrize("title", NOT_TEXT)
def test_a_card_is_text_that_can_be_written(title):
    numbers = evaluation(HOSTILE).metrics
    card = model_card(title, numbers, [*HOSTILE, *NOT_TEXT])
    assert card.encode().startswith(("# " + " ".join(title.split())[:9]).encode())
    assert "\x1b" not in card
    assert card.splitlines()[1] == ""
    rows = card.split("| genre |")[1].split("\n\n")[0].splitlines()[2:]
    assert len(rows) == len(HOSTILE)
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 6 for row in rows)


def test_a_summary_says_the_honest_number_and_beside_it_the_leaky_one():
    numbers = evaluation(
        ["a", "b"],
        accuracy=0.5,
        interval={"accuracy": [0.4, 0.6]},
        leaky={"accuracy": 0.8, "interval": {"accuracy": [0.7, 0.9]}},
        duplicate_tracks={"file": {"tracks": 4, "examples": []}},
        duplicates={"accuracy": 0.52},
        unknown={"polka": 3},
        tested=40,
    ).metrics
    lines = summary(numbers)
    assert lines[0] == (
        "200 tracks, 40 of them tested, 5-fold cross-validation, no artist is on both sides, "
        "3 times:"
    )
    accuracy = "  accuracy           0.500  (0.400–0.600)     random split: 0.800  (0.700–0.900)"
    assert lines[1] == accuracy
    assert "  the commonest genre alone would give 0.500" in lines
    assert "  4 tracks are there more than once: the same file" in lines
    changed = "  duplicates on both sides of the split would have changed accuracy by +0.020"
    assert changed in lines
    assert "  polka: 3 tracks, a genre that the model does not know" in lines
    assert [line.split()[0] for line in lines[-2:]] == sorted(
        "ab", key=lambda genre: numbers["genres"][genre]["recall"]
    )


def test_a_summary_of_many_genres_names_those_that_are_found_least():
    lines = summary(evaluation([f"g{place}" for place in range(40)], never="g7").metrics)
    assert "  of 40 genres the ten that are found least:" in lines
    assert lines[-10].split() == ["g7", "5", "tracks", "recall", "0.00", "precision", "–"]


def test_a_summary_says_nothing_that_is_not_known():
    genres = {"a": {"tracks": 2, "groups": 1, "recall": None, "precision": None}}
    numbers = {"tracks": 2, "accuracy": 0.5, "commonest": 0.5, "genres": genres}
    lines = summary(numbers | {"leaky": {"accuracy": 0.6}, "interval": {"accuracy": [0, 1]}})
    assert lines == [
        "2 tracks:",
        "  accuracy           0.500  (0.000–1.000)     random split: 0.600",
        "  the commonest genre alone would give 0.500",
        "  a      2 tracks  recall –  precision –",
    ]


def test_a_summary_can_be_printed_whatever_genres_are_called():
    numbers = evaluation(HOSTILE, unknown=dict.fromkeys(HOSTILE, 1)).metrics
    lines = summary(numbers)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", "".join(lines))
    assert sum("two lines | and a pipe" in line for line in lines) == 2
