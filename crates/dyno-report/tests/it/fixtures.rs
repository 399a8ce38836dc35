//! Records kept as files; every schema version keeps one, readable for ever.

use dyno_types::RunRecord;

/// A complete run: three processes, four windows.
pub(crate) fn complete() -> RunRecord {
    read(include_str!("../fixtures/run-v1.json"))
}

/// Stopped during load: no stage but the header.
pub(crate) fn incomplete() -> RunRecord {
    read(include_str!("../fixtures/run-v1-incomplete.json"))
}

/// A model whose training context is smaller than most windows.
pub(crate) fn failed_windows() -> RunRecord {
    read(include_str!("../fixtures/run-v1-failed-windows.json"))
}

/// The complete run with other threads and speeds, as a second record of a sweep.
pub(crate) fn one_thread() -> RunRecord {
    let mut record = complete();
    record.id = "20261121T065900-77aa".to_owned();
    record.settings.engine.threads = 1;
    record.settings.engine.threads_prefill = 1;
    for sample in &mut record.stages.context.as_mut().unwrap().samples {
        if let dyno_types::WindowOutcome::Measured { request, .. } = &mut sample.outcome {
            request.prefill_ms *= 1.9;
            request.token_ms.iter_mut().for_each(|ms| *ms *= 1.8);
        }
    }
    for (id, summary) in &mut record.metrics {
        let factor = if id.ends_with("_tps") { 0.55 } else { 1.0 };
        summary.mean *= factor;
        summary.ci95 = summary.ci95.map(|ends| ends.map(|end| end * factor));
    }
    record
}

/// Everything a record can say in words, replaced by something a page, terminal or spreadsheet would act on.
pub(crate) fn hostile() -> RunRecord {
    let attack = "=<script>alert(1)</script>\"'&|`\u{1b}[2J\u{202e}\r\n</style></svg><img src=x onerror=alert(2)>{{ 7*7 }}";
    let mut record = failed_windows();
    for text in [
        &mut record.id,
        &mut record.tool.name,
        &mut record.tool.version,
        &mut record.schema,
        &mut record.machine.cpu,
        &mut record.machine.os,
        &mut record.model.file_name,
        &mut record.model.reference,
        &mut record.model.architecture,
        &mut record.model.quantization,
        &mut record.engine.backend,
        &mut record.engine.compiler,
    ] {
        *text = attack.to_owned();
    }
    record.model.name = Some(attack.to_owned());
    record.model.rope.scaling = Some(attack.to_owned());
    record.machine.governor = Some(attack.to_owned());
    record.engine.features = vec![attack.to_owned()];
    record.notes = vec![attack.to_owned()];
    let summary = record.metrics["ttft_ms"].clone();
    record.metrics.insert(attack.to_owned(), summary);
    for sample in &mut record.stages.context.as_mut().unwrap().samples {
        if let dyno_types::WindowOutcome::Failed { reason, .. } = &mut sample.outcome {
            *reason = attack.to_owned();
        }
    }
    record
}

fn read(json: &str) -> RunRecord {
    serde_json::from_str(json).expect("the fixture is a record of schema dyno.run/1")
}
