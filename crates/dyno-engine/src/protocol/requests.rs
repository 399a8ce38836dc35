//! What the front asks: vocabulary → message (front), message → checked vocabulary (engine).

use dyno_types::{
    ChatMessage, EngineSettings, GenerateRequest, KNOBS, MeasureRequest, Prompt, Sampling, Switch,
};

use super::{ProtocolError, proto};

/// Most log-probabilities per step.
pub const LOGPROBS_MAX: u32 = 1024;

/// Most stop strings of one generation.
pub const STOPS_MAX: usize = 64;

/// Longest stop string, bytes.
pub const STOP_BYTES_MAX: usize = 4096;

/// Roles a chat message may have.
const ROLES: [&str; 4] = ["system", "user", "assistant", "tool"];

impl From<&EngineSettings> for proto::Settings {
    fn from(settings: &EngineSettings) -> Self {
        let flash_attention = match settings.flash_attention {
            // Nobody can ask for what only a newer dyno knows.
            Switch::Auto | Switch::Unknown => "auto",
            Switch::On => "on",
            Switch::Off => "off",
        };
        Self {
            context: settings.context,
            batch: settings.batch,
            ubatch: settings.ubatch,
            threads: settings.threads,
            threads_prefill: settings.threads_prefill,
            sequences: settings.sequences,
            kv_type_k: settings.kv_type_k.name().to_owned(),
            kv_type_v: settings.kv_type_v.name().to_owned(),
            flash_attention: flash_attention.to_owned(),
            mmap: settings.mmap,
            mlock: settings.mlock,
            gpu_layers: settings.gpu_layers,
        }
    }
}

impl proto::Settings {
    /// A knob's value as its text; `None` for a knob this message does not carry.
    pub(super) fn text(&self, knob: &str) -> Option<String> {
        let on_off = |on| if on { "on" } else { "off" }.to_owned();
        Some(match knob {
            "context" => self.context.to_string(),
            "batch" => self.batch.to_string(),
            "ubatch" => self.ubatch.to_string(),
            "threads" => self.threads.to_string(),
            "threads_prefill" => self.threads_prefill.to_string(),
            "sequences" => self.sequences.to_string(),
            "kv_type_k" => self.kv_type_k.clone(),
            "kv_type_v" => self.kv_type_v.clone(),
            "flash_attention" => self.flash_attention.clone(),
            "mmap" => on_off(self.mmap),
            "mlock" => on_off(self.mlock),
            "gpu_layers" => self.gpu_layers.to_string(),
            _ => return None,
        })
    }
}

impl TryFrom<proto::Settings> for EngineSettings {
    type Error = ProtocolError;

    /// Every value passes its knob's own check.
    fn try_from(message: proto::Settings) -> Result<Self, ProtocolError> {
        let mut settings = Self::default();
        for knob in KNOBS {
            let value = message.text(knob.id).ok_or_else(|| ProtocolError::missing(knob.id))?;
            knob.set(&mut settings, &value)
                .map_err(|error| ProtocolError::new(knob.id, &value, error.expected))?;
        }
        Ok(settings)
    }
}

impl From<&Sampling> for proto::Sampling {
    fn from(sampling: &Sampling) -> Self {
        Self {
            repetition_penalty: sampling.repetition_penalty,
            repetition_window: sampling.repetition_window,
            top_k: sampling.top_k,
            top_p: sampling.top_p,
            min_p: sampling.min_p,
            temperature: sampling.temperature,
            seed: sampling.seed,
        }
    }
}

impl From<proto::Sampling> for Sampling {
    /// Unchecked; [`check_request`] checks it with the rest.
    fn from(message: proto::Sampling) -> Self {
        Self {
            repetition_penalty: message.repetition_penalty,
            repetition_window: message.repetition_window,
            top_k: message.top_k,
            top_p: message.top_p,
            min_p: message.min_p,
            temperature: message.temperature,
            seed: message.seed,
        }
    }
}

impl From<Vec<ChatMessage>> for proto::Chat {
    fn from(messages: Vec<ChatMessage>) -> Self {
        let message =
            |message: ChatMessage| proto::ChatMessage { role: message.role, content: message.content };
        Self { messages: messages.into_iter().map(message).collect() }
    }
}

impl From<proto::Chat> for Vec<ChatMessage> {
    fn from(chat: proto::Chat) -> Self {
        let message =
            |message: proto::ChatMessage| ChatMessage { role: message.role, content: message.content };
        chat.messages.into_iter().map(message).collect()
    }
}

