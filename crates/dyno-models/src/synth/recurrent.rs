//! Tensors of layers without attention: selective state spaces (Mamba, Mamba 2) and short convolutions.

use crate::shapes::State;

use super::mixture::Role;
use super::tensors::{Fill, Plan, deviation};

/// Decay rates of the states: a new Mamba has 1 to the number of states; for Mamba 2, as many heads in turn.
const DECAYS: u64 = 16;

/// Rates of decay are stored negative.
fn decays(count: u64) -> Fill {
    Fill::Cycle((1..=count).map(|rate| -(rate as f32)).collect())
}

impl Plan<'_> {
    pub(super) fn mamba(&mut self, layer: u64, state: State) {
        let narrow = self.shape.embedding;
        let at = |part: &str| format!("blk.{layer}.{part}");
        self.matrix(&at("ssm_in.weight"), &[narrow, 2 * state.inner], Role::Other, layer);
        self.convolution(layer, state.kernel, state.inner);
        let projected = state.time_steps + 2 * state.state;
        self.matrix(&at("ssm_x.weight"), &[state.inner, projected], Role::Other, layer);
        self.matrix(&at("ssm_dt.weight"), &[state.time_steps, state.inner], Role::Other, layer);
        self.bias(&at("ssm_dt"), state.inner);
        self.plain(at("ssm_a"), &[state.state, state.inner], decays(state.state));
        self.plain(at("ssm_d"), &[state.inner], Fill::Ones);
        self.matrix(&at("ssm_out.weight"), &[state.inner, narrow], Role::Other, layer);
    }

    pub(super) fn mamba_2(&mut self, layer: u64, state: State) {
        let narrow = self.shape.embedding;
        let at = |part: &str| format!("blk.{layer}.{part}");
        let (heads, shared) = (state.time_steps, 2 * state.groups * state.state);
        self.matrix(&at("ssm_in.weight"), &[narrow, 2 * state.inner + shared + heads], Role::Other, layer);
        self.convolution(layer, state.kernel, state.inner + shared);
        self.bias(&at("ssm_dt"), heads);
        self.plain(at("ssm_a"), &[1, heads], decays(DECAYS));
        self.plain(at("ssm_d"), &[1, heads], Fill::Ones);
        let groups = [state.inner / state.groups, state.groups];
        self.plain(at("ssm_norm.weight"), &groups, Fill::Ones);
        self.matrix(&at("ssm_out.weight"), &[state.inner, narrow], Role::Other, layer);
    }

    fn convolution(&mut self, layer: u64, kernel: u64, channels: u64) {
        let name = format!("blk.{layer}.ssm_conv1d");
        let fill = Fill::Random(deviation(kernel));
        self.plain(format!("{name}.weight"), &[kernel, channels], fill);
        self.bias(&name, channels);
    }

    pub(super) fn short_convolution(&mut self, layer: u64, kernel: u64) {
        let narrow = self.shape.embedding;
        let at = |part: &str| format!("blk.{layer}.shortconv.{part}.weight");
        self.plain(at("conv"), &[kernel, narrow], Fill::Random(deviation(kernel)));
        self.matrix(&at("in_proj"), &[narrow, 3 * narrow], Role::Other, layer);
        self.matrix(&at("out_proj"), &[narrow, narrow], Role::Other, layer);
    }
}
