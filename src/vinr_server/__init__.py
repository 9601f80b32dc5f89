"""VINR Engagement: a self-hosted loyalty and promotions engine."""

import zoneinfo

# The zone data of the tzdata package decides (uv.lock pins it), not the host's: two servers must agree on when a lot
# expires.
zoneinfo.reset_tzpath(to=())
