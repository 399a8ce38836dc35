//! Sampling settings to try: the preset of a task, greedy decoding, and others spread evenly around the preset.

use dyno_types::Sampling;
use serde::{Deserialize, Serialize};

/// The presets that ship.
const BUILT_IN: &str = include_str!("../../data/presets.toml");

/// Schema of the preset file.
const SCHEMA: &str = "dyno.presets/1";

/// Temperatures that are tried, within [`TEMPERATURE_REACH`] of the preset.
const TEMPERATURES: [f32; 8] = [0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.1, 1.3];

/// How far a tried temperature may lie from the preset's, as in seed 001.
const TEMPERATURE_REACH: f32 = 0.4;

const TOP_PS: [f32; 5] = [0.7, 0.8, 0.9, 0.95, 1.0];
const MIN_PS: [f32; 3] = [0.0, 0.05, 0.1];
const REPETITION_PENALTIES: [f32; 4] = [1.0, 1.05, 1.1, 1.15];

/// Settings that a search varies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SamplingChoice {
    /// As in [`Sampling`].
    pub temperature: f32,
    /// As in [`Sampling`].
    pub top_p: f32,
    /// As in [`Sampling`].
    pub min_p: f32,
    /// As in [`Sampling`].
    pub repetition_penalty: f32,
}

impl SamplingChoice {
    /// Always the likeliest token.
    pub const GREEDY: Self = Self { temperature: 0.0, top_p: 1.0, min_p: 0.0, repetition_penalty: 1.0 };

    /// These settings on top of others.
    #[must_use]
    pub fn apply(&self, base: &Sampling, seed: u64) -> Sampling {
        Sampling {
            temperature: self.temperature,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            seed,
            ..base.clone()
        }
    }
}

impl std::fmt::Display for SamplingChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { temperature, top_p, min_p, repetition_penalty } = self;
        write!(
            f,
            "temperature {temperature}, top-p {top_p}, min-p {min_p}, repetition penalty {repetition_penalty}"
        )
    }
}

/// Where the search for one task starts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Task.
    pub task: String,
    /// Other names of it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Temperature.
    pub temperature: f32,
    /// Nucleus.
    pub top_p: f32,
    /// Strategies preferred for it.
    pub strategies: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    preset: Vec<Preset>,
}

/// The presets that ship.
///
/// # Panics
/// Never: the file is part of the program, and a test reads it.
#[must_use]
pub fn presets() -> Vec<Preset> {
    let file: File = toml::from_str(BUILT_IN).expect("the built-in presets are checked by a test");
    assert_eq!(file.schema, SCHEMA, "the built-in presets are of this version");
    file.preset
}

/// The preset of a task, by name or alias.
#[must_use]
pub fn preset(task: &str) -> Option<Preset> {
    presets()
        .into_iter()
        .find(|preset| preset.task == task || preset.aliases.iter().any(|alias| alias == task))
}

impl Preset {
    /// Its settings.
    #[must_use]
    pub fn choice(&self) -> SamplingChoice {
        SamplingChoice { temperature: self.temperature, top_p: self.top_p, ..SamplingChoice::GREEDY }
    }
}

/// `count` different settings (fewer where there are no more): the start first, then greedy decoding, then settings in
/// which every level of every knob occurs about equally often (each knob's levels are dealt like shuffled cards, as in
/// Latin hypercube sampling), so that no end of a list is favoured.
#[must_use]
pub fn candidates(start: SamplingChoice, count: usize, seed: u64) -> Vec<SamplingChoice> {
    let mut found = vec![start];
    if start != SamplingChoice::GREEDY {
        found.push(SamplingChoice::GREEDY);
    }
    let near = |temperature: &f32| (temperature - start.temperature).abs() <= TEMPERATURE_REACH + 1e-6;
    let temperatures: Vec<f32> = TEMPERATURES.into_iter().filter(near).collect();
    let mut random = Shuffle::new(seed);
    let mut decks =
        [Deck::new(&temperatures), Deck::new(&TOP_PS), Deck::new(&MIN_PS), Deck::new(&REPETITION_PENALTIES)];
    let possible = temperatures.len() * TOP_PS.len() * MIN_PS.len() * REPETITION_PENALTIES.len();
    // Dealing again what was dealt before ends only by chance, so it is given up in time.
    for _ in 0..20 * possible {
        if found.len() >= count {
            break;
        }
        let [temperature, top_p, min_p, repetition_penalty] =
            decks.each_mut().map(|deck| deck.deal(&mut random));
        let candidate = SamplingChoice { temperature, top_p, min_p, repetition_penalty };
        if !found.contains(&candidate) {
            found.push(candidate);
        }
    }
    found.truncate(count);
    found
}

