//! The files that are compared: synthetic ones made in each type, real ones by the engine's quantizer, kept in the cache.

use std::path::{Path, PathBuf};

use dyno_models::{BlockFit, FileType, ModelFiles, Reference, SynthSpec};
use dyno_types::{Event, EventSink, Remedy, Wish};

use crate::app::Model;
use crate::eval::{EvalJob, Subject};
use crate::quant_impact::Variant;
use crate::quantize::{QuantizeJob, fallback, honest_type, target_of};
use crate::{AppError, Work};

/// Characters of the source's digest in a folder's name.
const DIGEST_CHARACTERS: usize = 16;

impl Work {
    /// The original and its quantizations, made where they are not there yet.
    pub(crate) async fn variants(
        &self,
        original: Subject,
        types: &[&'static FileType],
        job: &EvalJob,
    ) -> Result<Vec<Variant>, AppError> {
        let own = original.model.facts.quantization.clone();
        let wanted: Vec<&'static FileType> =
            types.iter().filter(|known| known.label != own).copied().collect();
        if wanted.is_empty() {
            let what = format!("the model is {own} itself and nothing else is to be made");
            return Err(AppError::refused(what, Remedy::Change(Wish::To)));
        }
        let models = match Reference::parse(&job.model)? {
            Reference::Synthetic(spec) => self.synthetic_variants(&spec, &wanted)?,
            _ => self.quantized_variants(&original, &wanted, &job.model).await?,
        };
        let requantized = crate::quantize::is_quantized(&own);
        let told = || format!("The original is {own}, quantized already: what that cost is in every figure.");
        let mut variants = vec![Variant { remark: requantized.then(told), subject: original }];
        for (model, asked) in models.into_iter().zip(wanted) {
            let Subject { settings, thread_choice, .. } = &variants[0].subject;
            let (settings, thread_choice) = (settings.clone(), *thread_choice);
            let sha256 = self.model_sha256(&model.identity)?;
            let remark = remark(&model, asked)?;
            variants.push(Variant { subject: Subject { model, sha256, settings, thread_choice }, remark });
        }
        Ok(variants)
    }

    fn synthetic_variants(
        &self,
        spec: &SynthSpec,
        types: &[&'static FileType],
    ) -> Result<Vec<Model>, AppError> {
        let named = |known: &&'static FileType| {
            let reference = SynthSpec { file_type: known, ..*spec }.to_string();
            // Asked by name, so that a type that cannot be made is refused with those that can.
            Reference::parse(&reference).map(|_| reference)
        };
        let references = types.iter().map(named).collect::<Result<Vec<String>, _>>()?;
        references.iter().map(|reference| self.resolve(reference)).collect()
    }

    async fn quantized_variants(
        &self,
        original: &Subject,
        types: &[&'static FileType],
        reference: &str,
    ) -> Result<Vec<Model>, AppError> {
        let session = self.engine()?.start(&self.job).await?;
        let backend = session.info().backend.clone();
        session.stop().await;
        let key = folder_name(&original.sha256, &backend);
        let folder = self.cache_dir()?.join("quantized").join(&key);
        let source = &original.model;
        let files = ModelFiles::open(&source.path)?;
        let target = |known: &&'static FileType| folder.join(target_of(source, &files, known));
        let missing: Vec<String> = types
            .iter()
            .filter(|known| !is_there(&target(known), known))
            .map(|known| known.label.to_owned())
            .collect();
        if !missing.is_empty() {
            let job = QuantizeJob {
                model: reference.to_owned(),
                types: missing,
                imatrix: None,
                folder: Some(folder.clone()),
                // What is there is damaged, or of another label.
                force: true,
                requantize: true,
                threads: 0,
            };
            let (model, orders) = self.quantize_plan(&job)?;
            let made = self.make_quantizations(&job, &model, &orders).await?;
            if let Some(error) = made.error {
                return Err(error);
            }
        }
        let name = format!("quantizations of {reference}");
        match self.with_library(|library, job| library.keep_quantized(&key, &name, job)) {
            Ok(lease) => self.job.hold(lease),
            // The files are there all the same.
            Err(error) => {
                self.job.emit(Event::Warning(format!("the cache could not be brought up to date: {error}")))
            }
        }
        types.iter().map(|known| read(target(known))).collect()
    }
}

fn read(path: PathBuf) -> Result<Model, AppError> {
    let (facts, identity) = dyno_models::read_identified(&path, &path.display().to_string())?;
    dyno_models::check_runnable(&facts)?;
    Ok(Model { path, facts, identity, read_ms: 0.0 })
}

/// Whether the file was made before, for this type, and says of itself what it is.
fn is_there(path: &Path, asked: &'static FileType) -> bool {
    let Ok(files) = ModelFiles::open(path) else { return false };
    let honest = honest_type(asked, &BlockFit::of(&files, asked));
    dyno_models::facts_of(&files, "").quantization == honest.label
}

/// A folder for the quantizations that this backend makes of this model.
fn folder_name(sha256: &str, backend: &str) -> String {
    let plain =
        |character: char| if character.is_ascii_alphanumeric() || character == '.' { character } else { '-' };
    let backend: String = backend.chars().take(40).map(plain).collect();
    format!("{}-{backend}", sha256.get(..DIGEST_CHARACTERS).unwrap_or(sha256))
}

/// What fell back in a file that was made for this type.
fn remark(model: &Model, asked: &'static FileType) -> Result<Option<String>, AppError> {
    Ok(fallback(asked, &BlockFit::of(&ModelFiles::open(&model.path)?, asked)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_belongs_to_weights_and_backend() {
        let digest = "0123456789abcdef0123456789abcdef";
        assert_eq!(folder_name(digest, "llama.cpp b9803"), "0123456789abcdef-llama.cpp-b9803");
        assert_eq!(folder_name(digest, "a/../b"), "0123456789abcdef-a-..-b");
        assert_ne!(folder_name(digest, "llama.cpp b1"), folder_name(digest, "llama.cpp b2"));
    }

    fn known(label: &str) -> &'static FileType {
        FileType::from_label(label).unwrap()
    }

    #[test]
    fn only_a_whole_file_of_the_right_label_counts_as_made_before() {
        let folder = tempfile::tempdir().unwrap();
        let spec = SynthSpec::parse("tiny-llama@q8_0", 0).unwrap();
        let file = dyno_models::synthesize(&spec, folder.path(), &mut |_, _| true).unwrap();
        assert!(is_there(&file, known("q8_0")) && !is_there(&file, known("q4_0")));
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&file, &bytes[..bytes.len() - 100]).unwrap();
        assert!(!is_there(&file, known("q8_0")), "a torn file is made again");
        assert!(!is_there(&folder.path().join("none.gguf"), known("q8_0")));
    }
}
