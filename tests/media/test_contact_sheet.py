import cv2
import numpy as np

from vmt.media import ContactSheet, Frame
from vmt.media.contact_sheet import CELL


def picture(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, dtype=np.uint8), cv2.IMREAD_COLOR)


def frames(seconds: int, height: int = 90, width: int = 160) -> list[Frame]:
    return [
        Frame(float(k), np.full((height, width, 3), 20 * k, dtype=np.uint8)) for k in range(seconds)
    ]


def test_frames_pass_and_the_due_ones_are_kept() -> None:
    given = frames(12)
    sheet = ContactSheet(12.0)
    assert list(sheet.watch(given)) == given
    cells = np.split(picture(sheet.jpeg()), 6, axis=1)
    assert [round(float(cell.mean()) / 20) for cell in cells] == [1, 3, 5, 7, 9, 11]


def test_an_upright_film_keeps_its_shape() -> None:
    sheet = ContactSheet(1.0, pictures=1)
    list(sheet.watch([Frame(0.6, np.full((1280, 720, 3), 200, dtype=np.uint8))]))
    found = picture(sheet.jpeg())
    assert found.shape == (CELL[1], CELL[0], 3)
    assert found[45, 80].min() > 190
    assert found[45, 10].max() < 10


def test_one_frame_fills_what_it_reaches_and_the_rest_stays_black() -> None:
    sheet = ContactSheet(10.0, pictures=2)
    list(sheet.watch([Frame(4.0, np.full((9, 16, 3), 255, dtype=np.uint8))]))
    left, right = np.split(picture(sheet.jpeg()), 2, axis=1)
    assert left.mean() > 250
    assert right.mean() < 5
