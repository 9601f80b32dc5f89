"""The types of all answers, for annotations: `from vinr.objects import Redemption`."""

from vinr._generated.objects import *  # noqa: F403
from vinr._objects import Data as Data
from vinr._objects import VinrObject as VinrObject
