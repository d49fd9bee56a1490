#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Makes the load balancer's vectors anew, here or into FOLDER. What they say is what the load
# balancer has to do: read the difference before it is committed.
#
#   tests/vectors/generate.sh [FOLDER]

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec "$here/reference.py" --make "${1:-$here}"
