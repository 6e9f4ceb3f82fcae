"""The shape of faces: where what a common frame shows lies in each, and in the mean of each age.

Faces are registered to their common mean, which grows sharper by it, again and again: groupwise
registration after Cootes et al., "Groupwise diffeomorphic non-rigid registration for automatic
model building" (ECCV 2004), by dense optical flow in place of landmarks.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from agekit_prototypes.bands import SCALES, core_of, normalise, oval, step, to_ycc
from agekit_prototypes.network import PrototypeAger

__all__ = ["learn_shape", "registered"]

Plane = NDArray[np.float32]
SIDE = 96
"""Of the faces that are registered, pixels."""
SMOOTH = (0.22, 0.18, 0.14)
"""Deviations of the Gaussian that smooths the flow, round by round, in distances of the eyes."""
FARTHEST = 8.0
"""The most that a place moves before the flow is smoothed, pixels."""
LEAST_DETAIL = 0.03
FEW = 12.0
"""Faces of which the mean shape is half believed: what is left is the shape common to all."""


def learn_shape(
    ager: PrototypeAger,
    faces: NDArray[np.uint8],
    seen: NDArray[np.bool_],
    share: NDArray[np.float64],
) -> None:
    """Gives an ager the mean shape of each age, the less of it the fewer faces tell it.

    Args:
        ager: what is to learn them; gives the frame.
        faces: (N, S, S, 3) RGB, of any S.
        seen: (N, s, s) where there is a picture, and no mirror image beyond its edge.
        share: (2, K, N) of `agekit_prototypes.statistics.shares`.
    """
    flow = torch.from_numpy(registered(ager, faces, seen)).permute(0, 3, 1, 2) / SIDE
    small = torch.nn.functional.interpolate(flow, ager.shape.shape[-2:-1] * 2, mode="area")
    weight = torch.from_numpy(share).float()
    weight = weight / weight.sum(-1, keepdim=True).clamp(min=1e-6)
    count = 1 / weight.square().sum(-1, keepdim=True).clamp(min=1e-6)
    weight = weight * count / (count + FEW)
    mean = torch.einsum("gkn,ncyx->gkcyx", weight, small)
    even = (mean + mean.flip(-1) * torch.tensor([-1.0, 1.0])[:, None, None]) / 2
    ager.shape.copy_(even[..., : ager.shape.shape[-1]].half())


def registered(ager: PrototypeAger, faces: NDArray[np.uint8], seen: NDArray[np.bool_]) -> Plane:
    """The flow to each face from the frame that all have in common.

    Args:
        ager: gives where the points lie.
        faces: as `learn_shape` takes them.
        seen: likewise.

    Returns:
        (N, 96, 96, 2), pixels: what the frame shows at p lies at p + flow in the face. Its mean
        over the faces is symmetric and 0 but for what mirroring leaves.
    """
    eyes = ager.eyes * SIDE
    inside = step(oval(ager.points, SIDE), 1.0, 1.25).numpy()
    light = _luminance(ager, faces)
    there = [cv2.resize(one.astype(np.float32), (SIDE, SIDE)) for one in seen]
    shown = [_even(one, eyes) for one in light]
    dense = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = np.zeros((len(faces), SIDE, SIDE, 2), np.float32)
    mirror = np.array([-1, 1], np.float32)
    for smooth in SMOOTH:
        mean = np.mean([_moved(one, by) for one, by in zip(light, flow, strict=True)], 0)
        mean = ((mean + mean[:, ::-1]) / 2).astype(np.float32)
        edges = np.hypot(cv2.Sobel(mean, cv2.CV_32F, 1, 0), cv2.Sobel(mean, cv2.CV_32F, 0, 1))
        # Only edges tell where a place went; flat skin goes with its neighbours.
        told = np.clip(edges / max(float(edges[inside > 0.5].mean()), 1e-6), 0.05, 3) * inside
        frame = _even(mean, eyes)
        for k, picture in enumerate(shown):
            found = np.asarray(dense.calc(frame, picture, np.empty((0, 0), np.float32)), np.float32)
            far = np.hypot(found[..., 0], found[..., 1])[..., None]
            found *= np.minimum(far, FARTHEST) / np.maximum(far, 1e-6)
            weight = (told * np.clip(_moved(there[k], found), 0, 1)).astype(np.float32)
            flow[k] = _smoothed(found, weight, smooth * eyes) * inside[..., None]
        mean_flow = flow.mean(0)
        flow -= (mean_flow + mean_flow[:, ::-1] * mirror) / 2
    return flow


def _luminance(ager: PrototypeAger, faces: NDArray[np.uint8]) -> list[Plane]:
    """(96, 96) each, normalised."""
    core = core_of(oval(ager.points, SIDE))[None, None]
    out = []
    for face in faces:
        small = cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        pixels = torch.from_numpy(np.asarray(small)).permute(2, 0, 1)[None].float() / 255
        out.append(normalise(to_ycc(pixels), core)[0][0, 0].numpy())
    return out


def _even(light: Plane, eyes: float) -> NDArray[np.uint8]:
    """Detail alone, as strong everywhere: what the flow is found by."""
    wide = 1.5 * SCALES[-1] * eyes
    detail = light - cv2.GaussianBlur(light, (0, 0), wide)
    spread = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), wide) + LEAST_DETAIL**2)
    return np.asarray(np.clip(128 + 45 * detail / spread, 0, 255), np.uint8)


def _moved(plane: Plane, flow: Plane) -> Plane:
    """What lies at p + flow, at p."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    at = (x + flow[..., 0], y + flow[..., 1])
    edge = cv2.BORDER_REPLICATE
    return np.asarray(cv2.remap(plane, *at, cv2.INTER_LINEAR, borderMode=edge), np.float32)


def _smoothed(flow: Plane, weight: Plane, deviation: float) -> Plane:
    """The weighted mean about each place."""
    summed = cv2.GaussianBlur(flow * weight[..., None], (0, 0), deviation)
    total = cv2.GaussianBlur(weight, (0, 0), deviation) + 1e-3
    return np.asarray(summed / total[..., None], np.float32)
