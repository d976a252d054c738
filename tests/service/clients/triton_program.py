"""What a program of somebody else does with tritonclient; prints what came back as JSON.

Reads from stdin: ``url`` (host and port), ``model``, ``version``, and ``inputs`` (name to rows of float64 or int64).
"""

import json
import sys

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

given = json.load(sys.stdin)
model, version = given["model"], given["version"]
arrays = {
    name: np.array(data, dtype=np.int64 if name == "day" else np.float64) for name, data in given["inputs"].items()
}
rows = len(arrays["day"])
with_infinite_caps = {**arrays, "region_base": np.full((rows, given["regions"]), np.inf)}
client = InferenceServerClient(given["url"])


def tensors(arrays, *, binary=True, kinds=()):
    made = []
    for name, array in arrays.items():
        sent = array.astype(dict(kinds).get(name, array.dtype))
        one = InferInput(name, list(sent.shape), np_to_triton_dtype(sent.dtype))
        made.append(one.set_data_from_numpy(sent, binary_data=binary if isinstance(binary, bool) else name in binary))
    return made


def asked(arrays, request_id, *, outputs=None, **how):
    settings = {key: how.pop(key) for key in list(how) if key in {"model_version", "parameters"}}
    result = client.infer(model, tensors(arrays, **how), request_id=request_id, outputs=outputs, **settings)
    told = result.get_response()
    names = [one["name"] for one in told["outputs"]]
    return {
        "id": told["id"],
        "parameters": told["parameters"],
        "outputs": {name: result.as_numpy(name).tolist() for name in names},
        "as_bytes": [one["name"] for one in told["outputs"] if "data" not in one],
    }


def error(action):
    try:
        action()
    except InferenceServerException as failure:
        return [failure.status(), failure.message()]
    return None


plain = [InferRequestedOutput("spend_base", binary_data=False), InferRequestedOutput("tactic")]
all_fp32 = {name: np.float32 for name, array in arrays.items() if array.dtype == np.float64}
json.dump(
    {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "server": client.get_server_metadata(),
        "model_ready": [client.is_model_ready(model, one) for one in ("", version, "99")],
        "metadata": client.get_model_metadata(model, version),
        "config": client.get_model_config(model),
        "index": client.get_model_repository_index(),
        "defaults": asked(arrays, "triton-1"),
        "again": asked(arrays, "triton-1"),
        "json": asked(
            arrays, "triton-2", binary=False, outputs=[InferRequestedOutput("spend_base", binary_data=False)]
        ),
        "mixed": asked(arrays, "triton-3", binary={"cells", "day"}, outputs=plain),
        "versioned": asked(arrays, "triton-4", model_version=version),
        "narrow": asked(arrays, "triton-5", kinds={**all_fp32, "day": np.int32}.items()),
        "caps": [
            asked(with_infinite_caps, "triton-6", binary=True)["outputs"],
            asked(with_infinite_caps, "triton-7", binary=False)["outputs"],
        ],
        "errors": {
            "model": error(lambda: client.infer("nobody", tensors(arrays))),
            "version": error(lambda: client.infer(model, tensors(arrays), model_version="99")),
            "metadata": error(lambda: client.get_model_metadata("nobody")),
            "few": error(lambda: client.infer(model, tensors(arrays)[:2])),
            "gzip": error(lambda: client.infer(model, tensors(arrays), request_compression_algorithm="gzip")),
            "deflate": error(lambda: client.infer(model, tensors(arrays), request_compression_algorithm="deflate")),
            "other": error(
                lambda: client.infer(model, tensors({**arrays, "day": arrays["day"][::-1]}), request_id="triton-1")
            ),
            "output": error(lambda: client.infer(model, tensors(arrays), outputs=[InferRequestedOutput("nothing")])),
            "classes": error(
                lambda: client.infer(model, tensors(arrays), outputs=[InferRequestedOutput("tactic", class_count=3)])
            ),
            "sequence": error(lambda: client.infer(model, tensors(arrays), sequence_id=7)),
            "memory": error(lambda: client.register_system_shared_memory("a", "/a", 8)),
            "load": error(lambda: client.load_model(model)),
        },
        "compressed_answer": client.infer(
            model, tensors(arrays), request_id="triton-1", response_compression_algorithm="gzip"
        )
        .as_numpy("spend_base")
        .tolist(),
        "statistics": client.get_inference_statistics(model),
        "all_statistics": client.get_inference_statistics(),
    },
    sys.stdout,
)
