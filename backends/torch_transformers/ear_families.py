"""How each family of models that hear lays a sound out in its prompt, and what it makes of it, by transformers' own code.

A sound is heard in windows of as many seconds as the family's encoder takes at once, one after another.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch


class EarShape(Protocol):
    """One family. ``marks`` stand before and after a sound in a prompt."""

    marks: tuple[str, str]

    def count(self, model: Any, extractor: Any, samples: int) -> int:
        """Places of a window of so many samples; 0 where it is too short to be heard."""

    def features(self, model: Any, extractor: Any, samples: Any, device: str) -> torch.Tensor:
        """The embeddings of all windows of a sound, (places, width)."""


class Qwen2Audio:
    """Whisper's encoder, with pairs of frames made one, and no place for silence that fills a window."""

    marks = ("<|audio_bos|>", "<|audio_eos|>")

    def count(self, model: Any, extractor: Any, samples: int) -> int:
        frames = torch.tensor(-(-samples // extractor.hop_length))
        return max(0, int(model.audio_tower._get_feat_extract_output_lengths(frames)[1]))

    def features(self, model: Any, extractor: Any, samples: Any, device: str) -> torch.Tensor:
        from transformers.masking_utils import create_bidirectional_mask

        found = []
        for start in range(0, len(samples), extractor.n_samples):
            window = samples[start : start + extractor.n_samples]
            if not (count := self.count(model, extractor, len(window))):
                continue
            heard = extractor(
                window,
                sampling_rate=extractor.sampling_rate,
                return_tensors="pt",
                padding="max_length",
                return_attention_mask=True,
            )
            frames = model.audio_tower._get_feat_extract_output_lengths(heard["attention_mask"].sum(-1))[0]
            places = torch.arange((heard["input_features"].shape[-1] - 2) // 2 + 1, device=device).unsqueeze(0)
            mask = create_bidirectional_mask(
                config=model.audio_tower.config,
                inputs_embeds=torch.zeros(1, places.shape[1], 1, device=device, dtype=_type_of(model)),
                attention_mask=(places < frames.to(device)).long(),
            )
            states = model.audio_tower(heard["input_features"].to(device), attention_mask=mask).last_hidden_state
            found.append(model.multi_modal_projector(states)[0, :count])
        return torch.cat(found)


class Qwen25Omni(Qwen2Audio):
    """As Qwen2-Audio, with an encoder that finds its own windows in a longer sound."""

    def features(self, model: Any, extractor: Any, samples: Any, device: str) -> torch.Tensor:
        found = []
        for start in range(0, len(samples), extractor.n_samples):
            window = samples[start : start + extractor.n_samples]
            if not self.count(model, extractor, len(window)):
                continue
            heard = extractor(window, sampling_rate=extractor.sampling_rate, return_tensors="pt", return_attention_mask=True)
            found.append(
                model.get_audio_features(
                    heard["input_features"].to(device, _type_of(model)), heard["attention_mask"].to(device)
                ).last_hidden_state
            )
        return torch.cat(found)


class Voxtral:
    """Whisper's encoder over windows that silence fills, four frames a place."""

    marks = ("[BEGIN_AUDIO]", "")

    def count(self, model: Any, _extractor: Any, _samples: int) -> int:
        ears = model.config.audio_config
        return int(ears.max_source_positions * ears.hidden_size // ears.intermediate_size)

    def features(self, model: Any, extractor: Any, samples: Any, device: str) -> torch.Tensor:
        heard = extractor(
            samples,
            sampling_rate=extractor.sampling_rate,
            return_tensors="pt",
            padding=True,
            truncation=False,
            pad_to_multiple_of=extractor.n_samples,
        )
        windows = heard["input_features"].reshape(extractor.feature_size, -1, extractor.nb_max_frames).transpose(0, 1)
        found: torch.Tensor = model.get_audio_features(windows.to(device, _type_of(model))).pooler_output
        return found


def _type_of(model: Any) -> torch.dtype:
    """What the encoder computes in."""
    found: torch.dtype = next(parameter for parameter in model.audio_tower.parameters() if parameter.is_floating_point()).dtype
    return found


EARS: dict[str, EarShape] = {"qwen2_audio": Qwen2Audio(), "qwen2_5_omni_thinker": Qwen25Omni(), "voxtral": Voxtral()}
"""By ``model_type``."""
