#!/usr/bin/env python3
"""Records probes of the landscape from PyTorch into tests/fixtures/probe-*.safetensors.

As with record_pytorch.py, which it takes its data and networks from, the tests only read the files:

    /usr/bin/python3 tests/record_probes.py

Each file holds one network at three sets of weights a, b and c, each trained for some steps in float32, and in float64:

    inputs, labels, scaling/mean, /std        as record_pytorch.py has them
    a/NAME, b/NAME, c/NAME                    F32 weights and running statistics
    line/alpha                                F64 [n]
    line/BN/loss, /accuracy                   F64 [n] at (1 - alpha) a + alpha b; BN is recompute or interpolate
    plane/x, /y                               F64 [n] places in the plane through a, b and c
    plane/loss                                F64 [n] statistics recomputed
    sharpness/I/loss, /sam_loss               F64 [] of case I at a

The metadata's `sharpness` is the list of cases: rho, p (a number or "inf"), ascent_steps, m (0: all examples at once).
"recompute" is torch.optim.swa_utils.update_bn over ceil(n / 1000) batches of floor(n / ceil(n / 1000)) examples in order.
"""
import copy
import json
import math

import torch
import torch.nn.functional as F
from torch.optim.swa_utils import update_bn

import record_pytorch as base

CASES = [
    {"rho": 0.05, "p": 2, "ascent_steps": 1, "m": 0},
    {"rho": 0.5, "p": 2, "ascent_steps": 1, "m": 0},
    {"rho": 0.2, "p": 2, "ascent_steps": 4, "m": 0},
    {"rho": 0.1, "p": 1, "ascent_steps": 1, "m": 0},
    {"rho": 0.1, "p": 1.5, "ascent_steps": 1, "m": 0},
    {"rho": 0.05, "p": 3, "ascent_steps": 2, "m": 0},
    {"rho": 0.005, "p": "inf", "ascent_steps": 1, "m": 0},
    {"rho": 0.1, "p": 2, "ascent_steps": 1, "m": 10},
    {"rho": 0.05, "p": 4, "ascent_steps": 2, "m": None},
]


def loss_of(net, x, y):
    return F.cross_entropy(net(x), y)


def direction(grads, p, rho):
    flat = torch.cat([g.flatten() for g in grads])
    if p == 1:
        e = torch.zeros_like(flat)
        place = flat.abs().argmax()
        e[place] = rho * flat[place].sign()
    elif p == "inf":
        e = rho * flat.sign()
    else:
        q = p / (p - 1)
        e = rho * flat.sign() * flat.abs() ** (q - 1) / (flat.abs() ** q).sum() ** (1 / p)
    return [part.view_as(g) for part, g in zip(e.split([g.numel() for g in grads]), grads)]


def sharpness(net, x, y, case):
    size = case["m"] or len(y)
    loss, sam_loss = 0.0, 0.0
    for begin in range(0, len(y), size):
        group = x[begin : begin + size], y[begin : begin + size]
        climber = copy.deepcopy(net)
        weights = list(climber.parameters())
        loss += loss_of(climber, *group).item() * size
        for _ in range(case["ascent_steps"]):
            grads = torch.autograd.grad(loss_of(climber, *group), weights)
            with torch.no_grad():
                for w, e in zip(weights, direction(grads, case["p"], case["rho"] / case["ascent_steps"])):
                    w.add_(e)
        sam_loss += loss_of(climber, *group).item() * size
    return loss / len(y), sam_loss / len(y)


def mixed(net, states, factors):
    """The network at a weighted sum of the states, running statistics as well."""
    net = copy.deepcopy(net)
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                value.copy_(sum(f * state[name] for f, state in zip(factors, states)))
    return net.eval()


def recomputed(net, x):
    count = math.ceil(len(x) / 1000)
    size = len(x) // count
    update_bn([x[i * size : (i + 1) * size] for i in range(count)], net)
    return net.eval()


def measured(net, x, y):
    with torch.no_grad():
        logits = net(x)
        return F.cross_entropy(logits, y).double(), (logits.argmax(1) == y).double().mean()


