//! `quantize`: the same model with smaller weights, by the engine's own quantizer.

use std::path::{Path, PathBuf};

use dyno_engine::{Engine, Session};
use dyno_models::{BlockFit, FILE_TYPE_KEY, FILE_TYPES, FileType, ModelError, ModelFiles, Reference, gguf};
use dyno_types::{Event, EventSink, ModelFacts, QuantizeRequest, Remedy, TensorTypeShare, Wish};
use serde::Serialize;

use crate::app::Model;
use crate::watched::WatchedEngine;
use crate::{AppError, Work};

/// Room asked for beyond the estimate: mixtures keep some tensors in larger types than the one they are named after.
const ROOM_FACTOR: f64 = 1.2;

/// Share of the weights that a type must be able to hold for a file to be named after it alone.
const NAMED_SHARE_MIN: f64 = 0.1;

/// Longest name that file systems take, bytes.
const NAME_BYTES_MAX: usize = 255;

/// What to make, as asked for.
#[derive(Debug, Clone)]
pub struct QuantizeJob {
    /// Model reference.
    pub model: String,
    /// Quantization labels, e.g. `q4_k_m`.
    pub types: Vec<String>,
    /// Importance matrix.
    pub imatrix: Option<PathBuf>,
    /// Where the files go; by default beside the source, or into the cache where that cannot be.
    pub folder: Option<PathBuf>,
    /// Replace files that are there.
    pub force: bool,
    /// Accept a source that is quantized already.
    pub requantize: bool,
    /// Threads; 0 takes every usable processor.
    pub threads: u32,
}

/// A file that was made.
#[derive(Debug, Clone, Serialize)]
pub struct Quantized {
    /// The file.
    pub path: PathBuf,
    /// Its quantization, as its own header states it.
    pub quantization: String,
    /// Size, bytes.
    pub file_bytes: u64,
    /// Share of the source's size, all its parts counted.
    pub size_ratio: f64,
    /// Bits of a weight on average, over all tensors.
    pub bits_per_weight: f64,
    /// Types of its tensors by bytes, largest first.
    pub tensor_types: Vec<TensorTypeShare>,
    /// Types that weights fell back to because their rows are no whole blocks of the type asked for, largest first.
    pub fell_back: Vec<TensorTypeShare>,
    /// Share of the matrices' weights that fell back, 0 to 1.
    pub fell_back_share: f64,
    /// What fell back, as a sentence; absent where nothing did.
    pub remark: Option<String>,
    /// Time it took in the engine, ms.
    pub quantize_ms: f64,
}

/// What was made; also when it ended early.
#[derive(Debug, Serialize)]
pub struct QuantizeResult {
    /// The source file.
    pub source: PathBuf,
    /// What its header says.
    pub model: ModelFacts,
    /// Files, in the order asked for.
    pub made: Vec<Quantized>,
    /// Why it ended early.
    #[serde(skip)]
    pub error: Option<AppError>,
}

/// One file to make.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    asked: &'static FileType,
    target: PathBuf,
}

impl Work {
    /// Writes the model once for each type. What was made before an error is in the result beside the error; of the file that
    /// failed nothing is left.
    ///
    /// # Errors
    /// Before anything is made: [`AppError::Input`] for unknown types and for targets that are there already, [`AppError::AlreadyQuantized`],
    /// [`AppError::Model`] for the source and for too little room, [`AppError::Engine`].
    pub async fn quantize(&self, job: &QuantizeJob) -> Result<QuantizeResult, AppError> {
        let asked = job.clone();
        let (model, orders) = self.aside(move |work| work.quantize_plan(&asked)).await?;
        self.make_quantizations(job, &model, &orders).await
    }

    /// What is to be made, everything checked.
    pub(crate) fn quantize_plan(&self, job: &QuantizeJob) -> Result<(Model, Vec<Order>), AppError> {
        let types = known_types(&job.types)?;
        if let Some(matrix) = job.imatrix.as_deref().filter(|file| !file.is_file()) {
            return Err(AppError::Input(format!(
                "there is no importance matrix {}; llama.cpp's imatrix tool makes one",
                matrix.display()
            )));
        }
        let model = self.find(&job.model)?;
        let folder = self.quantized_folder(job, &model.path)?;
        let files = ModelFiles::open(&model.path)?;
        let orders = orders(&types, &model, &files, &folder);
        check_orders(&orders, &model, job)?;
        if !job.requantize && is_quantized(&model.facts.quantization) {
            let (model, quantization) = (model.facts.file_name, model.facts.quantization);
            return Err(AppError::AlreadyQuantized { model, quantization });
        }
        check_room(&orders, &model.facts, &folder)?;
        Ok((model, orders))
    }

