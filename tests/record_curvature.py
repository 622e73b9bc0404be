#!/usr/bin/env python3
"""Records curvatures from PyTorch into tests/fixtures/curvature-*.safetensors.

As with record_probes.py, the tests only read the files:

    /usr/bin/python3 tests/record_curvature.py

Each file belongs to probe-NAME.safetensors, whose examples and weights a it takes. All is float64, of the mean cross-entropy over
all examples in inference mode, from the dense matrix, of which each column is an exact product:

    v/NAME, hessian/v/NAME, ggn/v/NAME            a direction (float32) and its products
    hessian/eigenvalues, ggn/eigenvalues          F64 [5] algebraically largest first
    hessian/smallest, /trace, ggn/trace           F64 []
"""
import json
import struct

import numpy
import torch
import torch.nn.functional as F

import record_pytorch as base

TOP = 5


def read(path):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    metadata = header.pop("__metadata__")
    kinds = {"F64": numpy.float64, "I64": numpy.int64, "F32": numpy.float32, "U8": numpy.uint8}
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        values = numpy.frombuffer(content[begin:end], kinds[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return tensors, metadata


def products(net, x, y):
    """The functions v -> H v and v -> G v of flat vectors."""
    weights = list(net.parameters())
    split = lambda flat: [part.view_as(w) for part, w in zip(flat.split([w.numel() for w in weights]), weights)]
    flat = lambda parts: torch.cat([part.reshape(-1) for part in parts])
    grads = flat(torch.autograd.grad(F.cross_entropy(net(x), y), weights, create_graph=True))

    logits = net(x)
    p = logits.detach().softmax(1)
    u = torch.zeros_like(logits, requires_grad=True)
    pulled = flat(torch.autograd.grad(logits, weights, u, create_graph=True))

    def hessian(v):
        return flat(torch.autograd.grad(grads, weights, v, retain_graph=True))

    def ggn(v):
        (moved,) = torch.autograd.grad(pulled, u, v, retain_graph=True)  # J v, for J^T u is linear in u
        moved = p * (moved - (p * moved).sum(1, keepdim=True)) / len(y)
        return flat(torch.autograd.grad(logits, weights, moved, retain_graph=True))

    return hessian, ggn, split


def record(name):
    fixture, metadata = read(base.FIXTURES / f"probe-{name}.safetensors")
    network = json.loads(metadata["network"])
    raw = fixture["inputs"].double()
    mean, std = (fixture[f"scaling/{key}"].double().view(1, -1, 1, 1) for key in ["mean", "std"])
    x, y = (raw - mean) / std, fixture["labels"].long()
    net = base.build(network, network["shape"]).double().eval()
    net.load_state_dict({key[2:]: value.double() for key, value in fixture.items() if key.startswith("a/")}, strict=False)
    hessian, ggn, split = products(net, x, y)
    names = [key for key, _ in net.named_parameters()]
    count = sum(w.numel() for w in net.parameters())

    generator = torch.Generator().manual_seed(5)
    v = torch.randn(count, generator=generator, dtype=torch.float64).float().double()
    tensors = {f"v/{key}": part.float() for key, part in zip(names, split(v))}
    for matrix, product in [("hessian", hessian), ("ggn", ggn)]:
        tensors.update((f"{matrix}/v/{key}", part) for key, part in zip(names, split(product(v))))
        dense = torch.stack([product(column) for column in torch.eye(count, dtype=torch.float64)])
        off = ((dense - dense.T).norm() / dense.norm()).item()
        assert off < 1e-12, off
        values = torch.linalg.eigvalsh((dense + dense.T) / 2).flip(0)
        tensors[f"{matrix}/eigenvalues"] = values[:TOP].contiguous()
        tensors[f"{matrix}/smallest"] = values[-1]
        tensors[f"{matrix}/trace"] = dense.trace()
        print(f"{name} {matrix}: {count} parameters, {values[:TOP].tolist()}, {values[-1]:.5f}, {dense.trace():.5f}")
    metadata = {"network": json.dumps(network), "cases": "{}", "recorded_with": f"PyTorch {torch.__version__}"}
    base.write(base.FIXTURES / f"curvature-{name}.safetensors", tensors, metadata)


def main():
    torch.set_num_threads(1)
    for name in ["mlp-relu", "mlp-tanh", "cnn"]:
        record(name)


if __name__ == "__main__":
    main()
