"""Text is stamped where and in what colour it is asked for."""

import numpy as np
from PIL import Image

from dcsim.plots.stamps import StampLayer


def stamped(**options):
    layer = StampLayer(100.0, 100.0)
    stamp = layer.writer(20.0, 10.0)(30.0, 40.0, "23.4", 10.0, **options)
    picture = Image.new("RGB", (200, 100), "#ffffff")
    layer.draw(picture)
    return np.asarray(picture), stamp, layer


def extent(picture):
    rows, columns = np.nonzero((picture != 255).any(axis=2))
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_a_stamp_stands_at_its_place_from_the_lower_left():
    top, bottom, left, right = extent(stamped(ha="left")[0])
    assert 50 <= left <= 53
    assert top < 50 < bottom  # 10 + 40 of 100, upwards
    top, bottom, left, right = extent(stamped(ha="right")[0])
    assert 47 <= right <= 50
    top, bottom, left, right = extent(stamped()[0])
    assert abs(left + right - 100) <= 3


def test_a_stamp_changes_its_words_and_colour():
    _, stamp, layer = stamped()
    stamp.set_text("hot")
    stamp.set_color("#ff0000")
    picture = Image.new("RGB", (200, 100), "#ffffff")
    layer.draw(picture)
    shown = np.asarray(picture)
    inked = shown[(shown != 255).any(axis=2)]
    assert (inked[:, 0] == 255).all() and inked[:, 1].min() < 80
    stamp.set_text("")
    blank = Image.new("RGB", (200, 100), "#ffffff")
    layer.draw(blank)
    assert (np.asarray(blank) == 255).all()


def test_bold_is_wider():
    plain, bold = (extent(stamped(ha="left", weight=weight)[0])[3] for weight in ("normal", "bold"))
    assert bold > plain
