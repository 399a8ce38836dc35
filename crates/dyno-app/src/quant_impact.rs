//! `eval --quant-impact`: a model and its quantizations side by side: size, memory, speed, and what of its quality is lost.

mod compared;
mod files;
mod pairs;
mod speed;
mod text;

use dyno_types::{EvalRecord, Event, EventSink, ModelFacts, PairedComparison, QuantImpact, Remedy, Wish};
use serde::Serialize;

use crate::eval::{
    DISTRIBUTIONS_FILE, Distributions, EvalJob, EvalPlan, Passage, Subject, TextJob, nothing_judged,
};
use crate::generate::PolicyWishes;
use crate::quant_impact::speed::conditions;
use crate::{AppError, Work};

/// Quantizations that are made where nobody says which.
pub const QUANT_IMPACT_TYPES: [&str; 4] = ["q8_0", "q5_k_m", "q4_k_m", "q4_0"];

/// Most bytes of distributions stored where nobody says how many chunks: large vocabularies need fewer chunks for an answer.
const DISTRIBUTIONS_BYTES: u64 = 2 << 30;

/// What to compare, as asked for.
#[derive(Debug, Clone)]
pub struct QuantImpactJob {
    /// The original, and how quality is measured. Without a text, one inside the program is; a reference is not used: that is
    /// the original.
    pub eval: EvalJob,
    /// Tokens per chunk of the text inside the program.
    pub chunk: u32,
    /// Quantization labels.
    pub to: Vec<String>,
    /// Engine processes of each file that speed rests on.
    pub processes: u32,
}

/// What came out, as far as it went.
#[derive(Debug, Default, Serialize)]
pub struct QuantImpactResult {
    /// The original first.
    pub rows: Vec<QuantImpact>,
    /// Every suite, each quantization compared with the original over the same items.
    pub comparisons: Vec<PairedComparison>,
    /// What to know about the figures, as sentences.
    pub remarks: Vec<String>,
    /// The evaluations behind the rows.
    #[serde(skip)]
    pub records: Vec<EvalRecord>,
    /// Why it ended early.
    #[serde(skip)]
    pub error: Option<AppError>,
}

/// A model file that takes part.
#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) subject: Subject,
    /// What is peculiar about this file.
    pub(crate) remark: Option<String>,
}

impl Work {
    /// Makes the quantizations (those made before are in the cache), measures quality one by one and speed in turn, and keeps
    /// an evaluation of each. What was measured before an error is in the result beside the error.
    ///
    /// # Errors
    /// Before anything is measured: [`AppError::Input`], [`AppError::Model`], [`AppError::History`], [`AppError::Engine`],
    /// [`AppError::Write`], [`AppError::Cancelled`].
    pub async fn quant_impact(&self, job: &QuantImpactJob) -> Result<QuantImpactResult, AppError> {
        job.eval.sampling.validate().map_err(|error| AppError::Input(error.to_string()))?;
        if job.processes == 0 {
            let remedy = Remedy::AtLeast(Wish::Processes, 1);
            return Err(AppError::refused("no engine process was asked for", remedy));
        }
        check_strategy(&job.eval.strategies)?;
        check_policy(&job.eval.policy)?;
        let types = crate::quantize::known_types(&job.to)?;
        let history = if job.eval.save { self.history_to_keep()? } else { None };
        let asked = job.eval.clone();
        let mut original = self.aside(move |work| work.eval_subject(&asked)).await?;
        if original.model.facts.synthetic {
            // Nothing is asked side by side.
            original.settings.sequences = 1;
        }
        let (eval, plan) = self.impact_plan(job, &original.model.facts)?;
        let variants = self.variants(original, &types, &eval).await?;
        let job = QuantImpactJob { eval, ..job.clone() };
        let mut result = self.compare(&job, plan, &variants).await;
        result.error = result.error.take().or_else(|| nothing_judged(&result.records));
        for record in &result.records {
            if let Some(history) = &history
                && let Err(error) = history.append_eval(record)
            {
                self.job.emit(Event::Warning(format!("a record could not be kept: {error}")));
                result.error.get_or_insert(error.into());
            }
        }
        Ok(result)
    }

    /// What every file is asked: nothing where weights are random, else the suites and a text.
    fn impact_plan(&self, job: &QuantImpactJob, facts: &ModelFacts) -> Result<(EvalJob, EvalPlan), AppError> {
        if facts.synthetic {
            if !job.eval.suites.is_empty() || job.eval.text.is_some() {
                let told = "the weights are random: suites and text are left out";
                self.job.emit(Event::Warning(told.to_owned()));
            }
            return Ok((EvalJob { text: None, ..job.eval.clone() }, EvalPlan::default()));
        }
        let mut plan = self.eval_plan(&EvalJob { text: None, ..job.eval.clone() })?;
        let (passage, asked) = match &job.eval.text {
            Some(text) => (Passage::read(&text.file, &self.job.cancel)?, text.clone()),
            None => {
                let file = std::path::PathBuf::new();
                (text::built_in()?, TextJob { file, chunk: job.chunk, chunks_max: 0, reference: None })
            }
        };
        plan.passage = Some(passage);
        let chunks_max = chunks_max(asked.chunks_max, asked.chunk, facts);
        let text = TextJob { chunks_max, reference: None, ..asked };
        Ok((EvalJob { text: Some(text), ..job.eval.clone() }, plan))
    }

