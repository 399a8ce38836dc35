//! The questions of a task: those of the suites that fit it and that the model has to write answers to.

use dyno_eval::{Item, ItemKind, Strategy, Suite, SuiteHeader};
use dyno_types::{CancelFlag, EventSink, Sampling};

use super::{Questions, TuneJob, eval_job};
use crate::AppError;
use crate::eval::ask::Manner;
use crate::eval::digest::sha256_hex;
use crate::eval::suites;

/// Which questions say something about a task.
struct Fit {
    /// Task.
    task: &'static str,
    /// Built-in suites where nobody says which.
    suites: &'static [&'static str],
    /// Categories of fitting questions.
    categories: &'static [&'static str],
}

/// One entry per task that has a preset. Open tasks of language are writing, too: creative prompts alone are too few.
const FITS: [Fit; 4] = [
    Fit { task: "reasoning", suites: &["heldout-steps"], categories: &["reasoning", "arithmetic"] },
    Fit {
        task: "creativity",
        suites: &["five-topics", "three-prompts"],
        categories: &["creativity", "language"],
    },
    Fit { task: "knowledge", suites: &["heldout-single"], categories: &["knowledge"] },
    Fit { task: "code", suites: &["heldout-code"], categories: &["code"] },
];

/// The questions of one task, as one suite.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) task: String,
    /// Where they are from.
    pub(super) suites: Vec<String>,
    pub(super) questions: Questions,
}

impl Pool {
    pub(super) fn items(&self) -> usize {
        self.questions.suite.items.len()
    }

    /// Whether any question comes with a system text.
    pub(super) fn has_system_text(&self) -> bool {
        self.questions.suite.items.iter().any(|item| item.system.is_some())
    }

    /// Questions whose answers are no programs.
    pub(super) fn without_programs(&self) -> usize {
        self.questions.suite.items.iter().filter(|item| item.kind != ItemKind::Code).count()
    }

    /// What it is made of, for messages.
    pub(super) fn describe(&self, judged: bool) -> String {
        let scored = if judged { "scored or rated by the judge" } else { "right or wrong" };
        format!("questions from {} whose answers are written and {scored}", self.suites.join(", "))
    }
}

/// Gathers the questions of a task.
///
/// # Errors
/// [`AppError::Input`] for suites that cannot be read.
pub(super) fn pool(
    job: &TuneJob,
    task: &str,
    strategy: &Strategy,
    cancel: &CancelFlag,
    events: &dyn EventSink,
) -> Result<Pool, AppError> {
    let fit = FITS.iter().find(|fit| fit.task == task);
    let fit = fit.ok_or_else(|| AppError::Input(format!("no questions are known for the task {task:?}")))?;
    let usual: Vec<String> = fit.suites.iter().map(ToString::to_string).collect();
    let names = if job.suites.is_empty() { &usual } else { &job.suites };
    let asked = suites::questions(&eval_job(job, names), cancel, events)?;
    let manner = Manner {
        strategy: strategy.clone(),
        few_shot: 0,
        sampling: Sampling::default(),
        max_tokens: 1,
        policy: None,
    };
    let fits = |item: &Item| {
        let category = item.category.as_deref();
        // Whoever names no category is taken at the word of whoever named the suite.
        let fitting = category.is_none_or(|category| fit.categories.contains(&category));
        // How an answer looks says nothing about how good it is: that takes a judge.
        let scored = job.judge.is_some() || !item.kind.is_open();
        fitting && !manner.by_likelihood(item) && scored
    };
    let mut digests = vec![task.to_owned()];
    let (mut items, mut examples, mut from) = (Vec::new(), Vec::new(), Vec::new());
    for Questions { suite, id, .. } in asked {
        digests.push(id.sha256);
        let name = id.name;
        let own = |item: Item| Item { id: format!("{name}/{}", item.id), ..item };
        let fitting = suite.items.into_iter().filter(&fits).map(own);
        items.extend(fitting);
        examples.extend(suite.examples.into_iter().map(own));
        from.push(name.clone());
    }
    let header = SuiteHeader { name: task.to_owned(), ..SuiteHeader::default() };
    let (remarks, refused) = (Vec::new(), Vec::new());
    let suite = Suite { header, format: "tune", remarks, items, examples, refused, refused_total: 0 };
    let id = suite.id(sha256_hex(digests.join("\n").as_bytes()));
    // All may be asked; each round chooses among them.
    let all = (0..suite.items.len()).collect();
    let questions = Questions::new(suite, id, all);
    Ok(Pool { task: task.to_owned(), suites: from, questions })
}
