#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of the tool scripts/ouro, and of what scripts/bench makes of figures: all test_*.py beside this file.

usage: python3 selftests/tool/test.py [-v] [-k CASE]..., or with --ktap, for scripts/check
"""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PATTERN = "test_*.py"


class Ktap(unittest.TestResult):
    """A line for each case, and below it what went wrong."""

    def line(self, case, word, remark="", notes=""):
        names = case.id().partition(".")[2] or case.id()
        print(f"{word} {self.testsRun} {names}{remark}", *notes.splitlines(), sep="\n# ", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.line(test, "ok")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(test, "ok", f" # SKIP {reason}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line(test, "not ok", "", self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.line(test, "not ok", "", self.errors[-1][1])


def main_ktap():
    cases = unittest.defaultTestLoader.discover(HERE, PATTERN)
    print(f"1..{cases.countTestCases()}", flush=True)
    result = Ktap()
    cases.run(result)
    print(f"# verdict: {'pass' if result.wasSuccessful() else 'fail'}")
    return not result.wasSuccessful()


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    if sys.argv[1:] == ["--ktap"]:
        sys.exit(main_ktap())
    unittest.main(None, argv=[sys.argv[0], "discover", "-s", HERE, "-p", PATTERN, *sys.argv[1:]])
