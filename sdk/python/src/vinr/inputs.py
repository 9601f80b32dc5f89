"""The types of the objects inside request bodies, for annotations: `from vinr.inputs import LineInput`."""

from vinr._generated.inputs import *  # noqa: F403
from vinr._values import Created as Created
from vinr._values import Instant as Instant
from vinr._values import InstantRange as InstantRange
from vinr._values import Metadata as Metadata
from vinr._values import Rate as Rate
