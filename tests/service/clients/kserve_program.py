"""What a program of somebody else does with KServe's client; prints what came back as JSON.

Reads from stdin: ``url``, ``model``, and ``inputs`` (name to rows of float64 or int64).
"""

import asyncio
import json
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

given = json.load(sys.stdin)
model, url = given["model"], given["url"]


def inputs(*, binary):
    made = []
    for name, data in given["inputs"].items():
        array = np.array(data, dtype=np.int64 if name == "day" else np.float64)
        one = InferInput(name, list(array.shape), "INT64" if name == "day" else "FP64")
        if binary is None:
            one.set_data_from_numpy(array)
        else:
            one.set_data_from_numpy(array, binary_data=binary)
        made.append(one)
    return made


async def main():
    async with InferenceRESTClient(RESTConfig(protocol="v2", timeout=30)) as client:

        async def asked(request_id, *, binary=None, **more):
            request = InferRequest(model, inputs(binary=binary), request_id=request_id, **more)
            told = await client.infer(url, request, model_name=model)
            outputs = {one.name: one.as_numpy().tolist() for one in told.outputs}
            return {"id": told.id, "parameters": told.parameters, "outputs": outputs}

        async def error(name, parts):
            try:
                await client.infer(url, InferRequest(name, parts), model_name=name)
            except httpx.HTTPStatusError as failure:
                return str(failure)
            return None

        as_bytes = [RequestedOutput("spend_base", parameters={"binary_data": True}), RequestedOutput("tactic")]
        return {
            "live": await client.is_server_live(url),
            "ready": await client.is_server_ready(url),
            "model_ready": [await client.is_model_ready(url, name) for name in (model, "nobody")],
            "defaults": await asked("kserve-1"),
            "json": await asked("kserve-2", binary=False),
            "bytes": await asked("kserve-3", request_outputs=as_bytes),
            "all_bytes": await asked("kserve-4", parameters={"binary_data_output": True}),
            "errors": {
                "model": await error("nobody", inputs(binary=None)),
                "few": await error(model, inputs(binary=None)[:2]),
            },
        }


json.dump(asyncio.run(main()), sys.stdout)