    /// Carries it out: quality first, since its answers are kept as they come, then speed.
    async fn compare(
        &self,
        job: &QuantImpactJob,
        mut plan: EvalPlan,
        variants: &[Variant],
    ) -> QuantImpactResult {
        let mut result = QuantImpactResult::default();
        if let Err(error) = self.qualities(job, &mut plan, variants, &mut result).await {
            result.error = Some(error);
        }
        if let (None, Some(judge)) = (&result.error, &plan.judge) {
            result.error = self.judge_pairs(judge, &plan.questions, &mut result.records).await.err();
        }
        compared::compare_with_first(&mut result.records);
        let subjects: Vec<&Subject> = variants.iter().map(|variant| &variant.subject).collect();
        if result.error.is_none() {
            result.error = self.speeds(&subjects, job.processes, &mut result.records).await;
        }
        let ids: Vec<String> = result.records.iter().map(|record| record.id.clone()).collect();
        for (record, variant) in result.records.iter_mut().zip(variants) {
            record.together = ids.clone();
            record.notes.extend(variant.remark.clone());
        }
        result.rows = compared::rows(&result.records);
        result.comparisons = compared::of_whole_suites(&result.records);
        result.remarks = remarks(&result.records, variants, conditions(&subjects, job.processes));
        result
    }

    /// Evaluates one file after the other; the original's distributions serve all.
    async fn qualities(
        &self,
        job: &QuantImpactJob,
        plan: &mut EvalPlan,
        variants: &[Variant],
        result: &mut QuantImpactResult,
    ) -> Result<(), AppError> {
        let folder = self.distributions_folder()?;
        let file = folder.path().join(DISTRIBUTIONS_FILE);
        for (index, Variant { subject, .. }) in variants.iter().enumerate() {
            let original = &variants[0].subject.model.facts.quantization;
            plan.distributions = Some(match index {
                0 => Distributions::Store(file.clone()),
                _ => Distributions::Compare(original.clone(), file.clone()),
            });
            let evaluated = self.evaluate(&job.eval, plan, subject).await?;
            result.records.push(evaluated.record);
            if let Some(error) = evaluated.error {
                return Err(error);
            }
        }
        Ok(())
    }
}

/// One answer to "what does it cost": several strategies would give several.
fn check_strategy(strategies: &[String]) -> Result<(), AppError> {
    if strategies.len() < 2 && strategies.first().is_none_or(|name| name != "all") {
        return Ok(());
    }
    let what = "quantizations are compared under one prompt strategy";
    Err(AppError::refused(what, Remedy::OnlyOne(Wish::Strategy)))
}

/// Retries and votes would hide what a quantization costs behind more tokens.
fn check_policy(policy: &PolicyWishes) -> Result<(), AppError> {
    let without_judge = PolicyWishes { judge: None, ..policy.clone() };
    if without_judge == PolicyWishes::default() {
        return Ok(());
    }
    let what = "quantizations are compared by plain answers, without checks, retries and votes";
    let wishes = vec![Wish::Checks, Wish::Retries, Wish::Votes, Wish::LeastGrade, Wish::Policy];
    Err(AppError::refused(what, Remedy::Omit(wishes)))
}

/// Most chunks: as asked for, else so many that the distributions stay within [`DISTRIBUTIONS_BYTES`].
fn chunks_max(asked: u32, chunk: u32, facts: &ModelFacts) -> u32 {
    if asked > 0 {
        return asked;
    }
    let place_bytes = facts.vocabulary.unwrap_or(0).saturating_mul(2).max(1);
    let chunk_bytes = place_bytes.saturating_mul(u64::from(chunk / 2).max(1));
    u32::try_from((DISTRIBUTIONS_BYTES / chunk_bytes).max(2)).unwrap_or(u32::MAX)
}

/// What to know about the figures.
fn remarks(records: &[EvalRecord], variants: &[Variant], conditions: String) -> Vec<String> {
    let Some(first) = records.first() else { return Vec::new() };
    let mut said = Vec::new();
    if first.model.synthetic {
        said.push(
            "The weights are random: size, memory and speed are real, quality does not apply.".to_owned(),
        );
    }
    if records.iter().any(|record| record.footprint.is_some_and(|found| found.decode_tps.is_some())) {
        said.push(conditions);
    }
    if let Some(text) = &first.perplexity {
        said.push(format!(
            "Perplexity and divergence on {} (sha256 {}…): {} chunks of {} tokens, the second half of each scored.",
            text.text,
            text.sha256.get(..12).unwrap_or_default(),
            text.chunks,
            text.context
        ));
    }
    said.extend(variants.iter().take(records.len()).filter_map(|variant| variant.remark.clone()));
    said
}

#[cfg(test)]
mod tests;
