"""Reference losses for the trainer: the network, its losses, AdamW and clipping by PyTorch's autograd.

    python reference.py > reference.json      # PyTorch 2.15.0 on the CPU made the stored file

Weights and data come from a linear congruential generator, so that the Go test (reference_test.go) makes the very
same ones. Each case runs in float64, whose figures are the reference, and once more in float32, whose distance from
them says what float32 can keep over ten steps.
"""
import json
import math

import torch
import torch.nn.functional as F

CASES = {
    "experts, tied": dict(vocab=61, dim=32, layers=2, heads=4, kv_heads=2, head_dim=8, hidden=24, experts=4, top_k=2, tied=True),
    "one expert of eight, separate output": dict(vocab=61, dim=24, layers=3, heads=3, kv_heads=3, head_dim=8, hidden=16, experts=8, top_k=1, tied=False),
    "dense, separate output": dict(vocab=61, dim=32, layers=2, heads=4, kv_heads=1, head_dim=8, hidden=48, experts=1, top_k=1, tied=False),
}
ROWS, LENGTH, MICRO, STEPS = 4, 24, 2, 10
LR, CLIP, DECAY, BETAS, EPS = 0.004, 0.5, 0.1, (0.9, 0.95), 1e-8
BALANCE, Z = 0.02, 0.003
ROPE_BASE, NORM_EPS = 10000.0, 1e-5


class LCG:
    """The generator of Numerical Recipes; draw(n) is an integer in [0, n), unit() in [-0.5, 0.5)."""

    def __init__(self, seed):
        self.s = seed

    def next(self):
        self.s = (self.s * 1664525 + 1013904223) % 2**32
        return self.s

    def draw(self, n):
        return (self.next() >> 16) % n

    def unit(self):
        return self.next() / 2**32 - 0.5


def shapes(c):
    """Parameters in the order of the flat weight vector: name, shape, size of the values."""
    D, hd, Fh, E = c["dim"], c["head_dim"], c["hidden"], c["experts"]
    q, kv = c["heads"] * hd, c["kv_heads"] * hd
    yield "embed", (c["vocab"], D), 0.5
    for i in range(c["layers"]):
        yield f"{i}.norm1", (D,), 0
        yield f"{i}.q", (q, D), 2 / math.sqrt(D)
        yield f"{i}.k", (kv, D), 2 / math.sqrt(D)
        yield f"{i}.v", (kv, D), 2 / math.sqrt(D)
        yield f"{i}.o", (D, q), 2 / math.sqrt(q)
        yield f"{i}.norm2", (D,), 0
        if E > 1:
            yield f"{i}.router", (E, D), 2 / math.sqrt(D)
            yield f"{i}.gate", (E, Fh, D), 2 / math.sqrt(D)
            yield f"{i}.up", (E, Fh, D), 2 / math.sqrt(D)
            yield f"{i}.down", (E, D, Fh), 2 / math.sqrt(Fh)
        else:
            yield f"{i}.gate", (Fh, D), 2 / math.sqrt(D)
            yield f"{i}.up", (Fh, D), 2 / math.sqrt(D)
            yield f"{i}.down", (D, Fh), 2 / math.sqrt(Fh)
    yield "norm", (D,), 0
    if not c["tied"]:
        yield "output", (c["vocab"], D), 0.5


def weights(c, dtype):
    g = LCG(1)
    out = {}
    for name, shape, size in shapes(c):
        n = math.prod(shape)
        values = [1 + 0.2 * g.unit() if size == 0 else size * g.unit() for _ in range(n)]
        # rounded to float32 first: both programs start from the same numbers
        out[name] = torch.tensor(values, dtype=torch.float32).to(dtype).reshape(shape).requires_grad_()
    return out


def batch(g, c):
    """Row 0 holds two documents; some targets have less weight or none."""
    n = ROWS * LENGTH
    tokens = [g.draw(c["vocab"]) for _ in range(n)]
    targets = [g.draw(c["vocab"]) for _ in range(n)]
    weight = [[1, 1, 0.25, 0][g.draw(4)] for _ in range(n)]
    seg = torch.zeros(ROWS, LENGTH, dtype=torch.long)
    seg[0, LENGTH // 2:] = 1
    return torch.tensor(tokens).view(ROWS, LENGTH), torch.tensor(targets), torch.tensor(weight, dtype=torch.float64), seg


def rms(x, w):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + NORM_EPS) * w


def rope(x):
    """Neighbouring pairs; x: [B, T, heads, head dim]."""
    T, hd = x.shape[1], x.shape[3]
    angle = torch.arange(T, dtype=torch.float64)[:, None] * ROPE_BASE ** (-torch.arange(0, hd, 2, dtype=torch.float64) / hd)
    cos, sin = angle.cos().to(x.dtype)[:, None, :], angle.sin().to(x.dtype)[:, None, :]
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


