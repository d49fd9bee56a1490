# SPDX-License-Identifier: GPL-2.0-only
"""What the load balancer does with packets, plainly. Written for the tests; see ../README.md."""
