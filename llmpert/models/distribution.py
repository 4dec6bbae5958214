"""Predictive distributions from the data: what became of predictions like this one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array
from scipy.special import ndtri

INTERVAL = 0.95
"""Probability with which intervals that are shown or written hold a new measurement."""

COUNT = 100
"""A distribution is given as so many equally likely responses, ascending."""

LEVELS = (np.arange(COUNT) + 0.5) / COUNT
"""Of which quantiles these are."""

WIDTH_LEVELS = np.arange(1, 100) / 100
"""Probabilities whose widths older files of trained models have."""

STRATA, MOST_BINS = 4, 40
FEWEST_ROWS, FEWEST_OUTCOMES = 25, 100
"""A stratum has at least so many perturbations, an inner bin at least so many responses."""

ENOUGH = 400_000
"""Responses to learn from, at most about so many."""

SAME = 0.05
"""Where a larger share of responses is one number, as the zeros of ranks are, it is one that cannot
be divided by a standard deviation."""

ARRAYS = ("departures", "places", "outcomes")


@dataclass(frozen=True, eq=False)
class Distribution:
    """Quantiles of a new measurement given its prediction, from leave-one-out predictions.

    Training perturbations, each predicted from the others, are put into strata by the departure of
    their predicted response from the mean response. Within one, measured values are binned by the
    place of their prediction, narrowly at both ends. Quantiles of bins are interpolated linearly in
    place and departure: conditional conformal quantiles (Lei & Wasserman 2014), without a
    guarantee for each bin. They are asymmetric where the data are.

    Attributes:
        departures: J, ascending: strata of perturbations, by the length of what their predicted
            response adds to the mean response, in the response's unit.
        places: J x K, ascending: bins of predictions. A place is mean / standard deviation where
            outcomes are standardised, else the mean.
        outcomes: J x K x `COUNT`, ascending: (measured - mean) / standard deviation where
            standardised. Else measured values themselves, so that no quantile lies where no
            response has been, such as below the lowest rank.
        standardised: Which of the two they are.
        bounds: No quantile lies beyond (`within`).
    """

    departures: np.ndarray
    places: np.ndarray
    outcomes: np.ndarray
    standardised: bool
    bounds: tuple[float, float] = (-np.inf, np.inf)

    def within(self, bounds: tuple[float, float] | None) -> "Distribution":
        """Return it with the bounds of the responses' unit, if it has any."""
        return self if bounds is None else replace(self, bounds=bounds)

    @classmethod
    def of(
        cls, mean: np.ndarray, std: np.ndarray, departure: np.ndarray, measured: np.ndarray
    ) -> "Distribution":
        """Learn it from N perturbations predicted without their own response.

        Genes without a standard deviation never vary: they teach nothing. Of many genes evenly
        spaced ones suffice.

        Args:
            mean, std, measured: N x D.
            departure: N.
        """
        varies = np.flatnonzero((std > 0).all(axis=0))
        varies = varies[:: max(1, -(-varies.size * len(mean) // ENOUGH))]
        mean, std, measured = (part[:, varies] for part in (mean, std, measured))
        if not mean.size:
            return cls.of_widths(np.zeros(len(WIDTH_LEVELS)))
        standardised = _share_of_commonest(measured) <= SAME
        places = (mean / std if standardised else mean).astype(np.float32)
        outcomes = ((measured - mean) / std if standardised else measured).astype(np.float32)
        order = np.argsort(departure, kind="stable")
        strata = np.array_split(order, np.clip(len(order) // FEWEST_ROWS, 1, STRATA))
        cuts = _cuts(min(map(len, strata)) * mean.shape[1])
        binned = [_binned(places[rows].ravel(), outcomes[rows].ravel(), cuts) for rows in strata]
        return cls(
            np.array([departure[rows].mean() for rows in strata], np.float32),
            np.array([centres for centres, _ in binned], np.float32),
            np.array([quantiles for _, quantiles in binned], np.float32),
            standardised,
        )

    @classmethod
    def of_widths(cls, multiples: np.ndarray) -> "Distribution":
        """Return the symmetric one of intervals that span so many standard deviations.

        Args:
            multiples: Of `WIDTH_LEVELS`, 99.
        """
        signed = np.sign(LEVELS - 0.5) * np.interp(np.abs(2 * LEVELS - 1), WIDTH_LEVELS, multiples)
        nothing = np.zeros((1, 1), np.float32)
        return cls(nothing[0], nothing, signed[None, None].astype(np.float32), True)

    @classmethod
    def normal(cls) -> "Distribution":
        """Return the normal one, for models that give standard deviations alone."""
        return cls.of_widths(ndtri((1 + WIDTH_LEVELS) / 2))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return it as arrays, by the names that `of_arrays` takes."""
        arrays = {name: getattr(self, name) for name in ARRAYS}
        return arrays | {"standardised": np.array([self.standardised], np.float32)}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Distribution":
        """Return the one that gave these `arrays` (of which there may be others, too)."""
        departures, places, outcomes = (arrays[name] for name in ARRAYS)
        return cls(departures, places, outcomes, bool(arrays["standardised"][0]))

    def quantile(
        self, level: float, mean: np.ndarray, std: np.ndarray, departure: np.ndarray
    ) -> np.ndarray:
        """Return the quantile of new measurements that have these predictions, M x D.

        The outermost ones are those of probability 0.005 and 0.995.

        Args:
            mean, std: M x D.
            departure: M.
        """
        values = at_level(self.outcomes, level)
        return self._of(values[..., None], mean, std, departure)[..., 0]

    def responses(self, mean: np.ndarray, std: np.ndarray, departure: np.ndarray) -> np.ndarray:
        """Return `COUNT` equally likely responses for each prediction, ascending, M x D x `COUNT`.

        Arguments are those of `quantile`.
        """
        return self._of(self.outcomes, mean, std, departure)

    def _of(
        self, values: np.ndarray, mean: np.ndarray, std: np.ndarray, departure: np.ndarray
    ) -> np.ndarray:
        """Interpolate J x K x L values at predictions and bring them to the response's unit."""
        mean, std = (np.asarray(part, np.float64) for part in (mean, std))
        varies, places = std > 0, mean
        if self.standardised:
            places = np.divide(mean, std, out=np.zeros_like(mean), where=varies)
        # Each is a weighted mean of four: of two bins in each of two strata.
        bins = self.places.shape[1]
        at, weights = np.zeros((*mean.shape, 4), np.int32), np.zeros((*mean.shape, 4))
        low, share = _between(np.asarray(departure), self.departures)
        for stratum, centres in enumerate(self.places):
            for first, part in ((0, 1 - share), (2, share)):
                rows = np.flatnonzero(low + first // 2 == stratum)
                if len(rows):
                    left, way = _between(places[rows], centres)
                    both = np.stack([left, np.minimum(left + 1, bins - 1)], axis=-1)
                    at[rows, :, first : first + 2] = stratum * bins + both
                    of_both = np.stack([1 - way, way], axis=-1)
                    weights[rows, :, first : first + 2] = part[rows, None, None] * of_both
        stored, asked = self.places.size, values.shape[2]
        row_ends = np.arange(0, at.size + 1, 4)
        mixed = csr_array((weights.ravel(), at.ravel(), row_ends), shape=(mean.size, stored))
        found = (mixed @ values.reshape(stored, asked)).reshape(*mean.shape, asked)
        if self.standardised:
            found *= std[..., None]
            found += mean[..., None]
        else:
            found[~varies] = mean[~varies][:, None]
        return found if np.isinf(self.bounds).all() else np.clip(found, *self.bounds, out=found)


def at_level(responses: np.ndarray, level: float) -> np.ndarray:
    """Return the quantile of `COUNT` equally likely responses, ascending along the last axis."""
    at = np.clip(level * COUNT - 0.5, 0, COUNT - 1)
    low = int(at)
    high, share = min(low + 1, COUNT - 1), at - low
    return (1 - share) * responses[..., low] + share * responses[..., high]


def thinned(values: np.ndarray) -> np.ndarray:
    """Return `COUNT` of values that ascend along the last axis: those at `LEVELS`."""
    size = values.shape[-1]
    return values[..., (2 * np.arange(COUNT) + 1) * size // (2 * COUNT)]


def _between(values: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the centre below each value and the share of the way to the next one."""
    if len(centres) == 1:
        return np.zeros(values.shape, int), np.zeros(values.shape)
    low = np.clip(np.searchsorted(centres, values) - 1, 0, len(centres) - 2)
    gap = np.diff(centres)[low]
    way = np.clip(values - centres[low], 0, gap)
    return low, np.divide(way, gap, out=np.zeros(way.shape), where=gap > 0)


def _cuts(size: int) -> np.ndarray:
    """Return where bins of sorted outcomes begin, as shares, and 1.

    They narrow towards both ends like the tails of a logistic distribution.
    """
    count = int(np.clip(size // FEWEST_OUTCOMES, 1, MOST_BINS))
    steep = np.log(max(size / FEWEST_OUTCOMES, 2.0))
    shares = 1 / (1 + np.exp(-steep * np.linspace(-1, 1, count + 1)))
    return (shares - shares[0]) / (shares[-1] - shares[0])


def _binned(
    places: np.ndarray, outcomes: np.ndarray, cuts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean place of each bin, K, and quantiles of its outcomes, K x `COUNT`."""
    ends = np.round(cuts * len(places)).astype(int)
    bins = np.split(np.argsort(places), ends[1:-1])
    return (
        np.array([places[part].mean(dtype=np.float64) for part in bins]),
        np.array([thinned(np.sort(outcomes[part])) for part in bins]),
    )


def _share_of_commonest(values: np.ndarray) -> float:
    """Return which share of values is the commonest one, from about 100,000 of them."""
    some = values.ravel()[:: -(-values.size // 100_000)]
    return float(np.unique(some, return_counts=True)[1].max() / some.size)
