//! Rows of the catalogue of shapes: read strictly, completed from the row they are like, and checked.

use serde::Deserialize;
use thiserror::Error;

use super::{Experts, Family, Latent, Llama3Rope, Shape, State, Window};

/// A catalogue that cannot be used.
#[derive(Debug, Error)]
pub(super) enum RowError {
    /// Not the expected tables.
    #[error("the catalogue of shapes is malformed: {0}")]
    Malformed(#[from] toml::de::Error),
    /// A row that contradicts itself or lacks something.
    #[error("shape {name:?}: {reason}")]
    Bad {
        /// Name of the row.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    shape: Vec<Row>,
}

/// A row as written.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    like: Option<String>,
    family: Option<Family>,
    layers: Option<u64>,
    embedding: Option<u64>,
    heads: Option<u64>,
    kv_heads: Option<u64>,
    head: Option<u64>,
    feed_forward: Option<u64>,
    vocabulary: Option<u64>,
    context: Option<u64>,
    rope_base: Option<f32>,
    epsilon: Option<f32>,
    tied: Option<bool>,
    adds_bos: Option<bool>,
    token_types: Option<u64>,
    experts: Option<Experts>,
    rope_scaling: Option<Llama3Rope>,
    rope_sections: Option<[u64; 3]>,
    window: Option<Window>,
    latent: Option<Latent>,
    state: Option<State>,
    short_convolution: Option<u64>,
    attention_layers: Option<Vec<u64>>,
    parameters: Option<u64>,
}

/// Reads every row.
pub(super) fn parse(text: &str) -> Result<Vec<Shape>, RowError> {
    let catalogue: Catalogue = toml::from_str(text)?;
    let mut rows: Vec<Row> = Vec::new();
    for row in catalogue.shape {
        let bad = |reason: String| RowError::Bad { name: row.name.clone(), reason };
        if rows.iter().any(|earlier| earlier.name == row.name) {
            return Err(bad("there are two rows of this name".to_owned()));
        }
        let complete = match &row.like {
            None => row,
            Some(like) => {
                let base = rows.iter().find(|earlier| earlier.name == *like);
                let base = base.ok_or_else(|| bad(format!("no earlier row is called {like:?}")))?;
                row.clone().completed(base)
            }
        };
        rows.push(complete);
    }
    rows.into_iter().map(Row::shape).collect()
}

impl Row {
    /// What this row does not say is as in `base`, except the number of parameters.
    fn completed(self, base: &Self) -> Self {
        Self {
            family: self.family.or(base.family),
            layers: self.layers.or(base.layers),
            embedding: self.embedding.or(base.embedding),
            heads: self.heads.or(base.heads),
            kv_heads: self.kv_heads.or(base.kv_heads),
            head: self.head.or(base.head),
            feed_forward: self.feed_forward.or(base.feed_forward),
            vocabulary: self.vocabulary.or(base.vocabulary),
            context: self.context.or(base.context),
            rope_base: self.rope_base.or(base.rope_base),
            epsilon: self.epsilon.or(base.epsilon),
            tied: self.tied.or(base.tied),
            adds_bos: self.adds_bos.or(base.adds_bos),
            token_types: self.token_types.or(base.token_types),
            experts: self.experts.or(base.experts),
            rope_scaling: self.rope_scaling.or(base.rope_scaling),
            rope_sections: self.rope_sections.or(base.rope_sections),
            window: self.window.or(base.window),
            latent: self.latent.or(base.latent),
            state: self.state.or(base.state),
            short_convolution: self.short_convolution.or(base.short_convolution),
            attention_layers: self.attention_layers.or_else(|| base.attention_layers.clone()),
            ..self
        }
    }

