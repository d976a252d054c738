"""Put a plan into a bundle and let it decide one day, as the service does.

python examples/decide_with_a_bundle.py
"""

import tempfile
from pathlib import Path

import xbopt
from xbopt.service import AllocationRequest, Allocator

bundle = Path(tempfile.mkdtemp()) / "calendar.xbopt"
xbopt.export("calendar", bundle, scenario="quickstart", unproven=True, exploration=0.2)

allocator = Allocator.load(bundle, unproven=True)
schema = allocator.bundle.schema
size = {axis: len(names) for axis, names in schema.axes.items()}
mean = {axis: [feature.mean for feature in features] for axis, features in schema.features.items()}
request = AllocationRequest(
    day=0,
    budget_base=11_000.0,
    regions=[mean["F"]] * size["R"],
    cells=[[mean["G"]] * size["S"]] * size["R"],
    decision_id="monday",
)
allocation = allocator.allocate(request)
print(f"{allocation.spend_base.sum():,.2f} {schema.currency} on day {request.day}")
print("propensities", allocation.propensity.round(3).tolist())
