//! The marks between which models reason before they answer.

/// Opening and closing marks of reasoning. What stands between them is no part of an answer.
///
/// | marks | models |
/// |---|---|
/// | `<think>` | DeepSeek-R1 and its distillations, Qwen3, QwQ, GLM, MiniMax, Nemotron, Phi-4 reasoning, SmolLM3, Granite 4 |
/// | `<thinking>`, `<thought>`, `<reasoning>`, `<reflection>`, `<scratchpad>`, `<analysis>` | EXAONE Deep (`thought`), Reflection, prompts that ask for them |
/// | `[THINK]` | Magistral, Ministral |
/// | `<\|channel\|>analysis`, `<\|channel\|>commentary` | gpt-oss (Harmony); the answer is the channel `final` |
/// | `<\|channel>thought` | Gemma |
/// | `<\|START_THINKING\|>` | Command A |
/// | `<\|begin_of_thought\|>` | OpenThinker, Sky-T1 |
/// | `<seed:think>` | Seed-OSS |
/// | `◁think▷` | Kimi |
/// | `<\|inner_prefix\|>` | Apertus |
/// | `<unused94>` | MedGemma |
pub const REASONING_MARKS: [(&str, &str); 17] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<reflection>", "</reflection>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<analysis>", "</analysis>"),
    ("[THINK]", "[/THINK]"),
    ("<|channel|>analysis", "<|channel|>final"),
    ("<|channel|>commentary", "<|channel|>final"),
    ("<|channel>thought", "<channel|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<seed:think>", "</seed:think>"),
    ("◁think▷", "◁/think▷"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("<unused94>", "<unused95>"),
];

/// Control tokens that become text in an answer, although control tokens have none: without them reasoning could not be told from
/// what is answered.
pub const REASONING_TOKENS: [&str; 21] = [
    "<think>",
    "</think>",
    "<thinking>",
    "</thinking>",
    "[THINK]",
    "[/THINK]",
    "<|channel|>",
    "<|message|>",
    "<|channel>",
    "<channel|>",
    "<|START_THINKING|>",
    "<|END_THINKING|>",
    "<|begin_of_thought|>",
    "<|end_of_thought|>",
    "<seed:think>",
    "</seed:think>",
    "◁think▷",
    "◁/think▷",
    "<|inner_prefix|>",
    "<|inner_suffix|>",
    "<unused94>",
];

/// The mark of reasoning that a prompt ends with, so that what is generated begins inside reasoning.
#[must_use]
pub fn reasoning_opened_by(prompt: &str) -> Option<&'static str> {
    let prompt = prompt.trim_end();
    // Harmony writes a mark of its own between the channel and what is said in it.
    let prompt = prompt.strip_suffix("<|message|>").unwrap_or(prompt);
    REASONING_MARKS.iter().map(|(open, _)| *open).find(|open| prompt.ends_with(open))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_opens_reasoning_with_its_last_words_alone() {
        for (prompt, mark) in [
            ("<|im_start|>assistant\n<think>\n", Some("<think>")),
            ("[/INST][THINK]", Some("[THINK]")),
            ("<|start|>assistant<|channel|>analysis<|message|>", Some("<|channel|>analysis")),
            ("<think>\n\n</think>\n\n", None),
            ("what does <think> mean?<|im_end|>\n<|im_start|>assistant\n", None),
            ("", None),
        ] {
            assert_eq!(reasoning_opened_by(prompt), mark, "{prompt:?}");
        }
    }

    #[test]
    fn every_token_is_part_of_a_mark() {
        for token in REASONING_TOKENS.iter().filter(|token| **token != "<|message|>") {
            let known =
                REASONING_MARKS.iter().any(|(open, close)| open.contains(token) || close.contains(token));
            assert!(known, "{token}");
        }
    }
}
