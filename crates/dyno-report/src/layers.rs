//! What a model's layers keep of the tokens they have seen, in words.

use dyno_types::{LayerGroup, LayerMemory, ModelFacts};

use crate::figure::{bytes, count};

/// For example `26 layers: 22 with a window of 512 tokens, 4 full`; nothing when the layers are not known.
pub(crate) fn attention_layout(model: &ModelFacts) -> Option<String> {
    let groups = &model.layer_memory;
    let kept: u64 = groups.iter().map(|group| group.layers).sum();
    // Layers that use the keys of another are in no group; those with a state and keys are in two.
    let layers = model.layers.unwrap_or(kept);
    match groups.as_slice() {
        [] => None,
        [one] if one.layers == layers => Some(format!("{} layers, all {}", count(layers), kind(one.memory))),
        several => {
            let parts: Vec<String> = several.iter().map(part).collect();
            Some(format!("{} layers: {}", count(layers), parts.join(", ")))
        }
    }
}

fn part(group: &LayerGroup) -> String {
    format!("{} {}", count(group.layers), kind(group.memory))
}

fn kind(memory: LayerMemory) -> String {
    match memory {
        LayerMemory::Full { .. } => "full".to_owned(),
        LayerMemory::Window { window, .. } => format!("with a window of {} tokens", count(window)),
        LayerMemory::Latent { width } => format!("latent ({} elements per token)", count(width)),
        LayerMemory::Unknown => "of a kind unknown to this dyno".to_owned(),
        LayerMemory::State { bytes: state } => format!("with a state of {} per sequence", bytes(state)),
    }
}

/// What one more token of context adds to the cache, and when that is not all there is to say.
pub(crate) fn kv_per_token(model: &ModelFacts) -> Option<String> {
    let grows = model.kv_bytes_per_token(2.0, 2.0)?;
    let windowed = model.layer_memory.iter().any(|group| matches!(group.memory, LayerMemory::Window { .. }));
    if grows == 0.0 {
        let why = if windowed { "beyond the windows" } else { "states do not grow" };
        return Some(format!("nothing: {why}"));
    }
    let note = if windowed { " beyond the windows" } else { "" };
    Some(format!("{}{note}", bytes(grows as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: LayerMemory = LayerMemory::Full { key_width: 512, value_width: 512 };
    const WINDOW: LayerMemory = LayerMemory::Window { window: 512, key_width: 256, value_width: 256 };
    const STATE: LayerMemory = LayerMemory::State { bytes: 2048 };

    fn model(layers: u64, groups: &[(u64, LayerMemory)]) -> ModelFacts {
        let group = |(layers, memory): &(u64, LayerMemory)| LayerGroup { layers: *layers, memory: *memory };
        ModelFacts {
            layers: Some(layers),
            layer_memory: groups.iter().map(group).collect(),
            ..ModelFacts::default()
        }
    }

    #[test]
    fn layouts_read_as_sentences() {
        let cases = [
            (model(16, &[(16, FULL)]), "16 layers, all full"),
            (model(26, &[(22, WINDOW), (4, FULL)]), "26 layers: 22 with a window of 512 tokens, 4 full"),
            (
                model(32, &[(28, STATE), (4, FULL)]),
                "32 layers: 28 with a state of 2.00 KiB per sequence, 4 full",
            ),
            (
                model(27, &[(27, LayerMemory::Latent { width: 576 })]),
                "27 layers, all latent (576 elements per token)",
            ),
            (model(30, &[(20, FULL)]), "30 layers: 20 full"),
        ];
        for (facts, expected) in cases {
            assert_eq!(attention_layout(&facts).as_deref(), Some(expected));
        }
        assert_eq!(attention_layout(&model(4, &[])), None);
    }

    #[test]
    fn growth_says_what_does_not_grow() {
        assert_eq!(kv_per_token(&model(2, &[(2, FULL)])).as_deref(), Some("4.00 KiB"));
        let windowed = kv_per_token(&model(3, &[(2, WINDOW), (1, FULL)])).unwrap();
        assert_eq!(windowed, "2.00 KiB beyond the windows");
        assert_eq!(kv_per_token(&model(2, &[(2, STATE)])).as_deref(), Some("nothing: states do not grow"));
        assert_eq!(kv_per_token(&model(4, &[])), None);
    }
}