    /// Makes the files.
    pub(crate) async fn make_quantizations(
        &self,
        job: &QuantizeJob,
        model: &Model,
        orders: &[Order],
    ) -> Result<QuantizeResult, AppError> {
        let engine = self.engine()?;
        let session = WatchedEngine::new(&*engine, vec![model.identity.clone()]).start(&self.job).await?;
        let mut result = QuantizeResult {
            source: model.path.clone(),
            model: model.facts.clone(),
            made: Vec::new(),
            error: None,
        };
        for order in orders {
            match self.quantize_one(&*session, job, model, order).await {
                Ok(made) => result.made.push(made),
                Err(error) => {
                    result.error = Some(error);
                    break;
                }
            }
        }
        session.stop().await;
        Ok(result)
    }

    async fn quantize_one(
        &self,
        session: &dyn Session,
        job: &QuantizeJob,
        model: &Model,
        order: &Order,
    ) -> Result<Quantized, AppError> {
        // Made in a folder of its own, so that a file it replaces stays until the new one was looked at.
        let folder = order.target.parent().unwrap_or(Path::new("."));
        let fail = |source| AppError::Write { path: order.target.clone(), source };
        let making = tempfile::Builder::new().prefix(".dyno-quantize-").tempdir_in(folder).map_err(fail)?;
        let fresh = making.path().join(order.target.file_name().unwrap_or_default());
        let request = QuantizeRequest {
            source: model.path.clone(),
            target: fresh.clone(),
            type_name: order.asked.label.to_owned(),
            threads: self.quantize_threads(job),
            imatrix: job.imatrix.clone(),
            pure_type: false,
            allow_requantize: job.requantize,
        };
        let phase = format!("quantizing to {}", order.asked.label);
        self.job.emit(Event::PhaseStarted { phase, total: 100 });
        let mut show = |fraction: f32| {
            self.job.emit(Event::PhaseAdvanced { done: (fraction * 100.0) as u64, detail: String::new() });
            !self.job.cancel.is_cancelled()
        };
        let report = session.quantize(&request, &mut show).await;
        self.job.emit(Event::PhaseEnded);
        let report = report?;
        let shown = order.target.display().to_string();
        check_made(order, &dyno_models::facts_of(&ModelFiles::open(&fresh)?, &shown))?;
        let (files, fit) = state_what_it_is(&fresh, order.asked)?;
        let facts = dyno_models::facts_of(&files, &shown);
        std::fs::rename(&fresh, &order.target).map_err(fail)?;
        let remark = fallback(order.asked, &fit);
        Ok(Quantized {
            path: order.target.clone(),
            quantization: facts.quantization,
            file_bytes: report.target_bytes,
            size_ratio: report.target_bytes as f64 / (model.facts.file_bytes.max(1)) as f64,
            bits_per_weight: facts.weights_bytes as f64 * 8.0 / facts.parameters.max(1) as f64,
            tensor_types: facts.tensor_types,
            fell_back_share: 1.0 - fit.share(),
            fell_back: fit.kinds,
            remark,
            quantize_ms: report.quantize_ms,
        })
    }

    fn quantize_threads(&self, job: &QuantizeJob) -> u32 {
        if job.threads > 0 { job.threads } else { dyno_hardware::profile().cores_usable.max(1) }
    }

    /// The folder asked for, else the source's where it is a plain file in a folder that can be written, else one in the cache.
    fn quantized_folder(&self, job: &QuantizeJob, source: &Path) -> Result<PathBuf, AppError> {
        let named = matches!(Reference::parse(&job.model)?, Reference::File(_));
        let beside =
            source.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
        let folder = match (&job.folder, beside) {
            (Some(folder), _) => folder.clone(),
            (None, Some(beside)) if named && tempfile::tempfile_in(beside).is_ok() => {
                return Ok(beside.to_owned());
            }
            _ => self.cache_dir()?.join("quantized"),
        };
        std::fs::create_dir_all(&folder)
            .map_err(|source| AppError::Write { path: folder.clone(), source })?;
        Ok(folder)
    }
}

