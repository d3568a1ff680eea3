# SPDX-License-Identifier: GPL-2.0
"""What scripts/bench makes of the rounds of a lane: two figures for each line, the least of each, and an interval."""

import math
import operator
import statistics
import types

TIMES = ("ns", "us", "ms", "instr", "k instr", "M instr")  # units of what the least round says something about
TIMED = TIMES + ("times", "loops/us")  # of what comes of times
CONFIDENCE = 0.95


def median(samples):
    """As samples/ouro_bench has it."""
    return statistics.median_high(samples)


def interval(samples, confidence=CONFIDENCE):
    """Where the median lies that the samples were drawn around, or None for too few.

    Whatever their distribution, the number of them below it is binomial with p = 1/2; so it is between the k-th from
    below and the k-th from above but for the tails of that (J.-Y. Le Boudec, Performance Evaluation of Computer and
    Communication Systems, 2010, theorem 2.1).  They count as independent of each other.
    """
    n, k, tail = len(samples), 0, 0.0
    while k < n // 2:
        tail += math.comb(n, k) / 2 ** n
        if 2 * tail > 1 - confidence:
            break
        k += 1
    ordered = sorted(samples)
    return (ordered[k - 1], ordered[n - k]) if k else None


class Results:
    """Results as lines read them, one number made of each set of samples; and which names had such."""

    def __init__(self, answer, pick):
        self.answer, self.pick = answer, pick
        self.sampled = []

    def __getitem__(self, name):
        values = list(self.answer.results[name])
        samples = self.answer.samples.get(name, {})
        for column, rounds in samples.items():
            values[column] = self.pick(rounds)
        if samples and name not in self.sampled:
            self.sampled.append(name)
        return values


def figures_of(row, answer, pick):
    results = Results(answer, pick)
    return row.get(types.SimpleNamespace(results=results, taken=answer.taken, cpus=answer.cpus)), results.sampled


def rounds_of(row, answer, name):
    """Both figures, once for each round of a case."""
    count = min(map(len, answer.samples[name].values()))
    return [figures_of(row, answer, lambda rounds, i=i: rounds[min(i, len(rounds) - 1)])[0] for i in range(count)]


def ratio_interval(row, answer, names):
    """Of the ratio.  What took turns is compared round by round; else each figure has an interval of its own, and is
    more seldom outside it, so that both are within theirs as often as asked."""
    if len(names) == 1:
        return interval([ouro / peer for ouro, peer in rounds_of(row, answer, names[0]) if peer > 0])
    both = [interval([pair[which] for pair in rounds_of(row, answer, name)], (1 + CONFIDENCE) / 2)
            for which, name in enumerate(names)]
    if None in both:
        return None
    (ouro_low, ouro_high), (peer_low, peer_high) = both
    return ouro_low / peer_high, ouro_high / peer_low


class Figures:
    """Of a line: ouro and peer, their least or None, the interval of their ratio or None, how many rounds or None."""

    def __init__(self, row, answer, timed):
        (self.ouro, self.peer), names = figures_of(row, answer, median)
        self.ratio = self.ouro / self.peer if self.ouro >= 0 and self.peer > 0 else None
        self.least = figures_of(row, answer, min)[0] if names and row.unit in TIMES else None
        self.interval = ratio_interval(row, answer, names) if names and timed and row.unit in TIMED else None
        self.rounds = min((len(rounds) for name in names for rounds in answer.samples[name].values()), default=None)

    def judge(self, goal):
        value = getattr(self, goal.what)
        if value is None:
            return False
        return {"<": operator.lt, "<=": operator.le, ">=": operator.ge}[goal.comparison](value, goal.bound)
