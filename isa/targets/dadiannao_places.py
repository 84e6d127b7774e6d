"""Where the windows of DaDianNao's family lie in AM, for footprints and machine alike."""

from collections.abc import Mapping


def input_words(
    inp: Mapping[str, int], ker: Mapping[str, int], conv: Mapping[str, int]
) -> tuple[int, int]:
    """First AM word after the input's base, and one past the last, that a `ddn.conv` may read.

    They are whole rows, from the first one under its first window to the last one under its last;
    the first may be negative if a row is not stored.
    """
    counts = (conv["nb"], conv["nwin"], conv["rows"], ker["kw"], ker["oh"], ker["ow"])
    if not all(counts):
        return 0, 0
    row_words, per_image = inp["w"] * inp["cb"], ker["oh"] * ker["ow"]
    taps = (conv["row0"] // conv["nb"], (conv["row0"] + conv["rows"] - 1) // conv["nb"])
    windows = (conv["win0"], conv["win0"] + conv["nwin"] - 1)
    rows: list[int] = []
    for tap, window, past in zip(taps, windows, (0, 1), strict=True):
        image, within = divmod(window, per_image)
        y = within // ker["ow"] * ker["sy"] - inp["pt"] + tap // ker["kw"] * ker["dy"] + past
        rows.append(image * inp["h"] + min(max(y, 0), inp["h"]) - inp["y0"])
    low, high = rows
    return (low * row_words, high * row_words) if low < high else (0, 0)
