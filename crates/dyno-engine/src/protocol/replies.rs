//! What the engine answers: vocabulary → message (engine), message → checked vocabulary (front).

use dyno_types::{
    ContextReport, EngineInfo, EngineMemory, LoadReport, MeasureReport, MeasureRequest, MemoryBreakdown,
    ProcessMemory, UnloadReport,
};

use super::{ProtocolError, proto};

/// Longest name, version, … an engine may state, bytes.
const WORD_BYTES_MAX: usize = 1024;

/// Most features an engine may state.
const FEATURES_MAX: usize = 256;

impl From<&EngineInfo> for proto::HandshakeReply {
    fn from(info: &EngineInfo) -> Self {
        let info = info.clone();
        Self {
            protocol: info.protocol,
            name: info.name,
            version: info.version,
            backend: info.backend,
            compiler: info.compiler,
            features: info.features,
            profile: info.profile,
            pid: info.pid,
        }
    }
}

impl TryFrom<proto::HandshakeReply> for EngineInfo {
    type Error = ProtocolError;

    fn try_from(message: proto::HandshakeReply) -> Result<Self, ProtocolError> {
        if message.features.len() > FEATURES_MAX {
            return Err(ProtocolError::new(
                "features",
                message.features.len(),
                format!("at most {FEATURES_MAX}"),
            ));
        }
        Ok(Self {
            name: word("name", message.name)?,
            version: word("version", message.version)?,
            backend: word("backend", message.backend)?,
            compiler: word("compiler", message.compiler)?,
            features: message
                .features
                .into_iter()
                .map(|feature| word("features", feature))
                .collect::<Result<_, _>>()?,
            profile: word("profile", message.profile)?,
            protocol: message.protocol,
            pid: message.pid,
        })
    }
}

/// A short text without control characters: it is printed and stored.
fn word(field: &'static str, text: String) -> Result<String, ProtocolError> {
    if text.len() > WORD_BYTES_MAX || text.chars().any(char::is_control) {
        let value = format!("a text of {} bytes", text.len());
        return Err(ProtocolError::new(
            field,
            value,
            format!("at most {WORD_BYTES_MAX} bytes without control characters"),
        ));
    }
    Ok(text)
}

/// A duration, ms: finite and not negative.
pub(super) fn duration_ms(field: &'static str, value: f64) -> Result<f64, ProtocolError> {
    if value.is_finite() && value >= 0.0 {
        Ok(value)
    } else {
        Err(ProtocolError::new(field, value, "finite and not negative"))
    }
}

/// Load progress, 0..=1.
///
/// # Errors
/// For NaN and values outside 0..=1 by more than rounding.
pub fn progress_fraction(value: f32) -> Result<f32, ProtocolError> {
    const ROUNDING: f32 = 1e-3;
    if (-ROUNDING..=1.0 + ROUNDING).contains(&value) {
        Ok(value.clamp(0.0, 1.0))
    } else {
        Err(ProtocolError::new("progress", value, "0 to 1"))
    }
}

impl From<&LoadReport> for proto::LoadReply {
    fn from(report: &LoadReport) -> Self {
        Self {
            weights_ms: report.weights_ms,
            layers: report.layers,
            vocabulary: report.vocabulary,
            context_train: report.context_train,
            adds_bos: report.adds_bos,
            has_chat_template: report.has_chat_template,
            system_in_user: report.system_in_user,
        }
    }
}

impl TryFrom<proto::LoadReply> for LoadReport {
    type Error = ProtocolError;

    fn try_from(message: proto::LoadReply) -> Result<Self, ProtocolError> {
        Ok(Self {
            weights_ms: duration_ms("weights_ms", message.weights_ms)?,
            layers: message.layers,
            vocabulary: message.vocabulary,
            context_train: message.context_train,
            adds_bos: message.adds_bos,
            has_chat_template: message.has_chat_template,
            system_in_user: message.system_in_user,
        })
    }
}

impl From<&ContextReport> for proto::ContextReply {
    fn from(report: &ContextReport) -> Self {
        Self { context_ms: report.context_ms, context: report.context, memory: Some(report.memory.into()) }
    }
}

impl TryFrom<proto::ContextReply> for ContextReport {
    type Error = ProtocolError;

