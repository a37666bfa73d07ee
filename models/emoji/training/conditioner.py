"""Both text encoders with their tokenizers: captions to what the UNet attends to."""

from pathlib import Path

import torch
from networks import TOKENS, make_text_encoder, make_text_encoder_2
from torch import nn
from transformers import CLIPTokenizer


class _UsedTokens(nn.Module):
    """Stands in for a token table while it is trained: only the rows that captions use."""

    def __init__(self, table: nn.Embedding, used: torch.Tensor):
        super().__init__()
        self.rows = nn.Parameter(table.weight.detach()[used].clone())
        index = torch.zeros(table.num_embeddings, dtype=torch.long)
        index[used] = torch.arange(len(used))
        self.register_buffer("_index", index, persistent=False)

    @property
    def weight(self) -> torch.Tensor:
        return self.rows  # Where transformers asks for the table's dtype.

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return nn.functional.embedding(self._index[ids], self.rows)


def _embeddings(encoder: nn.Module) -> nn.Module:
    return getattr(encoder, "text_model", encoder).embeddings


class Conditioner(nn.Module):
    """Encodes captions as StableDiffusionXLPipeline.encode_prompt does.

    Of the token tables, nineteen twentieths of the model, only the rows of the captions' tokens are
    parameters; `with_whole_tables` gives the encoders with all rows, the others as they were drawn.
    """

    def __init__(self, tokenizers: Path, captions: list[str]):
        super().__init__()
        self.encoders = nn.ModuleList([make_text_encoder(), make_text_encoder_2()])
        self._numbers = {caption: number for number, caption in enumerate(captions)}
        self._tables = []
        for name, encoder in zip(("tokenizer", "tokenizer_2"), self.encoders, strict=True):
            ids = CLIPTokenizer.from_pretrained(tokenizers / name)(
                captions, padding="max_length", max_length=TOKENS, return_tensors="pt"
            ).input_ids
            self.register_buffer(f"_{name}_ids", ids, persistent=False)
            embeddings = _embeddings(encoder)
            used = ids.unique()
            self._tables.append((embeddings.token_embedding, used))
            embeddings.token_embedding = _UsedTokens(embeddings.token_embedding, used)

    def forward(self, captions: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """[captions, tokens, both widths] and [captions, projection]."""
        numbers = [self._numbers[caption] for caption in captions]
        first, second = (
            encoder(ids[numbers], output_hidden_states=True)
            for encoder, ids in zip(
                self.encoders, (self._tokenizer_ids, self._tokenizer_2_ids), strict=True
            )
        )
        prompt = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
        return prompt, second.text_embeds

    @torch.no_grad()
    def with_whole_tables(self) -> nn.ModuleList:
        for encoder, (table, used) in zip(self.encoders, self._tables, strict=True):
            embeddings = _embeddings(encoder)
            if isinstance(embeddings.token_embedding, _UsedTokens):
                table.weight[used] = embeddings.token_embedding.rows.cpu()
                embeddings.token_embedding = table
        return self.encoders
