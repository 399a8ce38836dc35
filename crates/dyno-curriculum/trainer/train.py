"""Trains one reference model on generated conversations. Checkpoints, resumes, and can be stopped at any time.

The rate stays constant after a warm-up and falls to zero over the last part of the run (`--steps`, `--decay`): a stopped
run goes on with more `--steps` from its last checkpoint. Loss is taken on the assistant's words alone.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from model import Model, Shape
from muon import Muon
from text import encode_all, read_lines, train_tokenizer

SHAPES = {
    "nano": dict(width=128, layers=3, heads=4, kv_heads=2, feed_forward=512),
    "micro": dict(width=256, layers=4, heads=8, kv_heads=4, feed_forward=512),
}
VOCABULARY = 1536
CONTEXT = 1024
WARM_UP_STEPS = 100
BUFFER_DOCUMENTS = 16_384


class Corpus:
    """Documents as tokens, in batches of similar length: padding is rare and no document sees another."""

    def __init__(self, folder: Path):
        self.tokens = np.load(folder / "tokens.npy", mmap_mode="r")
        self.learn = np.load(folder / "learn.npy", mmap_mode="r")
        self.starts = np.load(folder / "starts.npy").astype(np.int64)

    def batches(self, seed: int, tokens_per_batch: int):
        """Endless batches of document numbers, the same for the same seed."""
        epoch = 0
        lengths = np.diff(self.starts)
        while True:
            random = np.random.default_rng((seed, epoch))
            order = random.permutation(len(lengths))
            for first in range(0, len(order), BUFFER_DOCUMENTS):
                part = order[first : first + BUFFER_DOCUMENTS]
                part = part[np.argsort(lengths[part], kind="stable")]
                groups, group = [], []
                for document in part:
                    if group and (len(group) + 1) * lengths[document] > tokens_per_batch:
                        groups.append(group)
                        group = []
                    group.append(document)
                groups.append(group)
                random.shuffle(groups)
                yield from groups
            epoch += 1

    def tensors(self, documents):
        """(input tokens, next tokens, places that carry loss), each (documents, longest − 1)."""
        spans = [(self.starts[d], self.starts[d + 1]) for d in documents]
        longest = max(end - start for start, end in spans)
        tokens = np.zeros((len(spans), longest), np.int64)
        learn = np.zeros((len(spans), longest), bool)
        for row, (start, end) in enumerate(spans):
            tokens[row, : end - start] = self.tokens[start:end]
            learn[row, : end - start] = self.learn[start:end] != 0
        tokens, learn = torch.from_numpy(tokens), torch.from_numpy(learn)
        return tokens[:, :-1], tokens[:, 1:], learn[:, 1:]


def prepare(data: Path, folder: Path, tokenizer_path: Path):
    """Tokenizer and tokens, made once per data file."""
    if not tokenizer_path.exists():
        train_tokenizer(data, VOCABULARY, 200_000).save(str(tokenizer_path))
    if not (folder / "starts.npy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        tokens, learn, starts, skipped = encode_all(data, Tokenizer.from_file(str(tokenizer_path)), CONTEXT)
        np.save(folder / "tokens.npy", tokens)
        np.save(folder / "learn.npy", learn)
        np.save(folder / "starts.npy", starts)
        print(f"{len(starts) - 1} documents, {len(tokens)} tokens, {learn.mean():.0%} carry loss, {skipped} too long")


def optimisers(model: Model, rate: float):
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and not name.startswith("embedding")]
    others = [p for name, p in model.named_parameters() if p.ndim < 2 or name.startswith("embedding")]
    return [
        Muon(matrices, lr=rate, weight_decay=0.05),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def rate_factor(step: int, steps: int, decay: float) -> float:
    falling = max(1, round(steps * decay))
    return min(1.0, (step + 1) / WARM_UP_STEPS, (steps - step) / falling)


@torch.no_grad()
def exact_by_task(model: Model, corpus: Corpus, tasks: list[str]):
    """Share of documents whose every learnt token is the likeliest: what greedy decoding would get wholly right."""
    model.eval()
    right, count = {}, {}
    lengths = np.diff(corpus.starts)
    order = np.argsort(lengths, kind="stable")
    for first in range(0, len(order), 64):
        documents = order[first : first + 64]
        inputs, targets, learn = corpus.tensors(documents)
        best = model.logits(model.hidden(inputs)).argmax(-1)
        good = ((best == targets) | ~learn).all(1)
        for document, ok in zip(documents, good.tolist()):
            task = tasks[document]
            right[task] = right.get(task, 0) + ok
            count[task] = count.get(task, 0) + 1
    model.train()
    return {task: right[task] / count[task] for task in sorted(count)}, sum(right.values()) / len(order)


def kind_of(line: dict) -> str:
    """The task, and whether it is answered with written steps."""
    answer = line.get("assistant") or line.get("messages", [{"content": ""}])[-1]["content"]
    return line["task"] + ("/steps" if "The answer is" in answer else "")


def save(path: Path, model, optimiser_list, step: int, batches_used: int):
    """Whole or not at all."""
    state = {
        "model": model.state_dict(),
        "optimisers": [o.state_dict() for o in optimiser_list],
        "step": step,
        "batches_used": batches_used,
    }
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=SHAPES)
    parser.add_argument("--data", type=Path, required=True, help="training conversations (JSON lines)")
    parser.add_argument("--check", type=Path, required=True, help="conversations to watch progress with (JSON lines)")
    parser.add_argument("--work", type=Path, required=True, help="folder for tokenizer, tokens and checkpoints")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--decay", type=float, default=0.25, help="share of the run over which the rate falls")
    parser.add_argument("--rate", type=float, default=5e-3)
    parser.add_argument("--batch-tokens", type=int, default=3072)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--check-every", type=int, default=500)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    options.work.mkdir(parents=True, exist_ok=True)
    tokenizer_path = options.work / "tokenizer.json"
    prepare(options.data, options.work / "train", tokenizer_path)
    prepare(options.check, options.work / "check", tokenizer_path)
    tasks = [kind_of(line) for line in read_lines(options.check)]
    train(options, Corpus(options.work / "train"), Corpus(options.work / "check"), tasks)


def train(options, corpus: Corpus, check: Corpus, tasks: list[str]):
    model = Model(Shape(**SHAPES[options.name], vocabulary=VOCABULARY, context=CONTEXT))
    print(f"{options.name}: {sum(p.numel() for p in model.parameters()):,} parameters")
    optimiser_list = optimisers(model, options.rate)
    checkpoint = options.work / f"{options.name}.pt"
    first_step, used = 0, 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        for optimiser, saved in zip(optimiser_list, state["optimisers"]):
            optimiser.load_state_dict(saved)
        first_step, used = state["step"], state["batches_used"]
        print(f"going on from step {first_step}")
    batches = corpus.batches(options.seed, options.batch_tokens)
    for _ in range(used):
        next(batches)
    log = (options.work / f"{options.name}.log.jsonl").open("a")
    began, seen, loss_sum, loss_count = time.time(), 0, 0.0, 0
    for step in range(first_step, options.steps):
        factor = rate_factor(step, options.steps, options.decay)
        for optimiser in optimiser_list:
            for group in optimiser.param_groups:
                group["lr"] = options.rate * factor
        inputs, targets, learn = corpus.tensors(next(batches))
        used += 1
        loss = F.cross_entropy(model.logits(model.hidden(inputs)[learn]), targets[learn])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser in optimiser_list:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        seen += inputs.numel()
        loss_sum, loss_count = loss_sum + loss.item(), loss_count + 1
        if math.isnan(loss_sum):
            raise SystemExit(f"the loss is not a number at step {step}; the last checkpoint is {checkpoint}")
        if (step + 1) % 100 == 0:
            rate = seen / (time.time() - began)
            print(f"step {step + 1}/{options.steps} loss {loss_sum / loss_count:.4f} {rate:.0f} tokens/s", flush=True)
            loss_sum, loss_count = 0.0, 0
        if (step + 1) % options.check_every == 0 or step + 1 == options.steps:
            by_task, overall = exact_by_task(model, check, tasks)
            print(f"step {step + 1}: wholly right {overall:.1%}", json.dumps({k: round(v, 2) for k, v in by_task.items()}), flush=True)
            log.write(json.dumps({"step": step + 1, "exact": overall, "by_task": by_task}) + "\n")
            log.flush()
            save(checkpoint, model, optimiser_list, step + 1, used)


if __name__ == "__main__":
    main()