/// Levels of one knob, dealt in shuffled order, all before any a second time.
struct Deck<'a> {
    levels: &'a [f32],
    left: Vec<f32>,
}

impl<'a> Deck<'a> {
    fn new(levels: &'a [f32]) -> Self {
        Self { levels, left: Vec::new() }
    }

    fn deal(&mut self, random: &mut Shuffle) -> f32 {
        if self.left.is_empty() {
            self.left = self.levels.to_vec();
            random.shuffle(&mut self.left);
        }
        self.left.pop().unwrap_or(1.0)
    }
}

/// Shuffles that depend on the seed alone (SplitMix64 and Fisher-Yates).
pub(super) struct Shuffle {
    state: u64,
}

impl Shuffle {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            let index = ((u128::from(self.next()) * (last as u128 + 1)) >> 64) as usize;
            values.swap(last, index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_presets_are_those_of_the_seed() {
        let figures: Vec<(String, f32, f32)> =
            presets().into_iter().map(|preset| (preset.task, preset.temperature, preset.top_p)).collect();
        let expected =
            [("reasoning", 0.3, 0.9), ("creativity", 0.8, 0.95), ("knowledge", 0.2, 0.8), ("code", 0.1, 0.9)];
        assert_eq!(figures, expected.map(|(task, t, p)| (task.to_owned(), t, p)));
        assert_eq!(preset("creative").unwrap().task, "creativity");
        assert!(preset("cooking").is_none());
        let known: Vec<String> = crate::strategies().into_iter().map(|strategy| strategy.name).collect();
        assert!(presets().iter().flat_map(|preset| &preset.strategies).all(|name| known.contains(name)));
        let base = Sampling::default();
        assert!(presets().iter().all(|preset| preset.choice().apply(&base, 1).validate().is_ok()));
    }

    #[test]
    fn every_level_is_tried_and_none_is_favoured() {
        let start = preset("reasoning").unwrap().choice();
        let found = candidates(start, 42, 5);
        assert_eq!(found.len(), 42);
        assert_eq!((found[0], found[1]), (start, SamplingChoice::GREEDY));
        let spread = &found[2..];
        let count =
            |level: f32, knob: fn(&SamplingChoice) -> f32| spread.iter().filter(|c| knob(c) == level).count();
        for top_p in TOP_PS {
            assert!((6..=10).contains(&count(top_p, |c| c.top_p)), "{top_p}");
        }
        for penalty in REPETITION_PENALTIES {
            assert!((8..=12).contains(&count(penalty, |c| c.repetition_penalty)), "{penalty}");
        }
        for temperature in [0.1, 0.2, 0.3, 0.5, 0.7] {
            assert!((6..=10).contains(&count(temperature, |c| c.temperature)), "{temperature}");
        }
        assert!(spread.iter().all(|c| c.temperature <= 0.7));
        let base = Sampling::default();
        assert!(found.iter().all(|candidate| candidate.apply(&base, 0).validate().is_ok()));
    }

    #[test]
    fn the_seed_decides_and_counts_are_kept() {
        let start = preset("code").unwrap().choice();
        assert_eq!(candidates(start, 12, 3), candidates(start, 12, 3));
        assert_ne!(candidates(start, 12, 3), candidates(start, 12, 4));
        assert_eq!(candidates(start, 1, 0), [start]);
        let all = candidates(start, 100_000, 0);
        assert!(all.len() > 150 && all.len() <= 4 * 5 * 3 * 4 + 2, "{}", all.len());
    }
}