    fn shape(self) -> Result<Shape, RowError> {
        let name = self.name.clone();
        let missing =
            |what: &str| RowError::Bad { name: name.clone(), reason: format!("{what} is not stated") };
        let embedding = self.embedding.ok_or_else(|| missing("embedding"))?;
        let heads = self.heads.unwrap_or(0);
        let shape = Shape {
            family: self.family.ok_or_else(|| missing("family"))?,
            layers: self.layers.ok_or_else(|| missing("layers"))?,
            embedding,
            heads,
            kv_heads: self.kv_heads.unwrap_or(heads),
            head: self.head.or(embedding.checked_div(heads)).unwrap_or(0),
            feed_forward: self.feed_forward.ok_or_else(|| missing("feed_forward"))?,
            vocabulary: self.vocabulary.ok_or_else(|| missing("vocabulary"))?,
            context: self.context.ok_or_else(|| missing("context"))?,
            rope_base: self.rope_base.unwrap_or(10_000.0),
            epsilon: self.epsilon.ok_or_else(|| missing("epsilon"))?,
            tied: self.tied.ok_or_else(|| missing("tied"))?,
            adds_bos: self.adds_bos.ok_or_else(|| missing("adds_bos"))?,
            token_types: self.token_types.unwrap_or(0),
            experts: self.experts,
            rope_scaling: self.rope_scaling,
            rope_sections: self.rope_sections,
            window: self.window,
            latent: self.latent,
            state: self.state,
            short_convolution: self.short_convolution,
            attention_layers: self.attention_layers,
            parameters: self.parameters,
            name: self.name,
        };
        match contradiction(&shape) {
            None => Ok(shape),
            Some(reason) => Err(RowError::Bad { name, reason: reason.to_owned() }),
        }
    }
}

/// What makes a shape impossible to make.
fn contradiction(shape: &Shape) -> Option<&'static str> {
    let attention = shape.heads > 0;
    let outside = |layers: &Vec<u64>| layers.iter().any(|layer| *layer >= shape.layers);
    let recurrent = matches!(shape.family, Family::Mamba | Family::GraniteHybrid);
    let hybrid = matches!(shape.family, Family::Lfm2 | Family::GraniteHybrid);
    let checks = [
        (shape.layers == 0 || shape.embedding == 0, "no layers or no width"),
        (shape.vocabulary < 512, "too few tokens for every byte and some words"),
        (attention && !shape.heads.is_multiple_of(shape.kv_heads), "key/value heads do not divide the heads"),
        (attention && !shape.head.is_multiple_of(2), "heads of an odd width cannot be rotated"),
        (attention == (shape.family == Family::Mamba), "attention heads do not suit the family"),
        (
            (shape.feed_forward == 0) != (shape.family == Family::Mamba),
            "feed_forward does not suit the family",
        ),
        (shape.latent.is_some() != (shape.family == Family::DeepSeek2), "latent does not suit the family"),
        (shape.state.is_some() != recurrent, "state does not suit the family"),
        (
            recurrent && shape.state.is_some_and(|state| state.inner != 2 * shape.embedding),
            "the inner width is not twice the embedding",
        ),
        (
            shape.short_convolution.is_some() != (shape.family == Family::Lfm2),
            "short_convolution does not suit",
        ),
        (shape.attention_layers.is_some() != hybrid, "attention_layers does not suit the family"),
        (shape.attention_layers.as_ref().is_some_and(outside), "an attention layer beyond the last"),
        (shape.rope_sections.is_some() != (shape.family == Family::Qwen2Vl), "rope_sections does not suit"),
        ((shape.token_types > 0) != (shape.family == Family::Bert), "token_types does not suit the family"),
        (
            shape.experts.is_some_and(|experts| experts.used == 0 || experts.used > experts.count),
            "more experts used than there are",
        ),
        (
            shape.latent.is_some_and(|latent| latent.key <= latent.rope),
            "a key head is no wider than its rotated part",
        ),
    ];
    checks.into_iter().find_map(|(wrong, reason)| wrong.then_some(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"
        [[shape]]
        name = "one"
        family = "llama"
        layers = 2
        embedding = 64
        heads = 4
        feed_forward = 128
        vocabulary = 1024
        context = 512
        epsilon = 1e-5
        tied = true
        adds_bos = false
        parameters = 7
    "#;

    fn refused(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_embedded_catalogue_reads() {
        let shapes = parse(include_str!("../../data/shapes.toml")).unwrap_or_else(|error| panic!("{error}"));
        assert!(shapes.len() > 50);
    }

    #[test]
    fn defaults_and_likenesses_fill_what_a_row_does_not_say() {
        let like = "[[shape]]\nname = \"two\"\nlike = \"one\"\nembedding = 128\nkv_heads = 2\n";
        let shapes = parse(&format!("{ROW}{like}")).unwrap();
        let [one, two] = shapes.as_slice() else { panic!("{shapes:?}") };
        assert_eq!((one.kv_heads, one.head, one.parameters), (4, 16, Some(7)));
        assert_eq!((two.kv_heads, two.head, two.layers, two.parameters), (2, 32, 2, None));
    }

    #[test]
    fn mistakes_are_named_with_their_row() {
        assert!(refused(&format!("{ROW}colour = 1\n")).contains("colour"), "unknown keys");
        assert!(refused(&format!("{ROW}{ROW}")).contains("two rows"));
        assert!(refused("[[shape]]\nname = \"x\"\nlike = \"later\"\n").contains("\"later\""));
        assert!(refused("[[shape]]\nname = \"x\"\n").contains("embedding is not stated"));
        let wrong = [
            ("kv_heads = 3", "do not divide"),
            ("head = 15", "odd width"),
            ("experts = { count = 2, used = 3 }", "more experts"),
            (
                "state = { kernel = 4, inner = 128, state = 16, time_steps = 4, groups = 0 }",
                "state does not suit",
            ),
        ];
        for (line, reason) in wrong {
            let text = refused(&format!("{ROW}{line}\n"));
            assert!(text.contains(reason) && text.contains("\"one\""), "{line}: {text}");
        }
    }
}
