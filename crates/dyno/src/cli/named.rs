//! Names of models, suites and records as typed: any bytes that a file can be named by.

use std::ffi::OsString;
use std::path::Path;

use clap::builder::{OsStringValueParser, TypedValueParser};

/// Reads what names a model, a suite or a record. A path that is no text becomes one that leads back to it.
pub(super) fn named() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().map(|typed: OsString| match typed.into_string() {
        Ok(text) => text,
        Err(bytes) => dyno_app::path_name(Path::new(&bytes)),
    })
}
