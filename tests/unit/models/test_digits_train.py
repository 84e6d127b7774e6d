"""One short training run; skipped where the extra `train` is not installed."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from spcc.models.digits import load_test, train  # noqa: E402  # they need both


def test_split_gives_the_shipped_test_set() -> None:
    images, labels = train.split(0)
    shipped, shipped_labels = load_test()
    assert images.shape == (1797, 1, 8, 8)
    assert (images[:500] == shipped * 16).all()
    assert (labels[:500] == shipped_labels).all()


def test_masked_weights_stay_zero_and_the_rest_learns() -> None:
    torch.manual_seed(0)
    images, labels = train.split(0)
    x = torch.from_numpy(images[500:800] / 16).float()
    y = torch.from_numpy(labels[500:800].astype("int64"))
    network = train.Digits()
    masks = train.choose_masks(network, 1.0)
    before = network.conv2.weight.detach().clone()
    random = torch.Generator().manual_seed(0)
    train.fit(network, x, y, masks, 6, 2e-3, random)
    assert not (network.conv2.weight * ~masks["conv2"]).any()
    assert (network.conv2.weight != before)[masks["conv2"]].all()
    assert train.accuracy(network, x, y) > 0.3  # 0.1 by chance


def test_distortion_moves_images_a_little() -> None:
    images = torch.zeros(20, 1, 8, 8)
    images[:, :, 3:5, 3:5] = 1
    moved = train.distorted(images, torch.Generator().manual_seed(0))
    assert moved.shape == images.shape
    assert not torch.equal(moved, images)
    assert (moved[:, :, 2:6, 2:6].sum((1, 2, 3)) / moved.sum((1, 2, 3)) > 0.8).all()
