"""Writes a trained checkpoint as a GGUF file that llama.cpp (and dyno) loads: weights as f16, norms as f32."""

import argparse
import json
from pathlib import Path

import gguf
import torch

from model import NORM_EPSILON, ROPE_BASE
from text import CHAT_TEMPLATE, END_OF_TEXT, SPECIAL, TURN_END
from train import CONTEXT, SHAPES, VOCABULARY

TENSORS = {
    "attention_norm": "attn_norm",
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "output": "attn_output",
    "feed_forward_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}


def tensor_name(name: str) -> str:
    """`blocks.3.q.weight` → `blk.3.attn_q.weight`."""
    if name == "embedding.weight":
        return "token_embd.weight"
    if name == "norm.weight":
        return "output_norm.weight"
    _, layer, part, _ = name.split(".")
    return f"blk.{layer}.{TENSORS[part]}.weight"


def write_tokenizer(writer: gguf.GGUFWriter, path: Path):
    bpe = json.loads(path.read_text(encoding="utf-8"))["model"]
    by_id = sorted(bpe["vocab"], key=bpe["vocab"].get)
    kinds = [gguf.TokenType.CONTROL if token in SPECIAL else gguf.TokenType.NORMAL for token in by_id]
    writer.add_tokenizer_model("gpt2")
    # Splits every digit from its neighbours, then as GPT-2 does: what text.py trains with.
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(by_id)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(merge) for merge in bpe["merges"]])
    writer.add_bos_token_id(bpe["vocab"][END_OF_TEXT])
    writer.add_eos_token_id(bpe["vocab"][TURN_END])
    writer.add_pad_token_id(bpe["vocab"][END_OF_TEXT])
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=SHAPES)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    shape = SHAPES[options.name]
    state = torch.load(options.work / f"{options.name}.pt", weights_only=True)
    writer = gguf.GGUFWriter(options.out, "llama")
    writer.add_name(f"dyno {options.name}")
    writer.add_description(f"Reference model of dyno, trained for {state['step']} steps on generated conversations")
    writer.add_license("cc0-1.0")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape["width"])
    writer.add_block_count(shape["layers"])
    writer.add_feed_forward_length(shape["feed_forward"])
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["kv_heads"])
    writer.add_rope_dimension_count(shape["width"] // shape["heads"])
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_vocab_size(VOCABULARY)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    write_tokenizer(writer, options.work / "tokenizer.json")
    for name, tensor in state["model"].items():
        # Norms stay exact; they are few.
        kind = torch.float32 if tensor.ndim == 1 else torch.float16
        writer.add_tensor(tensor_name(name), tensor.to(kind).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(f"{options.out}: {options.out.stat().st_size:,} bytes, step {state['step']}")


if __name__ == "__main__":
    main()
