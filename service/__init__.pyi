from .bundle.bundle import Bundle as Bundle
from .bundle.bundle import load_bundle as load_bundle
from .deciding.allocator import Allocation as Allocation
from .deciding.allocator import Allocator as Allocator
from .deciding.requests import AllocationRequest as AllocationRequest
from .deciding.requests import Outcome as Outcome
