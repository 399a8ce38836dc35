//! What a rendering may use: steps, bytes, time. Everything that works or makes a value asks here first.

use std::cell::Cell;

use crate::fault::{Outcome, Reason};
use crate::value::Value;
use crate::{Host, Limits};

/// Bytes that can be looked at for one step.
const BYTES_A_STEP: usize = 32;

/// Steps between two looks at the clock.
const STEPS_BETWEEN_LOOKS: u64 = 4096;

/// What is left for a rendering.
pub(crate) struct Meter<'h> {
    limits: Limits,
    pub(crate) host: &'h dyn Host,
    steps: Cell<u64>,
    bytes: Cell<u64>,
    next_look: Cell<u64>,
}

impl<'h> Meter<'h> {
    pub(crate) fn new(limits: Limits, host: &'h dyn Host) -> Self {
        Self { limits, host, steps: Cell::new(0), bytes: Cell::new(0), next_look: Cell::new(0) }
    }

    /// Counts one step.
    pub(crate) fn step(&self) -> Outcome<()> {
        self.work(0)
    }

    /// Counts a step that looks at `bytes` bytes.
    pub(crate) fn work(&self, bytes: usize) -> Outcome<()> {
        let steps = self.steps.get() + 1 + (bytes / BYTES_A_STEP) as u64;
        self.steps.set(steps);
        if steps > self.limits.steps {
            return Err(Reason::Limit(format!("it did not end within {} steps", self.limits.steps)));
        }
        if steps >= self.next_look.get() {
            self.next_look.set(steps + STEPS_BETWEEN_LOOKS);
            if let Some(reason) = self.host.out_of_time() {
                return Err(Reason::Limit(reason));
            }
        }
        Ok(())
    }

    /// Counts `bytes` bytes that are about to be allocated.
    pub(crate) fn make(&self, bytes: usize) -> Outcome<()> {
        self.work(bytes)?;
        let made = self.bytes.get().saturating_add(bytes as u64);
        self.bytes.set(made);
        if made > self.limits.bytes_made {
            return Err(Reason::Limit(format!(
                "it makes values of more than {} MiB",
                self.limits.bytes_made >> 20
            )));
        }
        Ok(())
    }

    /// Bytes that no text may exceed.
    pub(crate) fn longest_text(&self) -> usize {
        self.limits.text_bytes
    }

    /// A copy of `text` as a value.
    pub(crate) fn text(&self, text: &str) -> Outcome<Value> {
        self.make(text.len())?;
        Ok(Value::text(text))
    }

    /// A text to be put together.
    pub(crate) fn builder(&self) -> Builder<'_> {
        Builder { text: String::new(), meter: self }
    }
}

/// A text that grows within the limits.
pub(crate) struct Builder<'m> {
    text: String,
    meter: &'m Meter<'m>,
}

impl<'m> Builder<'m> {
    pub(crate) fn push(&mut self, text: &str) -> Outcome<()> {
        let length = self.text.len().saturating_add(text.len());
        let most = self.meter.limits.text_bytes;
        if length > most {
            return Err(Reason::Limit(format!("it makes a text of more than {} MiB", most >> 20)));
        }
        self.meter.make(text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    pub(crate) fn push_char(&mut self, character: char) -> Outcome<()> {
        self.push(character.encode_utf8(&mut [0; 4]))
    }

    pub(crate) fn repeat(&mut self, text: &str, times: usize) -> Outcome<()> {
        // Refused before a loop of it begins.
        let length = text.len().saturating_mul(times);
        if self.text.len().saturating_add(length) > self.meter.limits.text_bytes {
            return Err(Reason::Limit(format!(
                "it makes a text of more than {} MiB",
                self.meter.limits.text_bytes >> 20
            )));
        }
        self.meter.make(length)?;
        self.text.reserve(length);
        for _ in 0..times {
            self.text.push_str(text);
        }
        Ok(())
    }

    pub(crate) fn meter(&self) -> &'m Meter<'m> {
        self.meter
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn finish(self) -> Value {
        Value::text(self.text)
    }

    pub(crate) fn into_string(self) -> String {
        self.text
    }
}
