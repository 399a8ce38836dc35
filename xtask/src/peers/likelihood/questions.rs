//! What is asked: three ways in which benchmarks put multiple choice.

use anyhow::{Context as _, bail, ensure};
use dyno_eval::{
    ChoiceStyle, ExamplePool, Framing, Item, ItemKind, LoadOptions, Loaded, Suite, builtin_suite,
    likelihood_requests, strategies,
};
use dyno_types::Prompt;

/// The suite inside the program that two of them take.
const BUILTIN: &str = "heldout-choice";
/// Worked examples before each question, as MMLU has them.
const EXAMPLES: u32 = 5;

/// One question: its prompt, and the choices that may follow.
pub(super) struct Question {
    pub(super) prompt: String,
    pub(super) choices: Vec<String>,
}

/// Questions put in one way.
pub(super) struct Workload {
    pub(super) name: &'static str,
    pub(super) questions: Vec<Question>,
}

impl Workload {
    pub(super) fn choices(&self) -> usize {
        self.questions.iter().map(|question| question.choices.len()).sum()
    }
}

/// Long endings from the HellaSwag file, where there is one; short answers; letters behind worked examples. At most
/// `limit` questions of each.
pub(super) fn workloads(hellaswag: &std::path::Path, limit: usize) -> anyhow::Result<Vec<Workload>> {
    let mut workloads = Vec::new();
    let name = hellaswag.display().to_string();
    match std::fs::read(hellaswag) {
        Ok(bytes) => match dyno_eval::load(&name, &bytes, LoadOptions::default())? {
            Loaded::Suite(suite) => workloads.push(workload("endings (HellaSwag)", &suite, 0, limit)?),
            _ => bail!("{name} holds no questions"),
        },
        Err(error) => eprintln!("SKIPPED the long endings: {name}: {error}"),
    }
    let mut suite = builtin_suite(BUILTIN).context("the suite is inside the program")?.load()?;
    workloads.push(workload("short answers", &suite, 0, limit)?);
    suite.items.iter_mut().for_each(|item| item.style = ChoiceStyle::Letters);
    suite.examples = suite.items.split_off(suite.items.len() - EXAMPLES as usize);
    workloads.push(workload("letters, 5 examples (as MMLU)", &suite, EXAMPLES, limit)?);
    Ok(workloads)
}

fn workload(name: &'static str, suite: &Suite, examples: u32, limit: usize) -> anyhow::Result<Workload> {
    let known = strategies();
    let direct = known.first().context("there are strategies")?;
    // The same for every question, as MMLU has them for a subject.
    let examples = suite.items.first().map_or_else(Vec::new, |item| {
        ExamplePool::new(suite, 0).worked_examples(item, direct, Some(examples))
    });
    let question = |item: &Item| {
        let requests = likelihood_requests(item, direct, &examples, Framing::Text);
        let Prompt::Text(prompt) = &requests.first()?.prompt else { return None };
        Some(Question {
            prompt: prompt.clone(),
            choices: requests.iter().map(|request| request.continuation.clone()).collect(),
        })
    };
    let of_choice = suite.items.iter().filter(|item| item.kind == ItemKind::Choice);
    let questions: Vec<_> = of_choice.filter_map(question).take(limit).collect();
    ensure!(!questions.is_empty(), "{name} holds no multiple choice");
    Ok(Workload { name, questions })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_ways_differ_as_they_say() {
        let without_file = workloads(std::path::Path::new("nowhere"), 7).unwrap();
        let [answers, letters] = &without_file[..] else { panic!("{}", without_file.len()) };
        assert_eq!((answers.choices(), letters.choices()), (28, 28));
        assert!(letters.questions.iter().all(|question| question.choices[0].trim() == "A"));
        assert!(letters.questions[0].prompt.len() > 5 * answers.questions[0].prompt.len());
    }
}
