"""Conversations as tokens: the ChatML template, the byte-level BPE tokenizer, and which tokens carry loss."""

import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL = [END_OF_TEXT, TURN_START, TURN_END]

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def messages_of(line: dict) -> list[tuple[str, str]]:
    """The turns of a conversation as (role, text)."""
    if "messages" in line:
        return [(turn["role"], turn["content"]) for turn in line["messages"]]
    turns = [("system", line["system"])] if line.get("system") else []
    return turns + [("user", line["user"]), ("assistant", line["assistant"])]


def pieces_of(line: dict) -> list[tuple[str, bool]]:
    """A training line as pieces of text, each with whether the model learns to write it. The only user of the template here:
    pieces joined are exactly what CHAT_TEMPLATE renders."""
    if "text" in line:
        return [(line["text"] + END_OF_TEXT, True)]
    pieces = []
    for role, content in messages_of(line):
        pieces.append((f"{TURN_START}{role}\n", False))
        pieces.append((f"{content}{TURN_END}", role == "assistant"))
        pieces.append(("\n", False))
    return pieces


def read_lines(path: Path, count: int | None = None):
    with path.open(encoding="utf-8") as file:
        for index, line in enumerate(file):
            if count is not None and index >= count:
                return
            yield json.loads(line)


def train_tokenizer(path: Path, vocabulary: int, lines: int) -> Tokenizer:
    """Byte-level BPE in which every digit is a token of its own (llama.cpp's `smollm` pre-tokenizer)."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )

    def texts():
        for line in read_lines(path, lines):
            if "text" in line:
                yield line["text"]
            else:
                yield from (content for _, content in messages_of(line))
        yield from ("system\n", "user\n", "assistant\n") * 1000

    tokenizer.train_from_iterator(texts(), trainer)
    return tokenizer


def encode_all(path: Path, tokenizer: Tokenizer, context: int):
    """Every line as one document. Returns (tokens u16, learn u8, starts u64 with the end appended, skipped)."""
    tokens, learn, starts, skipped = [], [], [0], 0
    total, batch = 0, []

    def flush():
        nonlocal total, skipped
        flat = [piece for document in batch for piece in document]
        encoded = iter(tokenizer.encode_batch_fast([text for text, _ in flat], add_special_tokens=False))
        for document in batch:
            ids = [(next(encoded).ids, learned) for _, learned in document]
            length = sum(len(part) for part, _ in ids)
            if length > context:
                skipped += 1
                continue
            for part, learned in ids:
                tokens.append(np.array(part, np.uint16))
                learn.append(np.full(len(part), learned, np.uint8))
            total += length
            starts.append(total)
        batch.clear()

    for line in read_lines(path):
        batch.append(pieces_of(line))
        if len(batch) == 20_000:
            flush()
    flush()
    return np.concatenate(tokens), np.concatenate(learn), np.array(starts, np.uint64), skipped
