//! The routing policy as data: tasks and their words, rules, lengths and substitutes.

use dyno_types::{Priority, Role};
use serde::{Deserialize, Serialize};

/// The policy that applies unless a user names another.
const BUILT_IN: &str = include_str!("../data/routing.toml");

/// Schema of policy files this version reads.
const SCHEMA: &str = "dyno.routing/1";

/// Largest policy read, bytes.
const ROUTING_BYTES_MAX: usize = 256 << 10;

/// A policy that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the routing policy cannot be used: {0}")]
pub struct RoutingError(String);

/// How demanding a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Complexity {
    /// A look-up, a short answer.
    Simple,
    /// Anything else.
    #[default]
    Normal,
    /// Many steps or much detail.
    Complex,
}

/// A task and the words for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Name.
    pub name: String,
    /// Role a model needs for it.
    pub role: Role,
    /// Words people use for it, in lower case.
    pub words: Vec<String>,
}

/// What a general request becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Only requests of this complexity.
    #[serde(default)]
    pub complexity: Option<Complexity>,
    /// Only requests of more tokens.
    #[serde(default)]
    pub tokens_above: Option<u64>,
    /// Only requests of fewer tokens.
    #[serde(default)]
    pub tokens_below: Option<u64>,
    /// Task it becomes.
    pub into: String,
    /// The rule in words.
    pub because: String,
}

/// Models for a task, the preferred first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Task.
    pub task: String,
    /// Only with this priority.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// Models by their names in the catalogue.
    pub models: Vec<String>,
}

/// Models for texts up to a length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LengthRule {
    /// Longest text, tokens; absent for any length.
    #[serde(default)]
    pub tokens_up_to: Option<u64>,
    /// Models.
    pub models: Vec<String>,
}

/// What stands in for a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Substitute {
    /// The model that is not available.
    pub model: String,
    /// The one that stands in.
    pub with: String,
}

/// The whole policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutingPolicy {
    /// `dyno.routing/1`.
    pub schema: String,
    /// Tasks.
    pub task: Vec<Task>,
    /// What general requests become.
    #[serde(default)]
    pub turn: Vec<Turn>,
    /// Rules.
    pub rule: Vec<Rule>,
    /// Lengths, ascending.
    #[serde(default)]
    pub length: Vec<LengthRule>,
    /// Substitutes.
    #[serde(default)]
    pub substitute: Vec<Substitute>,
}

/// Task of requests that name none.
pub(crate) const GENERAL: &str = "general";

impl RoutingPolicy {
    /// The built-in policy.
    #[must_use]
    pub fn built_in() -> Self {
        Self::parse(BUILT_IN).expect("the embedded policy is parsed by a test")
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// [`RoutingError`] for unknown keys, and for rules that name tasks there are none of.
    pub fn parse(text: &str) -> Result<Self, RoutingError> {
        if text.len() > ROUTING_BYTES_MAX {
            return Err(RoutingError(format!("it is larger than {ROUTING_BYTES_MAX} bytes")));
        }
        let policy: Self = toml::from_str(text).map_err(|error| RoutingError(error.to_string()))?;
        if policy.schema != SCHEMA {
            return Err(RoutingError(format!("schema is {:?}, this dyno reads {SCHEMA:?}", policy.schema)));
        }
        let named =
            policy.rule.iter().map(|rule| &rule.task).chain(policy.turn.iter().map(|turn| &turn.into));
        let general = GENERAL.to_owned();
        for name in named.chain([&general]) {
            if !policy.task.iter().any(|task| task.name == *name) {
                return Err(RoutingError(format!("there is no task {name:?}")));
            }
        }
        Ok(policy)
    }

    /// The task that a word means.
    #[must_use]
    pub fn task(&self, word: &str) -> Option<&Task> {
        let word = word.trim().to_lowercase().replace('-', "_");
        self.task.iter().find(|task| task.name == word || task.words.contains(&word))
    }

    /// Models that the rules prefer for a task: those of its rule, what stands in for them, then those for texts of this length.
    #[must_use]
    pub fn preferred(&self, task: &str, priority: Priority, content_tokens: u64) -> Vec<String> {
        let applies = |wanted: Option<Priority>| wanted.is_none_or(|wanted| wanted == priority);
        let rule = self.rule.iter().find(|rule| rule.task == task && applies(rule.priority));
        let named = rule.map(|rule| rule.models.clone()).unwrap_or_default();
        let substitutes = self.substitute.iter().filter(|substitute| named.contains(&substitute.model));
        let stand_ins: Vec<String> = substitutes.map(|substitute| substitute.with.clone()).collect();
        let suits = |most: Option<u64>| most.is_none_or(|most| content_tokens <= most);
        let length = self.length.iter().find(|length| suits(length.tokens_up_to));
        let mut preferred: Vec<String> = Vec::new();
        for name in named
            .into_iter()
            .chain(stand_ins)
            .chain(length.map(|length| length.models.clone()).unwrap_or_default())
        {
            if !preferred.contains(&name) {
                preferred.push(name);
            }
        }
        preferred
    }

    /// Every task's name.
    #[must_use]
    pub fn task_names(&self) -> Vec<&str> {
        self.task.iter().map(|task| task.name.as_str()).collect()
    }
}
