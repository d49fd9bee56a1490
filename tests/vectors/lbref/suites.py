# SPDX-License-Identifier: GPL-2.0-only
"""Every suite: its name, which is its scenario's too, and its packets in order."""

from . import suites_changes, suites_ids, suites_sending, suites_vips


def all_suites():
    for module in (suites_vips, suites_sending, suites_ids, suites_changes):
        for name, packets in module.SUITES.items():
            yield name, packets()
