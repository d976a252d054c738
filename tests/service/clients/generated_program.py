"""What a program does with the client that openapi-python-client makes; prints what came back as JSON.

Runs beside the generated package ``shop``. Reads from stdin: ``url``, ``request`` and ``model``.
"""

import json
import sys

from shop import Client
from shop.api.administration import kill_switch, roll_back
from shop.api.bundle import bundle
from shop.api.decisions import allocate, outcomes
from shop.api.health import live, ready
from shop.api.inference import infer, model_config, model_metadata, repository_index, server_metadata, statistics
from shop.models import (
    AllocationRequest,
    IndexQuery,
    InferenceRequest,
    KillSwitch,
    Outcome,
    TensorIn,
    TensorInDatatype,
    Unit,
)

given = json.load(sys.stdin)
client = Client(base_url=given["url"])


def kinds(answers):
    """The type of every answer; ``NoneType`` for one that the document does not describe."""
    return {name: type(answer).__name__ for name, answer in answers.items()}


def request(**changes):
    return AllocationRequest.from_dict({**given["request"], **changes})


def tensor(name, value, depth):
    shape, inner = [1], value
    for _ in range(depth):
        shape.append(len(inner))
        inner = inner[0]
    return TensorIn(
        name=name,
        shape=shape,
        datatype=TensorInDatatype.INT64 if name == "day" else TensorInDatatype.FP64,
        data=[value],
    )


one = allocate.sync(client=client, body=request(decision_id="generated-1"))
part = request(decision_id="generated-3")
part.units = [Unit(one.units[0])]
many = allocate.sync(client=client, body=[request(decision_id="generated-2"), part])
wrong = allocate.sync(client=client, body=request(decision_id="generated-4", regions=[[1.0]]))
counted = outcomes.sync(client=client, body=Outcome(decision_id="generated-1", unit=one.units[0], reward=1.5))
about, metadata = bundle.sync(client=client), model_metadata.sync(given["model"], client=client)
inferred = infer.sync(
    given["model"],
    client=client,
    body=InferenceRequest(
        id="generated-5",
        inputs=[
            tensor("regions", given["request"]["regions"], 2),
            tensor("cells", given["request"]["cells"], 3),
            tensor("day", given["request"]["day"], 0),
            tensor("budget_base", given["request"]["budget_base"], 0),
        ],
    ),
)
answers = {
    "allocate": one,
    "allocate, wrong": wrong,
    "outcomes": counted,
    "bundle": about,
    "bundle.manifest": about.manifest,
    "bundle.schema": about.schema,
    "bundle.guardrails": about.guardrails,
    "live": live.sync(client=client),
    "ready": ready.sync(client=client),
    "kill_switch": kill_switch.sync(client=client, body=KillSwitch(on=False)),
    "roll_back, none": roll_back.sync(client=client),
    "server_metadata": server_metadata.sync(client=client),
    "model_metadata": metadata,
    "model_config": model_config.sync(given["model"], client=client),
    "repository_index": repository_index.sync(client=client, body=IndexQuery(ready=True)),
    "statistics": statistics.sync(client=client),
    "infer": inferred,
    "infer, nobody": infer.sync("nobody", client=client, body=InferenceRequest(inputs=[])),
}
json.dump(
    {
        "kinds": kinds(answers),
        "spend": [one.spend_base, *(answer.spend_base for answer in many)],
        "inferred": {one.name: one.data for one in inferred.outputs},
        "error": [wrong.status, wrong.error == wrong.detail, wrong.error],
        "new": counted.new,
        "source": one.source.value,
        "inputs": [one.name for one in metadata.inputs],
    },
    sys.stdout,
)
