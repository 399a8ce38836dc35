//! What to type to make use of a recommended model.

use dyno_types::{EngineSettings, KNOBS, NextStep, StepWords};

/// The words of every next step.
pub(crate) const WORDS: StepWords = StepWords(words);

fn words(step: &NextStep) -> String {
    match step {
        NextStep::Fetch { reference } => format!("dyno models pull {}", shell_word(reference)),
        NextStep::Answer { reference, settings } => {
            format!("dyno generate {}{} --prompt \"Hello\"", shell_word(reference), flags(settings))
        }
        NextStep::Measure { reference, settings } => {
            format!("dyno bench {}{}", shell_word(reference), flags(settings))
        }
        NextStep::Mend(remedy) => crate::remedy::typed(remedy),
    }
}

/// A reference as a shell takes it for one word.
pub(crate) fn shell_word(reference: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_./:@+,=%".contains(letter);
    if !reference.is_empty() && reference.chars().all(plain) {
        return reference.to_owned();
    }
    format!("'{}'", reference.replace('\'', "'\\''"))
}

/// Flags for what differs from the defaults.
fn flags(settings: &EngineSettings) -> String {
    let usual = EngineSettings::default();
    let changed = KNOBS.iter().filter(|knob| (knob.get)(settings) != (knob.get)(&usual));
    changed.map(|knob| format!(" --{} {}", knob.flag, (knob.get)(settings))).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use dyno_types::KvType;

    use super::*;
    use crate::cli::{Cli, Verb};

    #[test]
    fn what_is_recommended_can_be_typed_and_means_the_choice() {
        let settings = EngineSettings {
            context: 32_768,
            kv_type_k: KvType::Q8_0,
            kv_type_v: KvType::Q8_0,
            ubatch: 128,
            ..EngineSettings::default()
        };
        for reference in ["hf:org/model:q4_k_m", "/a b/it's.gguf", "ollama:llama3.2:1b", "/tmp/ü$HOME.gguf"]
        {
            let reference = reference.to_owned();
            let step = NextStep::Answer { reference: reference.clone(), settings: settings.clone() };
            let typed = shlex::split(&words(&step)).unwrap();
            let Verb::Generate(args) = Cli::try_parse_from(typed).unwrap().verb else { panic!("{step:?}") };
            assert_eq!((args.model, args.prompt.as_deref()), (Some(reference), Some("Hello")));
            assert_eq!(args.knobs.single().unwrap(), settings);
        }
        let settings = EngineSettings::default();
        let reference = "synth:llama-3.2-1b@q4_k_m".to_owned();
        assert_eq!(words(&NextStep::Measure { reference, settings }), "dyno bench synth:llama-3.2-1b@q4_k_m");
        let fetch = NextStep::Fetch { reference: "hf:org/model:f16".to_owned() };
        assert_eq!(words(&fetch), "dyno models pull hf:org/model:f16");
    }
}
