//! One self-contained page: no script, no request to anywhere, light and dark, phone and paper.

mod curves;
mod distributions;
mod evals;
mod page;
mod quality;
mod quality_figures;
mod response;
mod trust;
mod view;

pub(crate) use evals::many as evals_many;
pub(crate) use page::{many, one, with_quality};