    fn try_from(message: proto::ContextReply) -> Result<Self, ProtocolError> {
        if message.context == 0 {
            return Err(ProtocolError::new("context", 0, "at least 1"));
        }
        Ok(Self {
            context_ms: duration_ms("context_ms", message.context_ms)?,
            context: message.context,
            memory: message.memory.ok_or_else(|| ProtocolError::missing("memory"))?.into(),
        })
    }
}

impl From<MemoryBreakdown> for proto::MemoryBreakdown {
    fn from(memory: MemoryBreakdown) -> Self {
        Self {
            weights_bytes: memory.weights_bytes,
            kv_bytes: memory.kv_bytes,
            compute_bytes: memory.compute_bytes,
        }
    }
}

impl From<proto::MemoryBreakdown> for MemoryBreakdown {
    fn from(message: proto::MemoryBreakdown) -> Self {
        Self {
            weights_bytes: message.weights_bytes,
            kv_bytes: message.kv_bytes,
            compute_bytes: message.compute_bytes,
        }
    }
}

impl From<ProcessMemory> for proto::ProcessMemory {
    fn from(memory: ProcessMemory) -> Self {
        Self {
            rss_bytes: memory.rss_bytes,
            rss_peak_bytes: memory.rss_peak_bytes,
            anonymous_bytes: memory.anonymous_bytes,
            file_bytes: memory.file_bytes,
        }
    }
}

impl From<proto::ProcessMemory> for ProcessMemory {
    fn from(message: proto::ProcessMemory) -> Self {
        Self {
            rss_bytes: message.rss_bytes,
            rss_peak_bytes: message.rss_peak_bytes,
            anonymous_bytes: message.anonymous_bytes,
            file_bytes: message.file_bytes,
        }
    }
}

impl From<&EngineMemory> for proto::MemoryReply {
    fn from(memory: &EngineMemory) -> Self {
        Self { process: Some(memory.process.into()), breakdown: Some(memory.breakdown.into()) }
    }
}

impl TryFrom<proto::MemoryReply> for EngineMemory {
    type Error = ProtocolError;

    fn try_from(message: proto::MemoryReply) -> Result<Self, ProtocolError> {
        Ok(Self {
            process: message.process.ok_or_else(|| ProtocolError::missing("process"))?.into(),
            breakdown: message.breakdown.ok_or_else(|| ProtocolError::missing("breakdown"))?.into(),
        })
    }
}

impl From<&UnloadReport> for proto::UnloadReply {
    fn from(report: &UnloadReport) -> Self {
        Self { unload_ms: report.unload_ms, process: Some(report.process.into()) }
    }
}

impl TryFrom<proto::UnloadReply> for UnloadReport {
    type Error = ProtocolError;

    fn try_from(message: proto::UnloadReply) -> Result<Self, ProtocolError> {
        Ok(Self {
            unload_ms: duration_ms("unload_ms", message.unload_ms)?,
            process: message.process.ok_or_else(|| ProtocolError::missing("process"))?.into(),
        })
    }
}

impl From<MeasureReport> for proto::MeasureReply {
    fn from(report: MeasureReport) -> Self {
        Self {
            prefill_ns: report.prefill_ns,
            decode: report.decode_ns.into_iter().map(|step_ns| proto::DecodeRun { step_ns }).collect(),
        }
    }
}

/// A measurement that has exactly the shape that was asked for.
///
/// # Errors
/// When repetitions or steps are missing or too many.
pub fn measure_report(
    message: proto::MeasureReply,
    request: &MeasureRequest,
) -> Result<MeasureReport, ProtocolError> {
    let runs = |tokens: u32| if tokens == 0 { 0 } else { request.repetitions as usize };
    let same = |field, got: usize, asked: usize| {
        if got == asked {
            Ok(())
        } else {
            Err(ProtocolError::new(field, format!("{got} values"), format!("{asked} values")))
        }
    };
    same("prefill_ns", message.prefill_ns.len(), runs(request.prefill_tokens))?;
    same("decode", message.decode.len(), runs(request.decode_tokens))?;
    for run in &message.decode {
        same("step_ns", run.step_ns.len(), request.decode_tokens as usize)?;
    }
    let decode_ns = message.decode.into_iter().map(|run| run.step_ns).collect();
    Ok(MeasureReport { prefill_ns: message.prefill_ns, decode_ns })
}