/// The mixtures of these names, each once, in the order given.
pub(crate) fn known_types(names: &[String]) -> Result<Vec<&'static FileType>, AppError> {
    let mut types: Vec<&'static FileType> = Vec::new();
    for name in names {
        let Some(known) = FileType::from_label(&name.trim().to_lowercase()) else {
            let known: Vec<&str> = FILE_TYPES.iter().map(|known| known.label).collect();
            let shown: String = name.chars().take(40).collect();
            return Err(AppError::Input(format!(
                "there is no quantization {shown:?}; known: {}",
                known.join(", ")
            )));
        };
        if !types.contains(&known) {
            types.push(known);
        }
    }
    if types.is_empty() {
        let remedy = Remedy::Use(Wish::To, "q8_0,q4_k_m".to_owned());
        return Err(AppError::refused("no quantization to make is named", remedy));
    }
    Ok(types)
}

fn orders(types: &[&'static FileType], model: &Model, files: &ModelFiles, folder: &Path) -> Vec<Order> {
    let order = |known: &&'static FileType| Order {
        asked: known,
        target: folder.join(target_of(model, files, known)),
    };
    types.iter().map(order).collect()
}

/// File name of a quantization of this model. A file that holds next to nothing of the type it is asked for is not named after
/// that alone.
pub(crate) fn target_of(model: &Model, files: &ModelFiles, quantization: &FileType) -> String {
    let label = match holds(&BlockFit::of(files, quantization)) {
        true => quantization.label.to_owned(),
        false => format!("{}-fallback", quantization.label),
    };
    target_name(&model.path, &model.facts.quantization, &label)
}

/// Whether a file may be called what it was made for.
fn holds(fit: &BlockFit) -> bool {
    fit.share() >= NAMED_SHARE_MIN
}

