//! The circumstances of a record as label and value: model, machine, engine, settings. Tables and pages share them.

use dyno_types::{
    BenchSettings, EngineSettings, HardwareProfile, KNOBS, Knob, ModelFacts, RunRecord, Switch, ThreadChoice,
};

use crate::figure::{bytes, count, counted, duration, figure, moment, number, parameters};
use crate::layers::{attention_layout, kv_per_token};
use crate::text::plain;

/// One circumstance.
pub(crate) type Fact = (&'static str, String);

/// The name people know the model by: the header's name, else the file, else how the user called it. The header's
/// name alone says nothing about the quantization, so the file name comes first.
pub(crate) fn model_name(model: &ModelFacts) -> String {
    let candidates = [Some(&model.file_name), model.name.as_ref(), Some(&model.reference)];
    let named = candidates.into_iter().flatten().find(|text| !text.trim().is_empty());
    named.map_or_else(|| "unnamed model".to_owned(), |name| plain(name))
}

/// One line: architecture, size, quantization.
pub(crate) fn model_line(model: &ModelFacts) -> String {
    let mut parts = vec![plain(&model.architecture)];
    if model.parameters > 0 {
        parts.push(format!("{} parameters", parameters(model.parameters)));
    }
    parts.push(plain(&model.quantization));
    if model.file_bytes > 0 {
        parts.push(bytes(model.file_bytes));
    }
    if model.synthetic {
        parts.push("synthetic".to_owned());
    }
    join(&parts)
}

/// One line: processor, cores, memory, system.
pub(crate) fn machine_line(machine: &HardwareProfile) -> String {
    let mut parts = vec![plain(&machine.cpu)];
    if machine.cores_usable > 0 {
        parts.push(format!("{} of {} logical cores usable", machine.cores_usable, machine.cores_logical));
    }
    if machine.ram_limit_bytes > 0 {
        parts.push(format!("{} RAM", bytes(machine.ram_limit_bytes)));
    }
    parts.push(plain(&machine.os));
    join(&parts)
}

/// One line: engine, backend, compiler.
pub(crate) fn engine_line(record: &RunRecord) -> String {
    let engine = &record.engine;
    let name = format!("{} {}", plain(&engine.name), plain(&engine.version));
    join(&[name.trim().to_owned(), plain(&engine.backend), plain(&engine.compiler), plain(&engine.profile)])
}

/// One line: the knobs that matter to every comparison, and those that differ from their default.
pub(crate) fn settings_line(settings: &BenchSettings) -> String {
    let chosen = match settings.thread_choice {
        ThreadChoice::Fixed => String::new(),
        choice => format!(" ({})", choice.source()),
    };
    let engine = &settings.engine;
    let mut parts = vec![format!("threads {}, prefill {}{chosen}", engine.threads, engine.threads_prefill)];
    let always = ["batch", "ubatch"];
    let shown = |knob: &&Knob| {
        always.contains(&knob.id) || (!knob.id.starts_with("threads") && changed(knob, engine))
    };
    parts.extend(KNOBS.iter().filter(shown).map(|knob| format!("{} {}", knob.label, (knob.get)(engine))));
    join(&parts)
}

/// One line: how much was measured.
pub(crate) fn plan_line(settings: &BenchSettings) -> String {
    format!(
        "{} of each prompt in {}, {} each",
        counted(settings.runs, "run", "runs"),
        counted(settings.processes, "engine process", "engine processes"),
        counted(settings.max_tokens, "token", "tokens")
    )
}

/// One line: when, how long, by what.
pub(crate) fn run_line(record: &RunRecord) -> String {
    let took = duration(record.ended_unix_ms.saturating_sub(record.started_unix_ms));
    let tool = format!("{} {}", plain(&record.tool.name), plain(&record.tool.version));
    join(&[plain(&record.id), moment(record.started_unix_ms), format!("took {took}"), tool.trim().to_owned()])
}

/// Every fact about the model that its header states.
pub(crate) fn model_facts(model: &ModelFacts) -> Vec<Fact> {
    let size = |value: u64| (value > 0).then(|| bytes(value));
    let text = |value: &str| (!value.is_empty()).then(|| plain(value));
    let heads = model.heads.map(|heads| match model.kv_heads {
        Some(kv) if kv != heads => format!("{} ({} for keys and values)", count(heads), count(kv)),
        _ => count(heads),
    });
    let experts = model.experts.map(|experts| match model.experts_used {
        Some(used) => format!("{}, {} used per token", count(experts), count(used)),
        None => count(experts),
    });
    let used = model.parameters_per_token().filter(|_| model.experts.is_some()).map(parameters);
    let mix: Vec<String> = model
        .tensor_types
        .iter()
        .take(4)
        .map(|share| format!("{} {}", plain(&share.kind), bytes(share.bytes)))
        .collect();
    let layout = attention_layout(model);
    // What the layout says in full; records from before there was one have only these.
    let hint = |value: Option<String>| value.filter(|_| layout.is_none());
    let rows = [
        ("Name", model.name.as_deref().and_then(text)),
        ("File", text(&model.file_name)),
        ("Reference", text(&model.reference)),
        ("Architecture", text(&model.architecture)),
        ("Parameters", (model.parameters > 0).then(|| parameters(model.parameters))),
        ("Quantization", text(&model.quantization)),
        ("Tensor types", (!mix.is_empty()).then(|| mix.join(", "))),
        ("File size", size(model.file_bytes)),
        ("Weights", size(model.weights_bytes)),
        ("Layers", model.layers.map(count)),
        ("Embedding length", model.embedding_length.map(count)),
        ("Attention heads", heads),
        ("Feed-forward length", model.feed_forward_length.map(count)),
        ("Experts", experts),
        ("Parameters used per token", used),
        ("Vocabulary", model.vocabulary.map(count)),
        ("Training context", model.context_train.map(|tokens| format!("{} tokens", count(tokens)))),
        ("RoPE", rope(model)),
        ("Attention layout", layout.clone()),
        ("Sliding window", hint(model.sliding_window.map(|tokens| format!("{} tokens", count(tokens))))),
        ("Latent rank of keys and values", model.kv_latent_rank.map(count)),
        ("Layers with a fixed state", hint(model.recurrent.then(|| yes_no(true)))),
        ("KV cache per token (f16)", kv_per_token(model)),
        ("Tokenizer", model.tokenizer.as_deref().and_then(text)),
        ("Chat template", Some(yes_no(model.has_chat_template))),
        ("Licence", model.licence.as_deref().and_then(text)),
        ("Fingerprint", text(&model.fingerprint)),
    ];
    rows.into_iter().filter_map(|(label, value)| Some((label, value?))).collect()
}

fn rope(model: &ModelFacts) -> Option<String> {
    let rope = &model.rope;
    let parts: Vec<String> = [
        rope.n_rot.map(|dimensions| format!("{dimensions} dimensions")),
        rope.freq_base.map(|base| format!("base {}", number(base))),
        rope.scaling.as_deref().map(plain),
        rope.scaling_factor.map(|factor| format!("× {}", number(factor))),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Every fact about the machine, and its state before and after.
pub(crate) fn machine_facts(record: &RunRecord) -> Vec<Fact> {
    let machine = &record.machine;
    let [before, after] = &record.machine_state;
    let size = |value: u64| (value > 0).then(|| bytes(value));
    let text = |value: &str| (!value.is_empty()).then(|| plain(value));
    let pair = |values: [Option<f64>; 2], unit: &str| match values {
        [Some(first), Some(last)] => Some(format!("{} → {} {unit}", number(first), number(last))),
        _ => None,
    };
    let cores = format!(
        "{} physical, {} logical, {} usable",
        machine.cores_physical, machine.cores_logical, machine.cores_usable
    );
    let available = (before.ram_available_bytes > 0)
        .then(|| format!("{} → {}", bytes(before.ram_available_bytes), bytes(after.ram_available_bytes)));
    let rows = [
        ("Processor", text(&machine.cpu)),
        ("Cores", (machine.cores_logical > 0).then_some(cores)),
        ("Instruction sets", text(&machine.cpu_features.join(", "))),
        ("Last-level cache", size(machine.cache_bytes)),
        ("Memory", size(machine.ram_bytes)),
        ("Memory usable", size(machine.ram_limit_bytes)),
        ("Swap", Some(if machine.swap_bytes == 0 { "none".to_owned() } else { bytes(machine.swap_bytes) })),
        ("System", text(&machine.os)),
        ("Architecture", text(&machine.arch)),
        ("Governor", machine.governor.as_deref().and_then(text)),
        ("On battery", machine.on_battery.map(yes_no)),
        ("Virtual machine", machine.virtual_machine.map(yes_no)),
        ("Memory free, before → after", available),
        ("Temperature, before → after", pair([before.temperature_c, after.temperature_c], "°C")),
        ("Frequency, before → after", pair([before.frequency_mhz, after.frequency_mhz], "MHz")),
    ];
    rows.into_iter().filter_map(|(label, value)| Some((label, value?))).collect()
}

/// Engine, knobs, sampling and plan.
pub(crate) fn settings_facts(record: &RunRecord) -> Vec<Fact> {
    let settings = &record.settings;
    let mut rows: Vec<Fact> = vec![("Engine", engine_line(record))];
    if !record.engine.features.is_empty() {
        rows.push(("Engine features", plain(&record.engine.features.join(", "))));
    }
    rows.extend(KNOBS.iter().map(|knob| (knob.label, (knob.get)(&settings.engine))));
    rows.push(("thread counts", settings.thread_choice.source().to_owned()));
    let sampling = &settings.sampling;
    let greedy = if sampling.temperature == 0.0 { " (greedy)" } else { "" };
    rows.push((
        "sampling",
        format!(
            "temperature {}{greedy}, top-k {}, top-p {}, min-p {}, repetition {}, seed {}",
            sampling.temperature,
            sampling.top_k,
            sampling.top_p,
            sampling.min_p,
            sampling.repetition_penalty,
            sampling.seed
        ),
    ));
    rows.push(("plan", plan_line(settings)));
    rows.push(("tokens decoded per window", count(u64::from(settings.context_decode_tokens))));
    rows
}

/// Whether a knob differs from its default.
fn changed(knob: &Knob, settings: &EngineSettings) -> bool {
    let default = EngineSettings { flash_attention: Switch::Auto, ..EngineSettings::default() };
    (knob.get)(settings) != (knob.get)(&default)
}

/// How long the header took to read, as text.
pub(crate) fn header_line(record: &RunRecord) -> Option<String> {
    let stage = record.stages.metadata?;
    Some(format!("header read in {}", figure(dyno_types::Unit::Milliseconds, stage.read_ms)))
}

fn yes_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

fn join(parts: &[String]) -> String {
    let present: Vec<&str> =
        parts.iter().map(String::as_str).filter(|part| !part.trim().is_empty()).collect();
    present.join(" · ")
}
