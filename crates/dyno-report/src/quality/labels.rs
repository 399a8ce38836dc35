//! What tells evaluations apart, and whether they are of one model.

use std::collections::BTreeSet;

use dyno_types::{EvalRecord, ModelFacts};

use crate::model_names::model_names;
use crate::text::plain;

/// Whether all records are of one model, apart from its quantization: same name, architecture and number of parameters.
pub(crate) fn same_base(records: &[EvalRecord]) -> bool {
    let base = |record: &EvalRecord| {
        let model = &record.model;
        (model.name.clone(), model.architecture.clone(), model.parameters)
    };
    records.windows(2).all(|pair| base(&pair[0]) == base(&pair[1]))
}

/// A label for each record: the quantization where that tells them apart, else the file; the id where nothing else does.
pub(crate) fn labels(records: &[EvalRecord]) -> Vec<String> {
    let quantizations = || records.iter().map(|record| plain(&record.model.quantization)).collect::<Vec<_>>();
    let models: Vec<&ModelFacts> = records.iter().map(|record| &record.model).collect();
    let files = || model_names(&models);
    let distinct = |labels: &Vec<String>| labels.iter().collect::<BTreeSet<_>>().len() == labels.len();
    let quantizations = Some(quantizations()).filter(|_| same_base(records) && records.len() > 1);
    if let Some(labels) = quantizations.into_iter().chain([files()]).find(distinct) {
        return labels;
    }
    files().into_iter().zip(records).map(|(file, record)| format!("{file} · {}", plain(&record.id))).collect()
}
