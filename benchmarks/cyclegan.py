"""Pairs of faces a second in CycleGAN training, against the reference's loop, on one device.

    python benchmarks/cyclegan.py [--device cpu] [--size 64] [--blocks 6] [--width 24] [--batch 1]

The reference's loop (pytorch-CycleGAN-and-pix2pix) is restated here in plain PyTorch: float32, six
passes through the generators and six through the discriminators a step, Adam as it comes, every
loss read after every step as its log does. Ours is the step that ``agekit train cyclegan`` takes.
Both are timed in turns on random images that are already on the device; the figures are medians
over neighbouring pairs of measurements, and the quartiles stand beside them. TFLOP/s are those of
the reference's operations, whatever it takes us to get the same.

``--part`` also times our layers in the reference's order, ``--freeze K`` our step with K blocks
frozen; ``--compile`` and ``--amp`` add our step compiled, in bfloat16, and both. Only bfloat16
changes the result by more than rounding. Exits with 1 where the exact step, on a CPU, is not 1.3
times as fast as the reference.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from typing import Protocol, cast

import torch
from agekit_ager.pairs import PairBatch
from agekit_cyclegan.discriminator import PatchGAN
from agekit_cyclegan.generators import ResnetGenerator
from agekit_cyclegan.step import CycleGANStep
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from agekit.device import describe_device, pick_device

__all__ = ["main"]

ADAM = {"lr": 2e-4, "betas": (0.5, 0.999)}
POOL = 50


class Block(nn.Module):
    """The reference's ResnetBlock."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), norm(channels)]
        other = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), norm(channels)]
        self.conv_block = nn.Sequential(*half, nn.ReLU(True), *other)

    def forward(self, x: Tensor) -> Tensor:
        """Adds what the block makes of `x` to it."""
        return cast(Tensor, x + self.conv_block(x))


def norm(channels: int) -> nn.Module:
    """The reference's normalisation."""
    return nn.InstanceNorm2d(channels, affine=False, track_running_stats=False)


def generator(blocks: int, width: int) -> nn.Sequential:
    """The reference's ResnetGenerator."""
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7)]
    layers += [norm(width), nn.ReLU(True)]
    for n in (width, 2 * width):
        layers += [nn.Conv2d(n, 2 * n, 3, 2, 1), norm(2 * n), nn.ReLU(True)]
    layers += [Block(4 * width) for _ in range(blocks)]
    for n in (2 * width, width):
        layers += [nn.ConvTranspose2d(2 * n, n, 3, 2, 1, 1), norm(n), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())


def discriminator(width: int) -> nn.Sequential:
    """The reference's NLayerDiscriminator of three layers."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for n, stride in ((width, 2), (2 * width, 2), (4 * width, 1)):
        layers += [nn.Conv2d(n, 2 * n, 4, stride, 1), norm(2 * n), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))


class Pool:
    """The reference's ImagePool."""

    def __init__(self) -> None:
        self.images: list[Tensor] = []

    def query(self, images: Tensor) -> Tensor:
        """Some of the images, some of earlier ones."""
        out = []
        for image in images:
            image = image.detach().unsqueeze(0)
            if len(self.images) < POOL:
                self.images.append(image)
            elif random.uniform(0, 1) > 0.5:
                slot = random.randint(0, POOL - 1)
                self.images[slot], image = image, self.images[slot].clone()
            out.append(image)
        return torch.cat(out, 0)


