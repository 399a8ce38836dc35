//! One self-contained page: no script, no request to anywhere, light and dark, phone and paper.

mod curves;
mod distributions;
mod page;
mod view;

pub(crate) use page::{many, one};
