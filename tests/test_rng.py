import numpy as np
import pytest
import torch
from scipy import stats

from trickbag.rng import _GOLDEN, MAX_DRAWS, Streams, _splitmix64

IDS = torch.arange(20_000)


def as_unsigned(values):
    return [value % 2**64 for value in values.tolist()]


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        # the values published with the generator's task on Rosetta Code ("Pseudo-random numbers/Splitmix64")
        (1234567, [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]),
        # the first outputs for seed 0 in the test data of Java's SplittableRandom and of many ports
        (0, [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]),
    ],
)
def test_splitmix64_gives_the_published_values(seed, expected):
    state = seed + torch.arange(1, len(expected) + 1) * _GOLDEN
    assert as_unsigned(_splitmix64(state)) == expected


def test_bits_are_the_splitmix64_sequence_that_starts_at_the_key():
    draws, key = Streams(3).images(5, torch.tensor([7])), Streams(3).key("name", 5)
    counters = torch.arange(7 * MAX_DRAWS + 1, 7 * MAX_DRAWS + 4)
    signed = key - 2**64 if key >= 2**63 else key
    assert draws.bits("name", 3)[0].tolist() == _splitmix64(counters * _GOLDEN + signed).tolist()


def test_uniform_and_normal_have_their_distribution():
    draws = Streams(0).images(0, IDS)
    assert stats.kstest(draws.uniform("u", 5).flatten().double(), "uniform").pvalue > 1e-3
    assert stats.kstest(draws.normal("n", 5).flatten().double(), "norm").pvalue > 1e-3


@pytest.mark.parametrize("high", [2, 9, 10, 257])
def test_integers_are_uniform(high):
    values = Streams(1).images(2, IDS).integers("i", high, 3)
    assert values.min() >= 0
    assert values.max() < high
    assert stats.chisquare(np.bincount(values.flatten(), minlength=high)).pvalue > 1e-3


def test_neighbouring_draws_images_epochs_names_and_seeds_are_uncorrelated():
    def one(seed=0, replica=0, name="a", epoch=0, ids=IDS, k=0):
        return Streams(seed, replica).images(epoch, ids).uniform(name, 4)[:, k].double().numpy()

    others = [one(k=1), one(ids=IDS + 1), one(epoch=1), one(name="b"), one(seed=1), one(replica=1)]
    for other in others:
        assert stats.pearsonr(one(), other).pvalue > 1e-3


def test_draws_do_not_depend_on_batch_composition_or_order_or_count():
    ids = torch.tensor([5, 900, 3, 77])
    whole = Streams(0).images(1, ids).uniform("x", 8)
    for i, image in enumerate(ids):
        alone = Streams(0).images(1, image[None]).uniform("x", 3)
        assert torch.equal(alone[0], whole[i, :3])
    order = torch.tensor([2, 0, 3, 1])
    assert torch.equal(Streams(0).images(1, ids[order]).uniform("x", 8), whole[order])


def test_no_image_shares_a_draw_with_another():
    bits = Streams(0).images(0, torch.arange(1000)).bits("x", MAX_DRAWS)
    assert len(bits.unique()) == bits.numel()


@pytest.mark.parametrize("k", [0, MAX_DRAWS + 1])
def test_more_draws_than_there_are_is_an_error(k):
    with pytest.raises(ValueError, match=f"1 to {MAX_DRAWS}"):
        Streams(0).images(0, IDS).bits("x", k)


def test_generators_are_functions_of_seed_replica_name_and_index():
    def first(seed=0, replica=0, name="a", index=0):
        streams = Streams(seed, replica)
        return (
            float(streams.numpy(name, index).random()),
            float(torch.rand((), generator=streams.torch(name, index))),
        )

    variants = [first(), first(seed=1), first(replica=1), first(name="b"), first(index=1)]
    assert first() == variants[0]
    assert len({value for pair in variants for value in pair}) == 10