impl From<GenerateRequest> for proto::Submission {
    fn from(request: GenerateRequest) -> Self {
        use proto::submission::Prompt as Message;
        let prompt = match request.prompt {
            Prompt::Text(text) => Message::Text(text),
            Prompt::Tokens(tokens) => Message::Tokens(proto::Tokens { tokens }),
            Prompt::Chat(messages) => Message::Chat(messages.into()),
        };
        Self {
            id: request.id,
            prompt: Some(prompt),
            sampling: Some((&request.sampling).into()),
            max_tokens: request.max_tokens,
            stop: request.stop,
            ignore_eos: request.ignore_eos,
            logprobs: request.logprobs,
        }
    }
}

impl TryFrom<proto::Submission> for GenerateRequest {
    type Error = ProtocolError;

    fn try_from(message: proto::Submission) -> Result<Self, ProtocolError> {
        use proto::submission::Prompt as Message;
        let prompt = match message.prompt.ok_or_else(|| ProtocolError::missing("prompt"))? {
            Message::Text(text) => Prompt::Text(text),
            Message::Tokens(tokens) => Prompt::Tokens(tokens.tokens),
            Message::Chat(chat) => Prompt::Chat(chat.into()),
        };
        let request = Self {
            id: message.id,
            prompt,
            sampling: message.sampling.ok_or_else(|| ProtocolError::missing("sampling"))?.into(),
            max_tokens: message.max_tokens,
            stop: message.stop,
            ignore_eos: message.ignore_eos,
            logprobs: message.logprobs,
        };
        check_request(&request)?;
        Ok(request)
    }
}

/// Checks everything about a generation that needs no model. Both sides call it: the front to refuse early, the engine
/// because it trusts nobody.
///
/// # Errors
/// Names the first field that is out of range.
pub fn check_request(request: &GenerateRequest) -> Result<(), ProtocolError> {
    request.sampling.validate().map_err(|error| ProtocolError::new(error.name, error.value, error.range))?;
    if request.max_tokens == 0 {
        return Err(ProtocolError::new("max_tokens", 0, "at least 1"));
    }
    if request.logprobs > LOGPROBS_MAX {
        return Err(ProtocolError::new("logprobs", request.logprobs, format!("at most {LOGPROBS_MAX}")));
    }
    if request.stop.len() > STOPS_MAX {
        return Err(ProtocolError::new(
            "stop",
            format!("{} strings", request.stop.len()),
            format!("at most {STOPS_MAX}"),
        ));
    }
    if let Some(stop) = request.stop.iter().find(|stop| stop.is_empty() || stop.len() > STOP_BYTES_MAX) {
        let value = format!("a string of {} bytes", stop.len());
        return Err(ProtocolError::new("stop", value, format!("1 to {STOP_BYTES_MAX} bytes")));
    }
    match &request.prompt {
        Prompt::Chat(messages) => check_chat(messages),
        Prompt::Text(_) | Prompt::Tokens(_) => Ok(()),
    }
}

/// Checks that a chat has messages, of known roles.
///
/// # Errors
/// Names what is wrong.
pub fn check_chat(messages: &[ChatMessage]) -> Result<(), ProtocolError> {
    if messages.is_empty() {
        return Err(ProtocolError::new("chat", "empty", "at least one message"));
    }
    match messages.iter().find(|message| !ROLES.contains(&message.role.as_str())) {
        None => Ok(()),
        Some(message) => {
            let role: String = message.role.chars().take(32).collect();
            Err(ProtocolError::new("role", format!("{role:?}"), ROLES.join(", ")))
        }
    }
}

impl From<&MeasureRequest> for proto::MeasureRequest {
    fn from(request: &MeasureRequest) -> Self {
        Self {
            depth: request.depth,
            prefill_tokens: request.prefill_tokens,
            decode_tokens: request.decode_tokens,
            repetitions: request.repetitions,
            threads: request.threads,
            threads_prefill: request.threads_prefill,
            seed: request.seed,
        }
    }
}

impl TryFrom<proto::MeasureRequest> for MeasureRequest {
    type Error = ProtocolError;

    fn try_from(message: proto::MeasureRequest) -> Result<Self, ProtocolError> {
        const THREADS_MAX: u32 = 1024;
        const REPETITIONS_MAX: u32 = 100_000;
        let within = |field, value: u32, min: u32, max: u32| {
            let ok = (min..=max).contains(&value);
            if ok { Ok(value) } else { Err(ProtocolError::new(field, value, format!("{min} to {max}"))) }
        };
        Ok(Self {
            depth: message.depth,
            prefill_tokens: message.prefill_tokens,
            decode_tokens: message.decode_tokens,
            repetitions: within("repetitions", message.repetitions, 1, REPETITIONS_MAX)?,
            threads: within("threads", message.threads, 0, THREADS_MAX)?,
            threads_prefill: within("threads_prefill", message.threads_prefill, 0, THREADS_MAX)?,
            seed: message.seed,
        })
    }
}