def forward(P, c, tokens, seg):
    """Logits [B·T, V] and the sums over layers of the load-balancing loss and the router z-loss."""
    B, T = tokens.shape
    H, KV, hd = c["heads"], c["kv_heads"], c["head_dim"]
    mask = (seg[:, None, :, None] == seg[:, None, None, :]) & torch.ones(T, T, dtype=torch.bool).tril()
    x = P["embed"][tokens]
    balance = z = x.new_zeros(())
    for i in range(c["layers"]):
        p = lambda name: P[f"{i}.{name}"]
        h = rms(x, p("norm1"))
        q = rope((h @ p("q").T).view(B, T, H, hd))
        k = rope((h @ p("k").T).view(B, T, KV, hd)).repeat_interleave(H // KV, 2)
        v = (h @ p("v").T).view(B, T, KV, hd).repeat_interleave(H // KV, 2)
        s = torch.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(hd)
        a = torch.softmax(s.masked_fill(~mask, float("-inf")), -1)
        x = x + torch.einsum("bhqk,bkhd->bqhd", a, v).reshape(B, T, H * hd) @ p("o").T
        h = rms(x, p("norm2")).view(B * T, -1)
        if c["experts"] > 1:
            r = h @ p("router").T
            probs = torch.softmax(r, -1)
            top, chosen = r.topk(c["top_k"], -1)
            gate = torch.zeros_like(r).scatter(1, chosen, torch.softmax(top, -1))
            share = F.one_hot(chosen, c["experts"]).sum((0, 1)).to(r.dtype) / chosen.numel()
            balance = balance + c["experts"] * (share * probs.mean(0)).sum()
            z = z + torch.logsumexp(r, -1).pow(2).mean()
            y = 0
            for e in range(c["experts"]):  # every expert sees every token; the gate is zero where it was not chosen
                y = y + gate[:, e:e + 1] * ((F.silu(h @ p("gate")[e].T) * (h @ p("up")[e].T)) @ p("down")[e].T)
        else:
            y = (F.silu(h @ p("gate").T) * (h @ p("up").T)) @ p("down").T
        x = x + y.view(B, T, -1)
    return rms(x, P["norm"]).view(B * T, -1) @ P["embed" if c["tied"] else "output"].T, balance, z


def run(c, dtype):
    P = weights(c, dtype)
    gains = [t for n, t in P.items() if "norm" in n]
    rest = [t for n, t in P.items() if "norm" not in n]
    opt = torch.optim.AdamW([dict(params=rest, weight_decay=DECAY), dict(params=gains, weight_decay=0)], lr=LR, betas=BETAS, eps=EPS)
    g = LCG(2)
    losses, norms, balances, zs = [], [], [], []
    for _ in range(STEPS):
        micro = [batch(g, c) for _ in range(MICRO)]
        total = sum(w.sum() for _, _, w, _ in micro).item()
        opt.zero_grad()
        loss = bal = zl = 0
        for tokens, targets, weight, seg in micro:
            logits, b, z = forward(P, c, tokens, seg)
            ce = (F.cross_entropy(logits, targets, reduction="none") * weight.to(dtype)).sum()
            (ce / total + (BALANCE * b + Z * z) / MICRO).backward()
            loss, bal, zl = loss + ce.item() / total, bal + b.item() / MICRO / c["layers"], zl + z.item() / MICRO / c["layers"]
        norms.append(torch.nn.utils.clip_grad_norm_(list(P.values()), CLIP).item())
        opt.step()
        losses.append(loss)
        balances.append(bal)
        zs.append(zl)
    return dict(loss=losses, norm=norms, balance=balances, router_z=zs)


out = dict(
    made_with=f"PyTorch {torch.__version__}, CPU, reference.py", rows=ROWS, length=LENGTH, micro=MICRO, steps=STEPS, lr=LR, clip=CLIP,
    weight_decay=DECAY, beta1=BETAS[0], beta2=BETAS[1], eps=EPS, load_balance=BALANCE, router_z=Z, rope_base=ROPE_BASE, norm_eps=NORM_EPS, cases=[])
for name, c in CASES.items():
    exact, single = run(c, torch.float64), run(c, torch.float32)
    drift = {k: max(abs(a - b) for a, b in zip(exact[k], single[k])) for k in exact}
    out["cases"].append(dict(name=name, model=c, float64=exact, float32_differs_by=drift))
print(json.dumps(out, indent=1))