/// What a file made for this type is: that type, or, where it holds next to nothing of it, the one most of its weights fell back to.
pub(crate) fn honest_type(asked: &'static FileType, fit: &BlockFit) -> &'static FileType {
    let taken = || fit.kinds.first().and_then(|kind| FileType::from_label(&kind.kind));
    if holds(fit) { asked } else { taken().unwrap_or(asked) }
}

/// Makes the header of a new file say what the file is. The file as it is then, and how it fits what was asked for.
fn state_what_it_is(path: &Path, asked: &'static FileType) -> Result<(ModelFiles, BlockFit), ModelError> {
    let files = ModelFiles::open(path)?;
    let fit = BlockFit::of(&files, asked);
    let honest = honest_type(asked, &fit);
    if honest == asked {
        return Ok((files, fit));
    }
    gguf::restate_u32(path, FILE_TYPE_KEY, honest.id)
        .map_err(|source| ModelError::File { path: path.to_owned(), source })?;
    Ok((ModelFiles::open(path)?, fit))
}

/// What the quantizer took instead of the type asked for, and what the file is called for it. `None` where it took nothing else.
pub(crate) fn fallback(asked: &'static FileType, fit: &BlockFit) -> Option<String> {
    if fit.kinds.is_empty() {
        return None;
    }
    let honest = honest_type(asked, fit);
    let what = match honest == asked {
        true => format!("{} in part only", asked.label),
        false => format!("asked for {}, labelled {}", asked.label, honest.label),
    };
    let percent = |elements: u64| elements as f64 * 100.0 / fit.elements.max(1) as f64;
    let kinds: Vec<String> =
        fit.kinds.iter().map(|kind| format!("{:.0} % {}", percent(kind.elements), kind.kind)).collect();
    let rows: Vec<String> = fit.rows.iter().take(4).map(ToString::to_string).collect();
    Some(format!(
        "{what}: rows of {} are no multiple of {}, so {:.0} % of its weights fell back to other types ({}).",
        rows.join(", "),
        fit.block,
        percent(fit.elements - fit.fitting),
        kinds.join(", ")
    ))
}

/// The source's name with its quantization replaced: `micro-f16.gguf` becomes `micro-q4_0.gguf`. Of a split model the number
/// of the part goes: the quantizer writes one file. A name that would be too long loses its end before the quantization.
pub(crate) fn target_name(source: &Path, quantization: &str, label: &str) -> String {
    let stem = ModelFiles::stem(source);
    let cut = stem.len().saturating_sub(quantization.len());
    let base = match stem.get(cut..) {
        Some(end) if !quantization.is_empty() && end.eq_ignore_ascii_case(quantization) => {
            stem[..cut].trim_end_matches(['-', '.', '_', '@'])
        }
        _ => stem.as_str(),
    };
    let base = if base.is_empty() { "model" } else { base };
    let end = format!("-{label}.gguf");
    let mut kept = base.len().min(NAME_BYTES_MAX.saturating_sub(end.len()));
    while !base.is_char_boundary(kept) {
        kept -= 1;
    }
    format!("{}{end}", &base[..kept])
}

/// Whether weights of this type were quantized before.
pub(crate) fn is_quantized(label: &str) -> bool {
    FileType::from_label(label).is_some_and(|known| known.base.block_elements() > 1)
}

/// Refuses what would replace something, or make what is there already.
fn check_orders(orders: &[Order], model: &Model, job: &QuantizeJob) -> Result<(), AppError> {
    for order in orders {
        let same = |path: &Path| path.canonicalize().ok();
        if same(&order.target).is_some() && same(&order.target) == same(&model.path) {
            let (target, label) = (order.target.display(), order.asked.label);
            return Err(AppError::refused(
                format!("{target} is {label} already and would replace itself"),
                Remedy::Either(vec![Remedy::Change(Wish::To), Remedy::Give(Wish::OutputFolder)]),
            ));
        }
        if order.target.symlink_metadata().is_ok() && !job.force {
            return Err(AppError::refused(
                format!("{} exists already", order.target.display()),
                Remedy::Either(vec![Remedy::Give(Wish::Force), Remedy::Give(Wish::OutputFolder)]),
            ));
        }
    }
    Ok(())
}

/// Bytes that a file of this type is expected to need.
fn estimated_bytes(facts: &ModelFacts, known: &FileType) -> u64 {
    let (bytes, elements) = (known.base.block_bytes() as f64, known.base.block_elements().max(1) as f64);
    // Header and vocabulary stay as they are.
    let rest = facts.file_bytes.saturating_sub(facts.weights_bytes) as f64;
    (facts.parameters as f64 * bytes / elements * ROOM_FACTOR + rest) as u64
}

fn check_room(orders: &[Order], facts: &ModelFacts, folder: &Path) -> Result<(), AppError> {
    let needed_bytes: u64 = orders.iter().map(|order| estimated_bytes(facts, order.asked)).sum();
    match dyno_hardware::free_disk_bytes(folder) {
        Some(free_bytes) if free_bytes < needed_bytes => {
            let file_name = format!("{} quantized", facts.file_name);
            Err(ModelError::DiskFull { file_name, folder: folder.to_owned(), needed_bytes, free_bytes }
                .into())
        }
        _ => Ok(()),
    }
}

/// A file that does not say of itself what was asked for is not kept.
fn check_made(order: &Order, facts: &ModelFacts) -> Result<(), AppError> {
    if facts.quantization == order.asked.label {
        return Ok(());
    }
    let told = format!("the file it made for {} says it is {:?}", order.asked.label, facts.quantization);
    Err(dyno_engine::EngineError::Internal(told).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_their_quantization_and_nothing_else() {
        let name = |source: &str, quantization: &str| target_name(Path::new(source), quantization, "q4_0");
        assert_eq!(name("a/micro-f16.gguf", "f16"), "micro-q4_0.gguf");
        assert_eq!(name("Qwen2.5-0.5B.Q8_0.gguf", "q8_0"), "Qwen2.5-0.5B-q4_0.gguf");
        assert_eq!(name("tiny@f16.gguf", "f16"), "tiny-q4_0.gguf");
        assert_eq!(name("stories260K.gguf", "f32"), "stories260K-q4_0.gguf");
        assert_eq!(name("f16.gguf", "f16"), "model-q4_0.gguf");
        assert_eq!(name("モデル.gguf", "f16"), "モデル-q4_0.gguf");
        assert_eq!(name("x.gguf", ""), "x-q4_0.gguf");
        assert_eq!(name("n-00001-of-00003.gguf", "f16"), "n-q4_0.gguf");
        assert_eq!(name("Llama-70B-Q8_0-00001-of-00003.gguf", "q8_0"), "Llama-70B-q4_0.gguf");
        assert_eq!(name(&format!("{}.gguf", "n".repeat(250)), ""), format!("{}-q4_0.gguf", "n".repeat(245)));
        // 3 bytes each, of which 81 leave room for 243 + 10.
        assert_eq!(name(&format!("{}.gguf", "モ".repeat(83)), ""), format!("{}-q4_0.gguf", "モ".repeat(81)));
    }

    #[test]
    fn weights_that_fell_back_are_told_with_rows_types_and_shares() {
        let kind =
            |kind: &str, elements| TensorTypeShare { kind: kind.to_owned(), tensors: 1, elements, bytes: 0 };
        let fit = BlockFit {
            block: 256,
            elements: 200,
            fitting: 50,
            rows: vec![192, 576],
            kinds: vec![kind("iq4_nl", 120), kind("q8_0", 30)],
        };
        let iq1_m = known("iq1_m");
        assert_eq!(
            fallback(iq1_m, &fit).unwrap(),
            "iq1_m in part only: rows of 192, 576 are no multiple of 256, so 75 % of its weights fell back to other types \
             (60 % iq4_nl, 15 % q8_0)."
        );
        let nothing = BlockFit { fitting: 0, ..fit.clone() };
        let told = fallback(iq1_m, &nothing).unwrap();
        assert!(told.starts_with("asked for iq1_m, labelled iq4_nl: rows of 192, 576"), "{told}");
        assert_eq!(fallback(known("q4_0"), &BlockFit { kinds: Vec::new(), ..fit }), None);
    }

    fn known(label: &str) -> &'static FileType {
        FileType::from_label(label).unwrap()
    }

    /// A file that a quantizer made for a type that its rows cannot hold.
    fn fallen_back(folder: &Path, asked: &FileType) -> PathBuf {
        use dyno_models::gguf::{Content, GgufPlan, GgufWriter, Scalar, TensorSpec, TensorType};
        let metadata = [
            ("general.architecture".to_owned(), Content::Scalar(Scalar::String("llama".to_owned()))),
            (FILE_TYPE_KEY.to_owned(), Content::Scalar(Scalar::U32(asked.id))),
        ];
        let tensor =
            TensorSpec { name: "token_embd.weight".to_owned(), shape: vec![64, 4], kind: TensorType::IQ4_NL };
        let plan = GgufPlan::new(&metadata, &[tensor]).unwrap();
        let mut writer = GgufWriter::begin(Vec::new(), &plan).unwrap();
        writer.data(&[0; 144]).unwrap();
        let file = folder.join("x.gguf");
        std::fs::write(&file, writer.finish().unwrap()).unwrap();
        file
    }

    #[test]
    fn the_header_of_a_file_says_what_the_file_is() {
        let folder = tempfile::tempdir().unwrap();
        let says = |path: &Path| dyno_models::read_facts(path, "x").unwrap().quantization;
        let file = fallen_back(folder.path(), known("iq1_m"));
        assert_eq!(says(&file), "iq1_m", "as the quantizer left it");
        let (files, fit) = state_what_it_is(&file, known("iq1_m")).unwrap();
        assert_eq!(
            (says(&file).as_str(), dyno_models::facts_of(&files, "x").quantization.as_str()),
            ("iq4_nl", "iq4_nl")
        );
        assert_eq!(fit.kinds[0].kind, "iq4_nl");
        let file = fallen_back(folder.path(), known("iq4_nl"));
        state_what_it_is(&file, known("iq4_nl")).unwrap();
        assert_eq!(says(&file), "iq4_nl", "what fits stays as it is");
    }

    /// A model of one matrix with rows of 64 weights, which no block of 256 holds.
    fn narrow(folder: &Path) -> PathBuf {
        use dyno_models::gguf::{Content, GgufPlan, GgufWriter, Scalar, TensorSpec, TensorType};
        let architecture = Content::Scalar(Scalar::String("llama".to_owned()));
        let metadata = [("general.architecture".to_owned(), architecture)];
        let tensor =
            TensorSpec { name: "token_embd.weight".to_owned(), shape: vec![64, 4], kind: TensorType::F16 };
        let plan = GgufPlan::new(&metadata, &[tensor]).unwrap();
        let mut writer = GgufWriter::begin(Vec::new(), &plan).unwrap();
        writer.data(&[0; 512]).unwrap();
        let file = folder.join("narrow-f16.gguf");
        std::fs::write(&file, writer.finish().unwrap()).unwrap();
        file
    }

    #[test]
    fn a_file_that_holds_nothing_of_its_type_is_not_named_after_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let app = crate::testing::work(folder.path());
        let job = QuantizeJob {
            model: narrow(folder.path()).display().to_string(),
            types: ["q4_0", "iq1_m", "q4_k_m"].map(str::to_owned).to_vec(),
            imatrix: None,
            folder: None,
            force: false,
            requantize: false,
            threads: 1,
        };
        let (_, orders) = app.quantize_plan(&job).unwrap();
        let names: Vec<_> = orders.iter().map(|order| order.target.file_name().unwrap()).collect();
        assert_eq!(names, ["narrow-q4_0.gguf", "narrow-iq1_m-fallback.gguf", "narrow-q4_k_m-fallback.gguf"]);
    }

    /// Puts another model in the place of the source as soon as something is reported.
    struct Replacing(PathBuf);

    impl EventSink for Replacing {
        fn emit(&self, event: Event) {
            if matches!(event, Event::PhaseAdvanced { .. }) {
                let other = self.0.with_extension("other");
                std::fs::copy(&self.0, &other).unwrap();
                std::fs::rename(&other, &self.0).unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_source_that_is_replaced_meanwhile_ends_it_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let source = narrow(folder.path());
        let engine = dyno_engine::FakeEngine::new(dyno_engine::FakeScript::default());
        let events = std::sync::Arc::new(Replacing(source.clone()));
        let work = crate::testing::app_with(folder.path(), engine).work(crate::testing::job_heard_by(events));
        let job = QuantizeJob {
            model: source.display().to_string(),
            types: vec!["q4_0".to_owned()],
            imatrix: None,
            folder: None,
            force: false,
            requantize: false,
            threads: 1,
        };
        let (model, orders) = work.quantize_plan(&job).unwrap();
        let result = work.make_quantizations(&job, &model, &orders).await.unwrap();
        let error = result.error.unwrap();
        assert_eq!(error.exit_code(), 3, "{error}");
        assert!(error.to_string().contains("narrow-f16.gguf is not the model it was"), "{error}");
        assert!(result.made.is_empty() && !orders[0].target.exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the source alone is left");
    }

    #[test]
    fn unknown_types_are_refused_by_name_with_the_known_ones() {
        let types =
            |names: &[&str]| known_types(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let labels: Vec<&str> =
            types(&["Q4_0", "q8_0", " q4_0 "]).unwrap().iter().map(|known| known.label).collect();
        assert_eq!(labels, ["q4_0", "q8_0"], "any case, each once");
        let error = types(&["q8_0", "q9_z"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("\"q9_z\"") && error.to_string().contains("q4_k_m"), "{error}");
        assert!(matches!(types(&[]).unwrap_err().remedy(), Some(Remedy::Use(Wish::To, _))));
    }

    #[test]
    fn room_is_asked_for_by_the_bits_of_the_type() {
        let facts =
            ModelFacts { parameters: 1000, file_bytes: 2500, weights_bytes: 2000, ..ModelFacts::default() };
        assert_eq!(estimated_bytes(&facts, known("f16")), 2400 + 500);
        assert_eq!(estimated_bytes(&facts, known("q8_0")), (1000.0 * 34.0 / 32.0 * 1.2) as u64 + 500);
        let order = Order { asked: known("f16"), target: PathBuf::from("x") };
        let folder = tempfile::tempdir().unwrap();
        check_room(std::slice::from_ref(&order), &facts, folder.path()).unwrap();
        let huge = ModelFacts { parameters: u64::MAX / 4, ..facts };
        let error = check_room(&[order], &huge, folder.path()).unwrap_err();
        assert!(error.to_string().contains("bytes are free"), "{error}");
    }

    #[test]
    fn a_file_that_says_otherwise_is_not_kept() {
        let order = Order { asked: known("q4_0"), target: PathBuf::from("x") };
        let facts = |label: &str| ModelFacts { quantization: label.to_owned(), ..ModelFacts::default() };
        check_made(&order, &facts("q4_0")).unwrap();
        assert!(check_made(&order, &facts("q8_0")).unwrap_err().to_string().contains("\"q8_0\""));
    }
}