def record(name, shape, examples, network, cases):
    base.EXAMPLES = examples
    inputs, labels = base.blobs(shape, seed=base.SEED)
    raw = inputs.double()
    mean, std = raw.mean((0, 2, 3)), raw.std((0, 2, 3), unbiased=False)
    x = (raw - mean.view(1, -1, 1, 1)) / std.view(1, -1, 1, 1)
    tensors = {"inputs": inputs, "labels": labels, "scaling/mean": mean, "scaling/std": std}

    initial = base.build(network, shape)
    states = []
    for key, (lr, steps) in {"a": (0.1, 30), "b": (0.03, 60), "c": (0.2, 20)}.items():
        net = copy.deepcopy(initial).train()
        optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
        generator = torch.Generator().manual_seed(ord(key))
        for _ in range(steps):
            picked = torch.randint(examples, (32,), generator=generator)
            optimizer.zero_grad()
            loss_of(net, x[picked].float(), labels[picked]).backward()
            optimizer.step()
        state = {k: v.clone() for k, v in net.state_dict().items() if v.is_floating_point()}
        tensors.update((f"{key}/{k}", v) for k, v in state.items())
        states.append({k: v.double() for k, v in state.items()})
    net = copy.deepcopy(initial).double()

    alphas = [-0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5]
    tensors["line/alpha"] = torch.tensor(alphas, dtype=torch.float64)
    for bn in ["recompute", "interpolate"]:
        rows = []
        for alpha in alphas:
            at = mixed(net, states[:2], [1 - alpha, alpha])
            rows.append(measured(recomputed(at, x) if bn == "recompute" else at, x, labels))
        tensors[f"line/{bn}/loss"] = torch.stack([row[0] for row in rows])
        tensors[f"line/{bn}/accuracy"] = torch.stack([row[1] for row in rows])

    names = [k for k, _ in net.named_parameters()]
    w1, w2, w3 = (torch.cat([state[k].flatten() for k in names]) for state in states)
    u = w2 - w1
    v = (w3 - w1) - ((w3 - w1) @ u) / (u @ u) * u
    u, v = u / u.norm(), v / v.norm()
    places = [(0.0, 0.0), ((w2 - w1).norm().item(), 0.0), (0.5, 0.25), (-0.5, 0.5), (1.0, -0.75)]
    losses = []
    for px, py in places:
        at, flat = copy.deepcopy(net), w1 + px * u + py * v
        with torch.no_grad():
            for w, part in zip(at.parameters(), flat.split([w.numel() for w in at.parameters()])):
                w.copy_(part.view_as(w))
        losses.append(measured(recomputed(at, x), x, labels)[0])
    tensors["plane/x"], tensors["plane/y"] = torch.tensor(places, dtype=torch.float64).T
    tensors["plane/loss"] = torch.stack(losses)

    at = mixed(net, states[:1], [1.0])
    for index, case in enumerate(cases):
        loss, sam_loss = sharpness(at, x, labels, case)
        tensors[f"sharpness/{index}/loss"] = torch.tensor(loss, dtype=torch.float64)
        tensors[f"sharpness/{index}/sam_loss"] = torch.tensor(sam_loss, dtype=torch.float64)
        print(f"{name} {case}: {loss:.6f} -> {sam_loss:.6f}")
    metadata = {"network": json.dumps({"shape": shape, "classes": base.CLASSES, **network})}
    metadata |= {"sharpness": json.dumps(cases), "cases": "{}", "recorded_with": f"PyTorch {torch.__version__}"}
    base.write(base.FIXTURES / f"{name}.safetensors", tensors, metadata)


def main():
    torch.set_num_threads(1)
    cases = lambda m: [{**case, "m": m if case["m"] is None else case["m"]} for case in CASES]
    norm = {"activation": "relu", "norm": "batch"}
    record("probe-mlp-relu", [1, 5, 5], 620, {"model": "mlp:14,9", "activation": "relu", "norm": "none"}, cases(310))
    record("probe-mlp-tanh", [1, 5, 5], 60, {"model": "mlp:10", "activation": "tanh", "norm": "none"}, cases(15))
    record("probe-cnn", [2, 6, 6], 1300, {"model": "cnn:6,8", **norm}, cases(650))


if __name__ == "__main__":
    main()