class Reference:
    """The reference's CycleGANModel and what its training loop does with it."""

    def __init__(self, options: argparse.Namespace, device: torch.device) -> None:
        blocks, width, judges = options.blocks, options.width, options.discriminator_width
        self.net_g_a, self.net_g_b = (generator(blocks, width).to(device) for _ in "ab")
        self.net_d_a, self.net_d_b = (discriminator(judges).to(device) for _ in "ab")
        self.fake_a_pool, self.fake_b_pool = Pool(), Pool()
        self.mse, self.l1 = nn.MSELoss(), nn.L1Loss()
        self.optimizer_g = adam(self.net_g_a, self.net_g_b)
        self.optimizer_d = adam(self.net_d_a, self.net_d_b)

    def gan(self, prediction: Tensor, real: bool) -> Tensor:
        """GANLoss('lsgan')."""
        target = torch.tensor(float(real), device=prediction.device).expand_as(prediction)
        return cast(Tensor, self.mse(prediction, target))

    def requires_grad(self, on: bool) -> None:
        """set_requires_grad of both discriminators."""
        for net in (self.net_d_a, self.net_d_b):
            for parameter in net.parameters():
                parameter.requires_grad = on

    def step(self, real_a: Tensor, real_b: Tensor) -> list[float]:
        """optimize_parameters, and the losses as floats."""
        fake_b = self.net_g_a(real_a)
        rec_a = self.net_g_b(fake_b)
        fake_a = self.net_g_b(real_b)
        rec_b = self.net_g_a(fake_a)
        self.requires_grad(False)
        self.optimizer_g.zero_grad()
        idt_a = self.l1(self.net_g_a(real_b), real_b) * 10.0 * 0.5
        idt_b = self.l1(self.net_g_b(real_a), real_a) * 10.0 * 0.5
        g_a = self.gan(self.net_d_a(fake_b), True)
        g_b = self.gan(self.net_d_b(fake_a), True)
        cycle_a = self.l1(rec_a, real_a) * 10.0
        cycle_b = self.l1(rec_b, real_b) * 10.0
        (g_a + g_b + cycle_a + cycle_b + idt_a + idt_b).backward()
        self.optimizer_g.step()
        self.requires_grad(True)
        self.optimizer_d.zero_grad()
        d_a = self.judge(self.net_d_a, real_b, self.fake_b_pool.query(fake_b))
        d_b = self.judge(self.net_d_b, real_a, self.fake_a_pool.query(fake_a))
        self.optimizer_d.step()
        return [loss.item() for loss in (d_a, g_a, cycle_a, idt_a, d_b, g_b, cycle_b, idt_b)]

    def judge(self, net: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """backward_D_basic."""
        loss = (self.gan(net(real), True) + self.gan(net(fake.detach()), False)) * 0.5
        loss.backward()  # type: ignore[no-untyped-call]
        return loss


def adam(*networks: nn.Module) -> torch.optim.Adam:
    """The reference's optimiser of two networks."""
    every = itertools.chain.from_iterable(network.parameters() for network in networks)
    return torch.optim.Adam(every, **ADAM)  # type: ignore[arg-type]


class Way(Protocol):
    """A way to train."""

    def step(self, a: Tensor, b: Tensor, /) -> object:
        """One update of all networks from faces of either domain, (N, 3, S, S)."""


class Ours:
    """Our step, with the optimisers that ``agekit train`` gives it."""

    def __init__(
        self,
        options: argparse.Namespace,
        device: torch.device,
        *,
        plain: bool = False,
        frozen: int = 0,
        dtype: torch.dtype | None = None,
        compiled: bool = False,
    ) -> None:
        g = {n: ResnetGenerator(blocks=options.blocks, width=options.width) for n in ("a2b", "b2a")}
        d = {n: PatchGAN(width=options.discriminator_width) for n in "ab"}
        self.model = CycleGANStep(
            nn.ModuleDict(g),
            nn.ModuleDict(d),
            size=options.size,
            plain=plain,
            freeze_blocks=frozen,
            dtype=dtype,
        ).to(device)
        if compiled:
            for network in (*g.values(), *d.values()):
                network.compile()
        self.optimizers = OptimWrapperDict(
            generators=fused(self.model.generators.parameters()),
            discriminators=fused(self.model.discriminators.parameters()),
        )

    def step(self, a: Tensor, b: Tensor) -> None:
        """One update; nothing is read back."""
        self.model.train_step(PairBatch(a, b), self.optimizers)


def fused(parameters: Iterable[nn.Parameter]) -> OptimWrapper:
    """Adam in one kernel, on what is trained."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    return OptimWrapper(torch.optim.Adam(trained, fused=True, **ADAM))  # type: ignore[arg-type]


def seconds(step: Callable[[Tensor, Tensor], object], a: Tensor, b: Tensor, steps: int) -> float:
    """How long a step takes, the mean of several."""
    if a.is_cuda:
        torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(steps):
        step(a, b)
    if a.is_cuda:
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / steps


def show(name: str, rate: float, work: float, ratio: str = "") -> None:
    """Prints pairs a second, and the reference's operations that this is worth."""
    print(f"{name:<20} {rate:>9.2f} pairs/s {rate * work / 1e12:>8.3f} TFLOP/s{ratio}")


def main() -> int:
    """Measures, prints, and gives 1 where the exact step is not as fast as promised."""
    parser = argparse.ArgumentParser(description="CycleGAN training speed.")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--width", type=int, default=24)
    parser.add_argument("--discriminator-width", type=int, default=32)
    parser.add_argument("--batch", type=int, default=1, help="pairs a step; the paper has 1")
    parser.add_argument("--freeze", type=int, help="also with so many blocks frozen")
    parser.add_argument("--amp", action="store_true", help="also in bfloat16")
    parser.add_argument("--compile", action="store_true", help="also with compiled networks")
    parser.add_argument("--part", action="store_true", help="also with our layers alone")
    parser.add_argument("--rounds", type=int, default=15, help="pairs of measurements")
    parser.add_argument("--steps", type=int, default=2, help="steps in a measurement")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    device = pick_device(options.device)
    print(" ".join(f"{key}={value}" for key, value in describe_device(device).items()))
    shape = (options.batch, 3, options.size, options.size)
    a, b = (torch.rand(shape, device=device) * 2 - 1 for _ in "ab")
    reference = Reference(options, device)
    ways: dict[str, Way] = {"exact": Ours(options, device)}
    if options.part:
        ways["exact, six calls"] = Ours(options, device, plain=True)
    if options.freeze is not None:
        ways[f"exact, {options.freeze} frozen"] = Ours(options, device, frozen=options.freeze)
    if options.amp:
        ways["bfloat16"] = Ours(options, device, dtype=torch.bfloat16)
    if options.compile:
        ways["compiled"] = Ours(options, device, compiled=True)
    if options.amp and options.compile:
        ways["bfloat16, compiled"] = Ours(options, device, dtype=torch.bfloat16, compiled=True)
    every: dict[str, Way] = {"reference": reference, **ways}
    with FlopCounterMode(display=False) as counter:
        reference.step(a, b)
    work = counter.get_total_flops() / shape[0]
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for way in every.values():
        seconds(way.step, a, b, 3)
    for _, (name, way) in itertools.product(range(options.rounds), ways.items()):
        theirs = seconds(reference.step, a, b, options.steps)
        times[name].append((theirs, seconds(way.step, a, b, options.steps)))
    print(
        f"{options.size} px, {options.blocks} blocks, width {options.width}, discriminators "
        f"{options.discriminator_width}, batch {shape[0]}, {work / 1e9:.1f} GFLOP a pair"
    )
    slow = statistics.median(theirs for pairs in times.values() for theirs, _ in pairs)
    show("reference", shape[0] / slow, work)
    for name, pairs in times.items():
        rate = shape[0] / statistics.median(ours for _, ours in pairs)
        low, middle, high = statistics.quantiles([t / o for t, o in pairs], n=4)
        show(name, rate, work, f"  x {middle:.2f} ({low:.2f}-{high:.2f})")
    least = statistics.median(t / o for t, o in times["exact"])
    return 0 if device.type != "cpu" or least >= 1.3 else 1


if __name__ == "__main__":
    sys.exit(main())
