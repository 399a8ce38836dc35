//! What happens to a running generation: vocabulary → message (engine), message → checked vocabulary (front).

use dyno_types::{FinishReason, GeneratedToken, GenerationReport, TokenLogprob};

use super::{LOGPROBS_MAX, ProtocolError, proto};

const FINISH_REASONS: [(&str, FinishReason); 5] = [
    ("eos", FinishReason::Eos),
    ("length", FinishReason::Length),
    ("stop", FinishReason::Stop),
    ("context_full", FinishReason::ContextFull),
    ("cancelled", FinishReason::Cancelled),
];

impl From<GeneratedToken> for proto::Token {
    /// A log-probability of minus infinity travels as the least finite number.
    fn from(token: GeneratedToken) -> Self {
        let finite = |logprob: f32| logprob.max(f32::MIN);
        let top = token.top.into_iter().map(|top| proto::TokenLogprob {
            token: top.token,
            logprob: finite(top.logprob),
            piece: top.piece.into(),
        });
        Self {
            token: token.token,
            text: token.text,
            at_ns: token.at_ns,
            logprob: token.logprob.map(finite),
            top: top.collect(),
            piece: token.piece.map(Into::into),
        }
    }
}

impl TryFrom<proto::Token> for GeneratedToken {
    type Error = ProtocolError;

    fn try_from(message: proto::Token) -> Result<Self, ProtocolError> {
        if message.top.len() > LOGPROBS_MAX as usize {
            return Err(ProtocolError::new(
                "top",
                format!("{} tokens", message.top.len()),
                format!("at most {LOGPROBS_MAX}"),
            ));
        }
        let top = message.top.into_iter().map(|top| {
            Ok(TokenLogprob { token: top.token, piece: top.piece.into(), logprob: logprob(top.logprob)? })
        });
        Ok(Self {
            token: message.token,
            text: message.text,
            at_ns: message.at_ns,
            piece: message.piece.map(Into::into),
            logprob: message.logprob.map(logprob).transpose()?,
            top: top.collect::<Result<_, _>>()?,
        })
    }
}

/// ln p: finite, at most 0 but for rounding, which is taken off.
fn logprob(value: f32) -> Result<f32, ProtocolError> {
    const ROUNDING: f32 = 1e-3;
    if value.is_finite() && value <= ROUNDING {
        Ok(value.min(0.0))
    } else {
        Err(ProtocolError::new("logprob", value, "finite and at most 0"))
    }
}

impl From<&GenerationReport> for proto::Finished {
    fn from(report: &GenerationReport) -> Self {
        let reason = FINISH_REASONS.iter().find(|(_, reason)| *reason == report.finish_reason);
        let (word, _) = reason.expect("the table holds every reason; a test counts them");
        Self {
            prompt_tokens: report.prompt_tokens,
            cached_tokens: report.cached_tokens,
            prefill_start_ns: report.prefill_start_ns,
            prefill_end_ns: report.prefill_end_ns,
            end_ns: report.end_ns,
            decode_backend_ns: report.decode_backend_ns,
            sampling_ns: report.sampling_ns,
            generated_tokens: report.generated_tokens,
            finish_reason: (*word).to_owned(),
            reasoning_mark: report.reasoning_mark.clone().unwrap_or_default(),
        }
    }
}

impl TryFrom<proto::Finished> for GenerationReport {
    type Error = ProtocolError;

    /// The three times must be in order; for a generation that ended before its prompt pass they are all `end_ns`.
    fn try_from(message: proto::Finished) -> Result<Self, ProtocolError> {
        let found = FINISH_REASONS.iter().find(|(word, _)| *word == message.finish_reason);
        let Some((_, finish_reason)) = found else {
            let word: String = message.finish_reason.chars().take(32).collect();
            return Err(ProtocolError::new(
                "finish_reason",
                format!("{word:?}"),
                FINISH_REASONS.map(|(word, _)| word).join(", "),
            ));
        };
        let ordered = |field, earlier: u64, later: u64| {
            if earlier <= later {
                Ok(())
            } else {
                Err(ProtocolError::new(field, earlier, format!("at most {later}")))
            }
        };
        ordered("cached_tokens", message.cached_tokens.into(), message.prompt_tokens.into())?;
        ordered("prefill_start_ns", message.prefill_start_ns, message.prefill_end_ns)?;
        ordered("prefill_end_ns", message.prefill_end_ns, message.end_ns)?;
        Ok(Self {
            prompt_tokens: message.prompt_tokens,
            cached_tokens: message.cached_tokens,
            prefill_start_ns: message.prefill_start_ns,
            prefill_end_ns: message.prefill_end_ns,
            end_ns: message.end_ns,
            decode_backend_ns: message.decode_backend_ns,
            sampling_ns: message.sampling_ns,
            generated_tokens: message.generated_tokens,
            finish_reason: *finish_reason,
            reasoning_mark: Some(message.reasoning_mark).filter(|mark| !mark.is_empty()),
        })
    }
}
